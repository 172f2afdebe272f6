"""Files opened without trust and read within bounds: those of media, and those of this machine.

The same system calls fail for both, and somebody else must act. A bundle's file lies on a medium that a courier
carried: a missing one is `Incomplete`, one that cannot be read is `Damaged`, because its bytes are lost (`of_medium`).
A file that people name, or that we make for them, lies on this machine: a missing one is `Refused`, one that cannot be
read is `LocalStorage` (`of_machine`). Links differ as well: no file of a bundle is one, and the file that people name
may be one.

Writing is in `bundler.system.durable_files`.
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
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused
from bundler.system.buffers import new_buffer, rest_of
from bundler.texts import text

Fault = Callable[[OSError, str], BundlerError]
"""Makes the error for something that cannot be read, and that has this name."""


class Unreadable(Damaged):
    """The medium cannot be read in one place. What lies elsewhere on it may well be."""


def of_medium(error: OSError, what: str) -> Unreadable:
    """The error for bytes of a medium that cannot be read: they are lost, whatever the reason."""
    return Unreadable(
        text("cannot be read: {reason}", reason=error.strerror),
        subject=what,
        hint="the medium is failing: use another copy",
    )


def of_machine(error: OSError, what: str) -> LocalStorage:
    """The error for a file of this machine that cannot be read."""
    return LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=what)


def is_there(path: Path) -> bool:
    """Whether there is anything of this name, be it a broken link.

    Raises:
        Damaged: The medium does not tell.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise of_medium(error, str(path)) from error
    return True


def open_for_reading(path: Path) -> int:
    """A file descriptor of a regular file. Links, devices and pipes are refused without being opened.

    Raises:
        Incomplete: There is no such file.
        Damaged: It is something else than a regular file, or unreadable.
    """
    try:
        _check_regular(os.lstat(path), str(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Incomplete("the file is missing", subject=str(path)) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Damaged("a link; a regular file is expected", subject=str(path)) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise LocalStorage(
                "no permission to read the file", subject=str(path), hint="check its owner and mode"
            ) from error
        raise Damaged(text("the file cannot be opened: {reason}", reason=error.strerror), subject=str(path)) from error
    try:
        _check_regular(state_of(descriptor, what=str(path)), str(path))
    except BundlerError:
        let_go(descriptor)
        raise
    return descriptor


@contextmanager
def reading_back(what: str) -> Generator[None, None, None]:
    """Reads what was just written here. That it cannot be read is no fault of who brought it.

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
    """Closes a file that was only read: what goes wrong then is of no account, and must hide no other error."""
    with suppress(OSError):
        os.close(descriptor)


def state_of(descriptor: int, *, what: str, fault: Fault = of_medium) -> os.stat_result:
    """The size, owner and mode of an open file.

    Raises:
        Damaged, LocalStorage: The file system does not tell; the ``fault`` of that.
    """
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise fault(error, what) from error


def size_of(descriptor: int, *, what: str, fault: Fault = of_medium) -> int:
    """The size of an open file in bytes.

    Raises:
        Damaged, LocalStorage: As `state_of`.
    """
    return state_of(descriptor, what=what, fault=fault).st_size


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """The content of a regular file that is not larger than a limit.

    Raises:
        Incomplete, Damaged, LocalStorage: As `open_for_reading`, or it is larger, or reading fails.
    """
    return read_with_facts(path, limit_bytes)[0]


def read_with_facts(path: Path, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """The same, and who owns the file that was read, and who may write it.

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
                content = file.read(limit_bytes + 1)  # it may be growing
                size_bytes = len(content)
    except OSError as error:
        raise of_medium(error, str(path)) from error
    _check_size(size_bytes, limit_bytes, what=str(path))
    return content, facts


def is_own(facts: os.stat_result) -> bool:
    """Whether a file belongs to this user, and nobody else may write it."""
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def read_into(
    descriptor: int,
    buffers: Sequence[bytearray | memoryview],
    offset_bytes: int,
    *,
    what: str,
    fault: Fault = of_medium,
) -> None:
    """Fills buffers from a place in a file.

    Raises:
        Damaged: The file ends before they are full, or (`Unreadable`) the medium cannot be read there.
        LocalStorage: It cannot be read, where that is the ``fault``.
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


def sha256_of(
    descriptor: int, *, what: str, limit_bytes: int | None = None, passed: Callable[[int], object] = lambda _: None
) -> str:
    """The SHA-256 of a whole file, in hex.

    Args:
        descriptor: Of the file.
        what: Names it in errors.
        limit_bytes: Of a larger file not one byte is read; None for a file of our own.
        passed: Told of every number of bytes that was read; what it raises goes through.

    Raises:
        Damaged: It is larger, or cannot be read.
    """
    hasher = hashlib.sha256()
    size_bytes = size_of(descriptor, what=what)
    if limit_bytes is not None:
        _check_size(size_bytes, limit_bytes, what=what)
    buffer = new_buffer(min(PIECE_BYTES, size_bytes))
    for offset in range(0, size_bytes, PIECE_BYTES):
        view = buffer[: size_bytes - offset]
        read_into(descriptor, [view], offset, what=what)
        hasher.update(view)
        passed(len(view))
    return hasher.hexdigest()


def forget_cached(descriptor: int) -> None:
    """Lets memory forget what it holds of a file, so that whoever reads it next reads the medium.

    Memory keeps what is not on the device yet; so that is brought there before.

    Raises:
        OSError: The device did not take it.
    """
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def forget(descriptor: int) -> None:
    """Drops what the system remembers of an open file, so that the device is read; what was not synced stays."""
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


# Files of this machine: what people name, and what we make for them


@contextmanager
def opened(path: Path) -> Generator[int, None, None]:
    """A regular file, open for reading.

    Raises:
        Refused: There is none.
        Damaged: It is something else than a regular file.
        LocalStorage: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Refused("there is no such file", subject=str(path)) from error
    except OSError as error:
        raise LocalStorage(text("cannot be opened: {reason}", reason=error.strerror), subject=str(path)) from error
    try:
        _check_regular(state_of(descriptor, what=str(path), fault=of_machine), str(path))
        yield descriptor
    finally:
        let_go(descriptor)


@contextmanager
def opened_within(root: Path, path: str) -> Generator[int, None, None]:
    """A regular file below a folder, open for reading. No link below the folder is followed; nothing else is opened.

    Raises:
        Refused: There is none.
        Damaged: It, or a folder on the way to it, is a link or something else than it should be.
        LocalStorage: It cannot be opened.
    """
    what = str(root / path)
    with _folder_within(root, path) as folder:
        _check_regular(os.stat(Path(path).name, dir_fd=folder, follow_symlinks=False), what)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(Path(path).name, flags, dir_fd=folder)
    try:
        _check_regular(state_of(descriptor, what=what, fault=of_machine), what)
        yield descriptor
    finally:
        let_go(descriptor)


def size_within(root: Path, path: str) -> int | None:
    """The size of a regular file below a folder, in bytes; None if there is nothing of this name.

    Raises:
        Damaged, LocalStorage: As `opened_within`.
    """
    try:
        with _folder_within(root, path) as folder:
            state = os.stat(Path(path).name, dir_fd=folder, follow_symlinks=False)
    except Refused:
        return None
    _check_regular(state, str(root / path))
    return state.st_size


def pieces_of(descriptor: int, begin: int, end: int, *, what: str) -> Pieces:
    """The bytes of an open file of this machine between two offsets. A piece is good until the next one is asked for.

    Raises:
        Damaged: The file ends before.
        LocalStorage: It cannot be read.
    """
    buffer = new_buffer(min(PIECE_BYTES, end - begin))
    for offset in range(begin, end, len(buffer)):
        view = buffer[: end - offset]
        read_into(descriptor, [view], offset, what=what, fault=of_machine)
        yield view


def read_whole(descriptor: int, begin: int, end: int, *, limit_bytes: int, what: str) -> bytes:
    """The bytes of an open file of this machine between two offsets, in memory.

    Raises:
        Damaged: They are too many, or the file ends before.
        LocalStorage: It cannot be read.
    """
    _check_size(end - begin, limit_bytes, what=what)
    return b"".join(bytes(piece) for piece in pieces_of(descriptor, begin, end, what=what))


class FileStream:
    """An open file of this machine as a stream that can pass over bytes without reading them."""

    def __init__(self, descriptor: int, *, what: str) -> None:
        self._descriptor = descriptor
        self._what = what
        self._position = 0
        self._size_bytes = size_of(descriptor, what=what, fault=of_machine)

    def read(self, size_bytes: int) -> bytes:
        """The next bytes; none at the end.

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
        """Passes over some bytes; whether there were as many."""
        self._position += size_bytes
        return self._position <= self._size_bytes


@contextmanager
def _folder_within(root: Path, path: str) -> Generator[int, None, None]:
    """The folder that a path below another folder is in, reached without following a link.

    Raises:
        Refused, Damaged, LocalStorage: As `opened_within`, for what is done within the context, too.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    what = root
    folder = -1
    try:
        folder = os.open(root, flags)
        for name in Path(path).parent.parts:
            what /= name
            inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        what = root / path
        yield folder
    except FileNotFoundError as error:
        raise Refused("there is no such file", subject=str(root / path)) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and what != root:
            raise Damaged("a link or a file; a folder is expected", subject=str(what)) from error
        raise LocalStorage(text("cannot be opened: {reason}", reason=error.strerror), subject=str(what)) from error
    finally:
        if folder >= 0:
            let_go(folder)


def _check_regular(state: os.stat_result, what: str) -> None:
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
