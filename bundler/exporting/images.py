"""``bundler images``: the images of lists of any kind, with the places where each name was found. Asks no source."""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, HeldImages, ManyImages, NoImage
from bundler.core.joined_lists import each_once
from bundler.core.platform import Platform
from bundler.errors import Misuse
from bundler.exporting.lists import notice_no_images, read_each
from bundler.lists.listing import Place, ReadList
from bundler.run import Run
from bundler.system.request_fields import Request


@frozen
class ImagesRequest(Request):
    """The request of ``bundler images``.

    Attributes:
        lists: Lists of any kind, ``-`` for standard input, or single locations with their transport.
        platforms: For the images whose list says none.
        variables: Values of variables of the lists, each as ``NAME=VALUE``.
    """

    lists: tuple[str, ...]
    platforms: tuple[Platform, ...] = ()
    variables: tuple[str, ...] = ()


@frozen
class ListedImage:
    """An image of one or more lists.

    Attributes:
        name: The reference that it gets in the bundle; of a file or layout whose images are not known yet, the place.
        source: The location of its bytes, if the list names another one than the registry of its name; else empty.
        pin: The digest that it must have; empty if any will do.
        platforms: The platforms to carry; empty for all.
        places: The first places where it was found.
        count: The number of all places.
    """

    name: str
    source: str
    pin: str
    platforms: tuple[str, ...]
    places: tuple[Place, ...]
    count: int


@frozen
class ListSummary:
    """A list that was read: the file, the kinds of its documents, and the number of its images."""

    source: str
    kinds: tuple[str, ...]
    images: int


@frozen
class ImagesResult:
    """The images of lists.

    Attributes:
        lists: The lists in the order of the request.
        images: The images, each once, in the order of the lists.
        patterns: The entries whose images only a registry knows: file and line, and the pattern.
        no_images: The parts of the lists that are no images.
    """

    lists: tuple[ListSummary, ...]
    images: tuple[ListedImage, ...]
    patterns: tuple[tuple[str, str], ...]
    no_images: tuple[NoImage, ...]


def images(request: ImagesRequest, run: Run | None = None) -> ImagesResult:
    """Reads lists, and tells their images apart from all other parts. Contacts no registry and no daemon.

    Args:
        request: The lists, and the values of their variables.
        run: Receives remarks on parts that are no images; None for a silent run.

    Raises:
        Misuse: A list cannot be read, is of an unknown kind, is wrong, or contradicts another one.
    """
    if not request.lists:
        raise Misuse.of_field("lists", expected=">= 1", actual="0")
    lists = tuple(read_each(request.lists, platforms=request.platforms, variables=request.variables))
    found = each_once(entry for each in lists for entry in each.images.entries)
    left = tuple(part for each in lists for part in each.images.no_images)
    notice_no_images(left, (run or Run()).listener)
    places = _places(lists)
    return ImagesResult(
        tuple(ListSummary(each.source, each.kinds, len(each.images.entries)) for each in lists),
        tuple(_listed(entry, places[_name(entry)]) for entry in found if not isinstance(entry, ManyImages)),
        tuple((entry.where, str(entry)) for entry in found if isinstance(entry, ManyImages)),
        left,
    )


def _name(entry: Entry | HeldImages) -> str:
    """A name that is equal for entries which `each_once` joins."""
    if isinstance(entry, HeldImages):
        return str(entry.source)
    reference = entry.reference
    return f"{reference.name.lower()}:{reference.tag}" if reference.tag else str(reference).lower()


def _places(lists: tuple[ReadList, ...]) -> dict[str, tuple[list[Place], int]]:
    found: dict[str, tuple[list[Place], int]] = {}
    for each in lists:
        for entry in each.images.entries:
            if isinstance(entry, ManyImages):
                continue
            first, count = found.get(_name(entry), ([], 0))
            places = each.places_of(entry)
            found[_name(entry)] = ([*first, *places.first], count + places.count)
    return found


def _listed(entry: Entry | HeldImages, places: tuple[list[Place], int]) -> ListedImage:
    platforms = tuple(map(str, entry.platforms))
    pin = str(entry.pin) if entry.pin else ""
    first, count = tuple(places[0]), places[1]
    if isinstance(entry, HeldImages):
        return ListedImage(str(entry.source), "", pin, platforms, first, count)
    name, source = str(entry.reference), str(entry.source)
    is_own = entry.source.reference == entry.reference
    return ListedImage(name, "" if is_own else source, pin, platforms, first, count)
