"""Files that somebody gave us or that we make for somebody: opened, read and written safely."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage, Refused
from bundler.system.buffers import new_buffer
from bundler.texts import text


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
        _check_regular(_state(descriptor, str(path)), str(path))
        yield descriptor
    finally:
        with suppress(OSError):  # it was only read
            os.close(descriptor)


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
        _check_regular(_state(descriptor, what), what)
        yield descriptor
    finally:
        with suppress(OSError):  # it was only read
            os.close(descriptor)


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
            with suppress(OSError):  # it was only read
                os.close(folder)


def _check_regular(state: os.stat_result, what: str) -> None:
    if stat.S_ISLNK(state.st_mode):
        raise Damaged("a link; a regular file is expected", subject=what)
    if not stat.S_ISREG(state.st_mode):
        raise Damaged("not a regular file", subject=what)


def size_of(descriptor: int, *, what: str) -> int:
    """The size of an open file in bytes.

    Raises:
        LocalStorage: The file system does not tell.
    """
    return _state(descriptor, what).st_size


def _state(descriptor: int, what: str) -> os.stat_result:
    try:
        return os.fstat(descriptor)
    except OSError as error:
        raise LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=what) from error


def forget(descriptor: int) -> None:
    """Drops what the system remembers of an open file, so that the device is read; what was not synced stays."""
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def pieces_of(descriptor: int, begin: int, end: int, *, what: str) -> Pieces:
    """The bytes of an open file between two offsets.

    Raises:
        Damaged: The file ends before.
        LocalStorage: It cannot be read.
    """
    buffer = new_buffer(min(PIECE_BYTES, end - begin))
    while begin < end:
        try:
            got = os.preadv(descriptor, [buffer[: min(len(buffer), end - begin)]], begin)
        except OSError as error:
            raise LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=what) from error
        if not got:
            raise Damaged(
                "the file is truncated",
                subject=what,
                expected=text("{size} bytes", size=end),
                actual=text("{size} bytes", size=begin),
            )
        begin += got
        yield buffer[:got]


def pieces_in(content: bytes, offset_bytes: int) -> Pieces:
    """The bytes of something in memory, from an offset on."""
    for begin in range(offset_bytes, len(content), PIECE_BYTES):
        yield memoryview(content)[begin : begin + PIECE_BYTES]


def read_whole(descriptor: int, begin: int, end: int, *, limit_bytes: int, what: str) -> bytes:
    """The bytes of an open file between two offsets, in memory.

    Raises:
        Damaged: They are too many, or the file ends before.
        LocalStorage: It cannot be read.
    """
    if end - begin > limit_bytes:
        raise Damaged(
            "too large",
            subject=what,
            expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
            actual=text("{size} bytes", size=end - begin),
        )
    return b"".join(bytes(piece) for piece in pieces_of(descriptor, begin, end, what=what))


class FileStream:
    """An open file as a stream that can pass over bytes without reading them."""

    def __init__(self, descriptor: int, *, what: str) -> None:
        self._descriptor = descriptor
        self._what = what
        self._position = 0
        self._size_bytes = size_of(descriptor, what=what)

    def read(self, size_bytes: int) -> bytes:
        """The next bytes; none at the end.

        Raises:
            LocalStorage: They cannot be read.
        """
        try:
            content = os.pread(self._descriptor, size_bytes, self._position)
        except OSError as error:
            raise LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=self._what) from error
        self._position += len(content)
        return content

    def skip(self, size_bytes: int) -> bool:
        """Passes over some bytes; whether there were as many."""
        self._position += size_bytes
        return self._position <= self._size_bytes


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the device.

    Raises:
        OSError: They are not.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():  # not all can sync folders
            raise
    finally:
        with suppress(OSError):
            os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview, *, what: str) -> None:
    """Appends to an open file.

    Raises:
        LocalStorage: The bytes cannot be written.
    """
    view = memoryview(data)
    try:
        while len(view):
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


@contextmanager
def closing_file(descriptor: int, *, what: str) -> Generator[None, None, None]:
    """Closes a file that is being written. Some file systems tell only then that they did not take it.

    Raises:
        LocalStorage: It cannot be closed, and nothing else went wrong before: an error hides no earlier one.
    """
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    try:
        os.close(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error
