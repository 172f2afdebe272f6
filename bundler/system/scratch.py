"""Temporary bytes in files without a name, which vanish with the process, however it ends.

Two kinds of data need them: blobs of sources that must be made or unpacked before their sizes are known, and encrypted
chunks.
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
    """A folder for unnamed files. Counts the bytes in them. Thread-safe."""

    def __init__(self, folder: Path, *, is_measuring: bool = False) -> None:
        """Makes no file yet.

        Args:
            folder: The folder of the files.
            is_measuring: Count bytes without writing them: for a plan.
        """
        self.folder = folder
        self.is_measuring = is_measuring
        _allow_many_files()
        self.peak_bytes = 0
        self._used_bytes = 0
        self._lock = threading.Lock()

    def file(self) -> ScratchFile:
        """Makes a new, empty file.

        Raises:
            LocalStorage: The folder refuses it.
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
        """Records that files have grown, or shrunk if negative."""
        with self._lock:
            self._used_bytes += amount_bytes
            self.peak_bytes = max(self.peak_bytes, self._used_bytes)

    def unwritable(self, error: OSError) -> LocalStorage:
        """Returns the error for bytes that the folder refuses."""
        if error.errno == errno.EMFILE:
            return LocalStorage("too many open files", subject="scratch", hint="raise the limit: ulimit -n")
        refusal = LocalStorage.unwritable(error, text("scratch in {folder}", folder=self.folder))
        return refusal.but(hint="choose a folder with more room with --scratch DIR")


class ScratchFile:
    """A file without a name. One thread at a time may write, many may read."""

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
        """The name of the file for people: its folder."""
        return text("scratch in {folder}", folder=self._scratch.folder)

    def unreadable(self, error: OSError) -> LocalStorage:
        """Returns the error for bytes that were written here and cannot be read again."""
        hint = "choose a folder on another device with --scratch DIR"
        return LocalStorage(text("cannot be read: {reason}", reason=error.strerror), subject=self.where, hint=hint)

    def release(self, end_bytes: int) -> None:
        """Frees the space of all bytes before an offset. Nobody may read them again.

        On file systems that cannot do this, the space is freed by `close`.
        """
        if self.descriptor >= 0 and end_bytes > self._released_bytes and _punch(self.descriptor, end_bytes):
            self._scratch.count(self._released_bytes - end_bytes)
            self._released_bytes = end_bytes

    def close(self) -> None:
        """Frees all space. Idempotent."""
        if self.descriptor >= 0:
            with suppress(OSError):  # its bytes are not needed any more
                os.close(self.descriptor)
            self.descriptor = -1
        if not self._is_closed:
            self._is_closed = True
            self._scratch.count(self._released_bytes - self.size_bytes)


def _allow_many_files() -> None:
    """Raises the limit of open files as far as allowed: each blob in scratch is an open file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _punch(descriptor: int, end_bytes: int) -> bool:
    """Makes a hole at the start of a file, which Python's `os` cannot. Source: fallocate(2)."""
    import ctypes

    keep_size, punch_hole = 0x01, 0x02
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong)
    return bool(fallocate(descriptor, punch_hole | keep_size, 0, end_bytes) == 0)
