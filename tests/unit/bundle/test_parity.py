"""Reads what par2 has made, and refuses everything else."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from bundler.bundle.parity import read_set
from bundler.core import par2
from bundler.errors import Damaged

SIZES = {"chunk-0001.tar": 100_001, "chunk-0002.tar": 30_000}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Parity files by the par2 of Debian."""
    folder = tmp_path_factory.mktemp("made")
    for name, size in SIZES.items():
        (folder / name).write_bytes(random.Random(name).randbytes(size))
    command = ["par2", "create", "-q", "-q", "-s4096", "-c6", "-u", "-n2", "parity-01.par2", *SIZES]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def test_each_file_of_a_set_describes_it(made):
    for path in made.glob("*.par2"):
        found = read_set(path)
        assert found.block_bytes == 4096
        assert {file.name: file.size_bytes for file in found.files} == SIZES
        assert found.data_blocks == 25 + 8
        for file in found.files:
            content = (made / file.name).read_bytes()
            blocks = [content[begin : begin + 4096] for begin in range(0, len(content), 4096)]
            assert [par2.padded_sum(par2.more_sum(block, 0), 4096 - len(block)) for block in blocks] == list(
                file.block_sums
            )


def test_anything_else_is_damage_and_never_a_crash(made, tmp_path):
    good = (made / "parity-01.par2").read_bytes()
    draw = random.Random(1)
    wrong = [
        b"",
        b"PAR2\0PKT",
        bytes(64),
        good[:64],
        good[:-1],
        good[64:],
        b"PAR2\0PKT" + b"\xff" * 56,
        good[:8] + bytes(8) + good[16:],
    ]
    for _ in range(150):
        content = bytearray(good)
        content[draw.randrange(len(content) - 100)] ^= 1 << draw.randrange(8)
        wrong.append(bytes(content))
    path = tmp_path / "parity-01.par2"
    for content in wrong:
        path.write_bytes(content)
        with contextlib.suppress(Damaged):  # the flip may be in a packet that is there twice
            assert {file.name for file in read_set(path).files} == {*SIZES}
    (tmp_path / "other").write_bytes(b"no chunk" * 1000)
    subprocess.run(["par2", "create", "-q", "-q", "-s4096", "-c1", "x.par2", "other"], cwd=tmp_path, check=True)
    with pytest.raises(Damaged):
        read_set(tmp_path / "x.par2")
