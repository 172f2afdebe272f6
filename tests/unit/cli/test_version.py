"""The version is printed in one line, or in one document, whatever the order of the flags."""

from __future__ import annotations

import platform
from importlib import metadata

import pytest

from bundler import __version__


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_one_line(bundler, flag):
    assert bundler(flag).out == f"bundler {__version__}\n"


@pytest.mark.parametrize(
    "flags", [["--version", "--json"], ["--json", "--version"], ["-V", "--json"], ["--json", "-V"]], ids=" ".join
)
def test_the_document_names_what_is_installed(bundler, flags):
    done = bundler(*flags)
    assert (done.code, done.err) == (0, "")
    document = done.json
    assert (document["document"], document["exitCode"]) == ("bundler.version/1", 0)
    assert (document["version"], document["python"]) == (__version__, platform.python_version())
    assert document["platform"] == platform.platform()
    wanted = {"docker", "tqdm", "pyyaml", "py7zr", "cryptography", "urllib3", "click"}
    assert wanted <= set(document["libraries"])
    assert all(document["libraries"][name] == metadata.version(name) for name in wanted)


def test_a_library_that_is_missing_is_null(monkeypatch):
    from bundler.commands import version

    monkeypatch.setattr(version, "LIBRARIES", ("no-such-library",))
    assert version.versions().libraries == (("no-such-library", None),)


@pytest.mark.parametrize("arguments", [["--json"], ["--json", "verify", "."], ["--json", "nonsense"]], ids=" ".join)
def test_json_before_a_command_is_refused_rather_than_forgotten(bundler, arguments):
    done = bundler(*arguments)
    assert (done.code, done.json["exitCode"], done.json["error"]["kind"]) == (2, 2, "usage")
