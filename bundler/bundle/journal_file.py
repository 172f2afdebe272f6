"""The file of an export's journal, beside the folder that it is about: read, begun, added to. What it says is in
`bundler.core.journal`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bundler.bundle.files import append_durably, is_there, let_go, read_with_facts, remove, sync_folder, write_durably
from bundler.bundle.journal_key import JournalKey
from bundler.core.journal import (
    Chain,
    DoneChunk,
    ExportStart,
    Journal,
    again_line,
    done_line,
    parse_journal,
    start_line,
)
from bundler.core.limits import JOURNAL_BYTES
from bundler.errors import Damaged, LocalStorage
from bundler.system.ownership import refuse_foreign, refuse_foreign_name


class JournalFile:
    """The journal of one export. Reading is for anybody, the rest for who holds the lock. Thread-safe."""

    def __init__(self, path: Path, key: JournalKey) -> None:
        self.path = path
        self.done: dict[int, DoneChunk] = {}
        """The chunks that are on the device, by number."""
        self.unkept: str | None = None
        """Why the next run cannot know this journal for ours; None if it can."""
        self._key = key
        self._chain = Chain(b"")
        self._descriptor = -1
        self._lock = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether there is such a file."""
        return is_there(self.path)

    def read(self) -> Journal | None:
        """What it says; None if there is none.

        Raises:
            Misuse: The file is not ours.
            Damaged: It cannot be read, was changed, or is not of an export that this user began on this machine.
            LocalStorage: It may not be read.
        """
        if not self.is_there:
            return None
        refuse_foreign_name(self.path)
        content, facts = read_with_facts(self.path, JOURNAL_BYTES)
        refuse_foreign(facts, self.path)
        key = self._key.read()
        if key is None:
            raise Damaged("the secret of this export is missing", subject=str(self.path))
        return parse_journal(content, key)

    def begin(self, begun: ExportStart) -> None:
        """Makes it, with its first line.

        Raises:
            LocalStorage: It cannot be written.
        """
        key, self.unkept = self._key.make()
        chain = Chain(key)
        line = start_line(chain, begun)
        write_durably(self.path, [line])
        sync_folder(self.path.parent)
        self._open()
        self._chain = chain.after(line)

    def go_on(self, journal: Journal) -> None:
        """Adds to what was read of it.

        Raises:
            Misuse: The file is not ours.
            LocalStorage: It cannot be written.
        """
        self._open()
        try:
            os.ftruncate(self._descriptor, journal.whole_bytes)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        self._chain = journal.chain
        self.done = dict(journal.done)

    def note_done(self, number: int, chunk: DoneChunk) -> None:
        """Writes down that a chunk is on the device.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            self._add(lambda chain: done_line(chain, number, chunk))
            self.done[number] = chunk

    def take_back(self, number: int) -> None:
        """Writes down that a chunk is about to be written again; does nothing if it was not done.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            if number in self.done:
                self._add(lambda chain: again_line(chain, number))
                del self.done[number]

    def remove(self) -> None:
        """Removes it: the export is finished, or to be begun anew. Its secret goes first.

        Raises:
            Misuse: It is not ours.
            LocalStorage: It cannot be removed.
        """
        self.close()
        refuse_foreign_name(self.path)
        self._key.remove()
        remove(self.path)

    def close(self) -> None:
        """Lets go of the file. Idempotent."""
        if self._descriptor >= 0:
            with suppress(OSError):  # every line was brought to the device when it was written
                os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, line_in: Callable[[Chain], bytes]) -> None:
        line = line_in(self._chain)
        append_durably(self._descriptor, line, what=str(self.path))
        self._chain = self._chain.after(line)

    def _open(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            refuse_foreign_name(self.path)
            raise LocalStorage.unwritable(error, str(self.path)) from error
        try:
            refuse_foreign(os.fstat(descriptor), self.path)
        except BaseException:
            let_go(descriptor)
            raise
        self._descriptor = descriptor
