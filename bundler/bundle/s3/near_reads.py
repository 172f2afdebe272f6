"""The bytes around small reads of objects in S3, for the next ones: manifests and small layers are neighbours.

A request takes as long as a MiB does. Nothing is given twice: the second one to ask may not believe the bytes. All
bundles that one client reads share its windows: a bundle may have a hundred bases.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import field

from bundler.core.frozen import slotted
from bundler.core.s3_path import S3Path

SMALL_READ_BYTES = 256 << 10
"""The largest read that others share the request of."""
_STEP_BYTES = 1 << 20
"""Windows begin at multiples of this, so that reads in any order share one."""
WINDOW_BYTES = _STEP_BYTES + SMALL_READ_BYTES
"""A window has all of each small read that begins in its step."""
_WINDOWS = 8
"""All windows together have this number times `WINDOW_BYTES`, and what threads fetch just now."""


@slotted
class _Window:
    """Bytes of an object from an offset on, and the offsets in the object of the reads that have had theirs.

    They are for the bundle that asked first: another one was opened at another time, and must not see an older object.
    """

    reader: NearReads
    path: S3Path
    begin: int
    given: set[int] = field(default_factory=set)
    content: bytes | bytearray | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def can_give(self, reader: NearReads, path: S3Path, begin: int) -> bool:
        is_near = begin // _STEP_BYTES * _STEP_BYTES == self.begin
        return is_near and reader is self.reader and path == self.path and begin not in self.given


class Windows:
    """The newest windows of all bundles that one client reads. Thread-safe."""

    def __init__(self) -> None:
        self._newest: deque[_Window] = deque(maxlen=_WINDOWS)
        self._lock = threading.Lock()

    def take(self, reader: NearReads, path: S3Path, begin: int) -> _Window:
        """The window for a read, which takes its bytes from it; perhaps it is empty yet."""
        with self._lock:
            window = next((each for each in self._newest if each.can_give(reader, path, begin)), None)
            if window is None:
                window = _Window(reader, path, begin // _STEP_BYTES * _STEP_BYTES)
                self._newest.append(window)
            window.given.add(begin)
        return window


class NearReads:
    """The small reads of one bundle. Thread-safe: a read waits for a window that another one requests."""

    def read(
        self, windows: Windows, path: S3Path, begin: int, end: int, fetch: Callable[[int], bytes | bytearray]
    ) -> memoryview | None:
        """Returns the bytes between two offsets of an object; None if it is shorter.

        Args:
            windows: Those of the client.
            path: The object.
            begin: The first offset.
            end: The offset after the last byte, at most `SMALL_READ_BYTES` later.
            fetch: Returns the window at an offset.

        Raises:
            BundlerError: That of ``fetch``.
        """
        window = windows.take(self, path, begin)
        with window.lock:
            if window.content is None:
                window.content = fetch(window.begin)
            found = memoryview(window.content)[begin - window.begin : end - window.begin]
        return found if len(found) == end - begin else None
