"""Files that are opened without trust and read within bounds: files of media, and files of this machine.

The same system calls fail for both, but a different person must act. A file of a bundle is on a medium that a courier
carried: a missing one is `Incomplete`; an unreadable one is `Damaged`, because its bytes are lost (`of_medium`).
A file that people name, or that we make for them, is on this machine: a missing one is `Refused`; an unreadable one
is `LocalStorage` (`of_machine`). Links differ as well: no file of a bundle is a link, and a file that people name may
be one.

`bundler.system.files_within` opens files below a folder. `bundler.system.durable_files` writes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import OpenFile, Pieces
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused
from bundler.system.buffers import new_buffer, rest_of
from bundler.texts import text

Fault = Callable[[OSError, str], BundlerError]
"""Makes the error for an unreadable file of this name."""


class Unreadable(Damaged):
    """The medium cannot be read in one place. Other places may be readable."""


def of_medium(error: OSError, what: str) -> Unreadable:
    """Returns the error for unreadable bytes of a medium. It is always damage: the bytes are lost."""
    return Unreadable(
        text("cannot be read: {reason}", reason=error.strerror),
        subject=what,
        hint="the medium is failing: use another copy",
    )


def of_machine(error: OSError, what: str) -> LocalStorage:
    """Returns the error for an unreadable file of this machine."""
    return LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=what)


def is_there(path: Path) -> bool:
    """True if the name exists, even as a broken link.

    Raises:
        Damaged: The medium does not answer.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise of_medium(error, str(path)) from error
    return True


def open_for_reading(path: Path) -> int:
    """Opens a regular file and returns its descriptor. Refuses links, devices and pipes without opening them.

    Raises:
        Incomplete: There is no such file.
        Damaged: It is not a regular file, or it is unreadable.
    """
    try:
        check_regular(os.lstat(path), str(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        hint = text("copy {file} here again", file=path.name)
        raise Incomplete("the file is missing", subject=str(path), hint=hint) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Damaged("a link; a regular file is expected", subject=str(path)) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise LocalStorage(
                "no permission to read the file", subject=str(path), hint="check its owner and mode"
            ) from error
        raise Damaged(text("the file cannot be opened: {reason}", reason=error.strerror), subject=str(path)) from error
    try:
        check_regular(state_of(descriptor, what=str(path)), str(path))
    except BundlerError:
        let_go(descriptor)
        raise
    return descriptor


@contextmanager
def reading_back(what: str) -> Generator[None, None, None]:
    """Turns a failed read of a file that we just wrote into an error of this machine. The courier is not at fault.

    Raises:
        LocalStorage: It cannot be read.
    """
    try:
        yield
    except (Damaged, Incomplete, OSError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        raise LocalStorage(
            text("the written file cannot be read back: {reason}", reason=reason),
            subject=what,
            hint="the device is failing: choose another -o DIR",
        ) from error


def let_go(descriptor: int) -> None:
    """Closes a file that was only read. Ignores a failure, which loses no data and would hide an earlier error."""
    with suppress(OSError):
        os.close(descriptor)


def state_of(descriptor: int, *, what: str, fault: Fault = of_medium) -> os.stat_result:
    """Returns the size, owner and mode of an open file.

    Raises:
        Damaged, LocalStorage: The file system does not answer; ``fault`` makes the error.
    """
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise fault(error, what) from error


def size_of(descriptor: int, *, what: str, fault: Fault = of_medium) -> int:
    """Returns the size of an open file in bytes.

    Raises:
        Damaged, LocalStorage: As `state_of`.
    """
    return state_of(descriptor, what=what, fault=fault).st_size


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """Returns the content of a regular file, up to a limit.

    Raises:
        Incomplete, Damaged, LocalStorage: As `open_for_reading`, or the file is larger, or reading fails.
    """
    return read_with_facts(path, limit_bytes)[0]


def holds(path: Path, content: bytes) -> bool:
    """True if a regular file has these bytes and no others; false also if it cannot be read."""
    try:
        return read_bounded(path, len(content)) == content
    except BundlerError:
        return False


def read_with_facts(path: Path, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """Returns the content of a regular file, up to a limit, and the owner and mode of the file that was read.

    Raises:
        Incomplete, Damaged, LocalStorage: As `read_bounded`.
    """
    descriptor = open_for_reading(path)
    content = b""
    try:
        with open(descriptor, "rb", closefd=True) as file:
            facts = os.fstat(descriptor)
            size_bytes = facts.st_size
            if size_bytes <= limit_bytes:
                content = file.read(limit_bytes + 1)  # one byte more: the file may be growing
                size_bytes = len(content)
    except OSError as error:
        raise of_medium(error, str(path)) from error
    _check_size(size_bytes, limit_bytes, what=str(path))
    return content, facts


def is_own(facts: os.stat_result) -> bool:
    """True if a file belongs to this user and no other user may write it."""
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def read_into(
    descriptor: int,
    buffers: Sequence[bytearray | memoryview],
    offset_bytes: int,
    *,
    what: str,
    fault: Fault = of_medium,
) -> None:
    """Fills buffers from an offset of a file.

    Raises:
        Damaged: The file ends too early, or (`Unreadable`) the medium cannot be read there.
        LocalStorage: It cannot be read, and ``fault`` makes this error.
    """
    wanted = sum(len(buffer) for buffer in buffers)
    try:
        got = os.preadv(descriptor, buffers, offset_bytes)
        while 0 < got < wanted:
            more = os.preadv(descriptor, rest_of(buffers, got), offset_bytes + got)
            if not more:
                break
            got += more
    except OSError as error:
        place = text("{what} at offset {offset_bytes}", what=what, offset_bytes=offset_bytes)
        raise fault(error, place) from error
    if got < wanted:
        raise Damaged(
            "the file is truncated",
            subject=what,
            expected=text("{size} bytes", size=offset_bytes + wanted),
            actual=text("{size} bytes", size=offset_bytes + got),
            hint="copy this file again",
        )


class LocalFile:
    """A file of a medium that is open for reading. Thread-safe, `close` excepted."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        """Takes over the descriptor of an open file; `close` closes it."""
        self.descriptor = descriptor

    def size(self, *, what: str) -> int:
        """As `OpenFile.size`."""
        return size_of(self.descriptor, what=what)

    def read_into(self, buffers: Sequence[bytearray | memoryview], offset_bytes: int, *, what: str) -> None:
        """As `OpenFile.read_into`."""
        read_into(self.descriptor, buffers, offset_bytes, what=what)

    def close(self) -> None:
        """As `OpenFile.close`."""
        let_go(self.descriptor)


def sha256_of(
    descriptor: int, *, what: str, limit_bytes: int | None = None, passed: Callable[[int], object] = lambda _: None
) -> str:
    """Returns the SHA-256 of a whole file of a file system, in hex; see `sha256_of_file`.

    Raises:
        Damaged: The file is larger than the limit, or cannot be read.
    """
    return sha256_of_file(LocalFile(descriptor), what=what, limit_bytes=limit_bytes, passed=passed)


def sha256_of_file(
    file: OpenFile, *, what: str, limit_bytes: int | None = None, passed: Callable[[int], object] = lambda _: None
) -> str:
    """Returns the SHA-256 of a whole file, in hex.

    Args:
        file: The open file.
        what: The name of the file in errors.
        limit_bytes: The most bytes that the file may have; nothing is read of a larger one. None for a file of our own.
        passed: Called with each number of bytes that was read. Its exceptions pass through.

    Raises:
        Damaged: The file is larger, or cannot be read.
    """
    hasher = hashlib.sha256()
    size_bytes = file.size(what=what)
    if limit_bytes is not None:
        _check_size(size_bytes, limit_bytes, what=what)
    buffer = new_buffer(min(PIECE_BYTES, size_bytes))
    for offset in range(0, size_bytes, PIECE_BYTES):
        view = buffer[: size_bytes - offset]
        file.read_into([view], offset, what=what)
        hasher.update(view)
        passed(len(view))
    return hasher.hexdigest()


def forget_cached(descriptor: int) -> None:
    """Drops a file from the page cache, so that the next read comes from the medium.

    The kernel keeps pages that are not on the device yet. So the file is synced first.

    Raises:
        OSError: The device refused the bytes.
    """
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def forget(descriptor: int, offset_bytes: int = 0, size_bytes: int = 0) -> None:
    """Drops a file, or some bytes of it, from the page cache, so that the device is read.

    Pages that are not synced stay, but Linux starts to write them to the device.

    Args:
        descriptor: The open file.
        offset_bytes: The first of the bytes.
        size_bytes: Their number; 0 for all up to the end.
    """
    with suppress(OSError):
        os.posix_fadvise(descriptor, offset_bytes, size_bytes, os.POSIX_FADV_DONTNEED)


# Files of this machine: named by people, or made for them


@contextmanager
def opened(path: Path) -> Generator[int, None, None]:
    """Opens a regular file for reading.

    Raises:
        Refused: The file does not exist.
        Damaged: It is not a regular file.
        LocalStorage: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Refused("there is no such file", subject=str(path)) from error
    except OSError as error:
        raise LocalStorage(text("cannot be opened: {reason}", reason=error.strerror), subject=str(path)) from error
    try:
        check_regular(state_of(descriptor, what=str(path), fault=of_machine), str(path))
        yield descriptor
    finally:
        let_go(descriptor)


def pieces_of(descriptor: int, begin: int, end: int, *, what: str) -> Pieces:
    """Yields the bytes of an open file of this machine between two offsets. Each piece is valid until the next one.

    Raises:
        Damaged: The file ends too early.
        LocalStorage: It cannot be read.
    """
    buffer = new_buffer(min(PIECE_BYTES, end - begin))
    for offset in range(begin, end, len(buffer)):
        view = buffer[: end - offset]
        read_into(descriptor, [view], offset, what=what, fault=of_machine)
        yield view


def read_whole(descriptor: int, begin: int, end: int, *, limit_bytes: int, what: str) -> bytes:
    """Returns the bytes of an open file of this machine between two offsets.

    Raises:
        Damaged: There are more than the limit, or the file ends too early.
        LocalStorage: It cannot be read.
    """
    _check_size(end - begin, limit_bytes, what=what)
    content = bytearray(end - begin)
    read_into(descriptor, [content], begin, what=what, fault=of_machine)
    return bytes(content)


class FileStream:
    """A stream of an open file of this machine. It can skip bytes without reading them."""

    def __init__(self, descriptor: int, *, what: str) -> None:
        self._descriptor = descriptor
        self._what = what
        self._position = 0
        self._size_bytes = size_of(descriptor, what=what, fault=of_machine)

    def read(self, size_bytes: int) -> bytes:
        """Returns the next bytes; none at the end.

        Raises:
            LocalStorage: They cannot be read.
        """
        try:
            content = os.pread(self._descriptor, size_bytes, self._position)
        except OSError as error:
            raise of_machine(error, self._what) from error
        self._position += len(content)
        return content

    def skip(self, size_bytes: int) -> bool:
        """Skips some bytes. False if the file ends before."""
        self._position += size_bytes
        return self._position <= self._size_bytes


def check_regular(state: os.stat_result, what: str) -> None:
    """Checks that a file is a regular one.

    Raises:
        Damaged: It is a link, or has another type.
    """
    if stat.S_ISLNK(state.st_mode):
        raise Damaged("a link; a regular file is expected", subject=what)
    if not stat.S_ISREG(state.st_mode):
        raise Damaged("not a regular file", subject=what)


def _check_size(size_bytes: int, limit_bytes: int, *, what: str) -> None:
    if size_bytes > limit_bytes:
        raise Damaged(
            "the file is too large",
            subject=what,
            expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
            actual=text("{size} bytes", size=size_bytes),
        )
