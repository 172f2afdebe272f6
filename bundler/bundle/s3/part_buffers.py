"""The memory of parts that are filled and sent: a buffer that was sent is filled again.

A new buffer of some MiB costs zeros, and pages of memory that the system gives and takes: a fifth of the time of an
export. A buffer that is used again has old bytes.
"""

from __future__ import annotations

import threading

from bundler.core.limits import S3_PART_BYTES

_SPARE = 16
"""The largest number of buffers that wait: more are never sent and filled at a time."""


class PartBuffers:
    """Buffers of one size, those of most parts. Thread-safe."""

    def __init__(self) -> None:
        """Has none yet."""
        self._spare: list[bytearray] = []
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bytearray:
        """Returns a buffer, whose bytes are any: all of them must be written."""
        if size_bytes == S3_PART_BYTES:
            with self._lock:
                if self._spare:
                    return self._spare.pop()
        return bytearray(size_bytes)

    def give_back(self, buffer: bytearray) -> None:
        """Takes a buffer that nobody uses any more."""
        if len(buffer) == S3_PART_BYTES:
            with self._lock:
                if len(self._spare) < _SPARE:
                    self._spare.append(buffer)
