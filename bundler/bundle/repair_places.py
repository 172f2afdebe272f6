"""The places of repaired chunks: in the folders of the bundle, or in a folder of their own with its small files.

New chunks are made in the folder `OUTPUT` in the folder that they belong to, and renamed when they are whole. An
interrupted repair leaves that folder; the next one takes over what is whole in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.bundle.copies import ChunkState
from bundler.bundle.locked import LockedBundle
from bundler.bundle.parity import damaged_copies
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import PIECE_BYTES, SIGNATURE_BYTES
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import local, locals_of
from bundler.system.durable_files import place_durably, remove, sync_folder, unplaced_name, write_durably
from bundler.system.files import (
    is_there,
    let_go,
    open_for_reading,
    read_bounded,
    read_into,
    sha256_of,
    size_of,
)
from bundler.system.lock import Lock
from bundler.system.ownership import refuse_foreign_name

OUTPUT = "._repair"
"""The folder of new chunks. Readers of bundles ignore names with this prefix."""
_LOCK = "._repair.lock"


@frozen
class RepairPlaces:
    """The places of the chunks of a bundle that is repaired.

    Attributes:
        sealed: The bundle.
        states: Its chunks, by their names.
        output: The folder that repaired chunks go to; None for the folders of the bundle.
    """

    sealed: Sealed
    states: Mapping[str, ChunkState]
    output: Path | None

    @classmethod
    def of(cls, bundle: Bundle | LockedBundle, output: Path | None) -> RepairPlaces:
        """The places of a bundle."""
        return cls(bundle.sealed, {state.chunk.file: state for state in bundle.chunks}, output)

    @property
    def own_folder(self) -> Path:
        """The folder of chunks of which no file is left."""
        return self.output or local(self.sealed.own_listings[0].folder)

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders that chunks may be put into."""
        return (self.output,) if self.output is not None else tuple(dict.fromkeys(locals_of(self.sealed.folders)))

    def path_of(self, name: str) -> Path:
        """The path of a repaired chunk: that of its damaged file, if there is one."""
        if self.output is not None:
            return self.output / name
        bad = [path for path in locals_of(damaged_copies(self.states[name])) if path.name.lower() == name]
        return bad[0] if bad else self.own_folder / name

    def output_of(self, name: str) -> Path:
        """The folder that a chunk is made in: on the file system of its place."""
        return self.path_of(name).parent / OUTPUT

    @property
    def has_rest(self) -> bool:
        """True if an earlier repair was interrupted."""
        return any(is_there(folder / OUTPUT) and is_writable(folder) for folder in self.folders)

    @contextmanager
    def held(self, lost: Iterable[str], misnamed: Mapping[str, Path]) -> Iterator[None]:
        """Locks the bundle for one repair at a time.

        Args:
            lost: The chunks that will be made again.
            misnamed: The files that will be renamed.

        Raises:
            Unavailable: Another process repairs it.
            LocalStorage: A folder cannot be written.
        """
        written = [self.path_of(name).parent for name in lost] + [path.parent for path in misnamed.values()]
        for folder in written:
            if not is_writable(folder):
                raise LocalStorage(
                    "the medium is read-only, or you have no permission to write to it",
                    subject=str(folder),
                    hint="put the repaired chunks into another folder: -o DIR",
                )
        place = sorted([*written, *filter(is_writable, self.folders)])[0]
        lock = Lock(place / _LOCK)
        lock.take(str(place))
        try:
            yield
        finally:
            lock.release()

    def take_rest(self, passed: Passed) -> bool:
        """Puts the whole chunks of an interrupted repair at their places, and removes the rest of it.

        Args:
            passed: Receives every number of bytes that was read; its errors pass through.

        Returns:
            True if a chunk was put at its place.
        """
        by_digest = {self.sealed.sums[name]: name for name in self.states}
        is_any = False
        for folder in self.folders:
            rest = folder / OUTPUT
            if not (is_there(rest) and is_writable(folder)):
                continue
            refuse_foreign_name(rest)
            for path in sorted(rest.iterdir()):
                name = by_digest.get(_sha256(path, passed) or "")
                if name is not None and _sha256(folder / name, passed) != self.sealed.sums[name]:
                    put(path, folder / name)
                    is_any = True
                else:
                    remove(path)
            clear(rest)
        return is_any

    def make_output(self, name: str) -> Path:
        """Makes the folder that a chunk is made in."""
        folder = self.output_of(name)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(folder)) from error
        refuse_foreign_name(folder)
        return folder

    def rename(self, misnamed: Mapping[str, Path]) -> dict[str, Path]:
        """Gives whole chunks their own names again; returns those that were renamed, with the paths they had.

        A whole chunk is never replaced: two chunks with each other's names change places.

        Args:
            misnamed: The chunks without a whole file of their own name, and the files that hold them.
        """
        left = {path: path.parent / name for name, path in misnamed.items()}
        names = {path: name for name, path in misnamed.items()}
        while left:
            path = next((each for each in left if left[each] not in left), None)
            if path is not None:
                put(path, left.pop(path))
                continue
            path, target = left.popitem()
            aside = target.parent / OUTPUT / target.name
            with suppress(FileExistsError):
                aside.parent.mkdir()
            put(path, aside)
            left[aside] = target
        for folder in {path.parent for path in misnamed.values()}:
            clear(folder / OUTPUT)
        return {name: path for path, name in names.items()}


def put(new: Path, path: Path) -> None:
    """Gives a whole file its name, in place of a damaged one.

    Raises:
        LocalStorage: It cannot be renamed.
    """
    try:
        os.rename(new, path)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    sync_folder(path.parent)


def clear(folder: Path) -> None:
    """Removes the folder of new chunks, if it is there and empty."""
    with suppress(OSError):
        folder.rmdir()


def is_writable(folder: Path) -> bool:
    """True if files can be made and renamed in a folder."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def _sha256(path: Path, passed: Passed) -> str | None:
    """The SHA-256 of a file in hex; None if it is not there or cannot be read."""
    try:
        descriptor = open_for_reading(path)
        try:
            return sha256_of(descriptor, what=str(path), passed=passed)
        finally:
            let_go(descriptor)
    except (Damaged, Incomplete, LocalStorage):
        return None


def make_folder(folder: Path, sealed: Sealed) -> None:
    """Makes a folder with the small files of a bundle, which can then hold some of its chunks. Idempotent.

    Raises:
        Misuse: It has parts of another bundle.
        Damaged, Incomplete: A small file has no whole copy.
        LocalStorage: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    sums = folder / roles.SUMS.file
    if is_there(sums) and read_bounded(sums, len(sealed.sums_content)) != sealed.sums_content:
        raise Misuse("this folder has parts of another bundle", subject=str(folder), hint="choose another -o DIR")
    for name in sorted(sealed.sums):
        if roles.role_of(name).is_on_every_medium and not _has(folder / name, sealed.sums[name]):
            _copy(sealed, name, folder / name)
    for listing in sealed.listings:
        for key_id, entry in listing.signatures():
            if key_id in sealed.signers:
                place_durably(folder / roles.signature_file(key_id), read_bounded(local(entry.path), SIGNATURE_BYTES))
    place_durably(sums, sealed.sums_content)


def _has(path: Path, sha256: str) -> bool:
    return _sha256(path, lambda _: None) == sha256


def _copy(sealed: Sealed, name: str, target: Path) -> None:
    """Copies a small file from the first copy that is whole. content.7z may be too large for memory."""
    problems: list[BundlerError] = []
    for path in sealed.copies_of(name):
        new = target.with_name(unplaced_name(name))
        remove(new)
        hasher = hashlib.sha256()
        try:
            write_durably(new, _pieces(local(path), hasher.update), what=str(target))
        except (Damaged, Incomplete) as error:
            problems.append(error)
            continue
        if hasher.hexdigest() == sealed.sums[name]:
            put(new, target)
            return
        problems.append(Damaged("the file was changed or damaged", subject=str(path)))
    remove(target.with_name(unplaced_name(name)))
    raise problems[0]


def _pieces(path: Path, update: Callable[[bytes], object]) -> Iterator[bytes]:
    descriptor = open_for_reading(path)
    try:
        buffer, size_bytes = new_buffer(PIECE_BYTES), size_of(descriptor, what=str(path))
        for offset in range(0, size_bytes, PIECE_BYTES):
            view = buffer[: size_bytes - offset]
            read_into(descriptor, [view], offset, what=str(path))
            piece = bytes(view)
            update(piece)
            yield piece
    finally:
        let_go(descriptor)
