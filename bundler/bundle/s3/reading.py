"""Reads the objects of bundles: a file in S3 is read by Range, in order, with one answer for many reads.

The network fetches ahead by itself: an answer goes on to the end of what will be read, and waits in the buffers of the
connection. A reader that leaves the order begins a new answer. Small reads share one: `bundler.bundle.s3.near_reads`. A
connection that breaks is opened again at the byte where it broke. The object must stay the same while it is open: its
entity tag is a condition of each further request.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler.bundle.s3.botocore_errors import NoObject, PastTheEnd
from bundler.bundle.s3.client import ObjectFacts, Objects, ObjectStream, s3_client
from bundler.bundle.s3.near_reads import SMALL_READ_BYTES, WINDOW_BYTES, NearReads
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Incomplete, Unavailable
from bundler.texts import text

_BREAKS = 5
"""Connections that may break one after the other without a byte between: S3 answers, and sends nothing."""
_SKIPPED_BYTES = 256 << 10
"""A gap that is read and thrown away: a new request would take longer."""


class S3File:
    """An object that is open for reading. For one thread."""

    descriptor: int | None = None

    def __init__(self, path: S3Path, *, end: int | None = None, near: NearReads | None = None) -> None:
        """Opens nothing yet.

        Args:
            path: The object.
            end: The offset at which reading will end; None for the end of the object.
            near: The reads that a small one may share a request with.
        """
        self._path = path
        self._end = end
        self._near = near
        self._facts: ObjectFacts | None = None
        self._stream: ObjectStream | None = None
        self._position = 0

    def size(self, *, what: str) -> int:
        """As `bundler.core.protocols.OpenFile.size`."""
        if self._facts is None:
            facts = s3_client().facts(self._path)
            if facts is None:
                raise Incomplete("the file is missing", subject=what)
            self._facts = facts
        return self._facts.size_bytes

    def read_into(self, buffers: Sequence[bytearray | memoryview], offset_bytes: int, *, what: str) -> None:
        """As `bundler.core.protocols.OpenFile.read_into`."""
        if self._near is not None and self._read_near(self._near, buffers, offset_bytes, what):
            return
        for buffer in buffers:
            self._fill(memoryview(buffer), offset_bytes, what)
            offset_bytes += len(buffer)

    def close(self) -> None:
        """As `bundler.core.protocols.OpenFile.close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def size_at_start(self, *, what: str) -> int:
        """As `size`, with the request that also begins to send the object."""
        try:
            self._stream_at(0, 0, what)
        except PastTheEnd:  # an empty object has no range
            self._facts = None
        return self.size(what=what)

    def _read_near(
        self, near: NearReads, buffers: Sequence[bytearray | memoryview], offset_bytes: int, what: str
    ) -> bool:
        """Reads all that will be read with its neighbours; False if it is not small, or not there."""
        end = offset_bytes + sum(map(len, buffers))
        if self._stream is not None or end != self._end or end - offset_bytes > SMALL_READ_BYTES:
            return False

        def fetch(begin: int) -> bytearray:
            window = S3File(self._path, end=begin + WINDOW_BYTES)
            try:
                window._stream_at(begin, begin, what)
                content = bytearray(min(WINDOW_BYTES, window.size(what=what) - begin))
                window.read_into([content], begin, what=what)
                return content
            finally:
                window.close()

        found = near.read(s3_client().windows, self._path, offset_bytes, end, fetch)
        if found is None:
            return False
        for buffer in buffers:
            buffer[:], found = found[: len(buffer)], found[len(buffer) :]
        return True

    def _fill(self, view: memoryview, offset_bytes: int, what: str) -> None:
        breaks = 0
        while len(view):
            try:
                count = self._stream_at(offset_bytes, offset_bytes + len(view), what).read_into(view)
                if not count:
                    raise Unavailable("S3 ended its answer early", subject=str(self._path))
            except Unavailable:
                if self._stream is None or breaks == _BREAKS:  # a request that failed was tried often enough
                    raise
                self.close()
                breaks += 1
                continue
            breaks = 0
            self._position += count
            offset_bytes += count
            view = view[count:]

    def _stream_at(self, offset_bytes: int, needed_end: int, what: str) -> ObjectStream:
        """The answer whose next byte is at an offset.

        Raises:
            Damaged: The object is shorter.
        """
        if self._stream is not None and offset_bytes != self._position:
            self._skip_to(offset_bytes)
        if self._facts is not None and needed_end > self._facts.size_bytes:
            raise _truncated(what, needed_end, self._facts.size_bytes)
        if self._stream is None:
            end = None if self._end is None else max(self._end, needed_end)
            etag = self._facts.etag if self._facts else None
            try:
                self._stream = s3_client().open(self._path, offset_bytes, end, etag=etag)
            except NoObject as error:
                raise Incomplete("the file is missing", subject=what) from error
            self._facts, self._position = self._stream.facts, offset_bytes
            if needed_end > self._facts.size_bytes:
                raise _truncated(what, needed_end, self._facts.size_bytes)
        return self._stream

    def _skip_to(self, offset_bytes: int) -> None:
        """Reads on to an offset that is not far; else closes the answer."""
        gap = offset_bytes - self._position
        if self._stream is not None and 0 < gap <= _SKIPPED_BYTES:
            view = memoryview(bytearray(gap))
            while len(view) and (count := self._stream.read_into(view)):
                self._position += count
                view = view[count:]
        if offset_bytes != self._position:
            self.close()


def _truncated(what: str, expected: int, actual: int) -> Damaged:
    return Damaged(
        "the file is truncated",
        subject=what,
        expected=text("{size} bytes", size=expected),
        actual=text("{size} bytes", size=actual),
        hint="copy this file again",
    )


def read_object(path: S3Path, limit_bytes: int) -> bytes:
    """Returns the content of an object, up to a limit.

    Raises:
        Incomplete, Damaged, Refused, Unavailable: There is none, it is larger, or it cannot be read.
    """
    file = S3File(path, end=limit_bytes + 1)
    try:
        size_bytes = file.size_at_start(what=str(path))
        if size_bytes > limit_bytes:
            raise Damaged(
                "the file is too large",
                subject=str(path),
                expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
                actual=text("{size} bytes", size=size_bytes),
            )
        content = bytearray(size_bytes)
        file.read_into([content], 0, what=str(path))
        return bytes(content)
    finally:
        file.close()


def is_started(folder: S3Path) -> bool:
    """True if there are uploads in a place, of a chunk that is not complete. A store that does not tell has none."""
    try:
        return any(upload.path.parent == folder for upload in s3_client().uploads_below(folder))
    except BundlerError:
        return False


def objects_in(folder: S3Path) -> Objects:
    """The objects and "folders" of a place.

    Raises:
        Damaged, Refused, Unavailable: They cannot be listed.
    """
    return s3_client().objects_in(folder)
