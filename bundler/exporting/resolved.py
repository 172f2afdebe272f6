"""Resolved: the second stage of an export. Every image is known by digest with all of its graph, or is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from bundler.core.at_receiver import NOTHING_THERE, AtReceiver
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.journal import PinnedAttachments
from bundler.core.location import Location
from bundler.core.manifest import MissingImage
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedAttachment
from bundler.errors import Absent, BundlerError
from bundler.exporting.attached import Attached, AttachmentSource, with_attachments
from bundler.exporting.blob_index import Documents, FoundImage
from bundler.exporting.failures import not_resolved
from bundler.exporting.image_resolution import Resolution, Source, resolve_image
from bundler.exporting.left_out import NotCarried, notice_left
from bundler.exporting.listed import Listed
from bundler.exporting.lost_blobs import LostBlobs
from bundler.exporting.missing_images import is_missing, is_unusable, missing_image
from bundler.exporting.resume import Resume, find_resume
from bundler.exporting.session import Session
from bundler.exporting.staging import make_ready, notice_originals
from bundler.run import retrying
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import Answers, ask_each
from bundler.transports.transport import source_of
from bundler.verified_blob import read_small_blob

Answer = TypeVar("Answer")


@frozen
class Resolved:
    """The images of an export, resolved, with their attachments.

    The bytes of layers are not read yet. A stage after this one, such as a judge of signatures, reads the payload of a
    signature (``found.image.attachments[n].manifests[-1].layers[0]``) with `read_small`.

    Attributes:
        session: The session of the export.
        stores: The stores that the images are in.
        resume: The facts that this run takes over from an earlier one.
        images: The images that were found, in the order of the list; at least one.
        missing: The others, in the order of the list.
        documents: The manifests and configs that were read or made to resolve them.
        there: The blobs that the receiver has.
        entries: All images of the list, in its order.
    """

    session: Session
    stores: Stores
    resume: Resume
    images: tuple[FoundImage, ...]
    missing: Mapping[Entry, MissingImage]
    documents: Documents
    there: AtReceiver = NOTHING_THERE
    entries: tuple[Entry, ...] = ()

    @property
    def left(self) -> tuple[NotCarried, ...]:
        """The attachments that the bundle leaves out."""
        return tuple(
            NotCarried(found.image.reference, reason, kind, count)
            for found in self.images
            for reason, kind, count in found.left
        )


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
    documents = Documents()
    answers = _found([entry for entry in listed.entries if entry not in known], listed, resume, absent, documents)
    images = tuple(answers.given.values())
    missing = known | _skipped(answers.failed, len(images), listed)
    _notice_made(images, session)
    resolved = Resolved(
        session,
        stores,
        resume,
        images,
        {entry: missing[entry] for entry in listed.entries if entry in missing},
        documents,
        listed.there,
        listed.entries,
    )
    if not session.request.completes:  # a supplement leaves out what the bundle that it completes has
        notice_left(resolved.left, run.listener)
    return resolved


def _found(
    entries: Sequence[Entry],
    listed: Listed,
    resume: Resume,
    absent: Mapping[Location, Absent],
    documents: Documents,
) -> Answers[Entry, FoundImage]:
    """Resolves images in parallel, with their attachments.

    Args:
        entries: The images.
        listed: The stage before this one.
        resume: The facts of an earlier run.
        absent: The images that were not there when they were made ready.
        documents: Keeps the manifests and configs that are read or made.
    """
    session, stores, run = listed.session, listed.stores, listed.session.run
    # A resumed export keeps the images that it started with.
    is_checked = session.request.skips_unusable and resume.journal is None
    lost = LostBlobs(stores, run, listed.there.blobs) if is_checked else None

    def ask(entry: Entry) -> FoundImage:
        if entry.source in absent:
            raise absent[entry.source]
        found = _resolution(entry, listed, resume.digest_of(entry))
        is_remote = source_of(entry.source).open(stores).is_remote
        if is_remote:
            documents.keep_read(found.documents)
        documents.keep_made(found.made)
        if lost is not None:
            lost.check(entry.source, found.image.manifests, what=str(entry.reference))
        attached = _attached(entry, found, listed, resume.attachments_of(entry), lost)
        if is_remote:
            documents.keep_read(attached.documents)
        run.listener(Moved(1))
        return FoundImage(entry, attached.image, found.moved_to, attached.left)

    run.listener(PhaseBegan("resolving", len(entries), in_bytes=False))
    try:
        answers = ask_each(entries, ask, run, is_remote=lambda entry: bool(source_of(entry.source).peer))
    finally:
        if listed.kept is not None:
            listed.kept.prune()
    run.listener(PhaseEnded("resolving"))
    return answers


def _resolution(entry: Entry, listed: Listed, earlier: Digest | None) -> Resolution:
    """Resolves one image, with retries."""
    session, stores, place = listed.session, listed.stores, source_of(entry.source)

    def once() -> Resolution:
        repacked = session.request.layer_compression if stores.is_repacked(place) else None
        source = Source(
            place.open(stores), place.asked_for, partial(read_small, entry, session, listed.stores), repacked
        )
        return resolve_image(entry, source, session.run.listener, earlier=earlier)

    return retrying(once, session.run, subject=str(entry.reference), peer=place.peer)


def _attached(
    entry: Entry, found: Resolution, listed: Listed, pinned: PinnedAttachments | None, lost: LostBlobs | None
) -> Attached:
    """Finds the attachments of one image, with retries."""
    session, place = listed.session, source_of(entry.source)

    def is_lost(attachment: ResolvedAttachment) -> bool:
        what = str(entry.reference)
        return lost is not None and lost.first(entry.source, attachment.manifests, what=what) is not None

    def retry(ask: Callable[[], Answer]) -> Answer:
        return retrying(ask, session.run, subject=str(entry.reference), peer=place.peer)

    attached = with_attachments(
        found.image,
        AttachmentSource(place.open(listed.stores), partial(read_small, entry, session, listed.stores), retry, is_lost),
        entry.attachments or session.request.attachments,
        made=found.made,
        cut_off=found.cut_off,
        pinned=pinned,
        skips_gone=session.request.skips_unusable,
    )
    for remark in attached.remarks:
        session.run.listener(Noticed(remark))
    return attached


def read_small(entry: Entry, session: Session, stores: Stores, descriptor: Descriptor) -> bytes:
    """Reads a blob of an image, or of an attachment of it, that fits into memory. From the cache, if it is there.

    Args:
        entry: The image.
        session: The session of the export.
        stores: The stores of the export.
        descriptor: The blob. The caller checks its size.

    Raises:
        Damaged: The bytes do not match the digest.
        Refused, Unavailable: The source does not give them; this does not retry.
    """
    place = source_of(entry.source)
    read = partial(read_small_blob, descriptor, place.open(stores), session.run, peer=place.peer)
    return place.read_config(stores, descriptor, read)


def _skipped(failed: Mapping[Entry, BundlerError], found: int, listed: Listed) -> dict[Entry, MissingImage]:
    """The images that the bundle goes without from this run on.

    Args:
        failed: The images that were not resolved, and why.
        found: How many were.
        listed: The images of the export.

    Raises:
        BundlerError: One of them is no image to go without, or there is no other image.
    """
    request = listed.session.request
    if found and all(
        (request.skips_missing and is_missing(error)) or (request.skips_unusable and is_unusable(error))
        for error in failed.values()
    ):
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
