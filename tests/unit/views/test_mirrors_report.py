"""The lines of ``mirrors``: who signed, and the kinds for which no file was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.commands.mirrors import MirrorsResult, WrittenMirrorFile, WrittenMirrors
from bundler.views.mirrors_report import lines

ID, KEY = "ab" * 32, "0123456789abcdef"


def result(signers: tuple[str, ...], *written: WrittenMirrors) -> MirrorsResult:
    return MirrorsResult(ID, "bundle", signers, "registry.internal", 1, written, ())


@pytest.mark.parametrize(("signers", "words"), [((KEY,), KEY), ((), "signature NOT CHECKED")])
def test_the_signer_has_a_line_of_its_own(signers, words):
    assert [f"bundle     {ID}", f"signed by  {words}"] == lines(result(signers), is_verbose=False)[1:3]


def test_a_kind_without_a_file_is_said_in_a_sentence():
    none = "No file was written for docker: it can serve none of these images under their original names."
    assert f"  {none}" in lines(result((KEY,), WrittenMirrors("docker", (), ())), is_verbose=False)
    one = WrittenMirrors("docker", (WrittenMirrorFile(Path("docker/daemon.json"), is_old=False),), ())
    assert not [each for each in lines(result((KEY,), one), is_verbose=False) if "No file" in each]
