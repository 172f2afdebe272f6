"""The places that give the images of a bundle: those that the builder gave, then those in the signed bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.manifest import Image
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Interrupted, Misuse
from bundler.exporting.lists import expanded, read_lists
from bundler.exporting.staging import index_files, make_ready
from bundler.fulfilling.asked import Asked
from bundler.stores.opened import Stores
from bundler.system.scratch import Scratch
from bundler.texts import text
from bundler.transports.parsing import parse_image
from bundler.transports.transport import SourceLocation, source_of


@frozen
class Places:
    """The places of images.

    Attributes:
        by_name: Those that lists give to images by their names.
        for_all: Those that lists give under other names: they may have any blob.
    """

    by_name: Mapping[Reference, tuple[SourceLocation, ...]]
    for_all: tuple[SourceLocation, ...] = ()

    def of(self, image: Image) -> tuple[SourceLocation, ...]:
        """The places of an image, in the order in which they are asked.

        Raises:
            Misuse: There is none.
        """
        given = self.by_name.get(_without_digest(image.reference), ())
        places = [*given, *self.for_all]
        try:
            places.append(parse_image(image.source))
        except Misuse as error:
            if not places:
                raise error.but(subject=str(image.reference)) from error
        return tuple(dict.fromkeys(places))


def given_places(asked: Asked, images: Iterable[Image], stores: Stores) -> Places:
    """Reads the image lists of the request.

    Raises:
        Misuse: A list is wrong.
        BundlerError: A file or layout in it cannot be read.
    """
    if not asked.lists:
        return Places({})
    listed = read_lists(asked.lists, name=asked.bundle.manifest.name, platforms=()).entries
    index_files(listed, stores, asked.run)
    known = {_without_digest(image.reference) for image in images}
    by_name: dict[Reference, list[SourceLocation]] = {}
    others: list[SourceLocation] = []
    for entry in expanded(listed, stores, asked.run):
        name = _without_digest(entry.reference)
        if name in known:
            by_name.setdefault(name, []).append(source_of(entry.source))
        else:
            others.append(source_of(entry.source))
    return Places({name: tuple(found) for name, found in by_name.items()}, tuple(others))


def _without_digest(reference: Reference) -> Reference:
    """The name by which images of a list and of the bundle are compared."""
    return Reference.parse(f"{reference.name}:{reference.tag}") if reference.tag else reference


def make_places_ready(
    asked: Asked, images: Iterable[tuple[Image, tuple[SourceLocation, ...]]], stores: Stores
) -> dict[SourceLocation, BundlerError]:
    """Reads the daemons and files that must be read before they give blobs; returns those that cannot be used, and why.

    Layers that the bundle has compressed are compressed again, in the same way.
    """
    by_compression: dict[str, list[Entry]] = {}
    for image, places in images:
        for place in places:
            if place.preparation is not None:
                entry = Entry(image.reference, place)
                by_compression.setdefault(image.repacked or "gzip", []).append(entry)
    failed: dict[SourceLocation, BundlerError] = {}
    scratch = Scratch(asked.request.scratch)

    def prepare(entries: Sequence[Entry], compression: str) -> None:
        index_files(entries, stores, asked.run)
        absent = make_ready(entries, stores, scratch, asked.run, layer_compression=compression)
        failed.update({source_of(source): error for source, error in absent.items()})

    for compression, found in by_compression.items():
        entries = list(_each_once(found))
        try:
            prepare(entries, compression)  # a file with several images is read once
            continue
        except Interrupted:
            raise
        except BundlerError:
            pass  # one of them; each is tried alone
        for entry in entries:
            try:
                prepare([entry], compression)
            except Interrupted:
                raise
            except BundlerError as error:
                place = source_of(entry.source)
                failed[place] = error
                asked.run.listener(Noticed(text("{place} is not used: {reason}", place=place, reason=error.message)))
    return failed


def _each_once(entries: Iterable[Entry]) -> Iterator[Entry]:
    seen: set[SourceLocation] = set()
    for entry in entries:
        place = source_of(entry.source)
        if place not in seen:
            seen.add(place)
            yield entry
