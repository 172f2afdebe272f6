"""Files of a bundle: opened without trust, read within bounds, written so that they last."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.core.limits import PIECE_BYTES, WRITE_BYTES
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.system.buffers import new_buffer
from bundler.system.ownership import refuse_foreign_name
from bundler.texts import text


class Unreadable(Damaged):
    """The medium cannot be read in one place. What lies elsewhere on it may well be."""


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
        raise unreadable(error, str(path)) from error
    return True


def open_for_reading(path: Path) -> int:
    """A file descriptor of a regular file. Links, devices and pipes are refused without being opened.

    Raises:
        Incomplete: There is no such file.
        Damaged: It is something else than a regular file, or unreadable.
    """
    try:
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            message = "a link; a regular file is expected" if stat.S_ISLNK(kind) else "not a regular file"
            raise Damaged(message, subject=str(path))
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
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        os.close(descriptor)
        raise unreadable(error, str(path)) from error
    if not is_regular:
        os.close(descriptor)
        raise Damaged("not a regular file", subject=str(path))
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


def size_of(descriptor: int, *, what: str) -> int:
    """The size of a file in bytes.

    Raises:
        Damaged: The medium does not tell.
    """
    try:
        return os.fstat(descriptor).st_size
    except OSError as error:
        raise unreadable(error, what) from error


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
        raise unreadable(error, str(path)) from error
    if size_bytes > limit_bytes:
        raise Damaged(
            "the file is too large",
            subject=str(path),
            expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
            actual=text("{size} bytes", size=size_bytes),
        )
    return content, facts


def is_own(facts: os.stat_result) -> bool:
    """Whether a file belongs to this user, and nobody else may write it."""
    return facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def read_into(descriptor: int, buffers: Sequence[bytearray | memoryview], offset_bytes: int, *, what: str) -> None:
    """Fills buffers from a place in a file.

    Raises:
        Damaged: The file ends before they are full, or (`Unreadable`) the medium cannot be read there.
    """
    wanted = sum(len(buffer) for buffer in buffers)
    try:
        got = os.preadv(descriptor, buffers, offset_bytes)
        while 0 < got < wanted:
            more = os.preadv(descriptor, _rest(buffers, got), offset_bytes + got)
            if not more:
                break
            got += more
    except OSError as error:
        raise unreadable(
            error, text("{what} at offset {offset_bytes}", what=what, offset_bytes=offset_bytes)
        ) from error
    if got < wanted:
        raise Damaged("the file is truncated", subject=what, hint="copy this file again")


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
    if limit_bytes is not None and size_bytes > limit_bytes:
        raise Damaged(
            "the file is too large",
            subject=what,
            expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
            actual=text("{size} bytes", size=size_bytes),
        )
    buffer = new_buffer(min(PIECE_BYTES, size_bytes))
    for offset in range(0, size_bytes, PIECE_BYTES):
        view = buffer[: size_bytes - offset]
        read_into(descriptor, [view], offset, what=what)
        hasher.update(view)
        passed(len(view))
    return hasher.hexdigest()


def write_from(descriptor: int, buffers: Sequence[bytes | memoryview], offset_bytes: int, *, what: str) -> None:
    """Writes buffers to a place in a file, all of them.

    Raises:
        LocalStorage: They cannot be written.
    """
    wanted = sum(len(buffer) for buffer in buffers)
    done = 0
    try:
        while done < wanted:
            done += os.pwritev(descriptor, _rest(buffers, done, WRITE_BYTES), offset_bytes + done)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


def write_durably(path: Path, pieces: Iterable[bytes], *, mode: int = 0o644) -> None:
    """Writes a file that must not exist yet, and waits until it is on the device.

    Raises:
        LocalStorage: It exists, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    fill_durably(descriptor, pieces, what=str(path))


def fill_durably(descriptor: int, pieces: Iterable[bytes], *, what: str) -> None:
    """Writes an opened file, waits until it is on the device, and closes it.

    Raises:
        LocalStorage: It cannot be written.
    """
    try:
        with open(descriptor, "wb", buffering=WRITE_BYTES) as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


def append_durably(descriptor: int, content: bytes, *, what: str) -> None:
    """Adds to a file that was opened for that, and waits until it is on the device.

    Raises:
        LocalStorage: It cannot be written.
    """
    try:
        _write_all(descriptor, content)
        os.fdatasync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


def remove(path: Path) -> None:
    """Removes a file of ours, if it is there.

    Raises:
        Misuse: It is not ours.
        LocalStorage: It cannot be removed.
    """
    refuse_foreign_name(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error


def forget_cached(descriptor: int) -> None:
    """Lets memory forget what it holds of a file, so that whoever reads it next reads the medium.

    Memory keeps what is not on the device yet; so that is brought there before.

    Raises:
        OSError: The device did not take it.
    """
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def place_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Puts a whole file into a folder that is in use: under its name there is never a part of it, power cuts included.

    Until then it has the name `unplaced_name`. What a run that was killed left there is replaced. Whatever has the
    file's name already is replaced, too.

    Raises:
        Misuse: A file that is not ours has that name.
        LocalStorage: It cannot be written; nothing of it is left.
    """
    temporary = path.with_name(unplaced_name(path.name))
    remove(temporary)
    try:
        write_durably(temporary, [content], mode=mode)
        os.rename(temporary, path)
    except (OSError, LocalStorage) as error:
        with suppress(BundlerError):
            remove(temporary)
        raise LocalStorage.unwritable(error, str(path)) if isinstance(error, OSError) else error from error
    sync_folder(path.parent)


def unplaced_name(name: str) -> str:
    """What a file is called while it is put into a folder: no reader of bundles minds names that begin so."""
    return f"._{name}.new"


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the device. File systems that cannot sync folders are left alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    try:
        sync_opened(descriptor, what=str(path))
    finally:
        let_go(descriptor)


def sync_opened(descriptor: int, *, what: str) -> None:
    """The same of an opened folder.

    Raises:
        LocalStorage: The device did not take them.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise LocalStorage.unwritable(error, what) from error


def write_at_once(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes a file that must not exist yet, and waits until it is on the device, its name included.

    It appears under its name complete or not at all, whatever happens meanwhile: a file that is only half there would
    be in the way of the same command when it is run again.

    Raises:
        LocalStorage: It exists, or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()  # of a process with our number, which ended in the middle
        write_durably(temporary, [content], mode=mode)
        _give_name(temporary, path)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    except LocalStorage as error:
        error.subject = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    try:
        sync_folder(path.parent)
    except LocalStorage:
        with suppress(OSError):
            path.unlink()
        raise


def _give_name(temporary: Path, path: Path) -> None:
    """Renames a file, but never onto another one, as far as the file system can tell."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT has no second names
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, path)


def check_space(folder: Path, needed_bytes: int, *, hint: str = text("choose another folder with -o")) -> None:
    """Makes sure that a folder's file system has room for a number of bytes.

    Raises:
        LocalStorage: It has not.
    """
    try:
        state = os.statvfs(folder)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    available = state.f_bavail * state.f_frsize
    if available < needed_bytes:
        raise LocalStorage(
            "not enough free space",
            subject=str(folder),
            expected=text("{size:,} bytes", size=needed_bytes),
            actual=text("{size:,} bytes", size=available),
            hint=text("free some space, or {hint}", hint=hint),
        )


def unreadable(error: OSError, what: str) -> Unreadable:
    """The error for bytes of a medium that cannot be read: they are lost, whatever the reason."""
    return Unreadable(
        text("cannot be read: {reason}", reason=error.strerror),
        subject=what,
        hint="the medium is failing: use another copy",
    )


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while len(view):
        view = view[os.write(descriptor, view) :]


def _rest(
    buffers: Sequence[bytes | bytearray | memoryview], done_bytes: int, limit_bytes: int | None = None
) -> list[memoryview]:
    """What is left of buffers behind their first bytes, or the beginning of that."""
    rest = []
    for buffer in buffers:
        view = memoryview(buffer)[done_bytes:]
        done_bytes = max(0, done_bytes - len(buffer))
        if limit_bytes is not None:
            view = view[:limit_bytes]
            limit_bytes -= len(view)
        if len(view):
            rest.append(view)
    return rest
