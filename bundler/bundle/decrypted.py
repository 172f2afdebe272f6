"""Keeps a few decrypted chunks in scratch files, for any number of readers.

A chunk is decrypted when it is first requested, and stays until its space is needed. So a reader that follows the order
of the chunks has each chunk decrypted once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bundler.bundle.copies import GivenUp
from bundler.core.digest import Digest
from bundler.core.frozen import slotted
from bundler.core.protocols import OpenFile
from bundler.errors import Damaged, Incomplete
from bundler.system.files import LocalFile, read_into
from bundler.system.scratch import Scratch, ScratchFile


@slotted
class _Held:
    """A chunk in scratch and the number of its readers; it has no file while it is being decrypted."""

    file: ScratchFile | None = None
    readers: int = 0


@contextmanager
def reading(file: ScratchFile) -> Generator[int, None, None]:
    """The file descriptor of a scratch file. A read error there is no fault of the medium.

    Raises:
        LocalStorage: It cannot be read.
    """
    try:
        yield file.descriptor
    except Damaged as error:
        if isinstance(error.__cause__, OSError):
            raise file.unreadable(error.__cause__) from error
        raise


class DecryptedChunks:
    """The decrypted chunks of an encrypted bundle. Thread-safe."""

    def __init__(
        self, decrypt: Callable[[int, ScratchFile], GivenUp | None], scratch: Scratch, *, at_a_time: int
    ) -> None:
        """Starts without any chunk.

        Args:
            decrypt: Writes a chunk, by its number, into a new file. Returns the first copy of it, if another was used.
            scratch: The place for the files.
            at_a_time: The number of chunks that may be there. Each thread may read one at a time; a thread with two
                could wait for ever.
        """
        self.scratch = scratch
        self.at_a_time = at_a_time
        self.given_up: list[GivenUp] = []
        self._decrypt = decrypt
        self._held: dict[int, _Held] = {}
        self._failed: dict[int, Damaged | Incomplete] = {}
        self._changed = threading.Condition()
        self._remembered: dict[Digest, tuple[int, int]] = {}
        self._memory: ScratchFile | None = None

    @contextmanager
    def opened(self, number: int) -> Generator[OpenFile, None, None]:
        """A decrypted chunk, open for reading, valid until the context ends.

        Raises:
            Damaged, Incomplete: The chunk is not as it should be. It is not tried again.
            LocalStorage: There is no room.
        """
        held = self._take(number)
        assert held.file is not None
        try:
            with reading(held.file) as descriptor:
                yield LocalFile(descriptor)
        finally:
            with self._changed:
                held.readers -= 1
                self._changed.notify_all()

    def remember(self, digest: Digest, read: Callable[[], bytes]) -> bytes:
        """Returns some small content: `read` supplies it at the first request, a scratch file from then on."""
        with self._changed:
            place = self._remembered.get(digest)
        if place is not None and self._memory is not None:
            content = bytearray(place[1])
            with reading(self._memory) as descriptor:
                read_into(descriptor, [content], place[0], what="scratch")
            return bytes(content)
        found = read()
        with self._changed:
            if self._memory is None:
                self._memory = self.scratch.file()
            self._remembered[digest] = (self._memory.size_bytes, len(found))
            self._memory.write(found)
        return found

    def close(self) -> None:
        """Frees all scratch space."""
        with self._changed:
            for held in self._held.values():
                if held.file is not None:
                    held.file.close()
            self._held.clear()
            if self._memory is not None:
                self._memory.close()
                self._memory = None
            self._remembered.clear()

    def _take(self, number: int) -> _Held:
        with self._changed:
            while True:
                if number in self._failed:
                    raise self._failed[number]
                held = self._held.get(number)
                if held is not None and held.file is not None:
                    self._held[number] = self._held.pop(number)  # the most recently used one is closed last
                    held.readers += 1
                    return held
                if held is None and self._has_room():
                    break
                self._changed.wait()
            held = self._held[number] = _Held(readers=1)
        file: ScratchFile | None = None
        try:
            file = self.scratch.file()
            given_up = self._decrypt(number, file)
        except BaseException as error:
            if file is not None:
                file.close()
            with self._changed:
                del self._held[number]
                if isinstance(error, (Damaged, Incomplete)):
                    self._failed[number] = error
                self._changed.notify_all()
            raise
        with self._changed:
            self.given_up += [given_up] if given_up is not None else []
            held.file = file
            self._changed.notify_all()
        return held

    def _has_room(self) -> bool:
        """True if there is room for one more, after closing the least recently used chunk if need be."""
        if len(self._held) < self.at_a_time:
            return True
        for number, held in self._held.items():
            if not held.readers and held.file is not None:
                held.file.close()
                del self._held[number]
                return True
        return False
