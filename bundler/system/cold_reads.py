"""Reads bytes that are not in memory without the page cache (``O_DIRECT``), from media that are fast.

A new page of the cache can cost more than the hash of its bytes: a virtual machine may have to get it from its host.
Bytes that are in memory, as after a check of the bundle, come from there. A slow medium is read through the cache, so
that no other command has to wait for it again. See decision 0036.

Trying decides, not the name of the file system: after a refusal, or some slow reads, all is read through the cache.
"""

from __future__ import annotations

import os
import threading
import time
from functools import lru_cache
from typing import Any

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import OpenFile
from bundler.system.files import let_go

_BLOCK_BYTES = 512
"""Offsets are multiples of this, as all members of a tar are. A device with larger blocks refuses them."""

_TRIED_BYTES = 8 << 20
_TRIED_SECONDS = 0.1
"""A medium that needs more time for the first bytes is a stick or a disc: it reads less than 80 MiB/s, or 160 for two
threads together."""

_CACHESTAT = 451
"""The number of cachestat(2), which Linux 6.5 has; the C library has no name for it."""


class ColdReads:
    """The direct reads of the files of one bundle. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works = True
        """False when a read was refused, or when the medium proved slow."""
        self._read_bytes = 0
        self._read_seconds = 0.0

    def read(self, file: OpenFile, view: memoryview, offset_bytes: int) -> bool:
        """Fills a whole piece with bytes that are not in memory.

        Args:
            file: The file.
            view: Starts at the start of a memory page.
            offset_bytes: The offset of the bytes in the file.

        Returns:
            False if the bytes are to be read in the usual way, which also reports what is wrong with them.
        """
        descriptor = file.descriptor
        if not self._works or descriptor is None or len(view) != PIECE_BYTES or offset_bytes % _BLOCK_BYTES:
            return False
        if cached_bytes(descriptor, offset_bytes, len(view)) > len(view) // 2:
            return False
        began = time.monotonic()
        try:
            direct = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
            try:
                done = os.preadv(direct, [view], offset_bytes)
            finally:
                let_go(direct)
        except OSError:  # also with too many open files, or without /proc
            self._works = False
            return False
        self._note(done, time.monotonic() - began)
        return done == len(view)

    def _note(self, done_bytes: int, seconds: float) -> None:
        """Judges the medium by its first bytes."""
        with self._lock:
            if self._read_bytes < _TRIED_BYTES:
                self._read_bytes += done_bytes
                self._read_seconds += seconds
                self._works = self._works and self._read_seconds <= _TRIED_SECONDS


def cached_bytes(descriptor: int, offset_bytes: int, size_bytes: int) -> int:
    """Returns how many bytes of a part of a file are in memory; all if the kernel does not say."""
    import ctypes

    wanted, found = (ctypes.c_uint64 * 2)(offset_bytes, size_bytes), (ctypes.c_uint64 * 5)()
    if _system_call()(_CACHESTAT, descriptor, ctypes.byref(wanted), ctypes.byref(found), 0):
        return size_bytes
    return int(found[0]) * os.sysconf("SC_PAGESIZE")


@lru_cache(maxsize=1)
def _system_call() -> Any:
    import ctypes

    return ctypes.CDLL(None).syscall
