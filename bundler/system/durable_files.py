"""Durable files: written under a temporary name, synced to the device, and renamed only then.

`bundler.system.files` reads. A failed write is always `LocalStorage`: the owner of the machine must act, for files on
media too.
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
    """Writes all of some buffers at an offset of a file.

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
    """Appends all bytes to an open file.

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
    """Closes a file after writing. Some file systems report a failed write only when the file is closed.

    Raises:
        LocalStorage: It cannot be closed. An earlier error is kept instead.
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


def write_durably(
    path: Path, pieces: Iterable[bytes], *, what: str = "", mode: int = 0o644, is_mode_exact: bool = False
) -> None:
    """Writes a new file, and waits until it is on the device.

    Args:
        path: The file.
        pieces: Its content.
        what: The name of the file in errors, if it is another one: that under which people will know it.
        mode: Its mode, from which the umask takes bits.
        is_mode_exact: True if the umask takes none.

    Raises:
        LocalStorage: It exists, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        if is_mode_exact:
            os.fchmod(descriptor, mode)
    except OSError as error:
        raise LocalStorage.unwritable(error, what or str(path)) from error
    fill_durably(descriptor, pieces, what=what or str(path))


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
    """Appends to an open file, and waits until the bytes are on the device.

    Raises:
        LocalStorage: It cannot be written.
    """
    write_all(descriptor, content, what=what)
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


def place_durably(
    path: Path, content: bytes, *, what: str = "", mode: int = 0o644, is_mode_exact: bool = False
) -> None:
    """Writes a whole file into a folder in use: its name never leads to a part of it, not even after a power cut.

    The file has the name `unplaced_name` until it is complete. The call replaces an older file of either name, such as
    the rest of a run that was killed. Errors call it ``what``, else by its path.

    Raises:
        Misuse: A file that is not ours has that name.
        LocalStorage: It cannot be written; nothing of it is left.
    """
    place_pieces_durably(path, [content], what=what, mode=mode, is_mode_exact=is_mode_exact)


def place_pieces_durably(
    path: Path, pieces: Iterable[bytes], *, what: str = "", mode: int = 0o644, is_mode_exact: bool = False
) -> None:
    """Writes a whole file as `place_durably` does, piece by piece.

    Raises:
        Misuse, LocalStorage: As `place_durably`. An error while a piece is made passes through.
    """
    what = what or str(path)
    temporary = path.with_name(unplaced_name(path.name))
    remove(temporary)
    try:
        write_durably(temporary, pieces, what=what, mode=mode, is_mode_exact=is_mode_exact)
        os.rename(temporary, path)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error
    finally:
        with suppress(BundlerError):
            remove(temporary)
    sync_folder(path.parent)


def unplaced_name(name: str) -> str:
    """Returns the temporary name of a file. Readers of bundles ignore names with this prefix."""
    return f"._{name}.new"


def write_at_once(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes a new file, and waits until its bytes and its name are on the device.

    Its name appears only when the file is complete. A half-written file would make the next run of the same command
    fail, because the file exists.

    Raises:
        LocalStorage: It exists, or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()  # left by a process that had our number and ended early
        write_durably(temporary, [content], what=str(path), mode=mode)
        _give_name(temporary, path)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
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
    """Renames a file without replacing another one, as far as the file system can check."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT has no hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, path)


def remove(path: Path) -> None:
    """Removes a file of ours, if it exists.

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
    """Waits until the names in a folder are on the device. Does nothing on file systems that cannot sync folders."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    try:
        sync_opened(descriptor, what=str(path))
    finally:
        let_go(descriptor)


def sync_opened(descriptor: int, *, what: str) -> None:
    """Waits until the names in an opened folder are on the device.

    Raises:
        LocalStorage: The device refused them.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise LocalStorage.unwritable(error, what) from error


def check_space(folder: Path, needed_bytes: int, *, hint: str = text("choose another folder with -o")) -> None:
    """Checks that the file system of a folder has a number of free bytes.

    Raises:
        LocalStorage: It has less.
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
