"""The folder of a bundle until it is sealed: ``NAME.partial``, held by one export, finished by one rename.

Beside it lie the journal of what was begun, ``NAME.partial.journal``, and while an export runs its lock,
``NAME.partial.lock``. What all writers share: FORMAT.md, section 10.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.files import (
    check_space,
    is_there,
    read_bounded,
    remove,
    sync_folder,
    write_durably,
)
from bundler.bundle.journal import JournalFile
from bundler.bundle.signing import PrivateKey
from bundler.core.journal import Begun, DoneChunk, Journal
from bundler.core.limits import SUMS_BYTES
from bundler.core.manifest import Chunk
from bundler.errors import Damaged, LocalStorage, Misuse
from bundler.lock import Lock

_CHUNK = re.compile(r"chunk-(\d{4,})\.(tar|7z)")
_MADE_LAST = re.compile(r"content\.7z|bundle\.json|README\.txt|SHA256SUMS(\.[0-9a-f]{16}\.sig)?")
"""What sealing writes; what an earlier run left of it is written again."""


ReadBack = Callable[[Path, bytes, Mapping[str, str]], Sequence[str]]
"""Reads a bundle back; see `PartialFolder.seal` and `bundler.bundle.read_back`."""


class PartialFolder:
    """The place that a bundle is made in. To be called in the order of its methods, by one thread."""

    def __init__(self, parent: Path, name: str) -> None:
        self.final_path = parent / name
        self.path = parent / (name + sums.PARTIAL)
        self.journal = JournalFile(parent / f"{self.path.name}.journal")
        self._parent = parent
        self._is_sealed = False
        self._lock = Lock(parent / f"{self.path.name}.lock")

    def hold(self) -> None:
        """Makes sure that nobody else makes this bundle meanwhile.

        Raises:
            Unavailable: Another process does.
            LocalStorage: The folder that it is to lie in cannot be written.
        """
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._parent)) from error
        self._lock.take(str(self.path))

    def begun(self) -> Journal | None:
        """The export that was begun here and not finished, as far as it can be read.

        Raises:
            Misuse: There is a finished bundle of this name.
        """
        if is_there(self.final_path) and (is_there(self.path) or not self.journal.is_there):
            raise self._finished()
        try:
            return self.journal.read()
        except Damaged:
            return None

    @property
    def has_leftovers(self) -> bool:
        """Whether an export was here before, whatever its journal says."""
        return is_there(self.path)

    def discard(self) -> None:
        """Removes what was begun.

        Raises:
            Misuse: There is something else, or a finished bundle.
            LocalStorage: It cannot be removed.
        """
        if is_there(self.final_path):
            raise self._finished()
        for path in self._own_files():
            remove(path)
        self.journal.remove()

    def begin(self, chunks: Sequence[Chunk], begun: Begun, journal: Journal | None) -> Mapping[int, DoneChunk]:
        """Makes the folder and the journal, or goes on with those that are there.

        Args:
            chunks: Of the plan.
            begun: What is begun, if nothing was.
            journal: What was begun.

        Returns:
            The chunks that are done, by number.

        Raises:
            Misuse: Something is in the folder that no export put there.
            LocalStorage: There is not enough space, or the folder cannot be written.
        """
        there = self._own_files()
        if journal is not None:
            self.journal.go_on(journal)
            for number in [number for number, chunk in journal.done.items() if not self._has(number, chunk, chunks)]:
                self.journal.take_back(number)
        if self.is_renamed:
            if len(self.journal.done) < len(chunks):
                raise self._finished()
            return self.journal.done
        planned = {chunk.file for chunk in chunks}
        try:
            for path in [path for path in there if path.name not in planned]:
                remove(path)
                there.remove(path)
            taken = sum(path.stat().st_blocks * 512 for path in there)
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        check_space(self.path, sum(chunk.size_bytes for chunk in chunks) - taken)
        if journal is None:
            self.journal.remove()
            self.journal.begin(begun)  # brings the name of the folder to the device too
        return self.journal.done

    def seal(
        self,
        files: Mapping[str, Iterable[bytes]],
        digests: Mapping[str, str],
        key: PrivateKey | None,
        *,
        read_back: ReadBack | None = None,
    ) -> str:
        """Finishes the bundle: small files, checksums, signature, one rename.

        Args:
            files: README.txt and bundle.json, in pieces.
            digests: SHA-256 in hex of the files that are on the device already, by name.
            key: Signs; None for a bundle that is said to be unsigned.
            read_back: Reads the bundle back from its medium, given its folder, SHA256SUMS, and the SHA-256 in hex of
                each file that was written just now; names the files that are not what was written. None where that is
                not wanted.

        Returns:
            The bundle's id.

        Raises:
            LocalStorage: Something could not be written, or came back from the device otherwise than it was written.
                The bundle stays partial.
        """
        if self.is_renamed:
            sums_content = self._sealed_before(digests)
        else:
            written = {name: self._write(name, pieces) for name, pieces in files.items()}
            sums_content = sums.format_sums({**written, **digests})
            written[sums.FILE] = self._write(sums.FILE, [sums_content])
            if key:
                signature = sums.signature_file(key.id)
                written[signature] = self._write(signature, [key.sign(sums_content)])
            sync_folder(self.path)
            if read_back is not None:
                self._refuse_medium(read_back(self.path, sums_content, written))
            try:
                os.rename(self.path, self.final_path)
            except OSError as error:
                raise LocalStorage.unwritable(error, str(self.final_path)) from error
        sync_folder(self._parent)
        self._is_sealed = True
        return sums.bundle_id(sums_content)

    def close(self) -> None:
        """Lets go of the journal and the lock. Idempotent."""
        self.journal.close()
        self._lock.release()
        if self._is_sealed:
            # The very last step: as long as the journal is there, the same command finds its bundle finished.
            with suppress(LocalStorage):
                self.journal.remove()

    def _write(self, name: str, pieces: Iterable[bytes]) -> str:
        """Writes a file of the bundle; its SHA-256 in hex."""
        hasher = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                hasher.update(piece)
                yield piece

        remove(self.path / name)
        write_durably(self.path / name, hashed())
        return hasher.hexdigest()

    def _has(self, number: int, done: DoneChunk, chunks: Sequence[Chunk]) -> bool:
        """Whether a chunk that the journal says is done is one of the plan, and there with its size."""
        if not 0 < number <= len(chunks):
            return False
        folder = self.final_path if self.is_renamed else self.path
        try:
            size_bytes = os.lstat(folder / chunks[number - 1].file).st_size
        except OSError:
            return False
        return size_bytes == done.size_bytes <= chunks[number - 1].size_bytes

    @property
    def is_renamed(self) -> bool:
        """Whether an earlier run was ended between the rename and its own end."""
        return is_there(self.final_path)

    def _sealed_before(self, digests: Mapping[str, str]) -> bytes:
        """SHA256SUMS of the bundle, which an earlier run sealed; its chunks are those that are done."""
        content = read_bounded(self.final_path / sums.FILE, SUMS_BYTES)
        listed = sums.parse_sums(content)
        if any(listed.get(name) != digest for name, digest in digests.items()):
            raise self._finished()
        return content

    def _finished(self) -> Misuse:
        return Misuse(
            "a bundle of this name is there already",
            subject=str(self.final_path),
            hint="remove it, or choose another -o DIR or --name",
        )

    def _own_files(self) -> list[Path]:
        """What exports left in the folder.

        Raises:
            Misuse: There is something that is of no export, or no folder.
            LocalStorage: It cannot be read.
        """
        if not is_there(self.path):
            return []
        if self.path.is_symlink() or not self.path.is_dir():
            raise Misuse("a link or file where a folder should be", subject=str(self.path))
        try:
            there = sorted(self.path.iterdir())
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        for path in there:
            is_own = _CHUNK.fullmatch(path.name) or _MADE_LAST.fullmatch(path.name)
            if not is_own or path.is_symlink() or not path.is_file():
                raise Misuse("this is not of an export", subject=str(path), hint=f"move it out of {self.path}")
        return there

    def _refuse_medium(self, wrong: Sequence[str]) -> None:
        if not wrong:
            return
        for chunk in filter(None, map(_CHUNK.fullmatch, wrong)):
            self.journal.take_back(int(chunk[1]))  # to be looked at, and written again, by the next run
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise LocalStorage(
            f"the medium does not give back what was written: {', '.join(wrong[:5])}{more}",
            subject=str(self.path),
            hint="the medium is bad: replace it, and export to another one",
        )
