"""Decodes the part of CBOR (RFC 8949) that COSE envelopes of signatures use, with bounds on everything.

Integers, byte and text strings, arrays, maps, tags, false, true and null, of definite length. All that these envelopes
never have is refused: floats, undefined, indefinite lengths, other simple values, bytes at the end, and a key of a map
that appears twice. The encoding need not be the shortest one.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.limits import CBOR_DEPTH, CBOR_ITEMS
from bundler.texts import text


@frozen
class Tagged:
    """An item with a tag."""

    number: int
    item: object


def loads(content: bytes) -> object:
    """Decodes one item that fills the whole content.

    Raises:
        ValueError: It is not such an item.
    """
    decoder = _Decoder(content)
    item = decoder.item(0)
    if decoder.offset != len(content):
        raise ValueError("bytes at the end")
    return item


def encoded_bytes(content: bytes) -> bytes:
    """A byte string as CBOR, in the shortest encoding."""
    return _head(2, len(content)) + content


def encoded_text(content: str) -> bytes:
    """A text as CBOR, in the shortest encoding."""
    encoded = content.encode()
    return _head(3, len(encoded)) + encoded


def _head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    width = next(width for width in (1, 2, 4, 8) if value < 1 << 8 * width)
    return bytes([major << 5 | 24 + width.bit_length() - 1]) + value.to_bytes(width, "big")


class _Decoder:
    """Reads items one after the other, and counts them."""

    def __init__(self, content: bytes) -> None:
        self.offset = 0
        self._content = content
        self._items = 0

    def item(self, depth: int) -> object:
        self._items += 1
        if depth > CBOR_DEPTH:
            raise ValueError(text("nested deeper than {cbor_depth}", cbor_depth=CBOR_DEPTH))
        if self._items > CBOR_ITEMS:
            raise ValueError("too many items")
        first = self._take(1)[0]
        major, value = first >> 5, self._value(first & 0x1F)
        match major:
            case 0:
                return value
            case 1:
                return -1 - value
            case 2:
                return self._take(value)
            case 3:
                return self._take(value).decode("utf-8")
            case 4:
                return [self.item(depth + 1) for _ in range(self._possible(value))]
            case 5:
                return self._map(self._possible(value), depth)
            case 6:
                return Tagged(value, self.item(depth + 1))
            case _:
                return self._simple(first)

    def _simple(self, first: int) -> bool | None:
        known = {0xF4: False, 0xF5: True, 0xF6: None}
        if first not in known:
            raise ValueError("a simple value or a float")
        return known[first]

    def _map(self, size: int, depth: int) -> dict[int | str, object]:
        found: dict[int | str, object] = {}
        for _ in range(size):
            key = self.item(depth + 1)
            if not isinstance(key, (int, str)) or isinstance(key, bool):
                raise ValueError("a key that is neither an integer nor a text")
            if key in found:
                raise ValueError(text("duplicate key {twice}", twice=repr(key)[:60]))
            found[key] = self.item(depth + 1)
        return found

    def _value(self, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise ValueError("an indefinite length or a reserved value")
        return int.from_bytes(self._take(1 << low - 24), "big")

    def _possible(self, size: int) -> int:
        """The size of an array or map, if as many items can follow at all."""
        if size > len(self._content) - self.offset:
            raise ValueError("the content ends too early")
        return size

    def _take(self, count: int) -> bytes:
        found = self._content[self.offset : self.offset + count]
        if len(found) != count:
            raise ValueError("the content ends too early")
        self.offset += count
        return found
