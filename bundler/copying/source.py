"""The source of a copy: the files of a bundle, with their sizes and digests, and the copies that are here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import OTHER_FILES_BYTES, PIECE_BYTES, SIGNATURE_BYTES
from bundler.core.media import MediaFile, medium_number_of
from bundler.errors import BundlerError, Damaged
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import local, locals_of
from bundler.system.files import let_go, open_for_reading, read_bounded, read_into, size_of
from bundler.texts import text

PARITY_GROUP = "parity"
"""The group of all chunks and of all recovery files, because the names do not say which chunks a file repairs."""


@frozen
class SourceFile:
    """A file of the bundle.

    Attributes:
        name: Its name in the bundle.
        size_bytes: Its size, as the bundle manifest or the first copy has it.
        sha256: Its SHA-256 in hex, as SHA256SUMS lists it.
        paths: The copies of it that are here, at least one.
    """

    name: str
    size_bytes: int
    sha256: str
    paths: tuple[Path, ...]

    @property
    def is_common(self) -> bool:
        """True if each medium has it."""
        return roles.role_of(self.name).is_on_every_medium

    @property
    def as_media_file(self) -> MediaFile:
        """The file as one to place."""
        role = roles.role_of(self.name)
        group = PARITY_GROUP if role in (roles.CHUNK, roles.PARITY) else ""
        return MediaFile(self.name, self.size_bytes, group, is_recovery=role is roles.PARITY)


@frozen
class Source:
    """A bundle that is copied.

    Attributes:
        bundle: The bundle.
        files: Its listed files that are here: first those that only one medium has, with the tool before the chunks.
        missing: The listed files that are not here.
        unlisted: SHA256SUMS and its signatures, by name.
    """

    bundle: Bundle | LockedBundle
    files: tuple[SourceFile, ...]
    missing: tuple[str, ...]
    unlisted: tuple[tuple[str, bytes], ...]

    @property
    def common(self) -> tuple[SourceFile, ...]:
        """The listed files that each medium has."""
        return tuple(file for file in self.files if file.is_common)

    @property
    def placed(self) -> tuple[SourceFile, ...]:
        """The files that one medium has."""
        return tuple(file for file in self.files if not file.is_common)

    @property
    def common_sizes(self) -> list[int]:
        """The sizes of all files that each medium has."""
        return [file.size_bytes for file in self.common] + [len(content) for _, content in self.unlisted]

    @property
    def is_whole_media(self) -> bool:
        """True if nothing seems to be missing on the media that are here.

        They have all common files, and the chunks of whole planned media; or their folders are named as those of media,
        and have no gap.
        """
        if any(roles.role_of(name).is_on_every_medium for name in self.missing):
            return False
        here = {number for file in self.placed if (number := roles.chunk_number(file.name)) is not None}
        whole = [medium.chunks for medium in self.bundle.manifest.media if here.issuperset(medium.chunks)]
        if whole and here == {number for chunks in whole for number in chunks}:
            return True
        folders = self.bundle.sealed.folders
        is_named = all(medium_number_of(folder.name, self.bundle.manifest.name) is not None for folder in folders)
        return is_named and not any(state.is_gap for state in self.bundle.chunks)


def source_of(bundle: Bundle | LockedBundle) -> Source:
    """The files of a bundle, and the copies of them that are here."""
    sealed, sizes, copies = bundle.sealed, {}, {}
    for state in bundle.chunks:
        sizes[state.chunk.file] = state.chunk.size_bytes
        copies[state.chunk.file] = locals_of((*state.paths, *(bad.path for bad in state.bad)))
    files: list[SourceFile] = []
    missing: list[str] = []
    for name in sorted(sealed.sums, key=_order):
        paths = copies[name] if name in copies else locals_of(sealed.found_copies(name))
        if not paths:
            missing.append(name)
            continue
        size_bytes = sizes[name] if name in sizes else _size_of(paths)
        files.append(SourceFile(name, size_bytes, sealed.sums[name], paths))
    return Source(bundle, tuple(files), tuple(missing), ((roles.SUMS.file, sealed.sums_content), *_signatures(bundle)))


def _order(name: str) -> tuple[bool, int, int, str]:
    role = roles.role_of(name)
    number = roles.chunk_number(name) or 0
    return (
        role.is_on_every_medium,
        (roles.TOOL, roles.UNKNOWN, roles.CHUNK).index(role) if role in _FIRST else 3,
        number,
        name,
    )


_FIRST = (roles.TOOL, roles.UNKNOWN, roles.CHUNK)


def _size_of(paths: Sequence[Path]) -> int:
    """The size of the first copy that can be looked at; the digest decides later if it is the right one."""
    for path in paths:
        try:
            descriptor = open_for_reading(path)
        except BundlerError:
            continue
        try:
            return size_of(descriptor, what=str(path))
        except BundlerError:
            continue
        finally:
            let_go(descriptor)
    return 0


def _signatures(bundle: Bundle | LockedBundle) -> Iterator[tuple[str, bytes]]:
    """The signature files, of each key id the first one that has the size of a signature."""
    seen: set[str] = set()
    for listing in bundle.sealed.own_listings:
        for key_id, entry in listing.signatures():
            if key_id is None or key_id in seen or not entry.is_file or entry.size_bytes != SIGNATURE_BYTES:
                continue
            try:
                content = read_bounded(local(entry.path), SIGNATURE_BYTES)
            except BundlerError:
                continue
            if len(content) == SIGNATURE_BYTES:
                seen.add(key_id)
                yield roles.signature_file(key_id), content


def pieces_of(
    file: SourceFile, path: Path, limit_bytes: int, passed: Callable[[int], object]
) -> Generator[memoryview, None, None]:
    """Yields the bytes of a file from one of its copies. Each piece is valid until the next one.

    Args:
        file: The file.
        path: The copy.
        limit_bytes: The size of all chunks together.
        passed: Receives each number of bytes; its errors pass through.

    Raises:
        Damaged, Incomplete, LocalStorage: The copy cannot be read, or has other bytes than SHA256SUMS lists.
    """
    descriptor = open_for_reading(path)
    try:
        size_bytes = size_of(descriptor, what=str(path))
        limit = roles.role_of(file.name).limit_bytes or limit_bytes + OTHER_FILES_BYTES
        if size_bytes != file.size_bytes or size_bytes > limit:
            raise Damaged(
                "the file has another size",
                subject=str(path),
                expected=text("{size:,} bytes", size=min(file.size_bytes, limit)),
                actual=text("{size:,} bytes", size=size_bytes),
                hint=text("copy {name} again", name=file.name),
            )
        hasher, buffer = hashlib.sha256(), new_buffer(PIECE_BYTES)
        for offset in range(0, size_bytes, PIECE_BYTES):
            view = buffer[: size_bytes - offset]
            read_into(descriptor, [view], offset, what=str(path))
            hasher.update(view)
            passed(len(view))
            yield view
    finally:
        let_go(descriptor)
    if hasher.hexdigest() != file.sha256:
        raise Damaged(
            "the file was changed or damaged",
            subject=str(path),
            expected=file.sha256,
            actual=hasher.hexdigest(),
            hint=text("copy {name} again", name=file.name),
        )


def names_of(files: Iterable[SourceFile]) -> tuple[str, ...]:
    """The names of some files."""
    return tuple(file.name for file in files)
