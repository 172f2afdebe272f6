"""Reads the image lists that an export was given, and what stands in them for more than one image."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bundler.commands.open_stores import Stores
from bundler.core import image_list
from bundler.core.bundle_name import BUNDLE_NAME
from bundler.core.image_list import Entry, EveryImage, ImageList
from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.location import ArchiveImage, LayoutImage, has_transport
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import Misuse


def read_lists(arguments: tuple[str, ...], *, name: str | None, platforms: tuple[Platform, ...]) -> ImageList:
    """The images of all lists together.

    Args:
        arguments: Files, ``-`` for standard input, or single locations with their transport.
        name: What the bundle is to be called; None for what the lists say.
        platforms: For the images whose list says none.

    Raises:
        Misuse: A list cannot be read, is wrong, or contradicts another one.
    """
    lists = [_read_list(argument, platforms) for argument in arguments]
    merged = image_list.merge(lists, name=name)
    return ImageList(merged.name or _stem(arguments), merged.entries)


def expanded(entries: tuple[Entry | EveryImage, ...], stores: Stores) -> tuple[Entry, ...]:
    """The entries, with one for each image of the files and layouts that were given as a whole.

    Raises:
        Misuse: An image there has no name.
        BundlerError: A file or layout cannot be read.
    """
    single: list[Entry] = []
    for entry in entries:
        single += [entry] if isinstance(entry, Entry) else _each_of(entry, stores)
    return image_list.each_once(single)


def _each_of(every: EveryImage, stores: Stores) -> list[Entry]:
    entries: dict[str, Entry] = {}
    for names in _names_in(every.source, stores):
        full = {str(reference): reference for name in sorted(names) if (reference := _full(name, every.source))}
        if not full:
            place = min(names, default="")
            raise Misuse(
                "an image there has no full name of its own",
                subject=f"{every.where}: {every.source}" if every.where != str(every.source) else every.where,
                hint=f"name it in a list: {{image: NAME, from: {every.source}:{place}}}",
            )
        for name, reference in full.items():
            if name in entries:
                raise Misuse("two images there have one name", subject=f"{every.source}: {name}")
            entries[name] = Entry(reference, replace(every.source, name=name), None, every.platforms, every.where)
    return list(entries.values())


def _names_in(location: ArchiveImage | LayoutImage, stores: Stores) -> list[frozenset[str]]:
    if isinstance(location, LayoutImage):
        return [names for names, _ in stores.layout(location).images]
    archive = stores.archive(location)
    if archive.is_layout:
        return [names for names, _ in archive.layout.images]
    return [names for names, _ in archive.docker_images]


def _full(name: str, location: ArchiveImage | LayoutImage) -> Reference | None:
    try:
        return image_list.name_of(replace(location, name=name))
    except Misuse:
        return None


def _read_list(argument: str, platforms: tuple[Platform, ...]) -> ImageList:
    if has_transport(argument):
        return ImageList(None, (image_list.entry_of(argument, where=argument, platforms=platforms),))
    try:
        if argument == "-":
            content = sys.stdin.buffer.read(IMAGE_LIST_BYTES + 1)
        else:
            with open(argument, "rb") as file:
                content = file.read(IMAGE_LIST_BYTES + 1)
    except OSError as error:
        hint = f"for a single image write docker://{argument}" if not Path(argument).exists() else None
        raise Misuse(f"the image list cannot be read: {error.strerror}", subject=argument, hint=hint) from error
    if len(content) > IMAGE_LIST_BYTES:
        raise Misuse(
            "the image list is too large", subject=argument, expected=f"at most {IMAGE_LIST_BYTES} bytes", actual="more"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misuse("the image list is not UTF-8 text", subject=argument) from error
    source = "standard input" if argument == "-" else argument
    return image_list.parse_image_list(text, source=source, platforms=platforms)


def _stem(arguments: tuple[str, ...]) -> str | None:
    """The name of a plain text list's file, if a bundle may be called that."""
    stems = [Path(argument).stem.lower() for argument in arguments if argument != "-" and not has_transport(argument)]
    return stems[0] if len(stems) == 1 and BUNDLE_NAME.fullmatch(stems[0]) else None
