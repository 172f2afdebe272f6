"""Files of this machine below a folder, opened without following a link below it."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from weakref import finalize

from bundler.core.frozen import frozen
from bundler.errors import Damaged, LocalStorage, Refused
from bundler.system.files import check_regular, let_go, of_machine, state_of
from bundler.texts import text

Answer = TypeVar("Answer")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KEPT_FOLDERS = 4
"""The most folders that are kept open. A layout has its blobs in two."""


@frozen
class OpenedFile:
    """A file that is open for reading: its descriptor, and its size in bytes when it was opened."""

    descriptor: int
    size_bytes: int


class FilesWithin:
    """The regular files below a folder. Thread-safe. The folder itself may be a link; links below it are not followed.

    Thousands of documents are read in this way, so it makes paths only for errors.
    """

    def __init__(self, root: Path, *, keeps_folders: bool = False) -> None:
        """Opens nothing yet.

        Args:
            root: The folder.
            keeps_folders: Keep the folders of the files open, up to a limit, until nothing refers to this object: for
                folders that are only read. A file that is not there is looked for again from the root on.
        """
        self._root = root
        self._keeps_folders = keeps_folders
        self._kept: dict[str, int] = {}
        self._lock = threading.Lock()
        finalize(self, _let_all_go, self._kept)

    @contextmanager
    def opened(self, path: str) -> Generator[OpenedFile, None, None]:
        """Opens a file for reading.

        Raises:
            Refused: The file does not exist.
            Damaged: The file, or a folder above it, is a link or has another type than expected; or the path is
                absolute or has "..".
            LocalStorage: It cannot be opened.
        """

        def open_it(name: str, folder: int) -> int:
            self._check(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
            return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)

        descriptor = self._in_folder(path, open_it)
        try:
            state = state_of(descriptor, what=f"{self._root}/{path}", fault=of_machine)
            self._check(state, path)
            yield OpenedFile(descriptor, state.st_size)
        finally:
            let_go(descriptor)

    def size(self, path: str) -> int | None:
        """Returns the size of a file in bytes; None if the name does not exist.

        Raises:
            Damaged, LocalStorage: As `opened`.
        """
        try:
            state = self._in_folder(path, lambda name, folder: os.stat(name, dir_fd=folder, follow_symlinks=False))
        except Refused:
            return None
        self._check(state, path)
        return state.st_size

    def _check(self, state: os.stat_result, path: str) -> None:
        if not stat.S_ISREG(state.st_mode):
            check_regular(state, str(self._root / path))

    def _in_folder(self, path: str, act: Callable[[str, int], Answer]) -> Answer:
        """Opens the folder of a path and calls ``act`` in it.

        Args:
            path: The path.
            act: Receives the last name of the path, and the open folder.

        Raises:
            Refused, Damaged, LocalStorage: As `opened`, also for an `OSError` of ``act``.
        """
        above, _, last = path.rpartition("/")
        kept = self._kept.get(above)
        if kept is not None and last not in ("", ".", ".."):
            with suppress(OSError):  # the walk from the root on says why, and finds a folder that took its place
                return act(last, kept)
        names = [name for name in path.split("/") if name not in ("", ".")]
        if path.startswith("/") or ".." in names:
            raise Damaged("the path leads out of its folder", subject=str(self._root / path))
        entered = 0
        folder = -1
        try:
            folder = os.open(self._root, _FOLDER)
            *folders, last = names or [""]
            for name in folders:
                entered += 1
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            entered = len(names)
            if above == "/".join(folders):
                self._keep(above, folder)
            return act(last, folder)
        except FileNotFoundError as error:
            raise Refused("there is no such file", subject=str(self._root / path)) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and entered:
                what = str(self._root.joinpath(*names[:entered]))
                raise Damaged("a link or a file; a folder is expected", subject=what) from error
            raise LocalStorage(
                text("cannot be opened: {reason}", reason=error.strerror), subject=str(self._root / path)
            ) from error
        finally:
            if folder >= 0:
                let_go(folder)

    def _keep(self, above: str, folder: int) -> None:
        """Keeps a folder open for the next file in it. Never the root: an absolute path has no name above it either."""
        if not self._keeps_folders or not above:
            return
        with self._lock:
            if above not in self._kept and len(self._kept) < _KEPT_FOLDERS:
                self._kept[above] = os.dup(folder)


def _let_all_go(kept: Mapping[str, int]) -> None:
    for folder in kept.values():
        let_go(folder)
