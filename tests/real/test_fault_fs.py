"""The file system that fails on demand does what it says: all proofs with it rest on this."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import power_cut
from tests.support.fault_fs import FaultFs


def write(path: Path, content: bytes, *, is_synced: bool = True) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(content)
        if is_synced:
            os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_keeps_what_is_written_and_is_gone_afterwards(tmp_path):
    with FaultFs(tmp_path).mount() as fs:
        (fs.path / "a").mkdir()
        write(fs.path / "a/file", b"x" * 300_000)
        os.rename(fs.path / "a", fs.path / "b")
        assert (fs.path / "b/file").read_bytes() == b"x" * 300_000
        assert fs.count("rename") == 1
        assert (os.listdir(fs.path), os.listdir(fs.path / "b")) == (["b"], ["file"])
        os.link(fs.path / "b/file", fs.path / "other")
        assert (fs.path / "other").stat().st_nlink == 2
        (fs.path / "other").unlink()
        with open(fs.path / "b/file", "r+b") as file:
            (fs.path / "b/file").unlink()
            assert os.fstat(file.fileno()).st_size == 300_000
            assert os.listdir(fs.path / "b") == []
    assert list(fs.path.iterdir()) == []
    with pytest.raises(RuntimeError), FaultFs(tmp_path).mount() as fs:
        raise RuntimeError
    assert not os.path.ismount(fs.path)


def test_the_operation_that_was_named_fails_and_no_other(tmp_path):
    with FaultFs(tmp_path).mount() as fs:
        for operation, act in {
            "write": lambda: write(fs.path / "f", b"1"),
            "fsync": lambda: write(fs.path / "f", b"1"),
            "fsyncdir": lambda: sync_folder(fs.path),
            "flush": lambda: write(fs.path / "f", b"1"),
            "create": lambda: write(fs.path / "new", b"1"),
            "mkdir": lambda: (fs.path / "folder").mkdir(),
            "rename": lambda: os.rename(fs.path / "f", fs.path / "g"),
            "truncate": lambda: os.truncate(fs.path / "g", 0),
            "unlink": lambda: (fs.path / "g").unlink(),
        }.items():
            fs.fail(operation, 1, errno.EDQUOT)
            with pytest.raises(OSError) as raised:
                act()
            assert raised.value.errno == errno.EDQUOT, operation
            fs.heal()
            act()
        fs.fail("write", 2, errno.ENOSPC, pattern="*/b", is_for_good=True)
        for name, is_well in (("a", True), ("b", True), ("c", True), ("b", False), ("b", False)):
            if is_well:
                write(fs.path / name, b"1")
            else:
                with pytest.raises(OSError):
                    write(fs.path / name, b"1")


def test_reads_fail_and_lie_where_they_were_set_to(tmp_path):
    with FaultFs(tmp_path).mount() as fs:
        write(fs.path / "f", bytes(1000))
        fs.unreadable("/f", 500, 501)
        with open(fs.path / "f", "rb", buffering=0) as file:
            assert file.read(500) == bytes(500)
            with pytest.raises(OSError):
                file.read(500)
        fs.heal()
        fs.lie("/f", 7, after_reads=1)
        assert [(fs.path / "f").read_bytes()[7] for _ in range(3)] == [0, 1, 1]
        fs.heal()
        fs.lie("/f", 7, after_opens=1)
        assert (fs.path / "f").read_bytes() == bytes(1000)
        assert (fs.path / "f").read_bytes()[7] == 1


def test_a_forged_stick_wraps_around_below_the_page_cache(tmp_path):
    with FaultFs(tmp_path, wraps_at=8 * 4096, direct_io=False).mount() as fs:
        for name in "abc":
            write(fs.path / name, name.encode() * 4 * 4096)
        with open(fs.path / "a", "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert file.read() == b"c" * 4 * 4096
        assert (fs.path / "b").read_bytes() == b"b" * 4 * 4096


def test_who_waits_for_it_in_the_kernel_is_let_go(tmp_path):
    with FaultFs(tmp_path).mount() as fs:
        write(fs.path / "f", b"1")
        fs.slow("read", 60)
        reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(fs.path / 'f')!r}).read())"], stdout=-1)
        while not fs.count("read"):
            assert reader.poll() is None
        fs.heal()
        assert reader.communicate(timeout=60)[0] == b"1\n"


def test_locks_hold(tmp_path):
    with FaultFs(tmp_path).mount() as fs:
        one, other = (os.open(fs.path, os.O_RDONLY) for _ in range(2))
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(one)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


def test_a_power_cut_takes_what_was_not_synced(tmp_path):
    with FaultFs(tmp_path, records=True).mount() as fs:
        (fs.path / "part").mkdir()
        sync_folder(fs.path)
        write(fs.path / "part/synced", b"1234")
        write(fs.path / "part/forgotten", b"5678", is_synced=False)
        sync_folder(fs.path / "part")
        write(fs.path / "part/nameless", b"90")
        os.rename(fs.path / "part", fs.path / "whole")
        kept = fs.power_cut(tmp_path / "kept")
        with pytest.raises(OSError):
            write(fs.path / "late", b"")
    assert content_of(kept) == {"part/synced": b"1234", "part/forgotten": b""}
    journal = fs.journal()

    def after(**variant: object) -> dict[str, bytes]:
        number = len(list(tmp_path.iterdir()))
        return content_of(journal.materialise(len(journal), tmp_path / str(number), **variant))

    whole = {"whole/synced": b"1234", "whole/forgotten": b"5678", "whole/nameless": b"90"}
    assert after(names="all") == {**whole, "whole/forgotten": b""}
    assert after(names="all", data="zeros") == {**whole, "whole/forgotten": bytes(4)}
    assert after(names="all", data="torn") == {**whole, "whole/forgotten": b"56"}
    assert after(names="all", data="all") == whole
    assert after(data="all") == {"part/synced": b"1234", "part/forgotten": b"5678"}
    mixtures = [after(names="some", data="some", seed=seed) for seed in range(40)]
    assert whole in mixtures
    assert {"part/synced": b"1234", "part/forgotten": b""} in mixtures
    states = enumerate(remains for _, remains in journal.cuts())
    cuts = [content_of(power_cut.write(remains, tmp_path / f"cut-{number}")) for number, remains in states]
    assert cuts[0] == {}
    assert content_of(kept) in cuts
    assert {"part/synced": b"", "part/forgotten": b""} not in cuts
    assert {"part/synced": b"12"} in cuts
    assert whole in [content_of(journal.materialise(len(journal), tmp_path / "last", names="all", data="all"))]


def test_what_an_fsync_that_failed_was_for_is_lost(tmp_path):
    with FaultFs(tmp_path, records=True).mount() as fs:
        with open(fs.path / "f", "wb", buffering=0) as file:
            file.write(b"12")
            fs.fail("fsync", 1, errno.EIO)
            with pytest.raises(OSError):
                os.fsync(file.fileno())
            os.fsync(file.fileno())
        sync_folder(fs.path)
        assert content_of(fs.power_cut(tmp_path / "kept")) == {"f": b""}


def test_what_was_there_before_is_on_the_device(tmp_path):
    (tmp_path / "stick/folder").mkdir(parents=True)
    write(tmp_path / "stick/folder/f", b"12")
    with FaultFs(tmp_path, backing=tmp_path / "stick", records=True).mount() as fs:
        (fs.path / "folder/f").unlink()
        assert content_of(fs.power_cut(tmp_path / "kept")) == {"folder/f": b"12"}


@pytest.mark.parametrize("operation", ["fsync", "fdatasync"])
def test_a_sync_that_fails_loses_what_was_written_since_the_last_one(tmp_path, operation):
    sync = getattr(os, operation)
    with FaultFs(tmp_path).mount() as fs, open(fs.path / "file", "wb", buffering=0) as file:
        file.write(b"kept")
        sync(file.fileno())
        file.write(b"lost")
        fs.fail(operation, 1, errno.EIO)
        with pytest.raises(OSError, match="Input/output"):
            sync(file.fileno())
        assert fs.met() == ["/file"]
        assert (fs.path / "file").read_bytes() == b"kept" + bytes(4)
        sync(file.fileno())  # a second one says that all is well, as Linux does
        assert (fs.path / "file").read_bytes() == b"kept" + bytes(4)
