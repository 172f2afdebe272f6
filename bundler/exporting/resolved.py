"""Resolved: the second stage of an export. Every image is known by digest with all of its graph, or is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from bundler.core.at_receiver import NOTHING_THERE, AtReceiver
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry
from bundler.core.manifest import MissingImage
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError
from bundler.exporting.blob_index import Documents, FoundImage
from bundler.exporting.failures import not_resolved
from bundler.exporting.image_resolution import Resolution, Source, resolve_image
from bundler.exporting.listed import Listed
from bundler.exporting.missing_images import is_missing, missing_image
from bundler.exporting.resume import Resume, find_resume
from bundler.exporting.session import Session
from bundler.exporting.staging import make_ready, notice_originals
from bundler.run import retrying
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_each, read_small_blob
from bundler.transports.transport import source_of


@dataclass(frozen=True, slots=True)
class Resolved:
    """The images of an export, resolved.

    Attributes:
        session: The session of the export.
        stores: The stores that the images are in.
        resume: The facts that this run takes over from an earlier one.
        images: The images that were found, in the order of the list; at least one.
        missing: The others, in the order of the list.
        documents: The manifests and configs that were read or made to resolve them.
        there: The blobs that the receiver has.
    """

    session: Session
    stores: Stores
    resume: Resume
    images: tuple[FoundImage, ...]
    missing: Mapping[Entry, MissingImage]
    documents: Documents
    there: AtReceiver = NOTHING_THERE


def resolve(listed: Listed) -> Resolved:
    """Resolves all images: those of daemons and files are staged first, then each name becomes a digest and a graph.

    A resumed export keeps the digests that it started with.

    Raises:
        Misuse: An earlier run was started with another list or other options.
        BundlerError: Images cannot be resolved; the error names all of them. An image that is not at its source is no
            error in a run that skips missing ones, unless no other image is left.
    """
    session, stores, run = listed.session, listed.stores, listed.session.run
    resume = find_resume(listed)
    absent = make_ready(
        listed.entries, stores, session.scratch, run, layer_compression=session.request.layer_compression
    )
    notice_originals(listed.entries, stores, run)
    known = {entry: image for entry in listed.entries if (image := resume.missing(entry))}
    asked = [entry for entry in listed.entries if entry not in known]
    documents = Documents()

    def ask(entry: Entry) -> FoundImage:
        if entry.source in absent:
            raise absent[entry.source]
        found = _resolution(entry, listed, resume.digest_of(entry))
        documents.keep_read(found.documents)
        documents.keep_made(found.made)
        run.listener(Moved(1))
        return FoundImage(entry, found.image, found.moved_to)

    run.listener(PhaseBegan("resolving", len(asked), in_bytes=False))
    try:
        answers = ask_each(asked, ask, run)
    finally:
        if listed.kept is not None:
            listed.kept.prune()
    run.listener(PhaseEnded("resolving"))
    images = tuple(answers.given.values())
    missing = known | _skipped(answers.failed, len(images), listed)
    _notice_made(images, session)
    return Resolved(
        session,
        stores,
        resume,
        images,
        {entry: missing[entry] for entry in listed.entries if entry in missing},
        documents,
        listed.there,
    )


def _resolution(entry: Entry, listed: Listed, earlier: Digest | None) -> Resolution:
    """Resolves one image, with retries."""
    session, stores, place = listed.session, listed.stores, source_of(entry.source)

    def once() -> Resolution:
        store = place.open(stores)

        def read_blob(descriptor: Descriptor) -> bytes:
            read = partial(read_small_blob, descriptor, store, session.run, peer=place.peer)
            return place.read_config(stores, descriptor, read)

        repacked = session.request.layer_compression if stores.is_repacked(place) else None
        return resolve_image(
            entry, Source(store, place.asked_for, read_blob, repacked), session.run.listener, earlier=earlier
        )

    return retrying(once, session.run, subject=str(entry.reference), peer=place.peer)


def _skipped(failed: Mapping[Entry, BundlerError], found: int, listed: Listed) -> dict[Entry, MissingImage]:
    """The images that the bundle goes without from this run on.

    Args:
        failed: The images that were not resolved, and why.
        found: How many were.
        listed: The images of the export.

    Raises:
        BundlerError: One of them is no image to go without, or there is no other image.
    """
    skips = listed.session.request.skips_missing
    if found and all(skips and is_missing(error) for error in failed.values()):
        return {entry: missing_image(entry, error) for entry, error in failed.items()}
    raise not_resolved(failed, found, is_kept=listed.kept is not None)


def _notice_made(images: Iterable[FoundImage], session: Session) -> None:
    for found in images:
        if found.image.made_from and found.image.root.is_index:
            session.run.listener(
                Noticed(
                    text(
                        "{reference}: it has a new index for the chosen platforms; the digest of the index differs "
                        "from the source's, the digests of the platforms do not",
                        reference=found.entry.reference,
                    )
                )
            )
