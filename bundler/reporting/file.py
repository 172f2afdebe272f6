"""The file of a report: checked before the long work, replaced only if it is a report, and written piece by piece."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.errors import BundlerError, Misuse
from bundler.system.durable_files import place_pieces_durably
from bundler.system.files import opened, read_whole, size_of

_HEAD_BYTES = 1024
"""The beginning of a report, in which it says that it is ours."""


@frozen
class FileSum:
    """A file that was written: its size, and its SHA-256 in hex."""

    size_bytes: int
    sha256: str


def check_file(output: Path, marks: Collection[bytes]) -> None:
    """Checks that a report may be written to a file.

    Args:
        output: The file.
        marks: The texts that the beginning of every report of this kind has.

    Raises:
        Misuse: It is there and is no such report, or would be in the folder of a bundle, or its folder does not exist.
    """
    check_folder(output)
    if os.path.lexists(output) and not has_marks(output, marks):
        raise Misuse("the file exists and is no report", subject=str(output), hint="choose another name")


def check_folder(output: Path) -> None:
    """Checks the folder of a file for people.

    Raises:
        Misuse: It does not exist, or is that of a bundle.
    """
    parent = output.absolute().parent
    if not parent.is_dir():
        raise Misuse(
            "there is no such folder", subject=str(parent), hint="make the folder first, or choose another one"
        )
    if (parent / roles.SUMS.file).exists():
        raise Misuse(
            "in the folder of a bundle it would be a file that nobody signed",
            subject=str(output),
            hint="write it next to the folder",
        )


def has_marks(path: Path, marks: Collection[bytes]) -> bool:
    """True if the beginning of a file has all of some marks; false also if it cannot be read."""
    what = str(path)
    try:
        with opened(path) as descriptor:
            end = min(size_of(descriptor, what=what), _HEAD_BYTES)
            head = read_whole(descriptor, 0, end, limit_bytes=_HEAD_BYTES, what=what)
            return all(mark in head for mark in marks)
    except BundlerError:
        return False


def write_file(output: Path, pieces: Iterable[bytes]) -> FileSum:
    """Writes a report, in place of an older one.

    Raises:
        Misuse, LocalStorage: It cannot be written.
    """
    hasher = hashlib.sha256()
    size_bytes = 0

    def counted() -> Iterator[bytes]:
        nonlocal size_bytes
        for piece in pieces:
            size_bytes += len(piece)
            hasher.update(piece)
            yield piece

    place_pieces_durably(output, counted())
    return FileSum(size_bytes, hasher.hexdigest())
