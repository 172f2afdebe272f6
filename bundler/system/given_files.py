"""Small files that configure a run. Each is read whole, within a time limit and a size limit.

A file that we find by its path (Docker's configuration, certificates) must be a regular file. A file that the command
line names may also be a pipe, as ``<(…)`` makes one, or a terminal. `/dev/null` is an empty file in both cases, because
people give it for "nothing". A pipe without a writer, an endless device and a folder are errors that name the file.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager

from bundler.errors import LocalStorage, Misuse
from bundler.texts import text

SILENCE_SECONDS = 60.0
"""The longest pause of a pipe. A person may have to type a passphrase at its other end."""

_PIECE_BYTES = 64 << 10


def read_regular(path: str | os.PathLike[str], limit_bytes: int, *, subject: str | None = None) -> bytes:
    """Returns the content of a regular file. Follows links.

    Args:
        path: The name of the file.
        limit_bytes: The most bytes that it may have.
        subject: The name of the file in errors; by default its path.

    Raises:
        Misuse: It is not a regular file, too large, or cannot be read.
    """
    subject = subject or os.fspath(path)
    with _opened(path, subject) as descriptor:
        if not _is_null(descriptor) and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _not_regular(descriptor, subject)
        return _whole(descriptor, limit_bytes, subject)


def check_regular(path: str | os.PathLike[str], limit_bytes: int) -> None:
    """Checks that a library may read a file by itself.

    Raises:
        Misuse: As `read_regular`.
    """
    with _opened(path, os.fspath(path)) as descriptor:
        status = os.fstat(descriptor)
        if not _is_null(descriptor) and not stat.S_ISREG(status.st_mode):
            raise _not_regular(descriptor, os.fspath(path))
        if status.st_size > limit_bytes:
            raise _too_large(os.fspath(path), limit_bytes)


def read_given(path: str | os.PathLike[str], limit_bytes: int, *, subject: str | None = None) -> bytes:
    """Returns the content of a file or pipe that the command line names.

    Args:
        path: The name of the file.
        limit_bytes: The most bytes that it may have.
        subject: The name of the file in errors; by default its path.

    Raises:
        Misuse: It is a folder or disk, too large, or cannot be read, or no data comes.
    """
    subject = subject or os.fspath(path)
    with _opened(path, subject) as descriptor:
        return _whole(descriptor, limit_bytes, subject)


def read_beginning(path: str | os.PathLike[str], length_bytes: int) -> bytes:
    """Returns the first bytes of a file or pipe that the command line names, or all if it has fewer.

    Raises:
        Misuse: It is a folder or disk, or cannot be read, or no data comes.
    """
    subject = os.fspath(path)
    content = bytearray()
    with _opened(path, subject) as descriptor:
        while len(content) < length_bytes and (piece := _next(descriptor, subject)):
            content += piece
    return bytes(content[:length_bytes])


def read_first_line(path: str | os.PathLike[str], limit_bytes: int) -> bytes:
    """Returns the first line of a file or pipe that the command line names. The writer need not close the pipe.

    Raises:
        Misuse: As `read_given`.
    """
    subject = os.fspath(path)
    line = bytearray()
    with _opened(path, subject) as descriptor:
        while b"\n" not in line and len(line) <= limit_bytes and (piece := _next(descriptor, subject)):
            line += piece
    first = bytes(line).partition(b"\n")[0]
    if len(first) > limit_bytes:
        raise _too_large(subject, limit_bytes)
    return first


def _whole(descriptor: int, limit_bytes: int, subject: str) -> bytes:
    content = bytearray()
    while piece := _next(descriptor, subject):
        content += piece
        if len(content) > limit_bytes:
            raise _too_large(subject, limit_bytes)
    return bytes(content)


def _next(descriptor: int, subject: str) -> bytes:
    """Returns the next bytes; empty at the end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    until = time.monotonic() + SILENCE_SECONDS
    while True:
        left_seconds = until - time.monotonic()
        if left_seconds <= 0 or not poll.poll(left_seconds * 1000):
            raise Misuse(
                text("no data came from this pipe in {silence_seconds:.0f} s", silence_seconds=SILENCE_SECONDS),
                subject=subject,
                hint="check that a program writes to it, or give a file",
            )
        try:
            return os.read(descriptor, _PIECE_BYTES)
        except BlockingIOError:
            continue


@contextmanager
def _opened(path: str | os.PathLike[str], subject: str) -> Generator[int, None, None]:
    try:
        # Without O_NONBLOCK, opening a pipe without a writer would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if (exhausted := LocalStorage.exhausted(error)) is not None:
            raise exhausted from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "check the path" if isinstance(error, FileNotFoundError) else None
        raise Misuse(text("cannot be read: {reason}", reason=reason), subject=subject, hint=hint) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            raise _not_regular(descriptor, subject)
        yield descriptor
    except OSError as error:
        raise Misuse(text("cannot be read: {reason}", reason=error.strerror), subject=subject) from error
    finally:
        os.close(descriptor)


def _is_null(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)


_KINDS = (
    (stat.S_ISDIR, text("a folder")),
    (stat.S_ISFIFO, text("a pipe")),
    (stat.S_ISSOCK, text("a socket")),
    (stat.S_ISCHR, text("a device")),
    (stat.S_ISBLK, text("a device")),
)


def _not_regular(descriptor: int, subject: str) -> Misuse:
    mode = os.fstat(descriptor).st_mode
    found = next((name for is_kind, name in _KINDS if is_kind(mode)), text("something else"))
    return Misuse("cannot be read: it is not a file", subject=subject, expected=text("a regular file"), actual=found)


def _too_large(subject: str, limit_bytes: int) -> Misuse:
    return Misuse(
        "the file is too large",
        subject=subject,
        expected=text("at most {limit_bytes:,} bytes", limit_bytes=limit_bytes),
        actual="more",
    )
