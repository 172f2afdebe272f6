"""An image of a list in words, as the journal of an export names its request for it."""

from __future__ import annotations

from bundler.core.image_list import Entry
from bundler.core.reference import Reference
from bundler.transports.parsing import parse_image

_FROM = " from "


def words_of(entry: Entry) -> str:
    """The request for an image in words: two requests with the same words are the same."""
    pin = f", pinned to {entry.pin}" if entry.pin else ""
    platforms = f", for {' '.join(map(str, entry.platforms))}" if entry.platforms else ""
    attachments = f", with attachments {entry.attachments}" if entry.attachments else ""
    return f"{entry.reference}{_FROM}{entry.source}{pin}{platforms}{attachments}"


def entry_in(words: str) -> Entry:
    """The request in such words, if it is for a whole image with all its attachments.

    Raises:
        Misuse: It is for less.
    """
    name, _, source = words.partition(_FROM)
    return Entry(Reference.parse(name), parse_image(source))


def name_in(words: str) -> Reference:
    """The name of the image in such words. No reference has a space."""
    return Reference.parse(words.partition(_FROM)[0])
