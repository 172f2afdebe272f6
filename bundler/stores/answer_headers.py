"""The headers of answers of registries that tell sizes and media types. A server may say anything in them."""

from __future__ import annotations

from bundler.core import oci
from bundler.stores.http import Answer


def length_of(answer: Answer) -> int | None:
    """The length that an answer gives for its content; None if it gives none."""
    return number_of(answer.headers.get("Content-Length"))


def number_of(text: str | None) -> int | None:
    """The number in a header; None if it has none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None


def media_type_of(answer: Answer) -> str:
    """The media type that an answer gives for its content; empty if it is none."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type if oci.is_media_type(media_type) else ""
