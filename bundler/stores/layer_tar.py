"""Reads the tar of a layer: the names and sizes of its members, never a link's target, an owner or a file's content.

Nothing is unpacked, so a member can do no harm: a name that leads out of the image is resolved inside it, and devices
and links are only counted. It is more lenient than `bundler.stores.tar_reader`, because a layer may have all that a
file system has, in any order, and twice. It reads no more than `bundler.core.limits` allows, whatever the bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from bundler.core import tar
from bundler.core.frozen import frozen
from bundler.core.layers import Cover, LayerContents, LayerSurvey, Member, member_of, survey
from bundler.core.limits import (
    LAYER_EXTENDED_BYTES,
    LAYER_MEMBERS,
    LAYER_RATIO,
    LAYER_RATIO_SLACK_BYTES,
    LAYER_UNPACKED_BYTES,
    MEMBER_NAME_CHARACTERS,
    PAX_HEADER_BYTES,
)
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import compression
from bundler.stores.image_file import PieceStream
from bundler.stores.tar_reader import ByteStream
from bundler.texts import text

_FOLDER = b"5"
_WITHOUT_DATA = frozenset({tar.HARD_LINK, tar.SOFT_LINK, b"3", b"4", _FOLDER, b"6"})
"""Links, devices, folders and pipes: their size, if they have one, is not that of data."""

_USED = ("path", "size", "GNU.sparse.name")
"""The records of extended headers that are kept, because there may be any number of them before a member."""


@frozen
class ReadLayer:
    """A layer that was read."""

    compression: str
    survey: LayerSurvey
    contents: LayerContents


def read_layer(pieces: Pieces, size_bytes: int, number: int, cover: Cover, *, what: str) -> ReadLayer:
    """Reads a layer, and compares it with those above.

    It may end before the last piece; the caller reads the rest, so that the digest of the layer is checked.

    Args:
        pieces: The layer, compressed or not.
        size_bytes: Its size.
        number: Its number in the image, from 0.
        cover: The paths of the layers above.
        what: Its name, for messages.

    Raises:
        Damaged: It is no layer, is damaged, or is larger than any layer.
        BundlerError: The errors of ``pieces``.
    """
    beginning, whole = compression.peeked(pieces)
    kind = compression.kind_of(beginning)
    unpacked = _Measured(compression.decompressed(whole, kind, what=what), size_bytes, what)
    with closing(unpacked.pieces()) as measured:
        tar_of_layer = LayerTar(PieceStream(measured), what=what)
        found = survey(tar_of_layer, number, cover)
        if tar_of_layer.is_whole:
            for _ in measured:
                pass
    return ReadLayer(kind, found, found.contents(unpacked.size_bytes, is_whole=tar_of_layer.is_whole))


class _Measured:
    """Counts the bytes of an unpacked layer, and ends one that grows beyond all bounds."""

    def __init__(self, pieces: Pieces, packed_bytes: int, what: str) -> None:
        self._pieces = pieces
        self._most = min(LAYER_UNPACKED_BYTES, packed_bytes * LAYER_RATIO + LAYER_RATIO_SLACK_BYTES)
        self._what = what
        self.size_bytes = 0

    def pieces(self) -> Pieces:
        for piece in self._pieces:
            self.size_bytes += len(piece)
            if self.size_bytes > self._most:
                raise Damaged(
                    "the layer unpacks to more than any layer does",
                    subject=self._what,
                    expected=text("at most {limit_bytes:,} bytes", limit_bytes=self._most),
                    actual="more",
                    hint="do not run this image before you know its maker",
                    code="layer-bomb",
                )
            yield piece


class LayerTar:
    """One pass over the tar of a layer.

    Attributes:
        is_whole: False if it has more members than were read.
    """

    def __init__(self, stream: ByteStream, *, what: str) -> None:
        self._stream = stream
        self._what = what
        self._extended_bytes = 0
        self._is_inside = False
        self.is_whole = True

    def __iter__(self) -> Iterator[Member]:
        """Yields the members in order.

        Raises:
            Damaged: The tar is truncated, or has what no layer has.
        """
        extended: dict[str, str] = {}
        for _ in range(LAYER_MEMBERS):
            header = self._read_header()
            if header is None:
                return
            size = tar.pax_size(extended, header.size_bytes, what=self._what)
            if header.type in (tar.PAX, tar.PAX_GLOBAL, tar.GNU_LONG_NAME, tar.GNU_LONG_LINK):
                extended |= self._read_extended(header)
                continue
            name = self._checked(extended.get("GNU.sparse.name") or extended.get("path") or header.name)
            extended = {}
            if header.type in _WITHOUT_DATA:
                size = 0
            elif header.type != tar.REGULAR:
                raise Damaged("a member of a kind that no layer has", subject=self._what, actual=repr(header.type))
            self._skip(size + tar.padding_bytes(size))
            member = member_of(name, size, is_folder=header.type == _FOLDER or name.endswith("/"))
            if member is not None:
                yield member
        self.is_whole = False

    def _read_header(self) -> tar.Header | None:
        """The next header; None at the end mark. Some writers of layers leave the mark out."""
        block = self._read(tar.BLOCK_BYTES, or_nothing=True)
        try:
            header = tar.parse_header(block, what=self._what, errors="backslashreplace") if block else None
        except Damaged as error:
            if self._is_inside:
                raise
            raise Damaged("not a layer of files: it does not start like a tar", subject=self._what) from error
        self._is_inside = True
        return header

    def _read_extended(self, header: tar.Header) -> dict[str, str]:
        """The name and size in an extended header. Global ones say nothing that is asked here."""
        padded = header.size_bytes + tar.padding_bytes(header.size_bytes)
        self._extended_bytes += padded
        if header.size_bytes > PAX_HEADER_BYTES or self._extended_bytes > LAYER_EXTENDED_BYTES:
            raise Damaged("an extended tar header is too long", subject=self._what)
        content = self._read(padded)[: header.size_bytes]
        if header.type == tar.GNU_LONG_NAME:
            return {"path": content.rstrip(b"\0").decode("utf-8", "backslashreplace")}
        records = tar.parse_pax(content, what=self._what) if header.type == tar.PAX else {}
        return {key: records[key] for key in _USED if key in records}

    def _checked(self, name: str) -> str:
        if len(name) > MEMBER_NAME_CHARACTERS:
            raise Damaged("names of members that are too long", subject=self._what)
        return name

    def _read(self, size_bytes: int, *, or_nothing: bool = False) -> bytes:
        content = self._stream.read(size_bytes)
        if len(content) == size_bytes or (or_nothing and not content):
            return content
        parts = bytearray(content)
        while len(parts) < size_bytes:
            piece = self._stream.read(size_bytes - len(parts))
            if not piece:
                raise self._truncated()
            parts += piece
        return bytes(parts)

    def _skip(self, size_bytes: int) -> None:
        if size_bytes and not self._stream.skip(size_bytes):
            raise self._truncated()

    def _truncated(self) -> Damaged:
        return Damaged("the tar of the layer is truncated", subject=self._what)
