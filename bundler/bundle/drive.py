"""The folders in which media appear one after the other: looks into them, asks for a medium, and waits for it.

A medium belongs to the bundle only if its SHA256SUMS has the same bytes as the one that was trusted. Its chunks are
found again, and nothing that was known of an earlier medium's files counts. No file of a medium is open while a medium
is waited for, and the folder is only looked at once a second; so nothing keeps the medium from being unmounted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bundler.bundle.copies import ChunkState, find_chunks, identified, misnamed
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import UncheckedBundle, find_several
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.core.frozen import frozen
from bundler.core.media import medium_of
from bundler.core.media_changer import MediaChanger, MediumReason, WantedMedium
from bundler.errors import BundlerError, Incomplete, Misuse
from bundler.texts import text
from bundler.workers import Cancellation

_POLL_SECONDS = 1.0
_LOOKS = 10
"""A folder that seems unchanged is listed after this many polls: files may have been copied into it."""


@frozen
class Inserted:
    """The media of the bundle that are there now.

    Attributes:
        sealed: The trusted bundle with the listings of their folders.
        chunks: The state of each chunk of the bundle.
    """

    sealed: Sealed
    chunks: tuple[ChunkState, ...]


class Drive:
    """The folders of one run in which media are changed. For one thread."""

    def __init__(self, paths: Sequence[Path], changer: MediaChanger, cancellation: Cancellation) -> None:
        """Looks at nothing yet.

        Args:
            paths: The folders, for example mount points; they need not exist yet.
            changer: Changes the media.
            cancellation: Ends the wait for a medium.
        """
        self._paths = tuple(paths)
        self._changer = changer
        self._cancellation = cancellation
        self._prints: dict[Path, object] = {}
        self._changes = dict.fromkeys(self._paths, 0)
        self._bad: dict[int, set[tuple[Path, int]]] = {}
        self._glanced: object = None
        self._polls = 0
        self._said = ""
        self._done: dict[Path, int] = {}

    def first(self) -> tuple[Path, ...]:
        """The folders that exist, as soon as there is a bundle in them.

        Raises:
            Misuse: One is not a folder.
            Incomplete: Nobody brings a medium.
        """
        self._note_changes()
        is_asked = False
        while not self._bundles():
            if not is_asked:
                self._changer.ask(WantedMedium(MediumReason.FIRST, tuple(map(str, self._paths))))
                is_asked = True
            if self._is_given_up():
                raise Incomplete(
                    "no medium with a bundle is here",
                    subject=", ".join(map(str, self._paths)),
                    hint="insert a medium, mount it, and run the same command again",
                    code="incomplete",
                )
            self._note_changes()
        return self._present()

    def look(self, bundle: Bundle | LockedBundle) -> Inserted | None:
        """The media of a bundle that are there now; None if there are none. Tells what is there in their place."""
        self._note_changes()
        bundles = self._bundles()
        same = next((each for each in bundles if each.sums_content == bundle.sealed.sums_content), None)
        if same is not None:
            return self._inserted(bundle, same)
        if bundles:
            words = text(
                "{folder} has another bundle (id {other}); insert a medium of {name} (id {id})",
                folder=bundles[0].own_folders[0],
                other=bundles[0].id[:12],
                name=bundle.manifest.name,
                id=bundle.id[:12],
            )
            self._tell_once(words)
        return None

    def is_usable(self, number: int, paths: Collection[Path]) -> bool:
        """True if a file is there, and one of its copies is not known as bad."""
        return bool(paths) and not self._places(paths) <= self._bad.get(number, set())

    def note_bad(self, number: int, paths: Iterable[Path]) -> None:
        """Notes that a file proved bad: it is not read again until its medium was changed."""
        self._bad.setdefault(number, set()).update(self._places(paths))

    def check_running(self) -> None:
        """Returns if the run was not stopped.

        Raises:
            Interrupted: The user stopped it.
        """
        self._cancellation.check()

    def bring(
        self, bundle: Bundle | LockedBundle, wanted: WantedMedium, helps: Callable[[Inserted], bool]
    ) -> Inserted | None:
        """Asks for a medium, and waits until one is there that helps.

        Args:
            bundle: The bundle.
            wanted: The medium to ask for.
            helps: Returns True if media have a file that is needed.

        Returns:
            The media that are there; None if nobody brings one.
        """
        found = self.look(bundle)
        if found is not None:
            if helps(found):
                return found
            self._tell_done(bundle, found)
        self._changer.ask(replace(wanted, paths=tuple(map(str, self._paths))))
        while not self._is_given_up():
            arrived = self.look(bundle) if self._has_news() else None
            if arrived is not None:
                if helps(arrived):
                    return arrived
                self._tell_unneeded(bundle, arrived)
        return None

    # Looking

    def _bundles(self) -> Sequence[UncheckedBundle]:
        """The bundles that are there; none if a medium is being changed, or is not readable."""
        present = self._present()
        try:
            self._glanced = None
            if not any(_has_entries(path) for path in present):
                return ()
            found = find_several(present)
            self._glanced = _glance(found)
        except BundlerError as error:
            self._tell_once(text("{folder}: {reason}", folder=error.subject or "", reason=error.message))
            return ()
        return found

    def _present(self) -> tuple[Path, ...]:
        """The folders that exist.

        Raises:
            Misuse: One is not a folder.
        """
        present = []
        for path in self._paths:
            try:
                is_folder = path.is_dir()
                if not is_folder and path.exists():
                    raise Misuse("not a folder", subject=str(path), hint="give the folder of the bundle")
            except OSError:
                continue  # it was pulled out, and the mount is still there
            if is_folder:
                present.append(path)
        return tuple(present)

    def _inserted(self, bundle: Bundle | LockedBundle, found: UncheckedBundle) -> Inserted | None:
        try:
            fresh = found.taken_as_it_is()  # its bytes are those of the trusted one
            sealed = replace(
                bundle.sealed,
                listings=fresh.listings,
                skipped=fresh.skipped,
                others=fresh.others,
                contents=fresh.contents,
            )
            chunks = find_chunks(sealed.listings, bundle.manifest.chunks)
            unknown = misnamed(sealed.listings, chunks)
            if unknown:
                chunks = identified(unknown, chunks, sealed.sums, sealed.contents, lambda _: self._cancellation.check())
        except OSError:
            return None  # it is being pulled out
        return Inserted(sealed, chunks)

    # Changes

    def _note_changes(self) -> None:
        for path in self._paths:
            seen = _print_of(path)
            if seen != self._prints.get(path, _NEVER):
                self._changes[path] += 1
                self._said = ""
            self._prints[path] = seen

    def _has_news(self) -> bool:
        """True if a folder is another one than at the last look, or has other files."""
        before = dict(self._changes)
        self._note_changes()
        if self._changes != before:
            self._polls = 0
            return True
        self._polls += 1
        if self._polls % _LOOKS:
            return False
        glanced = self._glanced
        return bool(self._bundles()) and self._glanced != glanced

    def _places(self, paths: Iterable[Path]) -> set[tuple[Path, int]]:
        """Files as `note_bad` notes them: each with the number of times that its medium was changed."""
        return {(path, self._changes_at(path)) for path in paths}

    def _changes_at(self, path: Path) -> int:
        return sum(self._changes[given] for given in self._paths if path == given or given in path.parents)

    def _is_given_up(self) -> bool:
        is_given_up = self._changer.wait(_POLL_SECONDS)
        self._cancellation.check()
        return is_given_up

    # Telling

    def tell(self, words: str) -> None:
        """Tells a remark."""
        self._changer.tell(words)

    def _tell_once(self, words: str) -> None:
        """Tells a remark, unless it was the last one and nothing has changed since."""
        if words != self._said:
            self._said = words
            self._changer.tell(words)

    def _tell_done(self, bundle: Bundle | LockedBundle, found: Inserted) -> None:
        """Tells which media can be taken out, once."""
        if self._done == self._changes:
            return
        self._done = dict(self._changes)
        for each in _called(bundle, found):
            self._changer.tell(text("{medium} can be taken out", medium=each))

    def _tell_unneeded(self, bundle: Bundle | LockedBundle, found: Inserted) -> None:
        for each in _called(bundle, found):
            self._tell_once(text("{medium} is here, and nothing on it is needed now; insert another one", medium=each))


_NEVER = object()


def _print_of(path: Path) -> object:
    """Facts about a folder that differ when another medium is mounted on it; None if it is not there."""
    try:
        facts, system = os.stat(path), os.statvfs(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, system.f_blocks, system.f_fsid


def _has_entries(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _glance(bundles: Sequence[UncheckedBundle]) -> object:
    """All that is known of the files of some bundles without opening them."""
    listings = (listing for each in bundles for listing in each.listings)
    return [(each.path, each.size_bytes, each.identity) for listing in listings for each in listing.entries.values()]


def _called(bundle: Bundle | LockedBundle, found: Inserted) -> list[str]:
    """The names of the media that are there: by their numbers if the bundle has them, else by their folders."""
    media = bundle.manifest.media
    here = [number for number, state in enumerate(found.chunks, start=1) if state.paths]
    if media and here:
        numbers = sorted({number for chunk in here if (number := medium_of(media, chunk)) is not None})
        return [text("medium {number} of {count}", number=each, count=len(media)) for each in numbers]
    return [text("the medium at {folder}", folder=listing.folder) for listing in found.sealed.own_listings]
