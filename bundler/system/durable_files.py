"""Files that last: written under a name of their own, brought to the device, and only then given their name.

Reading is in `bundler.system.files`. What cannot be written is for the machine's owner, whoever the file is for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.core.limits import WRITE_BYTES
from bundler.errors import BundlerError, LocalStorage
from bundler.system.buffers import rest_of
from bundler.system.files import let_go
from bundler.system.ownership import refuse_foreign_name
from bundler.texts import text


def write_from(descriptor: int, buffers: Sequence[bytes | memoryview], offset_bytes: int, *, what: str) -> None:
    """Writes buffers to a place in a file, all of them.

    Raises:
        LocalStorage: They cannot be written.
    """
    wanted = sum(len(buffer) for buffer in buffers)
    done = 0
    try:
        while done < wanted:
            done += os.pwritev(descriptor, rest_of(buffers, done, WRITE_BYTES), offset_bytes + done)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


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
    write_all(descriptor, content, what=what)
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


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
        raise error.but(subject=str(path)) from error.__cause__
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
