"""The media of one bundle while they are changed: which files are here, were here, proved bad, or will not come.

Files are numbered: the chunks from 1, as in the bundle, then the other files that lie on one medium only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from bundler.bundle.copies import ChunkState
from bundler.bundle.drive import Drive, Inserted
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.events import Listener, Moved, PhaseBegan, PhaseEnded
from bundler.core.media_changer import MediumReason, WantedMedium
from bundler.core.media_order import next_medium
from bundler.errors import BundlerError, Damaged, Incomplete
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.texts import text

Opened = TypeVar("Opened", bound=Bundle | LockedBundle)
Numbers = frozenset[int]


class ChangedMedia(Generic[Opened]):
    """The media of a bundle, and what is known of their files. For one thread.

    A file that proved bad is asked for after all others. If nobody brings it, it is given up, and so is each file that
    is not brought when it is asked for.
    """

    def __init__(
        self,
        bundle: Opened,
        drive: Drive,
        turned: Callable[[Opened, Inserted], Opened],
        others: Sequence[str] = (),
    ) -> None:
        """Takes the media that are there now.

        Args:
            bundle: The open bundle.
            drive: The folders in which its media appear.
            turned: Returns the bundle as it is read from other media.
            others: The files besides the chunks that are needed.
        """
        self.bundle = bundle
        self.files = (*(chunk.file for chunk in bundle.manifest.chunks), *others)
        self.given_up: set[int] = set()
        """The files that nobody brings."""
        self.damaged: dict[int, BundlerError] = {}
        """The files that proved bad, and that no other copy has replaced."""
        self.seen: set[int] = set()
        """The files that were here."""
        self.here: Numbers = frozenset()
        """The files that can be read now."""
        self.seen_names: set[str] = set()
        """The names of all files of the bundle that were here, good or bad."""
        self._drive = drive
        self._turned = turned
        self._known: dict[int, ChunkState] = {}
        self._removed: set[int] = set()
        self._note_here()

    def chunks_of(self, blobs: Iterable[int]) -> Numbers:
        """The chunks of some blobs of the bundle. A blob that is left out, or was made here, is in no chunk."""
        assert isinstance(self.bundle, Bundle)
        listed = self.bundle.manifest.blobs
        return frozenset(piece.chunk for blob in blobs for piece in listed[blob].stored.pieces)

    # Changing

    def bring_next(self, lacking: Iterable[Collection[int]]) -> bool:
        """Asks for the next medium, and waits for it.

        Args:
            lacking: The files that each unfinished image lacks. Images that lack one which was given up do not count.

        Returns:
            True if other files are here, or if some were given up; False if nothing is lacking.
        """
        wanted = [frozenset(each) for each in lacking if self.given_up.isdisjoint(each)]
        good = [each - self.damaged.keys() for each in wanted]
        is_last = not any(good)
        wanted = wanted if is_last else good
        needed: Numbers = frozenset().union(*wanted)
        if not needed:
            return False
        number, on_it = self._next(wanted, needed)
        is_removed = not self._removed.isdisjoint(on_it)
        reason = MediumReason.DAMAGED if is_last else MediumReason.REMOVED if is_removed else MediumReason.NEXT
        manifest = self.bundle.manifest
        request = WantedMedium(
            reason,
            (),
            manifest.name,
            number,
            len(manifest.media),
            tuple(self.files[each - 1] for each in sorted(on_it)),
            tuple(self.files[each - 1] for each in sorted(needed - on_it)),
        )

        def helps(found: Inserted) -> bool:
            return not needed.isdisjoint(self._usable(found)) or not needed.isdisjoint(self._newly_damaged(found))

        inserted = self._drive.bring(self.bundle, request, helps)
        if inserted is None:
            self.given_up |= on_it
            return True
        for number, error in self._newly_damaged(inserted).items():
            self._tell_damaged(number, error)
        self._turn_to(inserted)
        return True

    def _newly_damaged(self, inserted: Inserted) -> dict[int, BundlerError]:
        """The chunks whose files are seen to be bad without reading them, and were not known as bad."""
        return {
            number: state.problem
            for number, state in enumerate(inserted.chunks, start=1)
            if state.bad and state.problem is not None and number not in self.damaged
        }

    def _tell_damaged(self, number: int, error: BundlerError) -> None:
        words = text(
            "{file} is damaged; the others come first: {reason}", file=self.files[number - 1], reason=error.message
        )
        self._drive.tell(words)

    def _next(self, wanted: Sequence[Numbers], needed: Numbers) -> tuple[int | None, Numbers]:
        """The number of the next medium, if media have numbers, and the needed files on it."""
        media = self.bundle.manifest.media
        number_of = {file: number for number, file in enumerate(self.files, start=1)}
        holds: dict[int, Collection[int]] = {
            place: {*medium.chunks, *(number_of[file] for file in medium.files if file in number_of)}
            for place, medium in enumerate(media, start=1)
        }
        planned = frozenset().union(*holds.values())
        # A file that no plan has counts as a medium of its own.
        holds.update({len(media) + number: (number,) for number in needed - planned})
        place = next_medium(holds, wanted)
        assert place is not None
        return place if place <= len(media) else None, needed.intersection(holds[place])

    def bring(self, number: int) -> None:
        """Waits for the medium with a chunk, in the middle of a blob that is cut.

        Raises:
            Incomplete: Nobody brings it.
        """
        while number not in self.here:
            if number in self.given_up:
                raise self.problem_of(number)
            self.bring_next([(number,)])

    def look(self) -> None:
        """Looks again at what is here."""
        inserted = self._drive.look(self.bundle)
        if inserted is None:
            absent = tuple(ChunkState(chunk) for chunk in self.bundle.manifest.chunks)
            inserted = Inserted(self.bundle.sealed.without_folders(), absent)
        self._turn_to(inserted)

    @property
    def is_empty(self) -> bool:
        """True if no medium of the bundle is here."""
        return not self.bundle.sealed.own_listings

    # Faults

    def note_damaged(self, number: int, error: BundlerError) -> None:
        """Notes that a file which is here proved bad. It is not read again before its medium was changed."""
        self._tell_damaged(number, error)
        self.damaged[number] = error
        self._drive.note_bad(number, self._paths(number, self.bundle.chunks, self.bundle.sealed.found_copies))
        self.here -= {number}

    def note_unreadable(self, chunks: Collection[int], error: BundlerError) -> None:
        """Finds out why some chunks could not be read: their medium was taken out, or their bytes are wrong.

        Args:
            chunks: The chunks of a blob. One that is cut may be wrong in a chunk that is not here any more.
            error: The error.
        """
        before = self.here
        self.look()
        suspects = [number for number in chunks if number in before]
        removed = [number for number in suspects if number not in self.here]
        self._removed.update(removed)
        if removed:
            return
        bad = suspects if len(chunks) == 1 else [number for number in suspects if self._is_bad(number)]
        away = [number for number in chunks if number not in before] if isinstance(error, Damaged) and not bad else []
        self.damaged.update(dict.fromkeys(away, error))
        for number in bad if bad or away else suspects:
            self.note_damaged(number, error)

    def _is_bad(self, number: int) -> bool:
        """True if no file of a chunk has its SHA-256. Each file is read once."""
        state, sealed = self.bundle.chunks[number - 1], self.bundle.sealed
        found = (
            sealed.contents.sha256(path, state.chunk.size_bytes, lambda _: self._drive.check_running())
            for path in state.paths
        )
        return all(digest != sealed.sums[state.chunk.file] for digest in found)

    def problem_of(self, number: int) -> BundlerError:
        """The reason for which a file was not read: it proved bad, or it did not come."""
        if number in self.damaged:
            return self.damaged[number]
        chunks = self.bundle.manifest.chunks
        problem = ChunkState(chunks[number - 1]).problem if number <= len(chunks) else None
        return problem or Incomplete("the file is missing", subject=self.files[number - 1])

    # Results

    def state_at_end(self) -> tuple[ChunkState, ...]:
        """Each chunk as it was seen last; one that never came is absent."""
        chunks = self.bundle.manifest.chunks
        return tuple(self._known.get(number, ChunkState(chunk)) for number, chunk in enumerate(chunks, start=1))

    # Documents

    def is_read(self, blob: int) -> bool:
        """True if a document was read and is remembered, or is in no chunk of this bundle."""
        assert isinstance(self.bundle, Bundle)
        found, documents = self.bundle.manifest.blobs[blob], self.bundle.documents
        return not found.stored.pieces or (documents is not None and found.descriptor.digest in documents)

    def read_documents(self, blobs: Iterable[int], listener: Listener) -> None:
        """Reads the documents that are here and were not read yet, so that the bundle remembers them.

        Raises:
            Interrupted: The user stopped the run.
        """
        assert isinstance(self.bundle, Bundle)
        unread = [
            blob for blob in dict.fromkeys(blobs) if not self.is_read(blob) and self.chunks_of([blob]) <= self.here
        ]
        if not unread:
            return
        listener(PhaseBegan("reading manifests", len(unread), in_bytes=False))
        for blob in unread:
            self._drive.check_running()
            if self.chunks_of([blob]) <= self.here:
                try:
                    self.bundle.read_document(self.bundle.manifest.blobs[blob].descriptor)
                except (Damaged, Incomplete) as error:
                    self.note_unreadable(self.chunks_of([blob]), error)
            listener(Moved(1))
        listener(PhaseEnded("reading manifests"))

    # State

    def _turn_to(self, inserted: Inserted) -> None:
        self.bundle = self._turned(self.bundle, inserted)
        self._note_here()

    def _note_here(self) -> None:
        self.here = self._usable(Inserted(self.bundle.sealed, self.bundle.chunks))
        self.seen |= self.here
        self.seen_names.update(name for name in self.bundle.sealed.sums if self.bundle.sealed.found_copies(name))
        self._removed -= self.here
        self.given_up -= self.here
        for number in self.here:
            self.damaged.pop(number, None)
        self.damaged.update(self._newly_damaged(Inserted(self.bundle.sealed, self.bundle.chunks)))
        for number, state in enumerate(self.bundle.chunks, start=1):
            if not state.is_absent:
                self._known[number] = state

    def _usable(self, inserted: Inserted) -> Numbers:
        find = inserted.sealed.found_copies
        numbers = range(1, len(self.files) + 1)
        return frozenset(
            number for number in numbers if self._drive.is_usable(number, self._paths(number, inserted.chunks, find))
        )

    def _paths(
        self, number: int, chunks: Sequence[ChunkState], find: Callable[[str], list[BundlePath]]
    ) -> Sequence[Path]:
        return locals_of(chunks[number - 1].paths if number <= len(chunks) else find(self.files[number - 1]))
