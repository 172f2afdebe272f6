"""The commands of docs/media-recipes.md do what the page says, with files in place of drives."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.images import simple
from tests.support.parts import require

PAGE = (Path(__file__).parents[2] / "docs/media-recipes.md").read_text()
BLOCKS = {
    title: re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
DISCS, TAPES, LINES = "Discs", "Tapes", "One-way lines (diodes)"
ANSWERS = "n tape-2\nn tape-3\nn tape-4\nn tape-5\n"
"""The answers to tar, which asks for the next tape: on a drive a Return, here the name of another file."""


@pytest.fixture
def place(here, keys, tmp_path) -> Path:
    """A folder as that of a user of the page: a bundle in out/, the builder's key, and the command on the PATH."""
    require("xorriso", "tar", "openssl")
    simple("medium", 2_600_000).write_layout(tmp_path / "layout", "example.com/a/medium:1")
    done = here("export", f"oci:{tmp_path / 'layout'}", "-o", tmp_path / "out", "--name", "platform-2026.11",
                "--key", keys[0], "--chunk-size", "1MiB")  # fmt: skip
    assert done.code == 0, done.err
    shutil.copy(keys[1], tmp_path / "builder.pub")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bundler").write_text(f'#!/bin/sh\nexec {sys.executable} -m bundler "$@"\n')
    (tmp_path / "bin/mt").write_text("#!/bin/sh\n")  # a file has nothing to rewind
    for command in (tmp_path / "bin").iterdir():
        command.chmod(0o755)
    return tmp_path


def recipe(place: Path, title: str, number: int, *, before: str = "", stdin: str = "", **instead: str):
    """Runs a block as it is printed, but for devices: the value of a variable, and what ``instead`` gives."""
    script = BLOCKS[title][number]
    for old, new in {"/dev/sr0": f"stdio:{place}/drive.iso", "/dev/nst0": "tape-1", **instead}.items():
        script = script.replace(old, new)
    return subprocess.run(
        ["unshare", "-m", "bash", "-euo", "pipefail", "-c", f"PATH={place}/bin:$PATH\n{before}\n{script}"],
        cwd=place,
        input=stdin,
        text=True,
        capture_output=True,
        timeout=120,
    )


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_disc_is_burned_checked_mounted_and_read(place):
    (place / "at").mkdir()
    good(recipe(place, DISCS, 0))
    assert "MD5 checksums match" in good(recipe(place, DISCS, 1))
    loop = """mount() {
      command mount -o ro,loop "${3#stdio:}" "$4" || xorriso -osirrox on -indev "$3" -extract / "$4"
    }"""
    mounted = good(recipe(place, DISCS, 2, before=loop, **{"/media/cdrom": str(place / "at")}))
    assert "chunk-0003.tar: OK" in mounted
    good(recipe(place, DISCS, 3))
    content = bytearray((place / "drive.iso").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "drive.iso").write_bytes(content)
    broken = recipe(place, DISCS, 1)
    assert broken.returncode != 0
    assert "MD5 MISMATCH" in broken.stdout + broken.stderr
    shutil.rmtree(place / "read")
    assert recipe(place, DISCS, 3).returncode != 0


def test_an_image_of_a_disc_has_the_bundle_under_its_name(place):
    good(recipe(place, DISCS, 4))
    (place / "disc.iso").rename(place / "drive.iso")
    good(recipe(place, DISCS, 3))
    assert BLOCKS[DISCS][5].startswith("# with a real drive only")
    assert len(BLOCKS[DISCS]) == 6


def test_a_tape_is_written_compared_and_read(place):
    good(recipe(place, TAPES, 0))
    assert (place / "tape-1").stat().st_size % (1 << 20) == 0
    good(recipe(place, TAPES, 1))
    tape = bytearray((place / "tape-1").read_bytes())
    tape[len(tape) // 2] ^= 1
    (place / "tape-1").write_bytes(tape)
    compare = 'tar() { [ "$1" != -c ] || return 0; command tar "$@"; }'
    assert recipe(place, TAPES, 0, before=compare).returncode != 0
    shutil.rmtree(place / "read")
    assert recipe(place, TAPES, 1).returncode != 0


def test_several_tapes_hold_one_archive(place):
    good(recipe(place, TAPES, 2, stdin=ANSWERS, **{"2300G": "1M"}))
    assert len(list(place.glob("tape-*"))) == 3
    good(recipe(place, TAPES, 3, stdin=ANSWERS))
    assert len(BLOCKS[TAPES]) == 4


LOSSES = """
send-file() {
  mkdir -p "$2"
  case $2/${1##*/} in
    pass-1/chunk-0001.tar | pass-3/chunk-0001.tar | pass-2/chunk-0002.tar) ;;
    pass-*/chunk-0003.tar) head -c 5000 "$1" > "$2/chunk-0003.tar" ;;
    *) cp "$1" "$2" ;;
  esac
}
"""


def test_what_a_one_way_line_loses_comes_from_another_pass_or_is_asked_for_on_paper(place):
    good(recipe(place, LINES, 0, before=LOSSES))
    lost = recipe(place, LINES, 1)
    assert lost.returncode == 4
    (line,) = re.findall(r"BUNDLER-NEED:1:\S+", lost.stdout + lost.stderr)
    (place / "need.txt").write_text(f"{line}\n")
    good(recipe(place, LINES, 2))
    assert {path.name for path in (place / "again/platform-2026.11").glob("chunk-*")} == {"chunk-0003.tar"}
    (place / "again/platform-2026.11").rename(place / "pass-4")
    (place / "need.json").unlink()
    verified = recipe(place, LINES, 1)
    assert verified.returncode == 4, "the damaged copies are still there"
    assert not (place / "need.json").exists(), "and nothing is missing"
    assert len(BLOCKS[LINES]) == 3


def test_no_block_of_the_page_was_left_out():
    assert list(BLOCKS) == [DISCS, TAPES, LINES]
