"""The folder of a bundle until it is sealed: ``NAME.partial``, locked by one export, finished by one rename.

Next to it are the journal of the export, ``NAME.partial.journal``, and, while an export runs, its lock,
``NAME.partial.lock``. All writers share this: FORMAT.md, section 10.

A bundle on several media has one such folder on each. The first one has the journal, and is renamed last: the bundle is
finished when the first medium is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import ClassVar

from bundler.bundle import sums
from bundler.bundle.bundle_place import MediaFolders, ReadBack, finished_already
from bundler.bundle.chunk import ChunkMember
from bundler.bundle.chunk_file import ChunkFile
from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.held_media import Held, HeldMedia
from bundler.bundle.journal_file import JournalFile, OpenJournal
from bundler.bundle.journal_key import JournalKey
from bundler.bundle.partial_state import PartialState, look
from bundler.bundle.restore_script import restore_script
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core import bundle_name, roles
from bundler.core.journal import DoneChunk, ExportStart, Journal
from bundler.core.limits import SUMS_BYTES
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, LocalStorage, Misuse
from bundler.system.durable_files import check_space, sync_folder
from bundler.system.files import is_there, read_bounded
from bundler.system.lock import Lock
from bundler.system.ownership import refuse_foreign_name
from bundler.texts import some, text

_WRITTEN = frozenset(
    {
        roles.CHUNK,
        roles.CONTENT,
        roles.MANIFEST,
        roles.README,
        roles.SUMS,
        roles.SIGNATURE,
        roles.RESTORE,
        roles.RECORD,
        roles.PARITY,
        roles.TOOL,
    }
)
"""The roles of files that are written here; the next run reuses them or writes them again."""


PARITY_MADE, PARITY_LINKS = "._parity", "._parity.chunks"
"""Folders in that of the first medium while its parity is made: the new files, and links to the chunks of all media."""


class PartialFolder:
    """The place where an export writes its bundle. For one thread."""

    def __init__(
        self, parent: Path, name: str, *, secrets: Path | None = None, suffix: str = "", further: Sequence[Path] = ()
    ) -> None:
        """Computes the paths; does nothing else.

        Args:
            parent: The folder that will contain the bundle.
            name: The name of the bundle.
            secrets: The builder's folder with the secrets of journals; None if there is none. Then no journal of an
                earlier run is accepted.
            suffix: A part of the name of the partial folder, for work that is no export of this bundle.
            further: The folders of the same bundle on further media, finished or not, as far as they are known.
        """
        self.final_path = parent / name
        self._ending = suffix + bundle_name.PARTIAL
        self._further = tuple(further)
        self.path = self.partial_of(self.final_path)
        journal = parent / f"{self.path.name}.journal"
        self._journal_file = JournalFile(journal, JournalKey(secrets, self.path))
        self._parent = parent
        elsewhere = (self.partial_of(path) for path in further if path.parent != parent)
        self._locks = [Lock(path.with_name(f"{path.name}.lock")) for path in (self.path, *elsewhere)]

    def hold(self) -> None:
        """Locks the bundle, so that no other process writes it until `release`.

        Raises:
            Unavailable: Another process writes it.
            LocalStorage: The parent folder cannot be written.
        """
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._parent)) from error
        with ExitStack() as on_failure:
            on_failure.callback(self.release)
            for lock in self._locks:
                lock.take(str(self.path))
            on_failure.pop_all()

    def release(self) -> None:
        """Unlocks the bundle. Idempotent."""
        for lock in self._locks:
            lock.release()

    def read_journal(self) -> Journal | None:
        """Reads the journal of an unfinished export; None if it is damaged, or cannot be recognised as ours.

        Raises:
            Misuse: The partial bundle or the journal is not ours.
        """
        refuse_foreign_name(self.path)
        try:
            return self._journal_file.read()
        except Damaged:
            return None

    @property
    def is_finished(self) -> bool:
        """True if there is a finished bundle of this name."""
        return is_there(self.final_path)

    @property
    def final_paths(self) -> tuple[Path, ...]:
        """The folder of the finished bundle, and those on further media that are there."""
        return (self.final_path, *filter(is_there, self._further))

    def forget_start(self) -> None:
        """Removes the journal of a finished bundle, which nobody needs any more."""
        if not self.has_partial:
            with suppress(BundlerError):  # a journal that is left does no harm
                self._journal_file.remove()

    @property
    def has_partial(self) -> bool:
        """True if an earlier export left a partial bundle, with or without a valid journal."""
        return is_there(self.path)

    def discard(self) -> None:
        """Removes the partial bundle that an earlier export left.

        Raises:
            Misuse: There are other files, or a finished bundle.
            LocalStorage: It cannot be removed.
        """
        if self.is_finished:
            raise finished_already(self.final_path)
        for path in filter(is_there, map(self.partial_of, (self.final_path, *self._further))):
            folder = HeldFolder(path)
            try:
                remove_parity_folders(folder)
                for name in _own_names(folder):
                    folder.remove(name)
                _remove_tool(folder)
            finally:
                folder.close()
        self._journal_file.remove()

    def start(
        self,
        chunks: Sequence[Chunk],
        start: ExportStart,
        journal: Journal | None,
        *,
        media: MediaFolders | None = None,
        more_bytes: int = 0,
    ) -> StartedFolder:
        """Creates the folder and the journal, or opens those of an earlier run.

        Args:
            chunks: The chunks of the plan.
            start: The start of the export; it is written if no journal is resumed.
            journal: The journal of the earlier run that is resumed.
            media: The folders of all media; None for one folder.
            more_bytes: The size of what will be written besides, to the file system of the first folder: the tool that
                `StartedFolder.seal` writes, and parity.

        Returns:
            The folder. The done chunks of its journal exist with their sizes.

        Raises:
            Misuse: A file in the folder is from no export, or is not ours; or a medium has a finished bundle of this
                name.
            LocalStorage: There is not enough space, or the folder cannot be written.
        """
        paths = media.paths if media else (self.final_path,)
        for path in paths[1:]:
            self._reopen(path)
        found = [_make(self.partial_of(path)) for path in paths]
        with ExitStack() as on_failure:
            folders: list[HeldFolder] = []
            for path in paths:
                folders.append(HeldFolder(self.partial_of(path)))
                on_failure.callback(folders[-1].close)
            folder = HeldMedia(folders, media.places) if media else folders[0]
            remove_parity_folders(folders[0])  # first, as chunks have only one name then
            there = [_own_names(each) for each in folders]
            if journal is not None:
                opened = self._journal_file.resume(journal)
                on_failure.callback(opened.close)
                for number, chunk in journal.done.items():
                    if not _has(folder, number, chunk, chunks):
                        opened.take_back(number)
            for number, each in enumerate(folders):
                planned = [chunk for chunk in chunks if not media or media.places[chunk.file] == number]
                _remove_tool(each)  # written again when the bundle is sealed: it may be another one by then
                _make_room(each, there[number], planned, 0 if number else more_bytes)
            if journal is None:
                opened = self._journal_file.start(start)  # flushes the name of the folder to the device, too
            on_failure.pop_all()
        return StartedFolder(self, folder, opened, paths, was_there=any(found))

    def partial_of(self, path: Path) -> Path:
        """The folder that becomes this one when the bundle is finished."""
        return path.with_name(path.name + self._ending)

    def _reopen(self, path: Path) -> None:
        """Makes the folder of a medium partial again, if a run ended between the renames of two media.

        Raises:
            Misuse: It is the folder of another bundle.
            LocalStorage: It cannot be renamed.
        """
        if not is_there(path):
            return
        if is_there(self.partial_of(path)) or not _has_same_sums(path, self.path):
            raise finished_already(path)
        refuse_foreign_name(path)
        try:
            os.rename(path, self.partial_of(path))
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error


class StartedFolder:
    """An open partial bundle with its journal. `seal` turns it into a bundle. For one thread."""

    reads_back_chunks: ClassVar[bool] = False

    def __init__(
        self, place: PartialFolder, folder: Held, journal: OpenJournal, paths: Sequence[Path], *, was_there: bool
    ) -> None:
        """Takes over the open folder and journal.

        Args:
            place: The place of the bundle.
            folder: The open folder, or those of several media; `close` closes it.
            journal: Its journal; `close` closes it.
            paths: The folders that the finished bundle will have.
            was_there: True if an earlier run created the folder.
        """
        self.path = place.path
        self.final_path = place.final_path
        self._paths = tuple(paths)
        self.folder = folder
        self.journal = journal
        self.was_there = was_there
        self._place = place
        self.remarks: tuple[str, ...] = ()

    def state_of(
        self, manifest: BundleManifest, passed: Passed, *, only: Collection[int] | None = None
    ) -> PartialState:
        """As `StartedPlace.state_of`: the chunks are read again, and hashed."""
        return look(self.folder, manifest, passed, only=only) if self.was_there else PartialState()

    def new_chunk(
        self, name: str, members: Sequence[ChunkMember], *, is_hashed_at_once: bool, has_sparse_files: bool
    ) -> ChunkFile:
        """A chunk file in the folder."""
        return ChunkFile(
            self.folder, name, members, is_hashed_at_once=is_hashed_at_once, has_sparse_files=has_sparse_files
        )

    def sync(self) -> None:
        """Waits until the names of the chunks are on the device."""
        self.folder.sync()

    def seal(
        self,
        files: Mapping[str, Iterable[bytes]],
        digests: Mapping[str, str],
        key: PrivateKey | None,
        *,
        tool: Tool = NO_TOOL,
        read_back: ReadBack | None = None,
    ) -> str:
        """Finishes the bundle: tool, small files, restore.py, checksums, signature, one rename.

        Args:
            files: README.txt and bundle.json, in pieces.
            digests: SHA-256 in hex of the files that are on the device already, by name.
            key: The key that signs; None for a bundle that is explicitly unsigned.
            tool: The tool that comes along, in the folder of the first medium.
            read_back: Reads the bundle back from its media. It receives the folders, SHA256SUMS, and the SHA-256 in hex
                of each file that was written just now. It returns the names of the files that differ. None skips this.

        Returns:
            The bundle's id.

        Raises:
            Damaged, Incomplete: A file of the tool changed since it was listed. The bundle stays partial.
            LocalStorage: A file could not be written, or the medium returned other bytes than were written. The bundle
                stays partial.
        """
        tool_sums = self._write_tool(tool)
        small = {**files, roles.RESTORE.file: [restore_script()]}
        written = {name: self._write(name, pieces) for name, pieces in small.items()}
        for name in digests:
            self.folder.spread(name)
        sums_content = sums.format_sums({**written, **digests, **tool_sums})
        written |= tool_sums
        written[roles.SUMS.file] = self._write(roles.SUMS.file, [sums_content])
        if key:
            signature = roles.signature_file(key.id)
            written[signature] = self._write(signature, [key.sign(sums_content)])
        self.folder.sync()
        if read_back is not None:
            self._refuse_medium(
                read_back([self._place.partial_of(path) for path in self._paths], sums_content, written)
            )
        self._finish()
        return sums.bundle_id(sums_content)

    def complete(self, files: Mapping[str, Iterable[bytes]]) -> None:
        """Finishes a folder with parts of a bundle that was sealed before: its small files, one rename.

        Args:
            files: The files that the folder still lacks, in pieces, by name.

        Raises:
            LocalStorage: A file could not be written. The folder stays partial.
        """
        for name, pieces in files.items():
            self._write(name, pieces)
        self.folder.sync()
        self._finish()

    def _finish(self) -> None:
        """Gives the folders their names, that of the first medium last, and removes the journal."""
        for folder, final in reversed(list(zip(self.folder.folders, self._paths, strict=True))):
            path = self._place.partial_of(final)
            _refuse_swapped(folder, path)
            try:
                os.rename(path, final)
            except OSError as error:
                raise LocalStorage.unwritable(error, str(final)) from error
            _refuse_swapped(folder, final)
            sync_folder(final.parent)
        self.journal.close()
        self._place.forget_start()

    def close(self) -> None:
        """Closes the journal and the folder. Idempotent."""
        self.journal.close()
        self.folder.close()

    def _write_tool(self, tool: Tool) -> dict[str, str]:
        """Writes the files of the tool, if there is one; returns the SHA-256 of each in hex, by its listed name."""
        if not tool.files:
            return {}
        with closing(self.folder.inner(roles.TOOL_FOLDER)) as folder:
            for file in tool.files:
                folder.write(file.path.name, file.pieces())
            folder.sync()
        return tool.sums

    def _write(self, name: str, pieces: Iterable[bytes]) -> str:
        """Writes a file of the bundle; returns its SHA-256 in hex."""
        hasher = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                hasher.update(piece)
                yield piece

        self.folder.write(name, hashed())
        return hasher.hexdigest()

    def _refuse_medium(self, wrong: Sequence[str]) -> None:
        if not wrong:
            return
        for number in filter(None, map(roles.chunk_number, wrong)):
            self.journal.take_back(number)  # the next run reads it, and writes it again
        raise LocalStorage(
            text("the medium returns other bytes than were written: {files}", files=some(wrong, most=5)),
            subject=str(self.path),
            hint="the medium is bad: replace it, and export to another one",
        )


def _refuse_swapped(folder: HeldFolder, path: Path) -> None:
    """Refuses to go on if another folder was put in the place of ours."""
    if not folder.is_at(path):
        raise LocalStorage(
            "the folder was moved or replaced during the export; nothing in it was signed",
            subject=str(path),
            hint="another program writes there: choose another -o DIR",
        )


def _make(path: Path) -> bool:
    """Creates a folder; True if it existed already."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        return True
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    return False


def _has_same_sums(one: Path, other: Path) -> bool:
    """True if both folders have the same SHA256SUMS."""
    try:
        return read_bounded(one / roles.SUMS.file, SUMS_BYTES) == read_bounded(other / roles.SUMS.file, SUMS_BYTES)
    except BundlerError:
        return False


def _has(folder: Held, number: int, done: DoneChunk, chunks: Sequence[Chunk]) -> bool:
    """True if a chunk that is done in the journal is in the plan, and exists with its size."""
    if not 0 < number <= len(chunks):
        return False
    facts = folder.facts(chunks[number - 1].file)
    return facts is not None and facts.st_size == done.size_bytes <= chunks[number - 1].size_bytes


def _make_room(folder: HeldFolder, there: Sequence[str], chunks: Sequence[Chunk], more_bytes: int) -> None:
    """Removes the files that are not in the plan.

    Raises:
        LocalStorage: There is not enough space for the rest of the plan.
    """
    planned = {chunk.file for chunk in chunks}
    for name in there:
        if name not in planned:
            folder.remove(name)
    kept = [facts for name in there if name in planned and (facts := folder.facts(name))]
    taken = sum(facts.st_blocks * 512 for facts in kept)
    check_space(folder.path, sum(chunk.size_bytes for chunk in chunks) + more_bytes - taken)


def _remove_tool(folder: HeldFolder) -> None:
    """Removes the folder of the tool, if there is one."""
    if not _has_tool(folder):
        return
    with closing(folder.inner(roles.TOOL_FOLDER)) as inner:
        for name in _own_names(inner, f"{roles.TOOL_FOLDER}/"):
            inner.remove(name)
    folder.remove_inner(roles.TOOL_FOLDER)


def remove_parity_folders(folder: HeldFolder) -> None:
    """Removes the folders that parity for several media is made in, if they are there.

    Raises:
        Misuse: They have other files than ours.
        LocalStorage: They cannot be removed.
    """
    for inner_name in (PARITY_MADE, PARITY_LINKS):
        facts = folder.facts(inner_name)
        if facts is None or not stat.S_ISDIR(facts.st_mode):
            continue
        with closing(folder.inner(inner_name)) as inner:
            for name in inner.names():
                if roles.role_of(name) not in (roles.CHUNK, roles.PARITY):
                    hint = text("move it out of {path}", path=inner.path)
                    raise Misuse("this does not belong to an export", subject=inner.where(name), hint=hint)
                inner.unlink(name)
        folder.remove_inner(inner_name)


def _has_tool(folder: HeldFolder) -> bool:
    facts = folder.facts(roles.TOOL_FOLDER)
    return facts is not None and stat.S_ISDIR(facts.st_mode)


def _own_names(folder: HeldFolder, within: str = "") -> list[str]:
    """The names of the files that exports left in a folder. The folder of the tool is checked and is not among them.

    Args:
        folder: The folder.
        within: The path of the folder in the bundle's folder, with a slash at its end; empty for that folder itself.

    Raises:
        Misuse: There is a file of no export, or one that is not ours.
        LocalStorage: It cannot be read.
    """
    names = folder.names()
    if not within and _has_tool(folder):
        names.remove(roles.TOOL_FOLDER)
        with closing(folder.inner(roles.TOOL_FOLDER)) as inner:
            _own_names(inner, f"{roles.TOOL_FOLDER}/")
    for name in names:
        if roles.role_of(within + name) not in _WRITTEN:
            hint = text("move it out of {path}", path=folder.path)
            raise Misuse("this does not belong to an export", subject=folder.where(name), hint=hint)
        folder.refuse_foreign(name)
        facts = folder.facts(name)
        if facts is not None and stat.S_ISDIR(facts.st_mode):
            raise Misuse("a folder; a file is expected", subject=folder.where(name))
    return names
