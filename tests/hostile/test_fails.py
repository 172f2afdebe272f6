"""S29: every way to break a bundle is refused: by `verify`, by `import`, and by stock tools where they can see it."""

from __future__ import annotations

import random
import shutil
import subprocess
from contextlib import suppress

import pytest

from tests.support.forge import FAILS, Forged
from tests.support.watching import within

AUDIT = {
    "openssl": "openssl pkeyutl -verify -rawin -pubin -inkey {key} -in SHA256SUMS -sigfile SHA256SUMS.{id}.sig",
    "sha256sum": "timeout 20 sha256sum --strict --quiet -c SHA256SUMS",
    "find": '[ -z "$(find . ! -type f ! -type d)" ]',
}
"""The commands of README.txt for an officer. The first one comes last here: see `refused_by`."""


def refused_by(tool: str, bundle: Forged) -> bool:
    script = AUDIT[tool].format(key=bundle.public, id=bundle.key_id)
    return subprocess.run(["bash", "-c", script], cwd=bundle.folder, capture_output=True, timeout=60).returncode != 0


def test_S29_a_good_bundle_is_refused_by_nobody(forged, verified, imported):
    assert [tool for tool in AUDIT if refused_by(tool, forged)] == []
    assert verified(forged.folder).code == 0
    assert imported(forged.folder).code == 0


@pytest.mark.parametrize("name", FAILS)
def test_S29_every_broken_bundle_is_refused(forged, verified, imported, command, tmp_path, name):
    fail = FAILS[name]
    fail.how(forged)
    with within(60):
        checked, brought = verified(forged.folder), imported(forged.folder)
        shown = command("inspect", forged.folder, "--trust", forged.public)
    assert (checked.code, brought.code) == (fail.code, fail.code if fail.imported is None else fail.imported), (
        checked.out + checked.err + brought.out + brought.err
    )
    assert fail.says in checked.out
    if "error" in checked.json:  # it was not even opened
        assert not (tmp_path / "target").exists()
    assert fail.seen_by is None or refused_by(fail.seen_by, forged)
    for text in (checked.out, checked.err, brought.out, brought.err, shown.out, shown.err):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "root:" not in text, "the content of what a link leads to"
    shutil.rmtree(forged.folder)


@pytest.mark.parametrize("seed", range(30))
def test_S29_several_faults_at_once_are_refused_too(forged, verified, imported, seed):
    chance = random.Random(seed)
    readable = [name for name in sorted(FAILS) if "TiB" not in name and not name.startswith(("P02", "P04"))]
    names = [*chance.sample(readable, 2), chance.choice(sorted(FAILS))]
    for name in names:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            FAILS[name].how(forged)  # the one before may have left nothing to break
    with within(60):
        codes = {verified(forged.folder).code, imported(forged.folder).code}
    assert codes <= {2, 4, 5, 6, 9}, names
