"""A folder of this user that is held open while a bundle is written in it: it stays the same folder under any name.

Users who may write the parent folder can put another folder, a link or a pipe in its place at any moment. So
everything in it is accessed through the open folder, and every file is checked after it was opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.errors import LocalStorage, Misuse
from bundler.system.durable_files import fill_durably, sync_opened
from bundler.system.files import let_go
from bundler.system.ownership import refuse_foreign

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def _writing(what: str) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


class HeldFolder:
    """A folder that is held open. Its methods are thread-safe; call `close` when no thread uses them any more."""

    def __init__(self, path: Path, *, within: int | None = None) -> None:
        """Opens the folder.

        Args:
            path: Its path.
            within: The open folder that contains it; None to follow the path.

        Raises:
            Misuse: It is not a folder, or not ours.
            LocalStorage: It cannot be opened.
        """
        self.path = path
        try:
            place = path if within is None else path.name
            self._descriptor = os.open(place, _OPEN_FOLDER, dir_fd=within)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise Misuse("a link or a file; a folder is expected", subject=str(path)) from error
            raise LocalStorage.unwritable(error, str(path)) from error
        try:
            refuse_foreign(os.fstat(self._descriptor), path)
        except BaseException:
            self.close()
            raise

    @property
    def folders(self) -> tuple[HeldFolder, ...]:
        """This folder; of several media the folder of each, the first one first."""
        return (self,)

    def spread(self, _name: str, /) -> None:
        """Does nothing: there is no other folder that must have a file too."""

    def inner(self, name: str) -> HeldFolder:
        """Opens a folder in this one, which is created if there is none.

        Raises:
            Misuse: It is not a folder, or not ours.
            LocalStorage: It cannot be created or opened.
        """
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, self.where(name)) from error
        return HeldFolder(self.path / name, within=self._descriptor)

    def remove_inner(self, name: str) -> None:
        """Removes an empty folder in this one.

        Raises:
            LocalStorage: It cannot be removed.
        """
        try:
            os.rmdir(name, dir_fd=self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, self.where(name)) from error

    def names(self) -> list[str]:
        """The names of all entries, sorted.

        Raises:
            LocalStorage: It cannot be read.
        """
        try:
            return sorted(os.listdir(self._descriptor))
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error

    def facts(self, name: str) -> os.stat_result | None:
        """The stat(2) result of a file in it; None if there is none.

        Raises:
            LocalStorage: The file system does not say.
        """
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LocalStorage.unwritable(error, self.where(name)) from error

    def open(self, name: str) -> int | None:
        """Opens a file of ours to read and write; None if there is none.

        Raises:
            Misuse: It is not ours.
            LocalStorage: It cannot be opened.
        """
        try:
            descriptor = os.open(name, _OPEN, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.refuse_foreign(name)
            raise LocalStorage.unwritable(error, self.where(name)) from error
        try:
            refuse_foreign(os.fstat(descriptor), self.path / name)
        except BaseException:
            let_go(descriptor)
            raise
        return descriptor

    def create(self, name: str) -> int:
        """Creates a file, to read and write.

        Raises:
            LocalStorage: There is an entry of this name, or the file cannot be created.
        """
        try:
            return os.open(name, _OPEN | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, self.where(name)) from error

    def open_or_create(self, name: str) -> int:
        """Opens the file, or creates it if there is none.

        Raises:
            Misuse, LocalStorage: As `open` and `create`.
        """
        descriptor = self.open(name)
        return self.create(name) if descriptor is None else descriptor

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Writes a new file in place of an old one, and waits until it is on the device.

        Raises:
            Misuse: There is one that is not ours.
            LocalStorage: It cannot be written.
        """
        self.remove(name)
        fill_durably(self.create(name), pieces, what=self.where(name))

    def remove(self, name: str) -> None:
        """Removes a file of ours, if it is there.

        Raises:
            Misuse: It is not ours.
            LocalStorage: It cannot be removed.
        """
        if not self.refuse_foreign(name):
            return
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise LocalStorage.unwritable(error, self.where(name)) from error

    def link(self, name: str, source: HeldFolder) -> None:
        """Gives a file of another folder the same name here too: a hard link.

        Raises:
            LocalStorage: The file system has no hard links, or the link cannot be made.
        """
        with _writing(self.where(name)):
            os.link(name, name, src_dir_fd=source._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        """Removes a name, also one of a file that has more names.

        Raises:
            LocalStorage: It cannot be removed.
        """
        with _writing(self.where(name)):
            os.unlink(name, dir_fd=self._descriptor)

    def move(self, name: str, target: HeldFolder, new_name: str) -> None:
        """Moves a file to another folder of the same file system.

        Raises:
            LocalStorage: It cannot be moved.
        """
        with _writing(target.where(new_name)):
            os.rename(name, new_name, src_dir_fd=self._descriptor, dst_dir_fd=target._descriptor)

    def refuse_foreign(self, name: str) -> bool:
        """True if there is such a file.

        Raises:
            Misuse: It is not ours.
        """
        facts = self.facts(name)
        if facts is not None:
            refuse_foreign(facts, self.path / name)
        return facts is not None

    def sync(self) -> None:
        """Waits until its names are on the device.

        Raises:
            LocalStorage: The device did not take them.
        """
        sync_opened(self._descriptor, what=str(self.path))

    def is_at(self, path: Path) -> bool:
        """True if a path leads to this folder."""
        try:
            there, here = os.lstat(path), os.fstat(self._descriptor)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def where(self, name: str) -> str:
        """The path of a file in it, for messages."""
        return str(self.path / name)

    def close(self) -> None:
        """Closes the folder. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            let_go(descriptor)
