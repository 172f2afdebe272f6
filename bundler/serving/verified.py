"""Reads blobs so that a damaged one never completes. docs/decisions/0018-serving.md has the reasons.

A blob that is read for the first time is hashed while it is sent: the bytes that are sent are the bytes that were
hashed, and the last piece waits until the digest matches. Then the *verdict* is kept: the blob was whole in files in
this state. While the state of the files is the same, the kernel may send their bytes without us (``sendfile``). If the
state changes, the verdict is void, also in the middle of an answer, whose last piece is then not sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import NamedTuple

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import (
    MANIFEST_BYTES,
    SERVED_LARGE_PIECE_BYTES,
    SERVED_LARGE_PIECES,
    SERVED_PIECE_BYTES,
)
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobsInFiles, FilePart, OpenFile, Passed, Pieces
from bundler.errors import Damaged
from bundler.system.buffers import new_buffer
from bundler.system.files import state_of

_VERDICTS = 100_000
"""Verdicts that are kept; the oldest one goes first."""

_SETTLED_SECONDS = 4.0
"""A file that was changed within this time before it was read may change again without a new time: FAT counts in steps
of two seconds."""


class FileState(NamedTuple):
    """The state of a file: another one means that its bytes may be others."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, file: OpenFile, *, what: str) -> FileState | None:
        """That of an open file; None for one that is not on this machine, whose changes are not seen.

        Raises:
            Damaged: The medium does not answer.
        """
        if file.descriptor is None:
            return None
        found = state_of(file.descriptor, what=what)
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


Verdict = tuple[FileState, ...]
"""The states of the files in which a blob was whole: one for each of its parts."""


class Verdicts:
    """The verdicts on blobs. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[Digest, Verdict] = {}
        self._locks: dict[Digest, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, digest: Digest) -> Verdict | None:
        """The verdict on a blob; None if there is none yet."""
        return self._known.get(digest)

    def keep(self, digest: Digest, verdict: Verdict, *, since: float) -> None:
        """Keeps a verdict, unless a file was changed so shortly before that another change could have the same time.

        Args:
            digest: The blob.
            verdict: The states of its files.
            since: The time before the first byte was read.
        """
        if any(each.changed_ns / 1e9 > since - _SETTLED_SECONDS for each in verdict):
            return
        with self._lock:
            if len(self._known) >= _VERDICTS:
                del self._known[next(iter(self._known))]
            self._known[digest] = verdict

    def drop(self, digest: Digest) -> None:
        """Forgets a verdict that is void."""
        with self._lock:
            self._known.pop(digest, None)

    def alone(self, digest: Digest) -> threading.Lock:
        """The lock of those who verify a blob without sending it, so that it is read once for all of them."""
        with self._lock:
            return self._locks.setdefault(digest, threading.Lock())


class Changed(Damaged):
    """A file is not in the state any more in which the blob was whole."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__("a file was changed after its blob was verified", subject=str(descriptor.digest))


class FileSlice(NamedTuple):
    """Consecutive bytes of an open file: its descriptor, their offset and their number."""

    file: int
    offset_bytes: int
    length_bytes: int


@frozen
class VerifiedBlob:
    """A blob, and the verdicts on it.

    Attributes:
        source: The source that holds it.
        descriptor: Its descriptor.
        verdicts: The verdicts on all blobs.
        passed: Receives the number of bytes of each read; its errors end the read.
    """

    source: BlobsInFiles
    descriptor: Descriptor
    verdicts: Verdicts
    passed: Passed = lambda _: None

    @property
    def is_verified(self) -> bool:
        """True if there is a verdict on it. It may be void."""
        return self.verdicts.find(self.descriptor.digest) is not None

    def parts(self, begin: int, end: int, *, is_hashed: bool) -> Generator[FileSlice | bytes | memoryview, None, None]:
        """Yields some bytes of the blob, as places in files if it was verified before, else as bytes.

        Args:
            begin: The first byte.
            end: The byte after the last one.
            is_hashed: True to hash the whole blob each time that all of it is asked for.

        Raises:
            Damaged, Incomplete, LocalStorage: As `pieces` and `slices`.
        """
        is_whole = (begin, end) == (0, self.descriptor.size_bytes)
        if not self.source.has_few_files and not (is_hashed and is_whole):
            if not is_whole:
                self.verify()
            slices = self._slices_if_unchanged(begin, end)
            first = next(slices, None)
            if first is not None:
                yield first
                yield from slices
                return
        yield from self.pieces(begin, end)

    def _slices_if_unchanged(self, begin: int, end: int) -> Iterator[FileSlice]:
        """Those of `slices`; none if there is no verdict, or a void one."""
        verdict = self.verdicts.find(self.descriptor.digest)
        if verdict is None:
            return
        is_first = True
        try:
            for each in self.slices(verdict, begin, end):
                is_first = False
                yield each
        except Changed:
            if not is_first:
                raise

    def verify(self) -> None:
        """Hashes the blob, if there is no verdict on it yet.

        Raises:
            Damaged, Incomplete, LocalStorage: As `pieces`.
        """
        with self.verdicts.alone(self.descriptor.digest):
            if not self.is_verified:
                for _ in self.pieces(0, 0):
                    raise AssertionError("no byte was asked for")

    def pieces(self, begin: int, end: int) -> Pieces:
        """Yields some bytes of the blob. The last ones come after the digest of the whole blob was found to match.

        Args:
            begin: The first byte.
            end: The byte after the last one.

        Raises:
            Damaged: The digest does not match. Another copy is read the next time, if there is one.
            Incomplete, LocalStorage: The bytes are not here, or cannot be read.
        """
        try:
            with _buffer(self.descriptor.size_bytes) as buffer:
                yield from self._pieces(begin, end, buffer)
        except Damaged:
            self.verdicts.drop(self.descriptor.digest)
            self.source.find_whole(self.descriptor, self.passed)
            raise

    def _pieces(self, begin: int, end: int, buffer: memoryview) -> Pieces:
        digest = self.descriptor.digest
        hasher, held, since, at = digest.hasher(), b"", time.time(), 0
        states: list[FileState | None] = []
        for part in self.source.file_parts(self.descriptor):
            state: FileState | None = None
            for piece, after in _read(part, buffer, is_held=not self.source.has_few_files, what=str(digest)):
                state = after
                hasher.update(piece)
                wanted = piece[max(0, begin - at) : max(0, end - at)]
                at += len(piece)
                self.passed(len(piece))
                if at >= end and len(wanted):
                    held = bytes(wanted)
                elif len(wanted):
                    yield wanted
            states.append(state)
        if hasher.hexdigest() != digest.encoded:
            raise Damaged(
                "the bytes do not match the digest", subject=str(digest), hint="copy this chunk to the medium again"
            )
        verdict = tuple(state for state in states if state is not None)
        if len(verdict) == len(states):
            self.verdicts.keep(digest, verdict, since=since)
        if held:
            yield held

    def slices(self, verdict: Verdict, begin: int, end: int) -> Iterator[FileSlice]:
        """Yields some bytes of the blob as places in files, which stay open until the next one is asked for.

        The last bytes of each file come after its state was compared again.

        Args:
            verdict: The states that the files must have.
            begin: The first byte.
            end: The byte after the last one.

        Raises:
            Changed: A file has another state. The verdict is void.
            Damaged, Incomplete: The bytes are not here any more.
        """
        at, what = 0, str(self.descriptor.digest)
        for part, state in zip(self.source.file_parts(self.descriptor), verdict, strict=True):
            first, last = max(begin, at) - at, min(end, at + part.length_bytes) - at
            at += part.length_bytes
            if first >= last:
                continue
            held = max(first, last - SERVED_PIECE_BYTES)
            with part.opened() as file:
                for start, stop in ((first, held), (held, last)):
                    if FileState.of(file, what=what) != state:
                        self.verdicts.drop(self.descriptor.digest)
                        raise Changed(self.descriptor)
                    if start < stop:
                        yield FileSlice(_descriptor_of(file), part.offset_bytes + start, stop - start)

    def read(self) -> bytes:
        """A manifest: all its bytes, hashed each time.

        Raises:
            Damaged, Incomplete, LocalStorage: As `pieces`; or it is too large.
        """
        if self.descriptor.size_bytes > MANIFEST_BYTES:
            raise Damaged("the manifest is too large", subject=str(self.descriptor.digest))
        return b"".join(map(bytes, self.pieces(0, self.descriptor.size_bytes)))


_large_buffers = threading.BoundedSemaphore(SERVED_LARGE_PIECES)


@contextmanager
def _buffer(size_bytes: int) -> Iterator[memoryview]:
    """A buffer for the pieces of a blob of this size. A few blobs that are read at a time have large ones."""
    is_large = size_bytes > SERVED_PIECE_BYTES and _large_buffers.acquire(blocking=False)
    try:
        yield new_buffer(min(SERVED_LARGE_PIECE_BYTES if is_large else SERVED_PIECE_BYTES, size_bytes))
    finally:
        if is_large:
            _large_buffers.release()


def _descriptor_of(file: OpenFile) -> int:
    assert file.descriptor is not None, "there are verdicts on files of this machine only"
    return file.descriptor


def _read(
    part: FilePart, buffer: memoryview, *, is_held: bool, what: str
) -> Iterator[tuple[memoryview, FileState | None]]:
    """Reads a part of a blob. Each piece comes with the state of the file; None if it changed during the read.

    Args:
        part: The part.
        buffer: Holds each piece until the next one is asked for.
        is_held: True if the file stays open for all pieces.
        what: The name of the blob, for errors.
    """
    before: FileState | None = None
    with ExitStack() as stack:
        kept = stack.enter_context(part.opened()) if is_held else None
        for begin in range(0, part.length_bytes, len(buffer)):
            view = buffer[: part.length_bytes - begin]
            with part.opened() if kept is None else nullcontext(kept) as file:
                before = before or FileState.of(file, what=what)
                file.read_into([view], part.offset_bytes + begin, what=what)
                after = FileState.of(file, what=what)
            yield view, after if after == before else None
