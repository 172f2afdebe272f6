"""The images of a list, as an export would find them now: each name becomes a digest and a graph at its source."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform
from bundler.core.policies import LAYER_COMPRESSIONS
from bundler.core.several import together
from bundler.exporting.image_resolution import Source, resolve_image
from bundler.exporting.lists import expanded, notice_no_images, read_lists
from bundler.exporting.staging import index_files, make_ready
from bundler.inventories.kept import kept_documents
from bundler.run import Run, paces_of, retrying
from bundler.stores.hosts import NetworkOptions
from bundler.stores.opened import Stores
from bundler.system.scratch import Scratch
from bundler.texts import text
from bundler.transfer import ask_each
from bundler.transports.transport import source_of
from bundler.verified_blob import read_small_blob


def listed_images(
    argument: str, platforms: tuple[Platform, ...], network: NetworkOptions, scratch: Path, run: Run
) -> tuple[ResolvedImage, ...]:
    """Resolves the images of a list at their sources. Moves no layer of a registry or layout.

    Args:
        argument: The list: a file, ``-``, or a single location with its transport.
        platforms: For the images whose list says none.
        network: The network options.
        scratch: The folder for images of daemons and archives, which must be read to know their digests.
        run: Receives progress, and can be stopped.

    Raises:
        Misuse: The list cannot be read, or is wrong.
        BundlerError: Images cannot be resolved; the error names all of them.
    """
    stores = Stores(network, paces_of(run), kept_documents(), run.listener)
    read = read_lists((argument,), name=None, platforms=platforms)
    notice_no_images(read.no_images, run.listener)
    listed = read.entries
    index_files(listed, stores, run)
    entries = expanded(listed, stores, run)
    compression = LAYER_COMPRESSIONS[0]
    absent = make_ready(entries, stores, Scratch(scratch), run, layer_compression=compression)

    def ask(entry: Entry) -> ResolvedImage:
        if entry.source in absent:
            raise absent[entry.source]
        place = source_of(entry.source)
        attempt = partial(_resolved, entry, stores, compression, run)
        image = retrying(attempt, run, subject=str(entry.reference), peer=place.peer)
        run.listener(Moved(1))
        return image

    run.listener(PhaseBegan("resolving", len(entries), in_bytes=False))
    answers = ask_each(entries, ask, run, is_remote=lambda entry: bool(source_of(entry.source).peer))
    run.listener(PhaseEnded("resolving"))
    if answers.failed:
        errors = list(answers.failed.values())
        raise together(text("{count} images of the list cannot be resolved", count=len(errors)), errors)
    return tuple(answers.given.values())


def _resolved(entry: Entry, stores: Stores, compression: str, run: Run) -> ResolvedImage:
    place = source_of(entry.source)
    store = place.open(stores)

    def read_blob(descriptor: Descriptor) -> bytes:
        return place.read_config(stores, descriptor, partial(read_small_blob, descriptor, store, run, peer=place.peer))

    repacked = compression if stores.is_repacked(place) else None
    return resolve_image(entry, Source(store, place.asked_for, read_blob, repacked), run.listener).image
