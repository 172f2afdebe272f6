"""A tar of the blobs of one image as a sink: it is written into a stream, which cannot go back."""

from __future__ import annotations

from collections.abc import Callable

from bundler.core import tar
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Refused


class TarSink:
    """A tar that is written as blobs arrive: a `BlobSink` for the blobs of one image, in any order.

    It is not repeatable: if one blob fails, the image fails.
    """

    def __init__(self, write: Callable[[bytes | memoryview], None], *, subject: str) -> None:
        self._write = write
        self._subject = subject
        self._held: set[Digest] = set()
        self._is_broken = False

    def put_file(self, name: str, content: bytes) -> None:
        """Writes a small file."""
        for piece in (tar.header(name, len(content)), content, bytes(tar.padding_bytes(len(content)))):
            self._write(piece)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the blob was written."""
        return descriptor.digest in self._held

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes a blob.

        Raises:
            Refused: An earlier blob failed.
        """
        if self._is_broken:
            raise Refused("another blob of the image failed", subject=self._subject)
        self._is_broken = True
        self._write(tar.header(descriptor.digest.path, descriptor.size_bytes))
        for piece in pieces:
            self._write(piece)
        self._write(bytes(tar.padding_bytes(descriptor.size_bytes)))
        self._is_broken = False
        self._held.add(descriptor.digest)

    def put_document(self, descriptor: Descriptor, content: bytes) -> None:
        """Writes a manifest, as a blob."""
        self.put_file(descriptor.digest.path, content)
        self._held.add(descriptor.digest)

    def end(self) -> None:
        """Writes the end mark."""
        self._write(tar.END)
