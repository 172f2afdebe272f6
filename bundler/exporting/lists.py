"""Reads the image lists of an export, and gives each image of the files and layouts in them its entry."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bundler.core import image_list
from bundler.core.bundle_name import BUNDLE_NAME, name_of_words
from bundler.core.events import Listener, Noticed
from bundler.core.image_list import Entry, HeldImages, ImageList, ListEntry, ManyImages, NoImage, nameless
from bundler.core.joined_lists import each_once, merge
from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.several import located, together
from bundler.core.text_file import decoded
from bundler.errors import BundlerError, Misuse, Several
from bundler.exporting.many_images import found_entries, known_entries
from bundler.lists.found import Surroundings
from bundler.lists.listing import ReadList
from bundler.lists.table import read_list
from bundler.run import Run
from bundler.stores import compression
from bundler.stores.held_images import Choice, HeldImage, completed
from bundler.stores.opened import Stores
from bundler.system.given_files import read_beginning, read_regular
from bundler.texts import text
from bundler.transport_table import prefix_of
from bundler.transports.parsing import parse_image, refuse_unknown_transport
from bundler.transports.transport import source_of

_TAR_MAGIC = slice(257, 262)
_VARIABLE = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read_lists(
    arguments: tuple[str, ...],
    *,
    name: str | None,
    platforms: tuple[Platform, ...],
    variables: tuple[str, ...] = (),
) -> ImageList:
    """The images of all lists together.

    Args:
        arguments: Files of any kind, ``-`` for standard input, or single locations with their transport.
        name: The bundle's name; None for the name that the lists give.
        platforms: For the images whose list says none.
        variables: Values of variables of the lists, each as ``NAME=VALUE``.

    Raises:
        Misuse: A list cannot be read, is wrong, or contradicts another one.
    """
    lists = [each.images for each in read_each(arguments, platforms=platforms, variables=variables)]
    merged = merge(lists, name=name)
    left = tuple(part for each in lists for part in each.no_images)
    return ImageList(merged.name or _stem(arguments), merged.entries, left)


def read_each(
    arguments: tuple[str, ...], *, platforms: tuple[Platform, ...], variables: tuple[str, ...]
) -> Iterator[ReadList]:
    """Yields the lists one by one, with the places of their images.

    Raises:
        Misuse: A list cannot be read, or is wrong.
    """
    values = _variables(variables)
    return (_read_list(argument, platforms, values) for argument in arguments)


def notice_no_images(left: tuple[NoImage, ...], listener: Listener) -> None:
    """Tells which parts of lists are no images, so that nobody takes them for carried."""
    for part in left:
        listener(Noticed(text("{where}: not carried: {what} ({why})", where=part.where, what=part.what, why=part.why)))


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    """The values of variables.

    Raises:
        Misuse: One has no name.
    """
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise Misuse("not a variable with its value", subject=repr(each[:80]), hint="write --set NAME=VALUE")
        found[name] = value
    return found


def name_after(arguments: tuple[str, ...]) -> str | None:
    """A name for the bundle of a single location, of its repository and tag or its file; None if that gives none."""
    if len(arguments) != 1 or not prefix_of(arguments[0]):
        return None
    return name_of_words(parse_image(arguments[0]).bundle_words)


def expanded(
    entries: tuple[ListEntry, ...], stores: Stores, run: Run, names: tuple[Reference, ...] | None = None
) -> tuple[Entry, ...]:
    """The entries, with one for each image of files and layouts, and for each image that a pattern means.

    Args:
        entries: The entries of lists.
        stores: The stores of the run.
        run: Receives progress, and can be stopped.
        names: The names of the run that is resumed, which patterns keep; None to ask the registries.

    Raises:
        Misuse: An image in a file or layout has no full name.
        BundlerError: A file or layout cannot be read, or a registry does not list what a pattern means.
    """
    single: list[Entry] = []
    errors: list[BundlerError] = []
    for entry in entries:
        try:
            if isinstance(entry, ManyImages):
                single += found_entries(entry, stores, run) if names is None else known_entries(entry, names)
            else:
                single += [entry] if isinstance(entry, Entry) else _named(entry, stores)
        except Several as several:
            errors += several.errors
        except BundlerError as error:
            errors.append(error)
    if errors:
        raise together(text("{count} errors in the images that lists mean", count=len(errors)), errors)
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


def _read_list(argument: str, platforms: tuple[Platform, ...], variables: Mapping[str, str]) -> ReadList:
    if prefix_of(argument):
        entry = image_list.entry_of(parse_image(argument), where=argument, platforms=platforms)
        return ReadList(argument, ("location",), ImageList(None, (entry,)), {})
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
    return read_list(
        decoded(content, source=source),
        source=source,
        parse_image=parse_image,
        platforms=platforms,
        surroundings=_surroundings(argument, variables),
    )


def _surroundings(argument: str, variables: Mapping[str, str]) -> Surroundings:
    """The files in the folder of a list; of standard input, those in the working folder.

    No other file is read: the list may be of another person, and its variables become names that registries see.
    """
    folder = Path() if argument == "-" else Path(argument).parent

    def read(path: str) -> str | None:
        found = folder / path
        if not found.is_file():
            return None
        if not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(folder)):
            raise Misuse(
                "not in the folder of the list",
                subject=path[:200],
                hint=text("if you trust it: docker compose config | bundler images -"),
            )
        return decoded(read_regular(found, IMAGE_LIST_BYTES), source=str(found))

    return Surroundings(read, variables)


_ENDINGS_OF_LISTS = {".yaml", ".yml", ".json", ".toml", ".txt"}


def _hint_for_single(argument: str) -> str | None:
    if (
        "://" not in argument and Path(argument).suffix in _ENDINGS_OF_LISTS
    ):  # images.yaml would be the name of an image, too
        return text("check the path; bundler init writes a first list, images.yaml")
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
        if Path(argument).is_dir():
            raise Misuse(
                "a folder, not an image list",
                subject=argument,
                hint=text(
                    "for an OCI layout write oci:{argument}; the images of a bundle: bundler inspect {argument}",
                    argument=argument,
                ),
            )
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
