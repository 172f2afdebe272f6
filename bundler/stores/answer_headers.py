"""The headers of registries' answers with sizes and media types. They may hold any text."""

from __future__ import annotations

from bundler.core import oci
from bundler.stores.http import Answer


def length_of(answer: Answer) -> int | None:
    """Returns the length in the headers of an answer; None if there is none."""
    return number_of(answer.headers.get("Content-Length"))


def number_of(text: str | None) -> int | None:
    """Returns the number in a header; None if it is not a number."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None


def media_type_of(answer: Answer) -> str:
    """Returns the media type in the headers of an answer; empty if it is not valid."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type if oci.is_media_type(media_type) else ""
