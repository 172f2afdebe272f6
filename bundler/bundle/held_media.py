"""The folders of one bundle on several media, written as if they were one folder.

A file of one medium lies where it was planned; all others, such as SHA256SUMS, lie in each folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bundler.bundle.held_folder import HeldFolder
from bundler.core.limits import PIECE_BYTES
from bundler.errors import Incomplete
from bundler.system.files import let_go, reading_back
from bundler.texts import text


class HeldMedia:
    """The methods of `HeldFolder`, over the folders of several media. Thread-safe, as that is."""

    def __init__(self, folders: Sequence[HeldFolder], places: Mapping[str, int]) -> None:
        """Takes over open folders.

        Args:
            folders: The folders, at least one; `close` closes them.
            places: The number of the folder, from 0, of each file that is in one folder only.
        """
        self.folders = tuple(folders)
        self.path = self.folders[0].path
        """The folder of the first medium, for messages."""
        self._places = dict(places)

    def folder_of(self, name: str) -> HeldFolder:
        """The folder of a file; the first one for a file that lies in each."""
        return self.folders[self._places.get(name, 0)]

    def planned(self, number: int) -> set[str]:
        """The names of the files that lie in one folder only, and in this one."""
        return {name for name, place in self._places.items() if place == number}

    def inner(self, name: str) -> HeldFolder:
        """As `HeldFolder.inner`, in the folder of the first medium."""
        return self.folders[0].inner(name)

    def facts(self, name: str) -> os.stat_result | None:
        """As `HeldFolder.facts`."""
        return self.folder_of(name).facts(name)

    def open(self, name: str) -> int | None:
        """As `HeldFolder.open`."""
        return self.folder_of(name).open(name)

    def create(self, name: str) -> int:
        """As `HeldFolder.create`."""
        return self.folder_of(name).create(name)

    def open_or_create(self, name: str) -> int:
        """As `HeldFolder.open_or_create`."""
        return self.folder_of(name).open_or_create(name)

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """As `HeldFolder.write`. A file that lies in each folder is written to the first one, then copied."""
        first, *others = self._folders_of(name)
        first.write(name, pieces)
        for folder in others:
            folder.write(name, _content(first, name))

    def spread(self, name: str, /) -> None:
        """Copies a file that was created in the first folder to all others, if it lies in each.

        Raises:
            Misuse, LocalStorage: As `HeldFolder.write`.
        """
        first, *others = self._folders_of(name)
        for folder in others:
            folder.write(name, _content(first, name))

    def remove(self, name: str) -> None:
        """As `HeldFolder.remove`."""
        for folder in self._folders_of(name):
            folder.remove(name)

    def sync(self) -> None:
        """As `HeldFolder.sync`."""
        for folder in self.folders:
            folder.sync()

    def where(self, name: str) -> str:
        """As `HeldFolder.where`."""
        return self.folder_of(name).where(name)

    def close(self) -> None:
        """Closes all folders. Idempotent."""
        for folder in self.folders:
            folder.close()

    def _folders_of(self, name: str) -> Sequence[HeldFolder]:
        return (self.folder_of(name),) if name in self._places else self.folders


Held = HeldFolder | HeldMedia


def _content(folder: HeldFolder, name: str) -> Iterator[bytes]:
    """The bytes of a file that was just written."""
    what = folder.where(name)
    with reading_back(what):
        descriptor = folder.open(name)
        if descriptor is None:
            raise Incomplete(text("the file is missing"), subject=what)
        try:
            offset = 0
            while piece := os.pread(descriptor, PIECE_BYTES, offset):
                offset += len(piece)
                yield piece
        finally:
            let_go(descriptor)
