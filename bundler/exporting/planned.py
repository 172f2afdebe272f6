"""Planned: the third stage of an export. Every byte of the bundle has its place, and a source that gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bundler.bundle.medium import largest_file_bytes
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.journal import ExportStart, PinnedAttachment, PinnedAttachments
from bundler.core.manifest import BundleManifest
from bundler.core.medium_size import common_bytes, limits_chunks
from bundler.core.plan import BundleFacts, plan_bundle
from bundler.errors import Misuse
from bundler.exporting.blob_index import BlobIndex, Documents, FoundImage
from bundler.exporting.judged import Judged
from bundler.exporting.media import options_of, planned_media
from bundler.exporting.parity_plan import parity_plan
from bundler.exporting.result import Deviations, ExportResult, MovedTag, result_of
from bundler.exporting.resume import Resume
from bundler.exporting.session import Session
from bundler.system.durable_files import check_space
from bundler.texts import text


@frozen
class Planned:
    """The plan of a bundle. It keeps nothing of the images beyond what copying needs: there may be 20,000.

    Attributes:
        session: The session of the export.
        manifest: The bundle manifest.
        blob_index: The sources of all bytes.
        resume: The facts that this run takes over from an earlier one.
        digests: The digests of the images at their sources.
        attachments: The attachments of the images that have some.
        deviations: How the bundle differs from its list.
        entries: All images of the list, in its order.
    """

    session: Session
    manifest: BundleManifest
    blob_index: BlobIndex
    resume: Resume
    digests: Mapping[Entry, Digest]
    attachments: Mapping[Entry, PinnedAttachments]
    deviations: Deviations
    entries: tuple[Entry, ...] = ()


def plan(judged: Judged) -> Planned:
    """Gives each byte of the bundle its place. Same images and options, same plan.

    Raises:
        Misuse: The chunks are too small, or too large for the media, or the bundle would rely on too many statements.
        LocalStorage: The media have not enough room.
    """
    resolved = judged.resolved
    session, images = resolved.session, resolved.images
    chunk_bytes = session.request.chunk_size_bytes
    is_by_medium = limits_chunks(session.request.medium_size_bytes, chunk_bytes)
    made = plan_bundle(
        tuple(found.image for found in images),
        BundleFacts(
            name=session.name,
            created=resolved.resume.created,
            tool=resolved.resume.tool,
            signed=session.signer is not None,
            missing=tuple(resolved.missing.values()),
            completes=session.request.completes,
            series=resolved.resume.series,
        ),
        chunk_size_bytes=chunk_bytes,
        archive=session.request.archive_kind,
        there=resolved.there,
        larger=text("give a larger --medium-size") if is_by_medium else text("give a larger --chunk-size"),
    )
    tool_bytes, journal = session.tool.size_bytes, resolved.resume.journal
    media = planned_media(made.manifest, session.request, session.folder, journal, tool_bytes=tool_bytes)
    return Planned(
        session,
        replace(made.manifest, media=media),
        BlobIndex((resolved.documents, Documents.made(made.contents)), images, resolved.stores),
        resolved.resume,
        {found.entry: found.image.source_digest for found in images},
        {found.entry: _pinned(found) for found in images if found.image.attachments or found.left},
        Deviations(
            tuple(
                MovedTag(found.entry.reference, found.image.source_digest, found.moved_to)
                for found in images
                if found.moved_to is not None
            ),
            resolved.missing,
            tuple(resolved.there.bases[number] for number in resolved.there.given),
            resolved.left,
            verdicts=judged.verdicts,
        ),
        resolved.entries,
    )


def _pinned(found: FoundImage) -> PinnedAttachments:
    carried = (
        PinnedAttachment(each.subject, each.root.digest, each.found, each.tag) for each in found.image.attachments
    )
    return PinnedAttachments(tuple(carried), found.left)


def ready_start(planned: Planned) -> ExportStart:
    """The start of the export, as its journal records it, after the checks that come before anything is written.

    Raises:
        Misuse: The file system takes no file as large as the chunks, or the run that is resumed had another plan.
    """
    _check_file_size(planned)
    return planned.resume.start(
        planned.manifest,
        planned.digests,
        planned.deviations.missing,
        planned.attachments,
        options_of(planned.manifest, planned.session.request),
    )


def preview(planned: Planned) -> ExportResult:
    """Returns what an export would make, after the same checks; for a dry run.

    Raises:
        Misuse: As `ready_start`.
        LocalStorage: There is not enough space.
    """
    request, manifest = planned.session.request, planned.manifest
    _check_file_size(planned)
    planned.resume.check_plan(manifest)
    if len(request.outputs) == 1:  # several were compared with the room that they have
        common = common_bytes(manifest, is_encrypted=request.is_encrypted) if manifest.media else 0
        size_bytes = manifest.size_bytes + planned.session.tool.size_bytes + len(manifest.media) * common
        size_bytes += sum(group.size_bytes for group in parity_plan(request, manifest))
        check_space(_existing(request.outputs[0]), size_bytes)
    return result_of(planned.session, planned.manifest, planned.deviations)


def _check_file_size(planned: Planned) -> None:
    request, manifest = planned.session.request, planned.manifest
    if len(request.outputs) != 1:
        return  # no chunk was planned for a medium that does not take it
    limit_bytes = largest_file_bytes(request.outputs[0])
    largest = max(manifest.chunks, key=lambda chunk: chunk.size_bytes)
    if limit_bytes is not None and largest.size_bytes > limit_bytes:
        raise Misuse(
            "the file system does not support files of this size",
            subject=f"{request.output}/{manifest.name}/{largest.file}",
            expected=text("at most {limit_bytes:,} bytes", limit_bytes=limit_bytes),
            actual=text("{size:,} bytes", size=largest.size_bytes),
            hint="use --chunk-size fat32",
        )


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.absolute().parent)
