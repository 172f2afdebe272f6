"""The states that a power cut leaves: the operations of a file system in their order, and the folder that each of them ends in.

The model is what POSIX promises and no more. Bytes of a file are on the device after fsync of the file; a name is, and
a name that went is gone, after fsync of the folder it is in. Changes that were not synced may be there or not, in any mixture:
``names`` and ``data`` choose. After an fsync that failed, the bytes that it was for are lost, as in Linux: a later fsync
says that all is well, and does not bring them.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = tuple  # the operation, and its arguments
Remains = dict[str, "bytes | str | None"]

NAMES = ("synced", "all", "some")
DATA = ("synced", "zeros", "torn", "all", "some")
VARIANTS = (("synced", "synced"), ("all", "synced"), ("all", "zeros"), ("all", "torn"), ("synced", "all"))
"""The states that are worth trying at every operation: nothing unasked; names before data; sizes before data; half a write; data
before names."""


KILLED = ("all", "all")
"""The state that a killed run leaves: all that it has written."""


@dataclass
class _File:
    now: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)
    """Writes (offset, bytes) and new lengths since the last sync."""

    def change(self, change: tuple[int, bytes] | int) -> None:
        _apply(self.now, change)
        self.pending.append(change)

    def after_cut(self, data: str, chance: random.Random) -> bytearray:
        content = bytearray(self.synced)
        for number, change in enumerate(self.pending, 1):
            is_last = number == len(self.pending)
            match data, change:
                case ("synced", _):
                    pass
                case ("zeros", (offset, written)):
                    _apply(content, (offset, bytes(len(written))))
                case ("torn", (offset, written)) if is_last:
                    _apply(content, (offset, written[: len(written) // 2]))
                case ("some", _) if chance.random() < 0.5:
                    pass
                case _:
                    _apply(content, change)
        return content


@dataclass
class _Folder:
    now: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    pending: list[dict[str, int | None]] = field(default_factory=list)
    """Names that came, changed or went since the last sync; those of one rename together."""

    def change(self, change: dict[str, int | None]) -> None:
        _rename(self.now, change)
        self.pending.append(change)

    def after_cut(self, names: str, chance: random.Random) -> dict[str, int]:
        entries = dict(self.synced)
        for change in self.pending:
            if names == "all" or (names == "some" and chance.random() < 0.5):
                _rename(entries, change)
        return entries


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    end = change if isinstance(change, int) else change[0] + len(change[1])
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if isinstance(change, int):
        del content[change:]
    else:
        content[change[0] : end] = change[1]


def _rename(entries: dict[str, int], change: dict[str, int | None]) -> None:
    for name, node in change.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class Disk:
    """A file system that knows what of it is on the device. Node 0 is its root."""

    def __init__(self) -> None:
        self._nodes: dict[int, _File | _Folder | str] = {0: _Folder()}

    def do(self, record: Record) -> None:
        """Does one operation. Folders are named by their node, so that renames change nothing."""
        match record:
            case ("make", folder, name, node, target):
                self._nodes[node] = (
                    {"file": _File, "folder": _Folder}[target]() if target in ("file", "folder") else target
                )
                self._folder(folder).change({name: node})
            case ("link", folder, name, node):
                self._folder(folder).change({name: node})
            case ("remove", folder, name):
                self._folder(folder).change({name: None})
            case ("rename", folder, name, new_folder, new_name, node):
                if folder == new_folder:
                    self._folder(folder).change({name: None, new_name: node})
                else:
                    self._folder(new_folder).change({new_name: node})
                    self._folder(folder).change({name: None})
            case ("write", node, offset, content):
                self._file(node).change((offset, content))
            case ("truncate", node, size_bytes):
                self._file(node).change(size_bytes)
            case ("sync", node):
                file = self._nodes[node]
                if isinstance(file, _File):
                    for each in file.pending:
                        _apply(file.synced, each)
                    file.pending.clear()
                elif isinstance(file, _Folder):
                    file.synced = dict(file.now)
                    file.pending.clear()
            case ("lost", node):
                file = self._nodes[node]
                if isinstance(file, _File):
                    file.pending.clear()
            case _:
                raise ValueError(f"not an operation: {record[:2]}")

    def remains(self, *, names: str = "synced", data: str = "synced", seed: int = 0) -> Remains:
        """The state that a power cut now would leave: by path, the bytes of files, None for folders, the target of links."""
        assert names in NAMES, names
        assert data in DATA, data
        chance = random.Random(seed)
        found: Remains = {}

        def look(prefix: str, node: int) -> None:
            for name, below in sorted(self._folder(node).after_cut(names, chance).items()):
                match self._nodes[below]:
                    case _Folder():
                        found[prefix + name] = None
                        look(f"{prefix}{name}/", below)
                    case _File() as file:
                        found[prefix + name] = bytes(file.after_cut(data, chance))
                    case str() as target:
                        found[prefix + name] = target

        look("", 0)
        return found

    def _folder(self, node: int) -> _Folder:
        folder = self._nodes[node]
        assert isinstance(folder, _Folder)
        return folder

    def _file(self, node: int) -> _File:
        file = self._nodes[node]
        assert isinstance(file, _File)
        return file


class Journal:
    """All that was done to a file system, in order: one run, from which a power cut after any operation can be made."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    @classmethod
    def read(cls, path: Path) -> Journal:
        records = []
        with open(path, "rb") as file:
            while True:
                try:
                    records.append(pickle.load(file))
                except EOFError:
                    return cls(records)

    def __len__(self) -> int:
        return len(self.records)

    def describe(self, count: int) -> str:
        """The last of the first operations, for messages: bytes as their number."""
        short = [f"{len(part)} bytes" if isinstance(part, bytes) else str(part) for part in self.records[count - 1]]
        return f"after operation {count} of {len(self)}: {' '.join(short)}" if count else "before any operation"

    def states(self) -> Iterator[tuple[int, Disk]]:
        """The file system before any operation and after each, with the count of operations; read it before going on."""
        disk = Disk()
        yield 0, disk
        for count, record in enumerate(self.records, 1):
            disk.do(record)
            yield count, disk

    def materialise(self, count: int, folder: Path, **variant: Any) -> Path:
        """Makes the folder that a power cut after the first ``count`` operations leaves; see `Disk.remains`."""
        disk = next(disk for reached, disk in self.states() if reached == count)
        return write(disk.remains(**variant), folder)

    def cuts(self, *, variants: Sequence[tuple[str, str]] = VARIANTS, since: int = 0) -> Iterator[tuple[str, Remains]]:
        """Each different state that a power cut after so many operations or more may leave, and its history."""
        seen: set[int] = set()
        for count, disk in self.states():
            for names, data in variants if count >= since else ():
                remains = disk.remains(names=names, data=data)
                mark = hash(frozenset(remains.items()))
                if mark not in seen:
                    seen.add(mark)
                    yield f"{self.describe(count)}; names: {names}, data: {data}", remains


def write(remains: Remains, folder: Path) -> Path:
    """Makes a folder of what remains; it must not exist yet."""
    folder.mkdir(parents=True)
    for name, content in remains.items():
        match content:
            case None:
                (folder / name).mkdir()
            case bytes():
                (folder / name).write_bytes(content)
            case str():
                os.symlink(content, folder / name)
    return folder
