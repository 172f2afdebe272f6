"""An export by several hosts: one resolves the images, each makes the chunks of a shard, one seals.

All hosts make the plan of the whole bundle from the same resolved file, and compare it with the plan there. The chunks
of a shard are neighbours; chunks that a cut blob joins are in one shard, so that each blob is fetched once. Only
manifests and configs are read by all. The host that seals reads every byte, because it signs all of them.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.bundle_place import finished_already
from bundler.bundle.partial import StartedFolder
from bundler.bundle.scope import chunks_of_shard
from bundler.bundle.writer import BundleWriter
from bundler.core import roles
from bundler.core.archive_kind import TAR
from bundler.core.attachment_choice import AttachmentChoice
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.limits import RECEIPT_BYTES
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.s3_path import S3Path
from bundler.core.shard import Shard
from bundler.errors import Misuse
from bundler.exporting.copied import lanes_of
from bundler.exporting.failures import not_copied
from bundler.exporting.judged import judge
from bundler.exporting.listed import list_images
from bundler.exporting.planned import Planned, plan, ready_start
from bundler.exporting.request import ExportRequest
from bundler.exporting.resolved import resolve
from bundler.exporting.resolved_file import ResolvedExport, ResolvedFile, parse_resolved_export
from bundler.exporting.session import started
from bundler.keys.signed_files import refuse_taken, write_signed
from bundler.run import Run
from bundler.system.bundle_paths import local
from bundler.system.files import read_bounded
from bundler.system.request_fields import path_of
from bundler.texts import text
from bundler.transfer import SMALL_WORKERS, copy_blobs


@frozen
class ExportedShard:
    """The chunks that one host has made.

    Attributes:
        path: The folder with the chunks and their SHA256SUMS.
        manifest: The bundle manifest of the whole bundle.
        shard: The shard.
        chunks: Its chunks; none if there are more shards than chunks.
        is_old: True if the folder was complete before this run.
        is_dry_run: True if nothing was made.
    """

    path: Path
    manifest: BundleManifest
    shard: Shard
    chunks: tuple[Chunk, ...]
    is_old: bool = False
    is_dry_run: bool = False


@frozen
class ResolvedPlan:
    """A resolved file that was written.

    Attributes:
        path: The file.
        manifest: The plan of the bundle.
        key_id: The key that has signed the file; None if the bundle will be unsigned.
    """

    path: Path
    manifest: BundleManifest
    key_id: str | None


def resolve_export(request: ExportRequest, path: Path, run: Run | None = None) -> ResolvedPlan:
    """Writes down all that decides the bytes of a bundle, signed with its key. Fetches no layer.

    Args:
        request: The request of the export. Its output is not used.
        path: The file to write.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The file exists, or the request is for a bundle that several hosts cannot make.
        BundlerError: As `bundler.export`.
    """
    path = path_of(path, "path")
    refuse_taken(path)
    _refuse_impossible(request)
    with started(replace(request, output=path.absolute().parent, is_dry_run=True), run or Run()) as session:
        planned = plan(judge(resolve(list_images(session))))
        entries = planned.entries
        start = ready_start(planned)
        options = {option: value for option, value in start.options.items() if option != "repository:"}
        resolved = ResolvedExport(session.name, entries, replace(start, options=options))
        write_signed(path, resolved.to_json(), session.key)
        return ResolvedPlan(path, planned.manifest, session.signer)


def read_resolved(path: Path) -> ResolvedFile:
    """Reads a resolved file. Its signature is checked when the bundle is sealed.

    Raises:
        Damaged, Refused, LocalStorage: It cannot be read.
    """
    path = path_of(path, "path")
    content = read_bounded(path, RECEIPT_BYTES)
    return ResolvedFile(path, content, parse_resolved_export(content, what=str(path)))


def with_resolved(request: ExportRequest, file: ResolvedFile) -> ExportRequest:
    """The request of one of several hosts: its images and options are those of the resolved file.

    Raises:
        Misuse: The file has an option of another version.
    """
    start = file.export.start
    options = dict(start.options)
    channel = options.get("--channel", "").split()
    try:
        return replace(
            request,
            lists=(),
            images=file.export.entries,
            name=file.export.name,
            created=start.created,
            chunk_size_bytes=int(options["--chunk-size"]),
            layer_compression=options["--layer-compression"],
            attachments=AttachmentChoice.parse([options["--attachments"]]),
            channel=channel[0] if channel else None,
            sequence=int(channel[1]) if channel else None,
            skips_missing=bool(start.missing),
            skips_refused=bool(start.missing),
            resolved=file,
        )
    except (KeyError, ValueError, IndexError) as error:
        raise Misuse("the options of this file are of another version", subject=str(file.path)) from error


def export_shard(request: ExportRequest, shard: Shard, run: Run | None = None) -> ExportedShard:
    """Makes the chunks of one shard in a folder of its own, or resumes that.

    Args:
        request: The request, with a resolved file; needs no key.
        shard: The shard.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no resolved file, the plan here differs from the plan there, or the folder has other chunks.
        BundlerError: Images cannot be resolved or fetched, or the chunks cannot be written.
    """
    if request.resolved is None:
        raise Misuse("a shard needs the file of --resolve-only in place of lists", subject=f"--shard {shard}")
    _refuse_impossible(request)
    with started(replace(request, shard=shard), run or Run()) as session:
        planned = plan(judge(resolve(list_images(session))))
        numbers = chunks_of_shard(planned.manifest, shard)
        path = local(session.folder.final_path)
        made = ExportedShard(path, planned.manifest, shard, tuple(planned.manifest.chunks[n - 1] for n in numbers))
        planned.resume.check_plan(planned.manifest)
        if session.folder.is_finished:
            _refuse_other(made)
            return replace(made, is_old=True)
        if request.is_dry_run:
            return replace(made, is_dry_run=True)
        _make(planned, numbers)
        return made


def _refuse_impossible(request: ExportRequest) -> None:
    """Refuses what only one host can make.

    Raises:
        Misuse: It was asked for.
    """
    reasons = {
        "--format 7z": (request.archive_kind is not TAR, text("7-Zip does not promise the same bytes on all hosts")),
        "--parity": (request.parity is not None, text("add it afterwards: bundler parity BUNDLE --key KEY")),
        "--medium-size": (request.medium_size_bytes is not None, text("do it afterwards: bundler spread")),
        "-o": (bool(request.further_outputs), text("give one folder, and afterwards: bundler spread")),
        "-o s3://": (isinstance(request.output, S3Path), text("give a folder")),
    }
    for flag, (is_asked, hint) in reasons.items():
        if is_asked:
            raise Misuse("several hosts cannot make such a bundle together", subject=flag, hint=hint)


def _refuse_other(made: ExportedShard) -> None:
    there = {each.name: each.stat().st_size for each in made.path.iterdir() if roles.is_chunk(each.name)}
    if there != {chunk.file: chunk.size_bytes for chunk in made.chunks}:
        raise finished_already(made.path)


def _make(planned: Planned, numbers: tuple[int, ...]) -> None:
    session, run, manifest = planned.session, planned.session.run, planned.manifest
    start = ready_start(planned)

    def passed(amount_bytes: int) -> None:
        del amount_bytes
        run.cancellation.check()

    folder = session.folder.start([manifest.chunks[number - 1] for number in numbers], start, None)
    assert isinstance(folder, StartedFolder), "S3 was refused"
    with closing(folder):
        digests: dict[str, str] = {}
        if numbers:
            writer = BundleWriter.resuming(folder, manifest, passed, lanes_of(planned), only=numbers)
            with closing(writer):
                everything = writer.stored()
                run.listener(PhaseBegan("copying", sum(each.size_bytes for each in everything), in_bytes=True))
                copies = (planned.blob_index.copy(stored, writer) for stored in everything)
                failed = copy_blobs(copies, run, ordered_workers=max(run.jobs, SMALL_WORKERS)).failed
                run.listener(PhaseEnded("copying"))
                if failed:
                    raise not_copied(failed, manifest)
                digests = writer.finish()
        folder.complete({roles.SUMS.file: [sums.format_sums(digests)]})
