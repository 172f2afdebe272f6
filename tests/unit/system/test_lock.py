"""One writer at a time; the second gets the name of the first; a dead process holds nothing back."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.errors import LocalStorage, Misuse, Unavailable
from bundler.system.lock import Holder, Lock
from tests.support.errors import raises

HOLD = """
import sys
from pathlib import Path
from bundler.system.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.take("oci:/target")
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""


def another_holder(path: Path) -> subprocess.Popen[str]:
    """A second process that has the lock, until it is given a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n")
    assert process.returncode == 0


def test_the_second_is_shown_who_the_first_is_and_may_when_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = another_holder(path)
    with pytest.raises(Unavailable) as caught:
        Lock(path).take("oci:/target")
    who = f"process {first.pid} on {socket.gethostname()} since 20"
    assert str(caught.value).startswith(f"oci:/target: {who}")
    assert caught.value.hint
    assert not caught.value.retryable
    assert path.exists(), "a refused process takes nothing away"
    end(first)
    assert not path.exists()
    lock = Lock(path)
    assert lock.take("oci:/target") is None
    assert json.loads(path.read_bytes())["pid"] == os.getpid()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_was_killed_holds_nothing_back_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = another_holder(path)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    lock = Lock(path)
    left = lock.take("it")
    assert left is not None
    assert left.pid == first.pid
    lock.release()


def test_within_one_process_too_there_is_one_holder(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    lock.take("it")
    with raises(Unavailable, values={"pid": os.getpid()}):
        Lock(tmp_path / "lock").take("it")
    lock.release()
    lock.release()
    Lock(tmp_path / "lock").take("it")


def test_a_lock_that_was_removed_and_made_again_is_not_taken_from_its_new_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that opened the file of the first holder must not believe that it has what the second one has."""
    path = tmp_path / "lock"
    first = Lock(path)
    first.take("it")
    second: list[subprocess.Popen[str]] = []
    flock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        if not second:
            first.release()
            second.append(another_holder(path))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(Unavailable) as caught:
        Lock(path).take("it")
    assert f"process {second[0].pid} " in str(caught.value)
    end(second[0])


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_where_a_file_system_has_no_locks_a_living_process_is_believed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    first = another_holder(path)
    without_locks(monkeypatch, number)
    with raises(Unavailable, values={"pid": first.pid}):
        Lock(path).take("it")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    lock = Lock(path)
    left = lock.take("it")
    assert left is not None
    assert left.pid == first.pid
    lock.release()
    assert not path.exists()


def test_where_a_file_system_has_no_locks_another_machine_is_reported_and_does_not_hold_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.write_bytes(Holder(1, "elsewhere", "2026-11-24T01:02:03Z").to_json())
    without_locks(monkeypatch, errno.ENOLCK)
    assert str(Lock(path).take("it")) == "process 1 on elsewhere since 2026-11-24T01:02:03Z"


def test_a_disk_that_is_full_is_reported_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, content: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with raises(LocalStorage, code="no-space"):
        Lock(tmp_path / "lock").take("it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 2000,
        b"[" * 100_000,
        b'{"pid": 1, "host": "a", "since": "\x1b[2J"}',
        b'{"pid": 1, "host": "a\\u001b[2J", "since": "2026-11-24T01:02:03Z"}',
        b'{"pid": true, "host": "a", "since": "2026-11-24T01:02:03Z"}',
        b'{"pid": -1, "host": "a", "since": "2026-11-24T01:02:03Z"}',
        b'{"pid": 1, "host": 7, "since": []}',
        b'{"pid": 1}',
        b"[1]",
    ],
)
def test_a_file_that_says_nothing_of_ours_is_taken_and_not_repeated(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_bytes(content)
    lock = Lock(path)
    assert lock.take("it") is None
    with raises(Unavailable, values={"pid": os.getpid()}):
        Lock(path).take("it")
    path.write_bytes(content)
    with raises(Unavailable, values={"pid": None}):
        Lock(path).take("it")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo, link, folder = tmp_path / "fifo", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(fifo)
    link.symlink_to(tmp_path / "elsewhere")
    folder.mkdir()
    for path, reason in ((fifo, "not a regular file"), (link, "a link")):
        with raises(Misuse, values={"found": reason}):
            Lock(path).take("it")
    for path in (folder, tmp_path / "absent" / "lock"):
        with pytest.raises(LocalStorage):
            Lock(path).take("it")
    assert not (tmp_path / "elsewhere").exists()


def test_A1_a_lock_that_is_not_ours_is_neither_cut_nor_removed(tmp_path: Path) -> None:
    for name, spoil in {
        "another user's": lambda path: os.chown(path, 4711, 4711),
        "for all to write": lambda path: path.chmod(0o666),
        "with a second name": lambda path: os.link(path, tmp_path / "second name"),
    }.items():
        path = tmp_path / name
        path.write_bytes(b"what a stranger keeps here")
        spoil(path)
        with pytest.raises(Misuse, match="not ours"):
            Lock(path).take("it")
        assert path.read_bytes() == b"what a stranger keeps here"


def test_processes_of_one_group_hold_a_lock_together_and_the_last_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = Lock(path, group="ab"), Lock(path, group="ab")
    first.take("channel")
    second.take("channel")
    for other in (Lock(path), Lock(path, group="cd")):
        with pytest.raises(Unavailable):
            other.take("channel")
    first.release()
    with pytest.raises(Unavailable):
        Lock(path).take("channel")
    second.release()
    assert not path.exists()


def test_a_group_waits_for_no_other_process(tmp_path: Path) -> None:
    alone = Lock(tmp_path / "lock")
    alone.take("channel")
    with pytest.raises(Unavailable):
        Lock(tmp_path / "lock", group="ab").take("channel")
    alone.release()
    joined = Lock(tmp_path / "lock", group="ab")
    joined.take("channel")
    joined.release()
