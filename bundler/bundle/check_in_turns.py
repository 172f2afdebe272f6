"""Checks a bundle whose media are changed: the files of one medium after the other, each byte once.

A file that proves bad is asked for again after all others. A chunk that continues a cut blob is checked after the
chunk with the part before, because the digest of the blob is compared as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bundler.bundle.changed_media import ChangedMedia
from bundler.bundle.check import (
    Checked,
    Checker,
    LockedChecker,
    check_around_chunks,
    check_other_file,
    checker_of,
    given_up_copies,
    in_order,
)
from bundler.bundle.findings import Finding
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.events import Listener, PhaseBegan, PhaseEnded
from bundler.errors import Incomplete
from bundler.workers import Cancellation


def check_in_turns(
    media: ChangedMedia[Bundle] | ChangedMedia[LockedBundle],
    before_change: Callable[[], object],
    *,
    jobs: int,
    listener: Listener,
    cancellation: Cancellation,
) -> Checked:
    """Reads the whole bundle, medium after medium, and returns all its faults.

    Args:
        media: The media of the bundle; its further files are those of `bundler.bundle.findings.other_files`.
        before_change: Called before a medium may be taken out.
        jobs: As for `bundler.bundle.check.check`, and so are the other arguments.
        listener: Receives progress.
        cancellation: Stops the check.

    Raises:
        Interrupted: The user stopped it.
    """
    checker = checker_of(media.bundle, jobs=jobs, listener=listener, cancellation=cancellation)
    check = _CheckOfMedia(media, checker, listener, cancellation)
    while True:
        check.check_what_is_here()
        before_change()
        check.check_around()
        if not media.bring_next(check.lacking()):
            return Checked(check.findings(), media.state_at_end())


class _CheckOfMedia:
    """The check of all media. For one thread, once."""

    def __init__(
        self,
        media: ChangedMedia[Bundle] | ChangedMedia[LockedBundle],
        checker: Checker | LockedChecker,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        self._media = media
        self._checker = checker
        self._listener = listener
        self._cancellation = cancellation
        self._chunks = range(1, len(media.bundle.chunks) + 1)
        self._others: dict[int, list[Finding]] = {}
        self._around: dict[tuple[str, str], Finding] = {}
        self._bad: set[int] = set()

    def check_what_is_here(self) -> None:
        """Checks the files that are here and were not checked yet, or proved bad on another medium."""
        media = self._media
        again = self._bad & media.here
        chunks = sorted({*self._checker.due(media.here.intersection(self._chunks)), *again.intersection(self._chunks)})
        others = [number for number in sorted(media.here) if number not in self._chunks]
        others = [number for number in others if number not in self._others or number in again]
        if not chunks and not others:
            return
        self._bad -= again
        manifest = media.bundle.manifest
        total = sum(
            manifest.chunks[number - 1].size_bytes * len(media.bundle.chunks[number - 1].paths) for number in chunks
        )
        self._listener(PhaseBegan("verifying", total + sum(map(self._size_of, others)), in_bytes=True))
        self._checker.check_some(media.bundle, chunks)  # type: ignore[arg-type]  # the checker of this kind of bundle
        for number in others:
            name = media.files[number - 1]
            self._others[number] = list(
                check_other_file(media.bundle, name, listener=self._listener, cancellation=self._cancellation)
            )
        self._listener(PhaseEnded("verifying"))
        for number in (*chunks, *others):
            self._note_if_bad(number)

    def _note_if_bad(self, number: int) -> None:
        """Notes a file that must come again. If its medium was taken out, it is as if it had not been here."""
        found = self._found(number)
        wanted = next((finding for finding in found if finding.is_wanted), None)
        if wanted is None:
            return
        self._bad.add(number)
        self._media.note_unreadable([number], wanted.error)

    def _found(self, number: int) -> list[Finding]:
        return self._checker.found[number] if number in self._chunks else self._others[number]

    def _size_of(self, number: int) -> int:
        sealed, name = self._media.bundle.sealed, self._media.files[number - 1]
        entries = (entry for listing in sealed.listings if (entry := listing.find(name)) and entry.is_file)
        return sum(entry.size_bytes for entry in entries)

    def check_around(self) -> None:
        """Checks the small files of the media that are here, and looks for files that nobody listed."""
        self._media.look()
        if self._media.is_empty:
            return
        bad = {self._media.files[number - 1] for number in self._bad}
        for finding in check_around_chunks(self._media.bundle, bad):
            self._around[finding.file, str(finding.error)] = finding

    def lacking(self) -> Iterable[frozenset[int]]:
        """The files that must come: of each group of chunks the next one, files that were not here, and bad ones."""
        media = self._media
        for number in media.given_up.intersection(self._chunks):
            self._checker.note_absent(number, media.problem_of(number))
        others = (number for number in range(len(self._chunks) + 1, len(media.files) + 1) if number not in self._others)
        return [frozenset({number}) for number in (*self._checker.next_due, *others, *self._bad)]

    def findings(self) -> tuple[Finding, ...]:
        """All faults, in the order of the files."""
        media = self._media
        for number in media.given_up - self._others.keys():
            if number not in self._chunks:
                error = media.problem_of(number)
                self._others[number] = [Finding(error, media.files[number - 1])]
        around = (
            finding
            for finding in self._around.values()
            if not (isinstance(finding.error, Incomplete) and finding.file in media.seen_names)
        )
        chunks = (finding for number in sorted(self._checker.found) for finding in self._checker.found[number])
        others = (finding for found in self._others.values() for finding in found)
        return in_order([*chunks, *given_up_copies(media.bundle), *around, *others])
