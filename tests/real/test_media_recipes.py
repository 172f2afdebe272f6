"""The commands of the recipes of discs, tapes and one-way lines do what they say, with files in place of drives."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.cluster_tools import place_tools
from tests.support.images import simple
from tests.support.parts import require
from tests.support.reading import blocks, commands_of
from tests.support.steps import Steps

BLOCKS = {page: blocks(f"recipes/{page}.md") for page in ("discs", "tapes", "diode")}
ANSWERS = "n tape-2\nn tape-3\nn tape-4\nn tape-5\n"
"""The answers to tar, which asks for the next tape: on a drive a Return, here the name of another file."""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder as that of a user after the first block of each page: a bundle in out/, keys, and commands on the PATH."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "bin").mkdir()
    place_tools(folder / "bin")
    (folder / "bin/mt").write_text("#!/bin/sh\n")  # a file has nothing to rewind
    (folder / "bin/mt").chmod(0o755)
    simple("medium", 2_600_000).write_layout(folder / "layout", "example.com/a/medium:1")
    first = [commands_of(BLOCKS[page][0].replace(" --chunk-size bd25", "")) for page in BLOCKS]
    (words,) = {tuple(command.split()) for _, command in first}
    assert {command for command, _ in first} == {"bundler keygen builder"}
    assert Steps(["keygen", "builder", "-d", folder]).run().code == 0
    instead = {"november.yaml": f"oci:{folder}/layout", "out": f"{folder}/out", "builder.key": f"{folder}/builder.key"}
    assert Steps([*[instead.get(word, word) for word in words[1:]], "--chunk-size", "1MiB"]).run().code == 0
    return folder


@pytest.fixture
def place(made, tmp_path) -> Path:
    require("xorriso", "tar", "openssl")
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


def recipe(place: Path, page: str, number: int, *, before: str = "", stdin: str = "", **instead: str):
    """Runs a block as it is printed, but for devices: the value of a variable, and what ``instead`` gives."""
    script = BLOCKS[page][number]
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


def arrives(place: Path, page: str, number: int, target, *, before: str = "", **instead: str) -> None:
    """Runs the import of a page, and the way back, which is its last block."""
    good(recipe(place, page, number, before=before, **{"registry.internal:5000": target.host, **instead}))
    assert target.tags == {"a/medium": ["1"]}
    assert "a/medium:1" in good(recipe(place, page, -1))


def test_a_disc_is_burned_checked_mounted_and_read(place, target):
    (place / "at").mkdir()
    good(recipe(place, "discs", 1))
    assert "MD5 checksums match" in good(recipe(place, "discs", 2))
    loop = """mount() {
      command mount -o ro,loop "${3#stdio:}" "$4" || xorriso -osirrox on -indev "$3" -extract / "$4"
    }
    """
    at = {"/media/cdrom": str(place / "at")}
    mounted = good(recipe(place, "discs", 3, before=loop, **at))
    assert "chunk-0003.tar: OK" in mounted
    mounts = f"{loop} mount -o ro stdio:{place}/drive.iso {place}/at"
    arrives(place, "discs", 4, target, before=mounts, **at)
    good(recipe(place, "discs", 5))
    content = bytearray((place / "drive.iso").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "drive.iso").write_bytes(content)
    broken = recipe(place, "discs", 2)
    assert broken.returncode != 0
    assert "MD5 MISMATCH" in broken.stdout + broken.stderr
    shutil.rmtree(place / "read")
    assert recipe(place, "discs", 5).returncode != 0


def test_an_image_of_a_disc_has_the_bundle_under_its_name(place):
    good(recipe(place, "discs", 6))
    (place / "disc.iso").rename(place / "drive.iso")
    good(recipe(place, "discs", 5))
    assert BLOCKS["discs"][7].startswith("# with a real drive only")


def test_a_tape_is_written_compared_and_read(place, target):
    good(recipe(place, "tapes", 1))
    assert (place / "tape-1").stat().st_size % (1 << 20) == 0
    good(recipe(place, "tapes", 2))
    arrives(place, "tapes", 3, target)
    tape = bytearray((place / "tape-1").read_bytes())
    tape[len(tape) // 2] ^= 1
    (place / "tape-1").write_bytes(tape)
    compare = 'tar() { [ "$1" != -c ] || return 0; command tar "$@"; }'
    assert recipe(place, "tapes", 1, before=compare).returncode != 0
    shutil.rmtree(place / "read")
    assert recipe(place, "tapes", 2).returncode != 0


def test_several_tapes_hold_one_archive(place):
    good(recipe(place, "tapes", 4, stdin=ANSWERS, **{"2300G": "1M"}))
    assert len(list(place.glob("tape-*"))) == 3
    good(recipe(place, "tapes", 5, stdin=ANSWERS))


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


def test_what_a_one_way_line_loses_comes_from_another_pass_or_is_asked_for_on_paper(place, target):
    good(recipe(place, "diode", 1, before=LOSSES))
    lost = recipe(place, "diode", 2)
    assert lost.returncode == 4
    (line,) = re.findall(r"BUNDLER-NEED:1:\S+", lost.stdout + lost.stderr)
    (place / "need.txt").write_text(f"{line}\n")
    good(recipe(place, "diode", 3))
    assert {path.name for path in (place / "again/platform-2026.11").glob("chunk-*")} == {"chunk-0003.tar"}
    (place / "again/platform-2026.11").rename(place / "pass-4")
    (place / "need.json").unlink()
    verified = recipe(place, "diode", 2)
    assert verified.returncode == 4, "the damaged copies are still there"
    assert not (place / "need.json").exists(), "and nothing is missing"
    arrives(place, "diode", 4, target)


def test_no_block_of_the_pages_was_left_out():
    assert {page: len(found) for page, found in BLOCKS.items()} == {"discs": 9, "tapes": 7, "diode": 6}
