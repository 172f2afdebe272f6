"""Finds images in receipts and bundle manifests by a part of a name, a pattern, or the first digits of a digest.

A receipt of 200 images takes milliseconds to parse, and a folder may have a thousand. So bytes that cannot fit are
sorted out before they are parsed, and of a receipt only the images that fit are read.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bundler.core.frozen import frozen
from bundler.core.image_patterns import is_image_pattern, shell_pattern
from bundler.core.json_fields import list_of
from bundler.core.limits import SEARCH_CHARACTERS, SEARCHED_CHARACTERS
from bundler.core.manifest import BundleManifest, Image
from bundler.core.patterns import lazy_pattern
from bundler.core.receipt import Receipt, ReceiptImage
from bundler.errors import Misuse

LEAST_DIGITS = 6
"""The fewest hex digits that count as the beginning of a digest."""

CARRIED = "carried"
"""The outcome of an image that is found in a bundle."""

_DIGITS = lazy_pattern(rf"(?:(?:.*@)?sha(?:256|512):)?([0-9a-f]{{{LEAST_DIGITS},128}})", re.ASCII)
"""Of a name with a digest, as Kubernetes shows images, the digest is searched for."""
_PIECE_BYTES = 1 << 20
"""A document is searched in pieces: a receipt may have 256 MiB, and its copy in small letters as much again."""

_SPECIAL = lazy_pattern(r"\[!?\]?[^\]]*\]|[*?\[\]]")
"""The parts of a pattern that are no text: a set of characters as a whole, and single signs."""
_LABELS = tuple(f"org.opencontainers.image.{name}" for name in ("title", "version"))


@frozen
class SearchText:
    """A text that was searched for.

    Attributes:
        written: The text as it was written.
        digits: The hex digits that a digest must begin with; empty if the text is the beginning of no digest.
    """

    written: str
    digits: str
    _name: str
    _pattern: re.Pattern[str] | None

    @classmethod
    def parse(cls, written: str) -> SearchText:
        """Reads the text.

        Raises:
            Misuse: It is empty or too long.
        """
        text = written.strip().lower()
        if not text or len(text) > SEARCH_CHARACTERS:
            raise Misuse(
                "not a text to search for",
                subject=written[:80],
                hint="give a part of a name, a pattern like 'nginx*', or 6 or more hex digits of a digest",
            )
        found = _DIGITS.fullmatch(text)
        pattern = _pattern(text) if is_image_pattern(text) else None
        return cls(written, found[1] if found else "", text, pattern)

    def fits_name(self, *names: str | None) -> bool:
        """True if one of some names fits. Upper and lower case are the same."""
        lowered = (name.lower() for name in names if name)
        if self._pattern is not None:
            return self._fits_one(lowered)
        return any(self._name in name for name in lowered)

    def fits_digest(self, digest: str | None) -> bool:
        """True if a digest begins with the digits of the text."""
        return bool(self.digits and digest) and str(digest).partition(":")[2].startswith(self.digits)

    def may_fit(self, lines: str) -> bool:
        """False if no line of a text can fit."""
        lowered = lines.lower()
        if self._pattern is not None:
            return self._fits_one(lowered.split("\n"))
        return self._name in lowered or bool(self.digits and self.digits in lowered)

    def _fits_one(self, names: Iterable[str]) -> bool:
        """True if the pattern fits one of some names. The time for a name grows with the square of its length."""
        assert self._pattern is not None
        return any(map(self._pattern.fullmatch, (name for name in names if len(name) <= SEARCHED_CHARACTERS)))

    def may_be_in(self, content: bytes) -> bool:
        """False if no image in a JSON document can fit: the document has none of the text, and escapes no character."""
        literal = self._literal
        pieces = (content[at : at + _PIECE_BYTES + len(literal)] for at in range(0, len(content), _PIECE_BYTES))
        return b"\\" in content or any(literal in piece.lower() for piece in pieces)

    @property
    def _literal(self) -> bytes:
        """The longest part of the text that every name or digest that fits has, as ASCII."""
        parts = (self.digits,) if self.digits else _SPECIAL.split(self._name)
        return max((part.encode() for part in parts if part.isascii()), key=len, default=b"")


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern that fits a whole name, or a name without its registry, its first folders, its tag or its digest."""
    inner = fnmatch.translate(shell_pattern(text)).removesuffix(r"\Z").removesuffix(r"\z")
    return re.compile(rf"(?:.*/)?{inner}(?:[:@].*)?", re.DOTALL)


@frozen
class FoundImage:
    """An image that fits.

    Attributes:
        reference: Its name in the bundle.
        name: Its name at the target; empty in a bundle.
        digest: The digest of its root.
        outcome: The result of the import, or ``carried`` in a bundle.
        by: The digest or label that fits, if neither a name nor the root does.
    """

    reference: str
    name: str
    digest: str
    outcome: str
    by: str = ""


def chooser_of(wanted: SearchText) -> Callable[[dict[str, Any]], Callable[[dict[str, Any]], bool]]:
    """Returns the chooser of the images in a receipt's document, for `bundler.core.receipt.parse_receipt_part`."""

    def chooser(document: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
        blobs = list_of(document.get("blobs", [])) if wanted.digits else []
        numbers = frozenset(n for n, each in enumerate(blobs) if isinstance(each, str) and wanted.fits_digest(each))
        return lambda image: _may_fit(wanted, image, numbers)

    return chooser


def _may_fit(wanted: SearchText, image: dict[str, Any], blobs: frozenset[int]) -> bool:
    """False if an image of a document cannot fit. `found_in_receipt` decides."""
    get = image.get  # one text, and no list of them: a folder of receipts has 200,000 images
    lines = (
        f"{get('reference')}\n{get('name')}\n{get('takenName')}\n{get('digest')}\n{get('readBack')}\n{get('madeFrom')}"
    )
    if "attached" in image:
        texts = (f"\n{each['digest']}\n{each['artifactType']}\n{each['kind']}" for each in image["attached"])
        lines += "".join(texts)
    return wanted.may_fit(lines) or (bool(blobs) and not blobs.isdisjoint(get("blobs", ())))


def found_in_receipt(receipt: Receipt, wanted: SearchText) -> Iterator[FoundImage]:
    """The images of a receipt, at each target, that fit."""
    blobs = frozenset(number for number, each in enumerate(receipt.blobs) if wanted.fits_digest(each))
    for target in receipt.targets:
        for image in target.images:
            names = (image.reference, image.name, image.taken_name)
            is_named = wanted.fits_name(*names) or wanted.fits_digest(image.digest)
            by = (
                ""
                if is_named
                else _part_of_imported(image, wanted, [receipt.blobs[n] for n in image.blobs if n in blobs])
            )
            if is_named or by:
                yield FoundImage(image.reference, image.name, image.digest, image.outcome, by)


def _part_of_imported(image: ReceiptImage, wanted: SearchText, blobs: Iterable[str]) -> str:
    """The part of an imported image that fits: another digest of it, a blob, an attachment."""
    digests = (image.read_back, image.made_from, *(each.digest for each in image.attached), *blobs)
    kinds = (
        each.artifact_type or each.kind for each in image.attached if wanted.fits_name(each.artifact_type, each.kind)
    )
    return next(filter(wanted.fits_digest, digests), None) or next(kinds, "")


def found_in_manifest(manifest: BundleManifest, wanted: SearchText) -> Iterator[tuple[Image, FoundImage]]:
    """The images of a bundle that fit."""
    blobs: dict[int, str] = {}
    if wanted.digits:
        digests = ((number, str(blob.descriptor.digest)) for number, blob in enumerate(manifest.blobs))
        blobs = {number: digest for number, digest in digests if wanted.fits_digest(digest)}
    for image in manifest.images:
        digest = str(image.root.digest)
        is_named = wanted.fits_name(str(image.reference), image.source) or wanted.fits_digest(digest)
        by = "" if is_named else _part_of_carried(image, wanted, blobs)
        if is_named or by:
            yield image, FoundImage(str(image.reference), "", digest, CARRIED, by)


def _part_of_carried(image: Image, wanted: SearchText, blobs: dict[int, str]) -> str:
    """The part of a carried image that fits: a manifest or blob, the digest of its source, a label, an attachment."""
    if wanted.digits:
        if wanted.fits_digest(str(image.source_digest)):
            return str(image.source_digest)
        number = next((each for each in image.needs_with_attachments if each in blobs), None)
        if number is not None:
            return blobs[number]
    labels = (each.config.labels.get(name, "") for each in image.variants for name in _LABELS)
    kinds = (text for each in image.attachments for text in (each.artifact_type, each.kind))
    return next((each for each in (*labels, *kinds) if wanted.fits_name(each)), "")
