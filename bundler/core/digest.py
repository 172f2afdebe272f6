"""Content digests as OCI image-spec ``descriptor.md`` spells them: ``algorithm:encoded``.

A digest is parsed before it becomes part of a path or URL, so that no text from outside can become part of one.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol

from bundler import texts
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged

_FORMS = {
    "sha256": ("sha256", lazy_pattern(r"[0-9a-f]{64}")),
    "sha512": ("sha512", lazy_pattern(r"[0-9a-f]{128}")),
}
"""For each algorithm: its name, as one object that all digests share to save memory, and the form of the digits."""

ALGORITHMS = tuple(_FORMS)
"""The names of the algorithms."""


class Hasher(Protocol):
    """The part of the interface of `hashlib` objects that is used here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Hashes the next bytes."""

    def hexdigest(self) -> str:
        """The digest of all bytes so far, in lower-case hex."""

    def copy(self) -> Hasher:
        """An independent copy with the same state."""


class Digest(NamedTuple):
    """The digest of some bytes. `parse` and `of` make one; the constructor checks nothing.

    A named tuple, because digests are the keys of most tables: Python hashes and compares tuples without our code.
    """

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: object) -> Digest:
        """Reads a digest.

        Raises:
            Damaged: It is not ``sha256:`` or ``sha512:`` with its number of lower-case hex digits.
        """
        if isinstance(text, str):
            name, _, encoded = text.partition(":")
            algorithm, form = _FORMS.get(name, ("", None))
            if form and form.fullmatch(encoded):
                return cls(algorithm, encoded)
        raise Damaged(
            "not a digest", expected=texts.text("sha256:<64 hex> or sha512:<128 hex>"), actual=repr(text)[:100]
        )

    @classmethod
    def of(cls, content: bytes, *, algorithm: str = "sha256") -> Digest:
        """The digest of bytes that are in memory."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def hasher(self) -> Hasher:
        """A fresh hash object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    @property
    def path(self) -> str:
        """The path of these bytes in an OCI layout (image-spec ``image-layout.md``)."""
        return f"blobs/{self.algorithm}/{self.encoded}"

    @property
    def short(self) -> str:
        """The first twelve digits, for people."""
        return self.encoded[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"
