"""The digests of an archive's members: of their bytes, and of their decompressed content, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing

from bundler.core.digest import Digest
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import compression
from bundler.stores.archive_contents import Contents
from bundler.stores.tar_reader import TarMember

_BLOB = lazy_pattern(r"blobs/(sha256|sha512)/([0-9a-f]+)")


class MemberDigests:
    """The digests of members: of their bytes, and of their decompressed content."""

    def __init__(self) -> None:
        self._own: dict[str, Digest] = {}
        self._inner: dict[str, Digest] = {}
        self._kinds: dict[str, str] = {}
        self.errors: dict[str, Damaged] = {}

    def take(self, member: TarMember, pieces: Pieces) -> None:
        """Hashes a member."""
        blob = _BLOB.fullmatch(member.name)
        own = hashlib.new(blob[1] if blob else "sha256")
        inner = hashlib.sha256()
        beginning, whole = compression.peeked(pieces)
        kind = compression.kind_of(beginning)
        if kind == compression.SEVEN_ZIP:
            kind = compression.NONE

        def seen() -> Pieces:
            for piece in whole:
                own.update(piece)
                yield piece

        with closing(seen()) as raw:
            try:
                for piece in compression.decompressed(raw, kind, what=member.name):
                    inner.update(piece)
            except Damaged as error:
                self.errors[member.name] = error
            for piece in whole:  # bytes that the decoder did not request, or did not reach
                own.update(piece)
        self._kinds[member.name] = kind
        self._own[member.name] = Digest(own.name, own.hexdigest())
        self._inner[member.name] = Digest("sha256", inner.hexdigest())

    def take_document(self, name: str, content: bytes) -> None:
        """Hashes a document."""
        blob = _BLOB.fullmatch(name)
        self._own[name] = Digest.of(content, algorithm=blob[1] if blob else "sha256")
        self._inner[name] = Digest.of(content)

    def kind(self, name: str) -> str:
        """Returns the compression of a member."""
        return self._kinds.get(name, compression.NONE)

    def inner(self, name: str) -> Digest:
        """Returns the digest of a member's decompressed content: its diff_id, if it is a layer.

        Raises:
            Damaged: Its compressed stream is damaged.
        """
        if name in self.errors:
            raise self.errors[name]
        if name not in self._inner:
            raise Damaged("the file changed during reading", subject=name)
        return self._inner[name]

    def misnamed(self, contents: Contents) -> Iterator[tuple[str, Digest]]:
        """Yields the blobs, and the links to blobs, whose bytes do not match the digest in their name."""
        for name in (*contents.members, *contents.links):
            blob = _BLOB.fullmatch(name)
            own = self._own.get(contents.links.get(name, name))
            if blob and own is not None and (own.algorithm, own.encoded) != (blob[1], blob[2]):
                yield name, own
