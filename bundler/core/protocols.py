"""The interfaces of stores. `bundler.transfer` knows these interfaces and nothing else about any store.

A *source* or a *sink* is one place within a store where digests name bytes: a repository of a registry, a layout, a
bundle. Implementations are thread-safe. They do not retry; their errors say if a retry makes sense.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from functools import cache
from typing import Protocol, TypeGuard

from bundler.core.attachments import FoundAttachment
from bundler.core.digest import Digest, Hasher
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError

Pieces = Generator["bytes | memoryview", None, None]
"""Consecutive bytes. Each piece has at most `limits.LARGE_PIECE_BYTES`, and is valid only until the next one is
requested."""


Passed = Callable[[int], object]
"""Gets the number of bytes after each read or write. Its exceptions, such as `Interrupted`, end the operation."""


class BlobSource(Protocol):
    """Gives blobs."""

    @property
    def is_remote(self) -> bool:
        """True if bytes that arrived damaged may arrive undamaged at the next attempt."""

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob from an offset on, unverified, and at most one piece more than its size.

        Raises:
            Refused: There is no such blob, or access to it is denied.
            Unavailable: The transfer stopped; the caller may open the blob again at a later offset.
            Damaged, LocalStorage, Incomplete: The store failed in one of these ways.
        """


class WholeBlobSource(BlobSource, Protocol):
    """Gives blobs, and small ones at once. Only a store on this machine does: nothing of it arrives in part."""

    def read_whole(self, descriptor: Descriptor) -> bytes:
        """A blob that fits into memory, unverified.

        Raises:
            BundlerError: As `BlobSource.open_blob`.
        """


class SourceOfCopies(BlobSource, Protocol):
    """Gives blobs, and may hold more than one copy of a blob."""

    def find_whole(self, descriptor: Descriptor, passed: Passed) -> bool:
        """Searches for an undamaged copy of a blob, after the bytes that were read turned out damaged.

        Returns:
            True if the blob should be read again. It is true at most once for each blob.
        """


class OpenFile(Protocol):
    """A file that is open for reading, on a file system of this machine or elsewhere."""

    @property
    def descriptor(self) -> int | None:
        """Its descriptor, if it is a file of this machine; None if it is elsewhere."""

    def size(self, *, what: str) -> int:
        """Returns its size in bytes.

        Raises:
            Damaged, LocalStorage, Refused, Unavailable: The file system, or the service, does not answer.
        """

    def read_into(self, buffers: Sequence[bytearray | memoryview], offset_bytes: int, *, what: str) -> None:
        """Fills buffers from an offset.

        Raises:
            Damaged: It ends too early, or (`Unreadable`) the medium cannot be read there.
            LocalStorage, Refused, Unavailable: It cannot be read.
        """

    def close(self) -> None:
        """Closes it."""


@frozen
class FilePart:
    """Consecutive bytes of a blob that are in a file as they are.

    Attributes:
        opened: Opens the file: a context manager.
        offset_bytes: The offset of the bytes in the file.
        length_bytes: Their number.
    """

    opened: Callable[[], AbstractContextManager[OpenFile]]
    offset_bytes: int
    length_bytes: int


NOT_HELD = "base-missing"
"""The code of `HeldElsewhere`."""


class BlobsInFiles(SourceOfCopies, Protocol):
    """Gives blobs that are in files on this machine, uncompressed."""

    @property
    def has_few_files(self) -> bool:
        """True if only a few files can be open at a time, so that a reader must not keep one open while it waits."""

    def problem_of(self, descriptor: Descriptor) -> BundlerError | None:
        """The reason for which a blob cannot be read from the files that are here; None if it can.

        The reason is a `HeldElsewhere` if no other file of this source would help.
        """

    def file_parts(self, descriptor: Descriptor) -> tuple[FilePart, ...]:
        """The bytes of a blob, in their order. Nothing of it is verified.

        Opening a part raises the errors of `BlobSource.open_blob`.

        Raises:
            Incomplete: The source does not hold the blob.
        """


class ImageSource(BlobSource, Protocol):
    """Gives images: names, manifests and blobs."""

    def resolve(self, name: str | None) -> Descriptor:
        """The descriptor that a tag or digest refers to; the name None refers to the only image.

        Raises:
            Refused: There is no such image.
        """

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest or index, verified against its digest.

        Raises:
            Refused: There is no such manifest, or it is too large.
            Damaged: The bytes do not match the digest.
        """

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        """All that is attached to a manifest, as the store lists it. Nothing of it is verified.

        Raises:
            Refused: There are too many, or the store does not list them.
            Damaged: A list of them is not valid.
        """


class BlobSink(Protocol):
    """Receives blobs. Sinks are compared by identity, and may be the keys of mappings."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the sink already has the blob with the right size."""

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Stores a blob. It is atomic: if ``pieces`` raises, the blob does not exist in the store.

        It raises the exceptions of ``pieces`` unchanged. It may be called again after a failure.

        Raises:
            Refused, Unavailable, LocalStorage: The store failed in one of these ways.
        """


class Obtained(str, Enum):
    """The way in which a sink got a blob without its bytes."""

    PRESENT = "present"
    MOUNTED = "mounted"


class MountingSink(BlobSink, Protocol):
    """Receives blobs, and can mount a blob from another sink of the same store without a transfer."""

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        """Makes the blob available in this sink, if that is possible without its bytes.

        Args:
            descriptor: The blob.
            holder: A sink of the same store that probably has the blob.

        Returns:
            `Obtained.PRESENT` or `Obtained.MOUNTED`; None if the caller must put the bytes.
        """


@frozen
class PartialBlob:
    """The partial blob of an earlier run: its length, and the hash of its bytes."""

    offset_bytes: int
    hasher: Hasher


class ResumingSink(BlobSink, Protocol):
    """Receives blobs, and can resume partial blobs of an earlier run."""

    def partial_blob(self, descriptor: Descriptor) -> PartialBlob | None:
        """The partial state of a blob. It is returned once: a caller that cannot resume must put the whole blob."""

    def resume_blob(self, descriptor: Descriptor, pieces: Pieces, *, offset_bytes: int) -> None:
        """Stores the rest of a blob, like `put_blob`.

        Args:
            descriptor: The blob.
            pieces: Its bytes from the offset on.
            offset_bytes: The offset of `partial_blob`.
        """


class OrderedSink(BlobSink, Protocol):
    """Receives blobs in write order: `put_blob` may wait for the blobs before this one."""

    def end_blob(self, descriptor: Descriptor) -> None:
        """Ends a blob, stored or not, so that the blobs after it in write order do not wait for it."""


class ImageSink(BlobSink, Protocol):
    """Receives images."""

    def find(self, name: str) -> Descriptor | None:
        """The descriptor that a tag or digest refers to here; None if there is none. A size of 0 means unknown."""

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Stores a manifest whose children and blobs exist here. It is idempotent."""

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Makes a name refer to an existing manifest. It is atomic: the name refers to the old or the new manifest."""


# `isinstance` with a protocol takes 25 us in Python 3.11, and a run asks it several times for each of 100,000 blobs.


def gives_wholes(source: BlobSource) -> TypeGuard[WholeBlobSource]:
    """True if a source gives small blobs at once."""
    return _has(type(source), "read_whole")


def may_have_copies(source: BlobSource) -> TypeGuard[SourceOfCopies]:
    """True if a source may have more than one copy of a blob."""
    return _has(type(source), "find_whole")


def can_mount(sink: BlobSink) -> TypeGuard[MountingSink]:
    """True if a sink can get a blob without its bytes."""
    return _has(type(sink), "obtain_blob")


def can_resume(sink: BlobSink) -> TypeGuard[ResumingSink]:
    """True if a sink can resume partial blobs."""
    return _has(type(sink), "partial_blob", "resume_blob")


def is_ordered(sink: BlobSink) -> TypeGuard[OrderedSink]:
    """True if a sink waits for the end of each blob."""
    return _has(type(sink), "end_blob")


@cache
def _has(kind: type, *methods: str) -> bool:
    return all(hasattr(kind, method) for method in methods)
