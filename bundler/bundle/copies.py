"""Finds the file that holds a chunk: the file of its name, or a file with its bytes and any other name.

The content of a file is verified, so its name needs no trust. If there is no file of a name, or it has other bytes,
files of the chunk's size are compared with its SHA-256 in SHA256SUMS. Each is read once.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bundler.bundle.file_system import UNREADABLE, opened
from bundler.bundle.listing import Entry, Listing
from bundler.core.frozen import frozen
from bundler.core.limits import STUB_BYTES
from bundler.core.manifest import Chunk
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, Incomplete
from bundler.system.bundle_paths import BundlePath
from bundler.system.files import sha256_of_file
from bundler.texts import text


@frozen
class BadCopy:
    """A file that should hold a chunk and cannot be used, and the reason."""

    path: BundlePath
    error: BundlerError


@frozen
class GivenUp:
    """A copy of a chunk that proved bad, and the copy that is read in its place."""

    file: str
    bad: BundlePath
    used: BundlePath


@frozen
class ChunkState:
    """A chunk and the files that were found for it.

    Attributes:
        chunk: The chunk as the bundle manifest lists it.
        paths: The files that hold it, as far as is known; the first one is used. The others are in other folders, or
            have other names.
        bad: The files of its name that cannot be used.
        is_gap: True if the chunks before and after it are in one folder: it was there too, and was removed.
    """

    chunk: Chunk
    paths: tuple[BundlePath, ...] = ()
    bad: tuple[BadCopy, ...] = ()
    is_gap: bool = False

    @property
    def path(self) -> BundlePath | None:
        """The copy that is used."""
        return self.paths[0] if self.paths else None

    @property
    def is_absent(self) -> bool:
        """True if there is no file of its name and no file that holds it."""
        return not self.paths and not self.bad

    @property
    def is_elsewhere(self) -> bool:
        """True if it is not here, and may be on another medium."""
        return self.is_absent and not self.is_gap

    @property
    def problem(self) -> BundlerError | None:
        """The reason if it cannot be used; None if it can."""
        if self.paths:
            return None
        return self.bad[0].error if self.bad else self._absence

    @property
    def _absence(self) -> Incomplete:
        file = self.chunk.file
        hint = (
            text("copy {file} to the medium again; a virus scanner may have removed it", file=file)
            if self.is_gap
            else text("copy {file} here, or give its medium", file=file)
        )
        return Incomplete("the chunk is missing", subject=file, hint=hint, code="incomplete")

    @property
    def bad_copies(self) -> tuple[BundlerError, ...]:
        """The reasons for which further copies cannot be used."""
        return tuple(each.error for each in (self.bad if self.paths else self.bad[1:]))


def find_chunks(listings: Sequence[Listing], chunks: Sequence[Chunk]) -> tuple[ChunkState, ...]:
    """Finds the chunks by their names, without reading them."""
    states = [_find_chunk(listings, chunk) for chunk in chunks]
    # If the chunks are spread over two media, every second one is absent from each.
    if _GAPS_AT_MOST * sum(state.is_absent for state in states) > len(states):
        return tuple(states)
    return tuple(replace(state, is_gap=_is_gap(states, number)) for number, state in enumerate(states))


def _find_chunk(listings: Iterable[Listing], chunk: Chunk) -> ChunkState:
    """Finds the copies of a chunk in the folders by its name."""
    usable: dict[Hashable, BundlePath] = {}
    bad = []
    for listing in listings:
        entry = listing.find(chunk.file)
        if entry is None:
            continue
        try:
            size_bytes = _size_of(entry.path)
        except BundlerError as error:
            bad.append(BadCopy(entry.path, error))
            continue
        if size_bytes == chunk.size_bytes:
            usable.setdefault(entry.identity, entry.path)  # a folder that was given twice has one copy
        else:
            bad.append(BadCopy(entry.path, _of_another_size(entry.path, chunk, size_bytes)))
    return ChunkState(chunk, tuple(usable.values()), tuple(bad))


def _size_of(path: BundlePath) -> int:
    with opened(path) as file:
        return file.size(what=str(path))


def _is_gap(states: Sequence[ChunkState], number: int) -> bool:
    before, after = states[max(0, number - 1)].path, states[min(number + 1, len(states) - 1)].path
    is_between = before is not None and after is not None and before.parent == after.parent
    return states[number].is_absent and is_between


_GAPS_AT_MOST = 3
"""At most one of this many chunks counts as removed; if more are absent, they are elsewhere."""


def _of_another_size(path: BundlePath, chunk: Chunk, size_bytes: int) -> Damaged:
    is_cut = size_bytes < chunk.size_bytes
    hint = text("copy {file} again", file=chunk.file)
    if is_cut and size_bytes <= STUB_BYTES:
        hint = text("copy {file} again; a virus scanner may have replaced it", file=chunk.file)
    return Damaged(
        "the chunk is truncated" if is_cut else "the chunk is too long",
        subject=str(path),
        expected=text("{size} bytes", size=chunk.size_bytes),
        actual=text("{size} bytes", size=size_bytes),
        hint=hint,
    )


class Contents:
    """The SHA-256 of files. Each file is read once, for any number of requests. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[BundlePath, str | None] = {}
        self._lock = threading.Lock()

    def is_known(self, path: BundlePath) -> bool:
        """True if a file was read already."""
        return path in self._known

    def sha256(self, path: BundlePath, size_bytes: int, passed: Passed) -> str | None:
        """The SHA-256 of a file, in hex; None if it cannot be read.

        Args:
            path: The file.
            size_bytes: A larger file is not read.
            passed: Receives every number of bytes that was read; its errors pass through.
        """
        with self._lock:
            if path not in self._known:
                self._known[path] = _sha256(path, size_bytes, passed)
            return self._known[path]


def _sha256(path: BundlePath, size_bytes: int, passed: Passed) -> str | None:
    try:
        with opened(path) as file:
            return sha256_of_file(file, what=str(path), limit_bytes=size_bytes, passed=passed)
    except UNREADABLE:
        return None  # another check reports the reason, if the file matters


def begins_with(path: BundlePath, expected: bytes) -> bool:
    """True if a file starts with some bytes."""
    found = bytearray(len(expected))
    try:
        with opened(path, end=len(found)) as file:
            file.read_into([found], 0, what=str(path))
    except UNREADABLE:
        return False
    return found == expected


def other_files(listings: Iterable[Listing], state: ChunkState) -> Iterator[BundlePath]:
    """The files of a chunk's size that are not known to hold it."""
    for listing in listings:
        for entry in listing.entries.values():
            if entry.is_file and entry.size_bytes == state.chunk.size_bytes and entry.path not in state.paths:
                yield entry.path


def other_names(states: Iterable[ChunkState]) -> list[tuple[str, BundlePath]]:
    """The files that hold a chunk under a name that is not its own, each with the chunk's own name."""
    return [(state.chunk.file, path) for state in states for path in state.paths if path.name != state.chunk.file]


def misnamed(listings: Iterable[Listing], states: Iterable[ChunkState]) -> list[Entry]:
    """The files with the size of a chunk, and without the name of a chunk of that size: only reading them helps."""
    states = tuple(states)
    sizes = {state.chunk.size_bytes for state in states}
    named = {path for state in states for path in state.paths}
    found: dict[Hashable, Entry] = {}
    known = {entry.identity for listing in listings for entry in listing.entries.values() if entry.path in named}
    for listing in listings:
        for entry in listing.entries.values():
            if entry.is_file and entry.size_bytes in sizes and entry.identity not in known:
                found.setdefault(entry.identity, entry)
    return list(found.values())


def identified(
    unknown: Iterable[Entry],
    states: Sequence[ChunkState],
    sums: Mapping[str, str],
    contents: Contents,
    passed: Passed,
) -> tuple[ChunkState, ...]:
    """Returns the chunks, with the files of `misnamed` that hold one.

    Args:
        unknown: The files, whose SHA-256 is taken.
        states: The chunks by their names.
        sums: SHA-256 by file name, as it was signed.
        contents: Remembers what was read.
        passed: As for `Contents.sha256`.
    """
    by_digest = {sums[state.chunk.file]: number for number, state in enumerate(states)}
    held: dict[BundlePath, int] = {}
    paths: dict[int, list[BundlePath]] = {}
    for entry in unknown:
        number = by_digest.get(contents.sha256(entry.path, entry.size_bytes, passed) or "")
        if number is not None:
            held[entry.path] = number
            paths.setdefault(number, []).append(entry.path)
    return tuple(_with_held(states, number, paths.get(number, ()), held) for number in range(len(states)))


def _with_held(
    states: Sequence[ChunkState], number: int, found: Iterable[BundlePath], held: Mapping[BundlePath, int]
) -> ChunkState:
    """Returns a chunk with the files that hold it. A file of its name that holds another chunk is no bad copy."""
    state = states[number]
    paths = (*state.paths, *found)
    bad = tuple(each for each in state.bad if each.path not in held)
    if not paths and not bad and state.bad:
        path = state.bad[0].path
        bad = (BadCopy(path, other_under_its_name(state.chunk.file, states[held[path]].chunk.file)),)
    return replace(state, paths=paths, bad=bad)


def other_under_its_name(file: str, other: str) -> Damaged:
    """The error for a chunk whose name another chunk has."""
    hint = text("{other} was copied over {file}: copy {file} to the medium again", file=file, other=other)
    return Damaged(text("this is {other} under another name", other=other), subject=file, hint=hint)
