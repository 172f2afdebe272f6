"""``bundler fulfil``: from a need-list to a folder with exactly the parts that it asks for, byte for byte.

Asked → the chunks that a copy has are copied, the others are written by the writers of an export from the sources of
the images → each has the SHA-256 that the signed bundle lists, or nothing has the folder's name. The folder is partial
until it is complete; the same request continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bundler.bundle.archive_writer import SevenZipWriter
from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.lanes import Lanes
from bundler.bundle.medium import has_sparse_files, is_removable
from bundler.bundle.partial import PartialFolder, StartedFolder
from bundler.bundle.writer import BundleWriter
from bundler.core import roles
from bundler.core.archive_kind import TAR
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.journal import ExportStart
from bundler.core.limits import SUMS_BYTES
from bundler.core.manifest import BundleManifest, Stored
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse, Several
from bundler.fulfilling.asked import Asked, ask
from bundler.fulfilling.blob_sources import BlobSources
from bundler.fulfilling.copied import copy_chunk, has_files, is_done, other_files, places_of
from bundler.fulfilling.request import COPY, SOURCES, THERE, FulfilledChunk, FulfilRequest, FulfilResult
from bundler.fulfilling.supplement import check_key, make_supplement
from bundler.run import Run, paces_of
from bundler.stores.opened import Stores
from bundler.system.files import read_bounded
from bundler.texts import some, text
from bundler.transfer import SMALL_WORKERS, BlobCopy, copy_blobs, copy_wholes

_SHOWN = 20


def fulfil(request: FulfilRequest, run: Run | None = None) -> FulfilResult:
    """Makes the parts of a bundle that a need-list asks for, in a folder ``DIR/NAME`` that can be carried.

    Blobs that bases lacked are made as a supplement, a bundle of its own.

    The same request resumes an interrupted one, and changes nothing that is finished.

    Args:
        request: The need-list, the folder, and the places that the parts may come from.
        run: Receives the progress, and can be stopped; None for a run of its own.

    Raises:
        Misuse: The bundle was not given, another folder has its name, or there is no key for a supplement.
        Untrusted: No trusted key signed the bundle.
        Damaged: The need-list does not fit the bundle, or a chunk comes out with other bytes.
        Incomplete: A chunk can be had from nowhere.
        BundlerError: A source does not give a blob; the error names the chunk and the image. Nothing has the name then.
    """
    run = run or Run()
    asked = ask(request, run)
    check_key(asked)
    result = _parts(asked)
    if asked.wanted.blobs and asked.manifest is not None:
        result = replace(result, supplement=make_supplement(asked, asked.manifest))
    return result


def _parts(asked: Asked) -> FulfilResult:
    """Makes the chunks and files; does nothing if only blobs are wanted."""
    request = asked.request
    if not asked.wanted.chunks and not asked.wanted.files:
        return _result(asked, None, (), (), is_dry_run=request.is_dry_run)
    place = PartialFolder(request.output, asked.bundle.manifest.name, suffix=".need")
    if request.is_dry_run:
        if place.is_finished:
            return _taken(asked, place.final_path)
        return _result(asked, place.final_path, _planned(asked), (), is_dry_run=True)
    planned = [] if place.is_finished else _planned(asked)
    place.hold()
    try:
        if place.is_finished:
            result = _taken(asked, place.final_path)
            place.forget_start()  # a run that was killed after the rename has left it
            return result
        _notice(asked, planned)
        made, files = _made(asked, place, planned)
    finally:
        place.release()
    return _result(asked, place.final_path, made, files)


def _notice(asked: Asked, planned: Sequence[FulfilledChunk]) -> None:
    """Says where each chunk will come from, before anything is written."""
    for each in planned[:_SHOWN]:
        where = some(each.places, most=2)
        asked.run.listener(Noticed(text("{file}: from {places}", file=each.chunk.file, places=where)))


def _result(
    asked: Asked,
    path: Path | None,
    chunks: Sequence[FulfilledChunk],
    files: Sequence[str],
    *,
    is_dry_run: bool = False,
    is_old: bool = False,
) -> FulfilResult:
    bundle = asked.bundle
    return FulfilResult(
        path, bundle.id, bundle.manifest.name, tuple(chunks), tuple(files), asked.signers, is_dry_run, is_old
    )


def _taken(asked: Asked, path: Path) -> FulfilResult:
    """Takes the folder that an earlier run has finished, if it has the wanted parts.

    Raises:
        Misuse: It has others.
    """
    folder = HeldFolder(path)
    try:
        try:
            is_same = read_bounded(path / roles.SUMS.file, SUMS_BYTES) == asked.bundle.sealed.sums_content
        except BundlerError:
            is_same = False
        has_chunks = is_same and all(is_done(asked, folder, number) for number in asked.wanted.chunks)
        if not has_chunks or not has_files(asked, folder):
            raise Misuse(
                "another folder has the name of the bundle",
                subject=str(path),
                hint="choose another folder with -o DIR, or remove this one",
            )
        files = [name for name in folder.names() if not roles.is_chunk(name)]
    finally:
        folder.close()
    chunks = [_fulfilled(asked, number, THERE, ()) for number in asked.wanted.chunks]
    return _result(asked, path, chunks, files, is_old=True)


def _fulfilled(
    asked: Asked, number: int, way: str, places: Sequence[object], *, fetched_bytes: int = 0
) -> FulfilledChunk:
    chunk = asked.bundle.manifest.chunks[number - 1]
    sha256 = asked.bundle.sealed.sums[chunk.file]
    return FulfilledChunk(number, chunk, sha256, way, tuple(map(str, places)), fetched_bytes)


def _planned(asked: Asked) -> list[FulfilledChunk]:
    """The way in which each chunk can be made, as far as is known before anything is read.

    Raises:
        Incomplete: A chunk is encrypted and in no copy.
    """
    planned = []
    for number in asked.wanted.chunks:
        copies = places_of(asked, number)
        if copies:
            planned.append(_fulfilled(asked, number, COPY, copies))
        else:
            planned.append(_from_sources(asked, number))
    return planned


def _from_sources(asked: Asked, number: int) -> FulfilledChunk:
    manifest = asked.manifest
    if manifest is None:
        file = asked.bundle.manifest.chunks[number - 1].file
        raise Incomplete(
            "an encrypted chunk can only be copied: encrypted again, it would have other bytes",
            subject=file,
            hint="give a whole copy of the bundle: --from FOLDER",
            code="need-copy-only",
        )
    stored = stored_in(manifest, (number,))
    digests = {each.digest for each in stored}
    sources = {
        image.source: None
        for image in manifest.images
        if any(manifest.blobs[each].descriptor.digest in digests for each in image.needs_with_attachments)
    }
    fetched_bytes = sum(each.size_bytes for each in stored if not each.file)
    return _fulfilled(asked, number, SOURCES, (*asked.lists, *sources), fetched_bytes=fetched_bytes)


def stored_in(manifest: BundleManifest, numbers: Sequence[int]) -> list[Stored]:
    """The blobs and files that have a piece in some chunks."""
    wanted = frozenset(numbers)
    return [each for each in manifest.stored() if any(piece.chunk in wanted for piece in each.pieces)]


def _made(
    asked: Asked, place: PartialFolder, planned: Sequence[FulfilledChunk]
) -> tuple[list[FulfilledChunk], list[str]]:
    """Makes the chunks and gives the folder its name."""
    bundle, run = asked.bundle, asked.run
    files = other_files(asked)
    chunks = [each.chunk for each in planned]
    start = ExportStart({"fulfil": asked.wanted.line}, {}, bundle.manifest.created, bundle.manifest.tool, bundle.id)
    folder = place.start(chunks, start, None)
    with closing(folder):
        made = []
        run.listener(PhaseBegan("copying", _bytes_to_move(asked, planned), in_bytes=True))
        left = []
        for each in planned:
            if folder.was_there and is_done(asked, folder.folder, each.number):
                made.append(_fulfilled(asked, each.number, THERE, ()))
                run.listener(Moved(each.chunk.size_bytes))
                continue
            used = copy_chunk(asked, folder.folder, each.number) if each.way == COPY else None
            if used is not None:
                made.append(_fulfilled(asked, each.number, COPY, (used,)))
            else:
                left.append(each if each.way == SOURCES else _from_sources(asked, each.number))
        if left:
            _write(asked, folder, left)
        run.listener(PhaseEnded("copying"))
        if is_removable(asked.request.output):
            _read_back(asked, folder)
        folder.complete({name: read() for name, read in files.items()})
    return sorted((*made, *left), key=lambda each: each.number), list(files)


def _read_back(asked: Asked, folder: StartedFolder) -> None:
    """Reads all chunks again: a removable medium may report success and keep other bytes.

    Raises:
        LocalStorage: The medium returns other bytes than were written. The chunk is removed.
    """
    for number in asked.wanted.chunks:
        if not is_done(asked, folder.folder, number):
            file = asked.bundle.manifest.chunks[number - 1].file
            folder.folder.remove(file)
            raise LocalStorage(
                text("the medium returns other bytes than were written: {files}", files=file),
                subject=str(folder.path),
                hint="the medium is bad: replace it, and give another -o DIR",
            )


def _bytes_to_move(asked: Asked, planned: Sequence[FulfilledChunk]) -> int:
    """The bytes that are copied, and those that sources give: each blob once, and as a whole."""
    copied = sum(each.chunk.size_bytes for each in planned if each.way == COPY)
    if asked.manifest is None:
        return copied
    numbers = [each.number for each in planned if each.way == SOURCES]
    return copied + sum(stored.size_bytes for stored in stored_in(asked.manifest, numbers))


def _write(asked: Asked, folder: StartedFolder, chunks: Sequence[FulfilledChunk]) -> None:
    """Writes chunks from the sources of their images.

    Raises:
        BundlerError: A blob cannot be had.
        Damaged: A chunk has other bytes than the bundle's; it is removed.
    """
    manifest = asked.manifest
    assert manifest is not None
    numbers = [each.number for each in chunks]
    stores = Stores(asked.request.network, paces_of(asked.run), listener=asked.run.listener)
    sources = BlobSources(asked, manifest, stored_in(manifest, numbers), stores)

    def passed(amount_bytes: int) -> None:
        del amount_bytes
        asked.run.cancellation.check()

    if manifest.archive is TAR:
        has_holes = has_sparse_files(asked.request.output)
        count = asked.run.jobs if has_holes and not is_removable(asked.request.output) else 1
        lanes = Lanes(count, has_holes)
        tars = BundleWriter.resuming(folder, manifest, passed, lanes, only=numbers)
        with closing(tars):
            copies = (sources.copy(stored, tars) for stored in tars.stored())
            copied = copy_blobs(copies, asked.run, ordered_workers=max(asked.run.jobs, SMALL_WORKERS))
            _refuse_failed(copied.failed, manifest, numbers)
            digests = tars.finish()
    else:
        archives = SevenZipWriter(folder, manifest, None, {}, only=numbers)
        with closing(archives):
            groups = [[sources.copy(stored, group) for stored in group.stored] for group in archives.groups]
            _refuse_failed(copy_wholes(groups, asked.run).failed, manifest, numbers)
            digests = archives.finish()
    _refuse_other_bytes(asked, folder, digests)


def _refuse_failed(
    failed: Sequence[tuple[BlobCopy, BundlerError]], manifest: BundleManifest, numbers: Sequence[int]
) -> None:
    """Raises one error for all blobs that were not had, with the chunks and images that need each."""
    if not failed:
        return
    users = manifest.users()
    places = {each.digest: each.pieces for each in stored_in(manifest, numbers)}
    errors = []
    for copy, error in failed:
        if isinstance(error, LocalStorage):
            raise error
        digest = copy.descriptor.digest
        files = [manifest.chunks[n - 1].file for n in numbers if any(p.chunk == n for p in places.get(digest, ()))]
        message = text(
            "{reason}; {files} needs it, for {images}",
            reason=error.message,
            files=some(files, most=3),
            images=some(users.get(digest, []), most=5) or text("the files of the layout"),
        )
        errors.append(error.but(message=message))
    raise Several(text("{count} blobs could not be fetched; the chunks are not complete", count=len(errors)), errors)


def _refuse_other_bytes(asked: Asked, folder: StartedFolder, digests: dict[str, str]) -> None:
    sums = asked.bundle.sealed.sums
    errors: list[BundlerError] = []
    for file, digest in digests.items():
        if digest != sums[file]:
            folder.folder.remove(file)
            errors.append(
                Damaged(
                    "made again, the chunk has other bytes",
                    subject=file,
                    expected=sums[file],
                    actual=digest,
                    hint="another version of bundler made the bundle: give a copy of it with --from FOLDER",
                    code="need-other-bytes",
                )
            )
    if errors:
        raise (
            errors[0]
            if len(errors) == 1
            else Several(text("{count} chunks have other bytes than the bundle's", count=len(errors)), errors)
        )
