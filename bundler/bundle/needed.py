"""Makes the need-list of a bundle: chunks and files that must come again, what they hold, and where that came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field, replace
from itertools import islice

from bundler import __version__
from bundler.bundle.findings import Finding
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import NEED_LIST_PIECES
from bundler.core.manifest import BundleManifest
from bundler.core.need_list import (
    DAMAGED,
    MISSING,
    HeldPiece,
    NeededBlob,
    NeededBundle,
    NeededChunk,
    NeededFile,
    NeededImage,
    NeedList,
    pieces_of_chunks,
)
from bundler.errors import Damaged


@frozen
class Lacking:
    """The parts of a bundle that must come again.

    Attributes:
        chunks: The state of each such chunk, by its number from 1: ``missing`` or ``damaged``.
        files: The state of each other file, by its name.
        blobs: The numbers of the blobs that bases lacked.
    """

    chunks: Mapping[int, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    blobs: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """True if there is any."""
        return bool(self.chunks or self.files or self.blobs)

    def without(self, repairable: Collection[str]) -> Lacking:
        """The same without the chunks that parity can repair: they need not come again."""
        chunks = {number: state for number, state in self.chunks.items() if not _is_among(repairable, number)}
        return replace(self, chunks=chunks)


def _is_among(names: Collection[str], number: int) -> bool:
    return any(roles.chunk_number(name) == number for name in names)


def lacking_by(findings: Iterable[Finding], bundle: Bundle | LockedBundle) -> Lacking:
    """The chunks and files that findings say must be copied again."""
    chunks: dict[int, str] = {}
    files: dict[str, str] = {}
    for finding in findings:
        if not finding.is_wanted or finding.file not in bundle.sealed.sums:
            continue
        state = DAMAGED if isinstance(finding.error, Damaged) else MISSING
        number = roles.chunk_number(finding.file)
        if number is None:
            files.setdefault(finding.file, state)
        elif number <= len(bundle.chunks):
            chunks.setdefault(number, state)
    return Lacking(dict(sorted(chunks.items())), dict(sorted(files.items())))


def lacking_chunks(bundle: Bundle | LockedBundle) -> Mapping[int, str]:
    """The chunks that have no usable file, by number, as far as is known without reading them."""
    return {
        number: MISSING if state.is_absent else DAMAGED
        for number, state in enumerate(bundle.chunks, start=1)
        if state.problem is not None
    }


def need_list(bundle: Bundle | LockedBundle, lacking: Lacking, *, created: str) -> NeedList:
    """The need-list for some parts of a bundle. That of an encrypted bundle says nothing of its content.

    Args:
        bundle: The bundle.
        lacking: The parts.
        created: The time: ISO 8601, UTC.
    """
    sealed, manifest = bundle.sealed, bundle.manifest
    content = manifest if isinstance(manifest, BundleManifest) and not bundle.is_encrypted else None
    hurt = _Hurt(content, lacking)
    holds: dict[int, list[HeldPiece]] = {}
    held: dict[int, int] = {}
    if content is not None:
        for number, _ in pieces_of_chunks(content, lacking.chunks):
            held[number] = held.get(number, 0) + 1
        for number, piece in islice(pieces_of_chunks(content, lacking.chunks), NEED_LIST_PIECES):
            holds.setdefault(number, []).append(piece)
    return NeedList(
        created=created,
        tool=f"bundler {__version__}",
        bundle=NeededBundle(
            bundle.id,
            manifest.name,
            manifest.archive.name,
            bundle.is_encrypted,
            manifest.chunk_size_bytes,
            len(manifest.chunks),
        ),
        images=hurt.images,
        chunks=tuple(
            NeededChunk(
                number,
                chunk.file,
                chunk.size_bytes,
                sealed.sums[chunk.file],
                state,
                tuple(hurt.by_chunk.get(number, ())),
                tuple(holds.get(number, ())),
                held.get(number, 0),
            )
            for number, state in lacking.chunks.items()
            for chunk in [manifest.chunks[number - 1]]
        ),
        files=tuple(NeededFile(file, sealed.sums[file], state) for file, state in lacking.files.items()),
        blobs=tuple(_blob(content, number, hurt) for number in lacking.blobs) if content is not None else (),
    )


def _blob(manifest: BundleManifest, number: int, hurt: _Hurt) -> NeededBlob:
    blob = manifest.blobs[number]
    return NeededBlob(
        number,
        blob.descriptor.digest,
        blob.descriptor.size_bytes,
        blob.descriptor.media_type,
        tuple(hurt.by_blob.get(number, ())),
        tuple(manifest.bases[place.base].name for place in blob.bases),
    )


class _Hurt:
    """The images that need something of what is lacking, and their places in the need-list."""

    def __init__(self, manifest: BundleManifest | None, lacking: Lacking) -> None:
        self.images: tuple[NeededImage, ...] = ()
        self.by_chunk: dict[int, list[int]] = {}
        self.by_blob: dict[int, list[int]] = {}
        if manifest is None:
            return
        wanted = frozenset(lacking.blobs)
        images: list[NeededImage] = []
        for image in manifest.images:
            numbers = image.needs_with_attachments
            pieces = (piece.chunk for number in numbers for piece in manifest.blobs[number].stored.pieces)
            chunks = {chunk for chunk in pieces if chunk in lacking.chunks}
            blobs = wanted.intersection(numbers)
            if not chunks and not blobs:
                continue
            for chunk in chunks:
                self.by_chunk.setdefault(chunk, []).append(len(images))
            for number in blobs:
                self.by_blob.setdefault(number, []).append(len(images))
            images.append(NeededImage(image.reference, image.source))
        self.images = tuple(images)
