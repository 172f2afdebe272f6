"""A bundle is sealed when its medium gives back what was written, and not when it says that all went well (M18 to M20)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.fault_fs import FaultFs
from tests.support.images import simple
from tests.support.steps import Steps

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


@pytest.fixture
def make(keys, tmp_path):
    """An export of an image of some chunks into a folder, as a run that can be repeated."""
    simple("medium", 2_600_000).write_layout(tmp_path / "layout", "example.com/a/medium:1")

    def run(folder: Path, *more: object):
        listed = f"oci:{tmp_path / 'layout'}"
        arguments = [
            "export",
            listed,
            "-o",
            folder,
            "--name",
            "test",
            "--key",
            keys[0],
            "--chunk-size",
            "1536KiB",
            *more,
        ]
        return Steps(arguments, EPOCH).run()

    return run


@pytest.fixture
def stick(tmp_path):
    """A file system that misbehaves on demand; the kernel's page cache is in front of it, as with a real stick."""
    with FaultFs(tmp_path / "stick", direct_io=False).mount() as fs:
        yield fs


@pytest.mark.parametrize("archive", ["tar", "7z"])
def test_M19_a_medium_that_gives_back_other_bytes_is_not_sealed(make, bundler, keys, stick, tmp_path, archive):
    stick.lie("*chunk-0002*", 70_000, after_reads=0)
    bad = make(stick.path, "--read-back", "--format", archive)
    assert bad.code == 8
    assert "returns other bytes" in bad.err
    assert f"chunk-0002.{archive}" in bad.err
    assert "replace it" in bad.err
    assert not (stick.path / "test").exists()
    stick.heal()
    good = make(stick.path, "--read-back", "--format", archive)
    assert good.code == 0, good.err
    assert "safe to remove" in good.out
    assert bundler("verify", stick.path / "test", "--trust", keys[1]).code == 0


def test_M19_small_files_are_read_back_too(make, stick):
    stick.lie("*SHA256SUMS", 3, after_reads=0)
    bad = make(stick.path, "--read-back")
    assert bad.code == 8
    assert "SHA256SUMS" in bad.err
    assert not (stick.path / "test").exists()


def test_M18_a_sector_that_cannot_be_read_is_found_before_the_medium_leaves_the_house(make, stick):
    stick.unreadable("*chunk-0003*", 5000, 9000)
    bad = make(stick.path, "--read-back")
    assert bad.code == 8
    assert "chunk-0003.tar" in bad.err
    assert not (stick.path / "test").exists()


def test_M20_a_forged_stick_that_begins_again_when_it_is_full_is_found(make, tmp_path):
    with FaultFs(tmp_path / "forged", direct_io=False, wraps_at=2_000_000).mount() as fs:
        bad = make(fs.path, "--read-back")
        assert bad.code == 8
        assert "returns other bytes" in bad.err
        assert not (fs.path / "test").exists()
        assert make(fs.path, "--no-read-back").code == 0, "nothing but reading it finds such a stick"


def test_what_was_not_read_back_is_not_said_to_be_safe(make, tmp_path):
    done = make(tmp_path / "out")
    assert done.code == 0
    assert "safe to remove" not in done.out


def test_a_bundle_that_was_read_back_is_the_same(make, tmp_path):
    assert make(tmp_path / "one", "--read-back").code == make(tmp_path / "two", "--no-read-back").code == 0
    for path in (tmp_path / "one/test").iterdir():
        assert path.read_bytes() == (tmp_path / "two/test" / path.name).read_bytes()
    shutil.rmtree(tmp_path / "one")
