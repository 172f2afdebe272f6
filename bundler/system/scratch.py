"""Bytes that must be put down for a while, in files without a name: they vanish with the process, whatever ends it.

What needs them: sources whose blobs have to be made or unpacked before their sizes are known, and encrypted chunks.
"""

from __future__ import annotations

import errno
import os
import resource
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from bundler.errors import LocalStorage
from bundler.texts import text


class Scratch:
    """A folder for unnamed files, and how much is in them. Thread-safe."""

    def __init__(self, folder: Path, *, is_measuring: bool = False) -> None:
        """Makes nothing yet.

        Args:
            folder: Where the files will be.
            is_measuring: Nothing is kept, but what would be is counted: for a plan.
        """
        self.folder = folder
        self.is_measuring = is_measuring
        _allow_many_files()
        self.peak_bytes = 0
        self._used_bytes = 0
        self._lock = threading.Lock()

    def file(self) -> ScratchFile:
        """A new file, empty.

        Raises:
            LocalStorage: The folder takes none.
        """
        if self.is_measuring:
            return ScratchFile(self, -1)
        try:
            descriptor, name = tempfile.mkstemp(prefix="bundler-", dir=self.folder)
        except OSError as error:
            raise self.unwritable(error) from error
        file = ScratchFile(self, descriptor)
        try:
            os.unlink(name)
        except OSError as error:
            file.close()
            raise self.unwritable(error) from error
        return file

    def count(self, amount_bytes: int) -> None:
        """Notes that files have grown, or shrunk if negative."""
        with self._lock:
            self._used_bytes += amount_bytes
            self.peak_bytes = max(self.peak_bytes, self._used_bytes)

    def unwritable(self, error: OSError) -> LocalStorage:
        """The error for bytes that the folder does not take."""
        if error.errno == errno.EMFILE:
            return LocalStorage("too many open files", subject="scratch", hint="raise the limit: ulimit -n")
        refusal = LocalStorage.unwritable(error, text("scratch in {folder}", folder=self.folder))
        refusal.hint = "choose a folder with more room with --scratch DIR"
        return refusal


class ScratchFile:
    """A file without a name; for one thread at a time to write, for many to read."""

    def __init__(self, scratch: Scratch, descriptor: int) -> None:
        self._scratch = scratch
        self.descriptor = descriptor
        self.size_bytes = 0
        self._released_bytes = 0
        self._is_closed = False

    def write(self, data: bytes | memoryview) -> None:
        """Appends bytes.

        Raises:
            LocalStorage: There is no room, or the device fails.
        """
        view = memoryview(data)
        try:
            while len(view):
                written = len(view) if self._scratch.is_measuring else os.pwrite(self.descriptor, view, self.size_bytes)
                self.size_bytes += written
                self._scratch.count(written)
                view = view[written:]
        except OSError as error:
            raise self._scratch.unwritable(error) from error

    @property
    def where(self) -> str:
        """What people call it: the folder that it is in."""
        return text("scratch in {folder}", folder=self._scratch.folder)

    def unreadable(self, error: OSError) -> LocalStorage:
        """The error for bytes that were put down here and cannot be had back."""
        hint = "choose a folder on another device with --scratch DIR"
        return LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=self.where, hint=hint)

    def release(self, end_bytes: int) -> None:
        """Gives back the room of all bytes before an offset, which nobody will read again.

        Where the file system cannot do that, they stay until `close`.
        """
        if self.descriptor >= 0 and end_bytes > self._released_bytes and _punch(self.descriptor, end_bytes):
            self._scratch.count(self._released_bytes - end_bytes)
            self._released_bytes = end_bytes

    def close(self) -> None:
        """Gives all room back. Idempotent."""
        if self.descriptor >= 0:
            with suppress(OSError):  # nobody wants its bytes any more
                os.close(self.descriptor)
            self.descriptor = -1
        if not self._is_closed:
            self._is_closed = True
            self._scratch.count(self._released_bytes - self.size_bytes)


def _allow_many_files() -> None:
    """Raises the limit of open files as far as may be: each blob in scratch is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _punch(descriptor: int, end_bytes: int) -> bool:
    """Makes a hole of the beginning of a file; Python's own `os` cannot. Source: fallocate(2)."""
    import ctypes

    keep_size, punch_hole = 0x01, 0x02
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
    return bool(fallocate(descriptor, punch_hole | keep_size, 0, end_bytes) == 0)
