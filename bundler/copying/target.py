"""One folder that a bundle is copied to: partial until all of its files are there, then it gets its name.

Nothing that an earlier run left is trusted. Bytes that are there are read from the medium and compared with those that
are copied; only what differs is written. So the same command resumes a copy, also in the middle of a file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.medium import room_on
from bundler.copying.source import Source, SourceFile
from bundler.core import bundle_name, roles
from bundler.core.frozen import frozen
from bundler.core.limits import SUMS_BYTES
from bundler.core.litter_names import is_litter
from bundler.core.media import Room
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import local
from bundler.system.durable_files import closing_file, sync_folder, write_from
from bundler.system.files import (
    forget,
    forget_cached,
    is_there,
    read_bounded,
    reading_back,
    sha256_of,
    size_of,
)
from bundler.system.lock import Lock
from bundler.system.ownership import refuse_foreign_name
from bundler.texts import text

_ENDING = f".copy{bundle_name.PARTIAL}"
_FLUSH_BYTES = 64 << 20
"""The number of bytes after which the writer waits for the device, so that progress and Ctrl-C mean something."""


@frozen
class Target:
    """A folder that a bundle is copied to.

    Attributes:
        final: The folder that the copy will have.
    """

    final: Path

    @property
    def partial(self) -> Path:
        """The folder while files are missing."""
        return self.final.with_name(self.final.name + _ENDING)

    @property
    def _lock_path(self) -> Path:
        return self.final.with_name(f"{self.partial.name}.lock")

    def refuse_other(self, source: Source) -> None:
        """Checks that no other bundle has the folder's name, and that it is not the source itself.

        Raises:
            Misuse: One has it.
        """
        for listing in source.bundle.sealed.listings:
            with suppress(OSError):
                if os.path.samefile(local(listing.folder), self.final):
                    raise Misuse(
                        "this is the bundle itself", subject=str(self.final), hint="choose another folder with -o DIR"
                    )
        if not is_there(self.final):
            return
        try:
            is_same = read_bounded(self.final / roles.SUMS.file, SUMS_BYTES) == source.bundle.sealed.sums_content
        except BundlerError:
            is_same = False
        if not is_same:
            raise Misuse(
                "another folder has the name of the bundle",
                subject=str(self.final),
                hint="choose another folder with -o DIR, or remove this one",
            )

    def sizes(self) -> dict[str, tuple[int, int]]:
        """The size and the used room, in bytes, of each file that is there already, by its name in the bundle."""
        folder = self.final if is_there(self.final) else self.partial
        found: dict[str, tuple[int, int]] = {}
        for top, within in ((folder, ""), *((folder / name, f"{name}/") for name in names_in(folder))):
            for name in names_in(top):
                with suppress(OSError):
                    facts = os.lstat(top / name)
                    if stat.S_ISREG(facts.st_mode):
                        found[within + name] = facts.st_size, facts.st_blocks * 512
        return found

    def is_complete(self, files: Iterable[SourceFile], unlisted: Iterable[tuple[str, bytes]]) -> bool:
        """True if the finished folder has these files with their sizes. Their bytes are not read."""
        if not is_there(self.final):
            return False
        there = self.sizes()
        wanted = {file.name: file.size_bytes for file in files} | {name: len(content) for name, content in unlisted}
        return all(name in there and there[name][0] == size for name, size in wanted.items())

    def room(self, common_sizes: Sequence[int], *, share: int) -> Room:
        """The room for files that only one medium has; what is there already counts as free.

        Args:
            common_sizes: The sizes of the files that each medium has.
            share: The number of targets on the same file system.

        Raises:
            LocalStorage: The file system does not say.
        """
        taken = sum(used for _, used in self.sizes().values())
        room = room_on(self.final.parent, taken_bytes=taken, share=share)
        common = sum(-(-size // room.unit_bytes) * room.unit_bytes for size in common_sizes)
        return Room(room.size_bytes - common - 2 * room.unit_bytes, room.largest_file_bytes, room.unit_bytes)

    def clear(self) -> None:
        """Removes the lock that a run left which was killed after it had finished the folder.

        Raises:
            Unavailable: That run is still at work.
            LocalStorage: It cannot be removed.
        """
        if is_there(self._lock_path):
            lock = Lock(self._lock_path)
            lock.take(str(self.partial))
            lock.release()

    def open(self, wanted: Collection[str], elsewhere: Collection[str], listed: Collection[str]) -> OpenTarget:
        """Locks the folder, creates it or opens what an earlier run left, and removes what does not belong there.

        Args:
            wanted: The names of the files that it will have.
            elsewhere: The names of files that other folders of this run have. They are removed, unless the folder was
                finished before.
            listed: The names of all files of the bundle; they stay.

        Raises:
            Misuse: A file in it does not belong to a bundle, or is not ours.
            Unavailable: Another process copies to it.
            LocalStorage: It cannot be written.
        """
        lock = Lock(self._lock_path)
        with ExitStack() as on_failure:
            lock.take(str(self.partial))
            on_failure.callback(lock.release)
            is_reopened = self._reopen()
            opened = OpenTarget(self, lock, HeldFolder(self.partial))
            on_failure.callback(opened.close)
            opened.clean({*wanted, *(listed if is_reopened else set(listed) - set(elsewhere))})
            on_failure.pop_all()
        return opened

    def _reopen(self) -> bool:
        """Makes a finished folder partial again, or creates the partial one; True if it was finished."""
        refuse_foreign_name(self.partial)
        try:
            is_finished = is_there(self.final)
            if is_finished:
                refuse_foreign_name(self.final)
                if is_there(self.partial):
                    raise Misuse(
                        "an unfinished copy of the same name is here too",
                        subject=str(self.partial),
                        hint="remove one of the two, and run the same command again",
                    )
                os.rename(self.final, self.partial)
            with suppress(FileExistsError):
                os.mkdir(self.partial, 0o755)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.partial)) from error
        return is_finished


class OpenTarget:
    """The folder of a target, locked and open. `write` is for one thread at a time."""

    def __init__(self, target: Target, lock: Lock, folder: HeldFolder) -> None:
        """Takes over the lock and the open folder; `close` ends both."""
        self.target = target
        self.written_bytes = 0
        self._lock = lock
        self._folder = folder
        self._inner: dict[str, HeldFolder] = {}

    def clean(self, names: Collection[str]) -> None:
        """Removes files of the bundle that have none of these names.

        Raises:
            Misuse: A file does not belong to a bundle.
            LocalStorage: It cannot be removed.
        """
        self._clean(self._folder, "", names)

    def _clean(self, folder: HeldFolder, within: str, names: Collection[str]) -> None:
        for name in folder.names():
            listed = within + name
            facts = folder.facts(name)
            is_folder = facts is not None and stat.S_ISDIR(facts.st_mode)
            if is_folder and not within and any(each.startswith(f"{name}/") for each in names):
                self._clean(self._within(name), f"{name}/", names)
                continue
            if listed in names or is_litter(name):
                continue
            if is_folder or roles.role_of(listed) is roles.UNKNOWN:
                hint = text("move it out of {path}", path=folder.path)
                raise Misuse("this does not belong to the bundle", subject=folder.where(name), hint=hint)
            folder.remove(name)

    def write(
        self,
        file: SourceFile,
        pieces: Generator[bytes | memoryview, None, None],
        passed: Callable[[int], object],
        *,
        is_read_back: bool,
    ) -> None:
        """Writes a file, or what differs in it, waits until it is on the device, and reads it back.

        Args:
            file: The file.
            pieces: Its bytes. Their errors pass through; the file stays as it is then, for the next run.
            passed: Receives each number of bytes that was read back, or that needs not be.
            is_read_back: True to read it back.

        Raises:
            Misuse: A file of this name is not ours.
            LocalStorage: It cannot be written, or the medium returns other bytes than were written.
        """
        folder, name = self._place(file.name)
        what = folder.where(name)
        descriptor = folder.open_or_create(name)
        with closing_file(descriptor, what=what):
            begin = _written(descriptor, pieces, file.size_bytes, what)
            if begin < file.size_bytes:
                _sync(descriptor, what)
                self.written_bytes += file.size_bytes - begin
                if is_read_back:
                    _check_back(descriptor, file, what, passed)
                    return
        passed(file.size_bytes)

    def write_small(self, name: str, content: bytes) -> None:
        """Writes SHA256SUMS or a signature, if it is not there with these bytes.

        Raises:
            Misuse, LocalStorage: As `write`.
        """
        folder, name = self._place(name)
        try:
            is_same = read_bounded(folder.path / name, SUMS_BYTES) == content
        except BundlerError:
            is_same = False
        if not is_same:
            folder.write(name, [content])
            self.written_bytes += len(content)

    def finish(self) -> None:
        """Gives the folder its name.

        Raises:
            LocalStorage: It was replaced, or cannot be renamed.
        """
        partial, final = self.target.partial, self.target.final
        for each in (*self._inner.values(), self._folder):
            each.sync()
        if not self._folder.is_at(partial):
            raise LocalStorage(
                "the folder was moved or replaced during the copy",
                subject=str(partial),
                hint="another program writes there: choose another -o DIR",
            )
        try:
            os.rename(partial, final)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(final)) from error
        sync_folder(final.parent)

    def close(self) -> None:
        """Closes and unlocks the folder. Idempotent."""
        for each in self._inner.values():
            each.close()
        self._inner.clear()
        self._folder.close()
        self._lock.release()

    def _place(self, name: str) -> tuple[HeldFolder, str]:
        folder, slash, rest = name.partition("/")
        return (self._within(folder), rest) if slash else (self._folder, name)

    def _within(self, name: str) -> HeldFolder:
        if name not in self._inner:
            self._inner[name] = self._folder.inner(name)
        return self._inner[name]


def names_in(folder: Path) -> list[str]:
    """The names in a folder, in order; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _written(descriptor: int, pieces: Generator[bytes | memoryview, None, None], size_bytes: int, what: str) -> int:
    """Writes the bytes that are not there yet; returns the offset of the first one, the size if all were there."""
    there_bytes = _prepared(descriptor, size_bytes, what)
    buffer = new_buffer(1 << 20)
    offset = flushed = 0
    first: int | None = None
    for piece in pieces:
        end = offset + len(piece)
        if end > there_bytes or not _is_same(descriptor, piece, offset, buffer):
            write_from(descriptor, [piece], offset, what=what)
            first = offset if first is None else first
            forget(descriptor, offset, len(piece))  # starts to write the pages to the device, and does not wait
        offset = end
        if first is not None and offset - flushed >= _FLUSH_BYTES:
            _sync(descriptor, what)
            flushed = offset
    return size_bytes if first is None else first


def _prepared(descriptor: int, size_bytes: int, what: str) -> int:
    """Returns the number of bytes of an earlier run that may stay, and drops them from the page cache."""
    try:
        there_bytes = os.fstat(descriptor).st_size
        if there_bytes > size_bytes:
            os.ftruncate(descriptor, size_bytes)
        if there_bytes:
            forget_cached(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error
    return min(there_bytes, size_bytes)


def _is_same(descriptor: int, piece: bytes | memoryview, offset: int, buffer: memoryview) -> bool:
    """True if a piece is there already, on the medium."""
    view = buffer[: len(piece)]
    try:
        return os.preadv(descriptor, [view], offset) == len(piece) and view == piece
    except OSError:
        return False  # it is written again; the device may use another sector


def _sync(descriptor: int, what: str) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error


def _check_back(descriptor: int, file: SourceFile, what: str, passed: Callable[[int], object]) -> None:
    with reading_back(what):
        forget_cached(descriptor)
        is_same = size_of(descriptor, what=what) == file.size_bytes
        is_same = is_same and sha256_of(descriptor, what=what, passed=passed) == file.sha256
    if not is_same:
        raise LocalStorage(
            text("the medium returns other bytes than were written: {files}", files=file.name),
            subject=what,
            hint="the medium is bad: replace it, and give another -o DIR",
        )
    forget(descriptor)
