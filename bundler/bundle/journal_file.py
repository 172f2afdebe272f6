"""The journal file of an export, next to the partial bundle. `bundler.core.journal` parses and formats its lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from bundler.bundle.journal_key import JournalKey
from bundler.core.frozen import frozen
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
from bundler.system.durable_files import append_durably, remove, sync_folder, write_durably
from bundler.system.files import is_there, let_go, read_with_facts
from bundler.system.ownership import refuse_foreign, refuse_foreign_name


@frozen
class JournalFile:
    """The journal file of one export. Any process may read it; only the process that holds the lock may do the rest.

    Attributes:
        path: The file.
        key: The secret of the export.
    """

    path: Path
    key: JournalKey

    def read(self) -> Journal | None:
        """Reads the journal; None if there is none.

        Raises:
            Misuse: The file is not ours.
            Damaged: It cannot be read, was changed, or belongs to no export that this user started on this machine.
            LocalStorage: There is no permission to read it.
        """
        if not is_there(self.path):
            return None
        refuse_foreign_name(self.path)
        content, facts = read_with_facts(self.path, JOURNAL_BYTES)
        refuse_foreign(facts, self.path)
        key = self.key.read()
        if key is None:
            raise Damaged("the secret of this export is missing", subject=str(self.path))
        return parse_journal(content, key)

    def start(self, start: ExportStart) -> OpenJournal:
        """Creates the journal with its first line, in place of an old one.

        Raises:
            Misuse: The old file is not ours.
            LocalStorage: It cannot be written.
        """
        self.remove()
        key, unkept = self.key.make()
        chain = Chain(key)
        line = start_line(chain, start)
        write_durably(self.path, [line])
        sync_folder(self.path.parent)
        return OpenJournal(self.path, self._open(), chain.after(line), {}, unkept)

    def resume(self, journal: Journal) -> OpenJournal:
        """Opens the journal that `read` returned, to add lines.

        Raises:
            Misuse: The file is not ours.
            LocalStorage: It cannot be written.
        """
        descriptor = self._open()
        try:
            os.ftruncate(descriptor, journal.whole_bytes)
        except OSError as error:
            let_go(descriptor)
            raise LocalStorage.unwritable(error, str(self.path)) from error
        return OpenJournal(self.path, descriptor, journal.chain, journal.done)

    def remove(self) -> None:
        """Removes the secret of the journal, then the journal: its export is finished, or starts again.

        Raises:
            Misuse: It is not ours.
            LocalStorage: It cannot be removed.
        """
        refuse_foreign_name(self.path)
        self.key.remove()
        remove(self.path)

    def _open(self) -> int:
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
        return descriptor


class OpenJournal:
    """A journal that takes more lines. Thread-safe."""

    def __init__(
        self,
        path: Path,
        descriptor: int,
        chain: Chain,
        done: Mapping[int, DoneChunk],
        unkept: str | None = None,
    ) -> None:
        """Takes over an open file.

        Args:
            path: The file.
            descriptor: The descriptor of the file, open to append; `close` closes it.
            chain: The state of the authentication codes, for the next line.
            done: The chunks that are on the device, by number.
            unkept: The reason if the next run cannot recognise this journal as ours; None if it can.
        """
        self.done = dict(done)
        self.unkept = unkept
        self._path = path
        self._descriptor = descriptor
        self._chain = chain
        self._lock = threading.Lock()

    def note_done(self, number: int, chunk: DoneChunk) -> None:
        """Notes in the journal that a chunk is on the device.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            self._add(lambda chain: done_line(chain, number, chunk))
            self.done[number] = chunk

    def take_back(self, number: int) -> None:
        """Notes in the journal that a chunk is about to be written again. Does nothing if it was not done.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            if number in self.done:
                self._add(lambda chain: again_line(chain, number))
                del self.done[number]

    def close(self) -> None:
        """Closes the file. Idempotent."""
        if self._descriptor >= 0:
            with suppress(OSError):  # every line was flushed to the device when it was written
                os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, line_in: Callable[[Chain], bytes]) -> None:
        line = line_in(self._chain)
        append_durably(self._descriptor, line, what=str(self._path))
        self._chain = self._chain.after(line)
