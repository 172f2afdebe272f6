"""The seams: what a store can do. `bundler.transfer` knows these and nothing else of any store.

A *source* and a *sink* stand for one place within a store where digests name bytes: a repository of a registry, a
layout, a bundle. Implementations are thread-safe. They retry nothing; their errors say whether a retry makes sense.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from bundler.core.digest import Hasher
from bundler.core.oci import Descriptor

Pieces = Generator["bytes | memoryview", None, None]
"""Consecutive bytes, each piece at most `limits.PIECE_BYTES` long and valid only until the next one is asked for."""


Passed = Callable[[int], object]
"""Is told of every number of bytes that was read or written; what it raises, such as `Interrupted`, goes through."""


class BlobSource(Protocol):
    """Gives blobs."""

    @property
    def is_remote(self) -> bool:
        """Whether bytes that arrive damaged may arrive whole the next time."""

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob from an offset on, unverified, and not more than its size plus one piece.

        Raises:
            Refused: There is no such blob, or it is denied.
            Unavailable: The bytes stopped coming; opening again at a later offset may go on.
            Damaged, LocalStorage, Incomplete: As the store has it.
        """


@runtime_checkable
class SourceOfCopies(BlobSource, Protocol):
    """Gives blobs of which it may hold more than one copy."""

    def find_whole(self, descriptor: Descriptor, passed: Passed) -> bool:
        """Looks for a whole copy of a blob, after the one that was read turned out bad.

        Returns:
            Whether the blob is worth reading again. True once for each blob.
        """


class ImageSource(BlobSource, Protocol):
    """Gives images: names, manifests and blobs."""

    def resolve(self, name: str | None) -> Descriptor:
        """What a tag or digest stands for; None for the only image there is.

        Raises:
            Refused: There is no such image.
        """

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest or index, verified against its digest.

        Raises:
            Refused: There is none, or it is too large.
            Damaged: The bytes are not those of the digest.
        """


class BlobSink(Protocol):
    """Takes blobs. Sinks are compared by identity, and may be the keys of mappings."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob is there already, with its size."""

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Takes in a blob. Atomic: unless ``pieces`` ends by itself, nothing stands under the blob's name.

        Whatever ``pieces`` raises goes through unchanged. May be called again after a failure.

        Raises:
            Refused, Unavailable, LocalStorage: As the store has it.
        """


class Obtained(str, Enum):
    """How a sink has a blob that it was not sent."""

    PRESENT = "present"
    MOUNTED = "mounted"


@runtime_checkable
class MountingSink(BlobSink, Protocol):
    """Takes blobs, also from another sink of the same store, which are not moved then."""

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        """Makes sure that the blob is there, as far as that is possible without its bytes.

        Args:
            descriptor: The blob.
            holder: A sink of the same store that probably has the blob.

        Returns:
            How the blob came there; None if its bytes are to be put.
        """


@dataclass(frozen=True, slots=True)
class PartialBlob:
    """A blob up to some offset, as an earlier run left it, with the hash of what is there."""

    offset_bytes: int
    hasher: Hasher


@runtime_checkable
class ResumingSink(BlobSink, Protocol):
    """Takes blobs, and knows how far some have come in an earlier run."""

    def partial_blob(self, descriptor: Descriptor) -> PartialBlob | None:
        """How far a blob has come. It is told once: whoever cannot go on from there puts the whole blob."""

    def resume_blob(self, descriptor: Descriptor, pieces: Pieces, *, offset_bytes: int) -> None:
        """Takes in the rest of a blob, as `put_blob`.

        Args:
            descriptor: The blob.
            pieces: Its bytes from the offset on.
            offset_bytes: That of `partial_blob`.
        """


@runtime_checkable
class OrderedSink(BlobSink, Protocol):
    """Takes blobs that may wait for each other: within `put_blob`, for those that the sink wants before."""

    def end_blob(self, descriptor: Descriptor) -> None:
        """Says that nothing more comes of a blob, whether it was put or not: those behind it need not wait."""


class ImageSink(BlobSink, Protocol):
    """Takes images."""

    def find(self, name: str) -> Descriptor | None:
        """What a tag or digest stands for here, if it stands for anything; the size may be 0 where it is not told."""

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Takes in a manifest whose children and blobs are there. Idempotent."""

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Lets a name stand for a manifest that is there. Atomic: the name stands for the old or for the new one."""
