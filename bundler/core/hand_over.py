"""A hand-over: the media of a bundle, with their sender and recipient. Labels and slips say this.

It has nothing of the content: no name of an image, no digest but the bundle's own. Paper is read by people who must not
know what a medium holds (BSI IT-Grundschutz S 2.45).
"""

from __future__ import annotations

from bundler.core.bundle_name import BUNDLE_NAME
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged

_PAYLOAD = lazy_pattern(rf"BUNDLER1 ({BUNDLE_NAME.pattern}) ([1-9]\d{{0,5}}|slip)/([1-9]\d{{0,5}}) ([0-9a-f]{{64}})")
SLIP = "slip"
"""The medium in the code of a slip, which is about all media."""


@frozen
class HandedMedium:
    """One medium: a stick or disc.

    Attributes:
        number: Its number, from 1.
        chunks: The number of chunks on it.
        files: The number of all files of the bundle on it.
        size_bytes: The size of its chunks.
    """

    number: int
    chunks: int
    files: int
    size_bytes: int


@frozen
class HandOver:
    """The media of a bundle, with who gives them to whom.

    Attributes:
        name: The name of the bundle.
        bundle_id: Its id, the SHA-256 of SHA256SUMS.
        created: The time when it was made.
        media: Its media.
        fingerprints: The fingerprints of the trusted keys that signed it; empty if the signature was not asked for.
        is_signed: True if the bundle states that it is signed.
        is_encrypted: True if its content is encrypted.
        sender: The one who gives it; may be empty.
        recipient: The one who gets it; may be empty.
        date: The day of the hand-over.
    """

    name: str
    bundle_id: str
    created: str
    media: tuple[HandedMedium, ...]
    fingerprints: tuple[str, ...]
    is_signed: bool
    is_encrypted: bool
    sender: str
    recipient: str
    date: str

    def payload(self, medium: HandedMedium | None) -> str:
        """The text in the QR code of a medium's label; of the slip for None."""
        number = SLIP if medium is None else medium.number
        return f"BUNDLER1 {self.name} {number}/{len(self.media)} {self.bundle_id}"


@frozen
class LabelCode:
    """The text in the QR code of a label or slip.

    Attributes:
        name: The name of the bundle.
        medium: The number of the medium; None for a slip.
        media: The number of media.
        bundle_id: The id of the bundle: compare it with ``sha256sum SHA256SUMS``.
    """

    name: str
    medium: int | None
    media: int
    bundle_id: str


def parse_payload(text: str) -> LabelCode:
    """Reads the text of a QR code, as a scanner types it.

    Raises:
        Damaged: It is none of ours.
    """
    found = _PAYLOAD.fullmatch(text.strip())
    if found is None:
        raise Damaged("not the code of a label", actual=text[:100], expected="BUNDLER1 NAME 1/2 ID")
    name, medium, media, bundle_id = found.groups()
    return LabelCode(name, None if medium == SLIP else int(medium), int(media), bundle_id)
