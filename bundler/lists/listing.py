"""The listing of one file: its images, each once with all of its places, and everything that is no image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, HeldImages, ImageList, ListEntry, ManyImages, NoImage, ParseImage, entry_of
from bundler.core.limits import LIST_ERRORS, LIST_NO_IMAGES, LIST_PLACES
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.several import located, together
from bundler.errors import BundlerError, Damaged, Misuse
from bundler.lists.found import Found, Item


class Place(NamedTuple):
    """A place of an image in a list.

    Attributes:
        where: File and line.
        path: The place in the document; empty in a list that only has images.
        note: A remark for people, a message; empty if there is none.
    """

    where: str
    path: str = ""
    note: str = ""


@frozen
class Places:
    """The first places of an image, and the number of all."""

    first: tuple[Place, ...]
    count: int


@frozen
class ReadList:
    """A list that was read.

    Attributes:
        source: The name of the file.
        kinds: The kinds of its documents: ``Kubernetes``, ``Compose``.
        images: Its images, and the parts that are none.
        places: The places of each image; one is missing if it is only the line of its entry.
    """

    source: str
    kinds: tuple[str, ...]
    images: ImageList
    places: Mapping[ListEntry, Places]

    def places_of(self, entry: ListEntry) -> Places:
        """The places of an image."""
        return self.places.get(entry) or Places((Place(entry.where),), 1)


class Listing:
    """Collects what the readers of a file yield."""

    def __init__(self, source: str, parse_image: ParseImage, platforms: tuple[Platform, ...]) -> None:
        self._source = source
        self._parse_image = parse_image
        self._platforms = platforms
        self._entries: dict[object, ListEntry] = {}
        self._known: dict[Found, object] = {}
        self._places: dict[object, list[Place]] = {}
        self._counts: dict[object, int] = {}
        self._no_images: list[NoImage] = []
        self._more_no_images = 0
        self._kinds: dict[str, None] = {}
        self.errors: list[BundlerError] = []

    @property
    def is_hopeless(self) -> bool:
        """True if there are so many errors that reading on would help nobody."""
        return len(self.errors) >= LIST_ERRORS

    def add(self, kind: str, items: Iterable[Item], *, where: str) -> None:
        """Takes what a reader yields of one document. An error that it raises ends this document only.

        Args:
            kind: The kind of the document.
            items: The images, the other parts and the errors.
            where: File and line of the document, for an error without a line.
        """
        self._kinds[kind] = None
        try:
            for item in items:
                if isinstance(item, Found):
                    self._image(item)
                elif isinstance(item, ManyImages):
                    self._entries.setdefault(str(item), replace(item, platforms=self._platforms))
                elif isinstance(item, NoImage):
                    self.leave(item)
                else:
                    self.errors.append(located(item, where))
                if self.is_hopeless:
                    return
        except Misuse as error:
            self.errors.append(located(error, where))

    def leave(self, part: NoImage) -> None:
        """Notes a part that is no image."""
        if len(self._no_images) < LIST_NO_IMAGES:
            self._no_images.append(part)
        else:
            self._more_no_images += 1

    def result(self, *, name: str | None = None) -> ReadList:
        """The list.

        Args:
            name: The name that it gives to the bundle.

        Raises:
            Misuse: There were errors, or there is no image.
        """
        if self.errors:
            count = len(self.errors)
            message = texts.text("{source}: {count} errors in the image list", source=self._source, count=count)
            raise together(message, self.errors)
        left = tuple(self._no_images)
        if self._more_no_images:
            more = texts.text("and {count:,} more parts", count=self._more_no_images)
            left += (NoImage(self._source, more, "not shown"),)
        if not self._entries:
            raise _no_image(self._source, left)
        entries = tuple(self._entries.values())
        places = {
            entry: Places(tuple(self._places[key]), self._counts[key])
            for key, entry in self._entries.items()
            if key in self._places
        }
        return ReadList(self._source, tuple(self._kinds), ImageList(name, entries, left), places)

    def _image(self, found: Found) -> None:
        what = found._replace(where="", path="", note="")
        key = self._known.get(what)
        if key is None:
            try:
                entry = self._entry(found)
            except (Misuse, Damaged) as error:
                self.errors.append(_at(error, found.where))
                return
            key = self._key(entry)
            self._known[what] = key
            earlier = self._entries.get(key)
            self._entries[key] = entry if earlier is None else _for_both(earlier, entry)
        places = self._places.setdefault(key, [])
        self._counts[key] = self._counts.get(key, 0) + 1
        if len(places) < LIST_PLACES:
            places.append(Place(found.where, found.path, found.note))

    def _entry(self, found: Found) -> Entry | HeldImages:
        """The entry of an image. Only the reader may choose a transport, never a text of the list.

        Raises:
            Misuse: The list has no reference there, or no platform.
            Damaged: It has no digest there.
        """
        platforms = tuple(map(Platform.parse, found.platforms)) or self._platforms
        pin = Digest.parse(found.pin) if found.pin else None
        if not found.image:
            return entry_of(self._parse_image(found.source), where=found.where, platforms=platforms, pin=pin)
        reference = Reference.parse(found.image)
        source = self._parse_image(found.source or f"docker://{reference}")
        name = Reference.parse(found.name) if found.name else reference
        return Entry(name, source, pin, platforms, found.where)

    def _key(self, entry: Entry | HeldImages) -> object:
        return (entry.reference if isinstance(entry, Entry) else None), str(entry.source), entry.pin


def _for_both(first: ListEntry, second: ListEntry) -> ListEntry:
    """The entry for an image that a list asks for twice, with the platforms of both. None means all of them."""
    both = (*first.platforms, *second.platforms) if first.platforms and second.platforms else ()
    return replace(first, platforms=tuple(dict.fromkeys(both)))


def _at(error: Misuse | Damaged, where: str) -> Misuse:
    if isinstance(error, Damaged):
        error = Misuse(error.message, subject=error.subject, expected=error.expected, actual=error.actual)
    return located(error, where)


def _no_image(source: str, left: tuple[NoImage, ...]) -> Misuse:
    if not left:
        return Misuse("the image list names no image", subject=source)
    first = left[0]
    return Misuse(
        texts.text(
            "no image is known of it; the first of {count} other parts is {what} ({why})",
            count=len(left),
            what=first.what,
            why=first.why,
        ),
        subject=first.where,
    )
