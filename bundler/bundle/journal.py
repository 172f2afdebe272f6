"""The file of an export's journal, beside the folder that it is about: read, begun, added to. What it says is in
`bundler.core.journal`.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from bundler.bundle.files import append_durably, is_there, read_bounded, remove, sync_folder, write_durably
from bundler.core.journal import Begun, DoneChunk, Journal, again_line, begun_line, done_line, parse_journal
from bundler.core.limits import JOURNAL_BYTES
from bundler.errors import LocalStorage


class JournalFile:
    """The journal of one export. Reading is for anybody, the rest for who holds the lock. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[int, DoneChunk] = {}
        """The chunks that are on the device, by number."""
        self._descriptor = -1
        self._lock = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether there is such a file."""
        return is_there(self.path)

    def read(self) -> Journal | None:
        """What it says; None if there is none.

        Raises:
            Damaged: It cannot be read, or was changed.
            LocalStorage: It may not be read.
        """
        if not self.is_there:
            return None
        return parse_journal(read_bounded(self.path, JOURNAL_BYTES))

    def begin(self, begun: Begun) -> None:
        """Makes it, with its first line.

        Raises:
            LocalStorage: It cannot be written.
        """
        write_durably(self.path, [begun_line(begun)])
        sync_folder(self.path.parent)
        self._open()

    def go_on(self, journal: Journal) -> None:
        """Adds to what was read of it.

        Raises:
            LocalStorage: It cannot be written.
        """
        self._open()
        try:
            os.ftruncate(self._descriptor, journal.whole_bytes)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        self.done = dict(journal.done)

    def note_done(self, number: int, chunk: DoneChunk) -> None:
        """Writes down that a chunk is on the device.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            self._add(done_line(number, chunk))
            self.done[number] = chunk

    def take_back(self, number: int) -> None:
        """Writes down that a chunk is about to be written again; does nothing if it was not done.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            if number in self.done:
                self._add(again_line(number))
                del self.done[number]

    def remove(self) -> None:
        """Removes it: the export is finished, or to be begun anew.

        Raises:
            LocalStorage: It cannot be removed.
        """
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Lets go of the file. Idempotent."""
        if self._descriptor >= 0:
            with suppress(OSError):  # every line was brought to the device when it was written
                os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, line: bytes) -> None:
        append_durably(self._descriptor, line, what=str(self.path))

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
