"""Reads the image lists of an export, and gives each image of the files and layouts in them its entry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bundler.core import image_list
from bundler.core.bundle_name import BUNDLE_NAME, name_of_words
from bundler.core.image_list import Entry, HeldImages, ImageList, nameless
from bundler.core.joined_lists import each_once, merge
from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.several import located, together
from bundler.core.text_file import decoded
from bundler.errors import BundlerError, Misuse, Several
from bundler.stores import compression
from bundler.stores.held_images import Choice, HeldImage, completed
from bundler.stores.opened import Stores
from bundler.system.given_files import read_beginning
from bundler.texts import text
from bundler.transport_table import prefix_of
from bundler.transports.parsing import parse_image, refuse_unknown_transport
from bundler.transports.transport import source_of

_TAR_MAGIC = slice(257, 262)


def read_lists(arguments: tuple[str, ...], *, name: str | None, platforms: tuple[Platform, ...]) -> ImageList:
    """The images of all lists together.

    Args:
        arguments: Files, ``-`` for standard input, or single locations with their transport.
        name: The bundle's name; None for the name that the lists give.
        platforms: For the images whose list says none.

    Raises:
        Misuse: A list cannot be read, is wrong, or contradicts another one.
    """
    lists = [_read_list(argument, platforms) for argument in arguments]
    merged = merge(lists, name=name)
    return ImageList(merged.name or _stem(arguments), merged.entries)


def name_after(arguments: tuple[str, ...]) -> str | None:
    """A name for the bundle of a single location, of its repository and tag or its file; None if that gives none."""
    if len(arguments) != 1 or not prefix_of(arguments[0]):
        return None
    return name_of_words(parse_image(arguments[0]).bundle_words)


def expanded(entries: tuple[Entry | HeldImages, ...], stores: Stores) -> tuple[Entry, ...]:
    """The entries, with one for each image of files and layouts whose names are in there.

    Raises:
        Misuse: An image there has no full name.
        BundlerError: A file or layout cannot be read.
    """
    single: list[Entry] = []
    errors: list[BundlerError] = []
    for entry in entries:
        try:
            single += [entry] if isinstance(entry, Entry) else _named(entry, stores)
        except Several as several:
            errors += several.errors
        except BundlerError as error:
            errors.append(error)
    if errors:
        raise together(text("{count} errors in image files", count=len(errors)), errors)
    return each_once(single)


def _named(held: HeldImages, stores: Stores) -> list[Entry]:
    """The entries for the images that a part of a list means, each under the names that it has in its file.

    Raises:
        BundlerError: The file cannot be read, or lacks the chosen image.
        Misuse: There is no image, one has no full name, or two have one.
    """
    images = source_of(held.source).images(stores)
    if not images:
        raise located(Misuse("it has no image", subject=str(held.source.of(None))), held.where)
    chosen = [image for image in images if not image.is_attached] or images
    if held.source.name is not None:
        chosen = [Choice(images, called=str(held.source.of(None))).held(held.source.name)]
    entries: dict[str, Entry] = {}
    errors: list[BundlerError] = []
    for image in chosen:
        if not image.names:
            errors.append(located(nameless(held.source.of(image.place)), held.where))
        for name in _asked(image.names, held.source.name):
            if name in entries:
                errors.append(_ambiguous(held, name, images))
            entries[name] = Entry(
                Reference.parse(name),
                held.source.of(name),
                held.pin,
                held.platforms,
                held.where,
                attachments=held.attachments,
            )
    if errors:
        raise together(text("{source}: {count} images cannot be named", source=held.source, count=len(errors)), errors)
    return list(entries.values())


def _asked(names: tuple[str, ...], asked: str | None) -> tuple[str, ...]:
    """The name that was asked for if the image has it; all names of an image that was found in another way."""
    own = {asked, completed(asked) if asked else None}
    return tuple(name for name in names if name in own) or names


def _ambiguous(held: HeldImages, name: str, images: Sequence[HeldImage[object]]) -> Misuse:
    places = ", ".join(sorted(image.place for image in images if name in image.names))
    return Misuse(
        "two images in it have the same name",
        subject=f"{held.where}: {name}",
        actual=places,
        hint=text("choose one in a list: {{image: {name}, from: {of}}}", name=name, of=held.source.of("PLACE")),
    )


def _read_list(argument: str, platforms: tuple[Platform, ...]) -> ImageList:
    if prefix_of(argument):
        return ImageList(None, (image_list.entry_of(parse_image(argument), where=argument, platforms=platforms),))
    content = _content_of(argument)
    if compression.kind_of(content) != compression.NONE or content[_TAR_MAGIC] == b"ustar":
        raise Misuse(
            "an archive, not an image list",
            subject=argument,
            hint=text(
                "for the images in it write docker-archive:{argument} or oci-archive:{argument}", argument=argument
            ),
        )
    if len(content) > IMAGE_LIST_BYTES:
        raise Misuse(
            "the image list is too large",
            subject=argument,
            expected=text("at most {image_list_bytes} bytes", image_list_bytes=IMAGE_LIST_BYTES),
            actual="more",
        )
    source = text("standard input") if argument == "-" else argument
    return image_list.parse_image_list(
        decoded(content, source=source), source=source, parse_image=parse_image, platforms=platforms
    )


def _hint_for_single(argument: str) -> str | None:
    try:
        return text("for a single image write docker://{parse}", parse=Reference.parse(argument))
    except Misuse:
        return None


def _content_of(argument: str) -> bytes:
    """The bytes of a list, and one more if it is larger than a list may be."""
    if argument != "-":
        if not Path(argument).exists():
            refuse_unknown_transport(argument)
            hint = _hint_for_single(argument)
            raise Misuse("the image list cannot be read: there is no such file", subject=argument, hint=hint)
        return read_beginning(argument, IMAGE_LIST_BYTES + 1)
    try:
        return sys.stdin.buffer.read(IMAGE_LIST_BYTES + 1)
    except OSError as error:
        raise Misuse(
            text("the image list cannot be read: {reason}", reason=error.strerror), subject=argument
        ) from error


def _stem(arguments: tuple[str, ...]) -> str | None:
    """The name of a list's file, if it is valid for a bundle."""
    stems = [Path(argument).stem.lower() for argument in arguments if argument != "-" and not prefix_of(argument)]
    return name_of_words(stems) if len(stems) == 1 and BUNDLE_NAME.fullmatch(stems[0]) else None
