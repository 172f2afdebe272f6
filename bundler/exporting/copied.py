"""Copied: the fourth stage of an export. Every blob is at its place in the partial bundle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from bundler.bundle.archive_writer import SevenZipWriter
from bundler.bundle.bundle_place import StartedPlace
from bundler.bundle.lanes import Lanes
from bundler.bundle.medium import has_sparse_files, is_removable
from bundler.bundle.partial import StartedFolder
from bundler.bundle.writer import BundleWriter
from bundler.commands.checks import size_words
from bundler.core.archive_kind import TAR
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.parity import ParityGroup
from bundler.core.protocols import Passed
from bundler.core.tally import Tally
from bundler.errors import BundlerError
from bundler.exporting.channel import reserve
from bundler.exporting.failures import not_copied
from bundler.exporting.gathered import refuse_other_bytes
from bundler.exporting.media import media_folders
from bundler.exporting.parity_plan import parity_plan
from bundler.exporting.planned import Planned, ready_start
from bundler.exporting.result import Deviations
from bundler.exporting.session import Session
from bundler.run import Run
from bundler.texts import text
from bundler.transfer import SMALL_WORKERS, BlobCopy, copy_blobs, copy_wholes, counting

Writer = BundleWriter | SevenZipWriter


@frozen
class Copied:
    """A bundle whose blobs are all written. Folder and writer are open, for `bundler.exporting.sealed.seal` to close.

    Attributes:
        session: The session of the export.
        folder: The partial bundle.
        writer: The writer of the bundle.
        deviations: How the bundle differs from its list.
        parity: The groups of its parity, by the planned sizes of the chunks.
    """

    session: Session
    folder: StartedPlace
    writer: Writer
    deviations: Deviations
    parity: tuple[ParityGroup, ...] = ()


def copy(planned: Planned) -> Copied:
    """Copies all blobs into the partial bundle, those of an earlier run excepted.

    Copied blobs stay if this fails; the next run resumes the export.

    Raises:
        Misuse: The plan cannot be written to this file system, or is not that of the earlier run.
        BundlerError: Blobs cannot be fetched; the error names all of them, and the images that need them.
        LocalStorage: The bundle cannot be written.
    """
    session, run, resume = planned.session, planned.session.run, planned.resume
    start = ready_start(planned)
    reserve(session, resume.series)

    def passed(amount_bytes: int) -> None:
        run.cancellation.check()
        run.listener(Moved(amount_bytes))

    is_first = resume.is_first and not session.request.seals
    title = "starting" if is_first else "checking the partial state"
    with ExitStack() as on_failure:
        run.listener(PhaseBegan(title, 0 if is_first else planned.manifest.size_bytes, in_bytes=True))
        media = media_folders(planned.manifest, session.request, session.folder)
        parity = parity_plan(session.request, planned.manifest)
        more_bytes = session.tool.size_bytes + sum(group.size_bytes for group in parity)
        folder = session.folder.start(
            planned.manifest.chunks, start, resume.journal, media=media, more_bytes=more_bytes
        )
        on_failure.callback(folder.close)
        writer = _writer(planned, folder, passed)
        on_failure.callback(writer.close)
        run.listener(PhaseEnded(title))
        if session.request.seals and isinstance(writer, BundleWriter) and folder.folder is not None:
            refuse_other_bytes(writer, planned.manifest, folder.folder)
        _notice_start(planned, folder, writer)
        failed = _copy_into(writer, planned)
        if failed:
            raise not_copied(failed, planned.manifest)
        on_failure.pop_all()
    return Copied(session, folder, writer, planned.deviations, parity)


def _writer(planned: Planned, folder: StartedPlace, passed: Passed) -> Writer:
    request = planned.session.request
    if request.archive_kind is not TAR:
        assert isinstance(folder, StartedFolder), "refused at the start"
        return SevenZipWriter.resuming(folder, planned.manifest, passed, planned.session.passphrase)
    return BundleWriter.resuming(folder, planned.manifest, passed, lanes_of(planned))


def lanes_of(planned: Planned) -> Lanes:
    """The lanes in which the chunks are written."""
    # Removable media are written one file after the other: many of them are slow with random writes.
    run, outputs = planned.session.run, planned.session.request.outputs
    has_holes = all(map(has_sparse_files, outputs))
    return Lanes(run.at_most(run.jobs) if has_holes and not any(map(is_removable, outputs)) else 1, has_holes)


def _notice_start(planned: Planned, folder: StartedPlace, writer: Writer) -> None:
    """Reports how much of the bundle an earlier run left, and if a later run cannot know what this one leaves."""
    run, resume = planned.session.run, planned.resume
    for remark in folder.remarks:
        run.listener(Noticed(remark))
    reason = folder.journal.unkept
    if reason is not None:
        run.listener(
            Noticed(
                text(
                    "if this export is interrupted, the next run resolves all tags again, because {reason}",
                    reason=reason,
                )
            )
        )
    if not resume.is_first:
        there = text(
            "{there_bytes} of {size_bytes} are done",
            there_bytes=size_words(writer.resumed_bytes),
            size_bytes=size_words(planned.manifest.size_bytes),
        )
        run.listener(
            Noticed(text("resuming the export that started at {created}: {there}", created=resume.created, there=there))
        )


def _copy_into(writer: Writer, planned: Planned) -> Sequence[tuple[BlobCopy, BundlerError]]:
    """Copies all blobs; returns those that failed."""
    run, blobs = planned.session.run, planned.manifest.blobs
    tally = Tally(
        (blobs[number].descriptor.digest for number in image.needs_with_attachments if not blobs[number].is_left_out)
        for image in planned.manifest.images
    )
    counted = replace(run, listener=counting(run.listener, tally))
    match writer:
        case BundleWriter():
            failed = _copy_in_lanes(writer, planned, counted, images=tally.images)
        case SevenZipWriter():
            failed = _copy_in_groups(writer, planned, counted, images=tally.images)
    run.listener(PhaseEnded("copying"))
    return failed


def _copy_in_lanes(
    writer: BundleWriter, planned: Planned, run: Run, *, images: int
) -> Sequence[tuple[BlobCopy, BundlerError]]:
    everything = writer.stored()
    total_bytes = sum(stored.size_bytes for stored in everything)
    run.listener(PhaseBegan("copying", total_bytes, in_bytes=True, images=images))
    copies = (planned.blob_index.copy(stored, writer) for stored in everything)
    return copy_blobs(copies, run, ordered_workers=max(run.jobs, SMALL_WORKERS)).failed


def _copy_in_groups(
    writer: SevenZipWriter, planned: Planned, run: Run, *, images: int
) -> Sequence[tuple[BlobCopy, BundlerError]]:
    groups = [[planned.blob_index.copy(stored, group) for stored in group.stored] for group in writer.groups]
    total_bytes = sum(each.descriptor.size_bytes for group in groups for each in group)
    run.listener(PhaseBegan("copying", total_bytes, in_bytes=True, images=images))
    return copy_wholes(groups, run).failed
