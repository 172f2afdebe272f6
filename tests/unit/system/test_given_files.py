"""Files that configure a run are read whole, within bounds, and nothing that is no file is waited for."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.errors import LocalStorage, Misuse
from bundler.system import given_files
from bundler.system.given_files import check_regular, read_beginning, read_first_line, read_given, read_regular
from tests.support.errors import raises

FOR_CONFIGURATION = [read_regular, check_regular]
GIVEN = [read_given, read_first_line, read_beginning]


@pytest.fixture(autouse=True)
def _within_seconds() -> Iterator[None]:
    """A read that waits for ever fails instead."""

    def fail(number: int, frame: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_files, "SILENCE_SECONDS", 0.05)


def pipe(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


def folder(path: Path) -> str:
    path.mkdir()
    return str(path)


def listening(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return str(path)


STRANGE: dict[str, Callable[[Path], str]] = {
    "pipe": pipe,
    "folder": folder,
    "socket": listening,
    "endless": lambda _: "/dev/zero",
}


@pytest.mark.parametrize("read", FOR_CONFIGURATION)
@pytest.mark.parametrize("kind", STRANGE)
def test_A9_configuration_that_is_no_file_is_an_error_that_names_it(
    tmp_path: Path, kind: str, read: Callable[[str, int], object]
) -> None:
    path = STRANGE[kind](tmp_path / "it")
    with pytest.raises(Misuse) as caught:
        read(path, 100)
    assert caught.value.subject == path


@pytest.mark.parametrize("read", [*FOR_CONFIGURATION, read_given, read_first_line])
def test_A9_a_file_that_is_too_large_is_not_read_to_its_end(
    tmp_path: Path, read: Callable[[Path, int], object]
) -> None:
    path = tmp_path / "it"
    path.touch()
    os.truncate(path, 1 << 40)
    with raises(Misuse, actual="more"):
        read(path, 100)


@pytest.mark.parametrize("read", [read_regular, read_given])
def test_a_file_comes_whole_up_to_its_bound(tmp_path: Path, read: Callable[[Path, int], bytes]) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"x" * 100)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read(link, 100) == b"x" * 100


@pytest.mark.parametrize("read", [read_regular, read_given])
def test_nothing_can_be_given_as_dev_null(read: Callable[[str, int], bytes]) -> None:
    assert read("/dev/null", 100) == b""
    check_regular("/dev/null", 100)


@pytest.mark.parametrize("read", [*FOR_CONFIGURATION, *GIVEN])
@pytest.mark.parametrize("path", ["absent", "a\0b", "x" * 5000])
def test_a_name_of_no_file_is_an_error(tmp_path: Path, read: Callable[[str, int], object], path: str) -> None:
    with pytest.raises(Misuse):
        read(f"{tmp_path}/{path}", 100)


@pytest.mark.parametrize("read", GIVEN)
@pytest.mark.usefixtures("impatient")
def test_A9_a_pipe_that_nobody_writes_to_is_not_waited_for_for_ever(
    tmp_path: Path, read: Callable[[str, int], object]
) -> None:
    with pytest.raises(Misuse, match="pipe"):
        read(pipe(tmp_path / "it"), 100)


@pytest.mark.parametrize("read", [read_given, read_first_line])
@pytest.mark.parametrize("endless", ["/dev/zero", "pipe"])
def test_A9_what_never_ends_is_given_up_at_its_bound(
    tmp_path: Path, read: Callable[[str, int], object], endless: str
) -> None:
    path = endless if endless == "/dev/zero" else written(tmp_path / "it", b"x" * 100_000)
    with raises(Misuse, actual="more"):
        read(path, 1000)


def test_A9_the_beginning_of_what_never_ends_is_read() -> None:
    assert read_beginning("/dev/zero", 70_000) == bytes(70_000)


def written(path: Path, content: bytes) -> str:
    """A pipe with a writer."""
    os.mkfifo(path)

    def write() -> None:
        with open(path, "wb") as file:
            try:
                file.write(content)
                file.flush()
            except BrokenPipeError:
                return

    threading.Thread(target=write, daemon=True).start()
    return str(path)


def test_a_pipe_that_is_given_is_read(tmp_path: Path) -> None:
    assert read_given(written(tmp_path / "it", b"x" * 70_000), 100_000) == b"x" * 70_000


@pytest.mark.parametrize(
    ("content", "line"), [(b"first\nsecond", b"first"), (b"only", b"only"), (b"", b""), (b"\nx", b"")]
)
def test_of_a_passphrase_the_first_line_counts(tmp_path: Path, content: bytes, line: bytes) -> None:
    assert read_first_line(written(tmp_path / "it", content), 100) == line


def test_A9_a_limit_of_open_files_is_one_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(LocalStorage, match="open files"):
        read_regular(tmp_path / "it", 100)
