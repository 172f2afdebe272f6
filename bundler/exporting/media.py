"""The media of an export: which chunk goes to which, before anything is written.

Media of a size follow from the sizes of the chunks alone. Folders on media that are there are filled by their free
space, which changes: so the journal keeps the plan for the next run, and a finished bundle has its own.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bundler.bundle.bundle_place import BundlePlace, MediaFolders
from bundler.bundle.medium import room_on
from bundler.bundle.partial import PartialFolder
from bundler.core import bundle_name
from bundler.core.journal import Journal
from bundler.core.manifest import BundleManifest, Medium
from bundler.core.media import (
    MediaFile,
    Room,
    media_plan,
    medium_folder,
    medium_number_of,
    place,
    place_on_equal,
    placed_files,
)
from bundler.core.medium_size import SECTOR_BYTES, common_bytes
from bundler.core.parity import most_files
from bundler.core.s3_path import S3Path
from bundler.errors import LocalStorage, Misuse
from bundler.exporting.parity_plan import parity_plan
from bundler.exporting.request import ExportRequest
from bundler.system.bundle_paths import local
from bundler.texts import text

OUTPUT_OPTION, SIZE_OPTION = "-o", "--medium-size"


def place_of(request: ExportRequest, name: str, secrets: Path | None) -> BundlePlace:
    """The place of the bundle of a request: in S3, or its folder on the first medium, and those on further media.

    Raises:
        Misuse: The request is about media of a size and about several folders, or a folder is not there.
    """
    if isinstance(request.output, S3Path):
        from bundler.bundle.s3.partial import S3Partial

        return S3Partial(request.output, name, state=secrets, is_read_back=request.is_read_back is not False)
    if request.medium_size_bytes is None:
        _check_outputs(request)
        further = [output / name for output in request.further_outputs]
        return PartialFolder(request.output, name, secrets=secrets, further=further)
    if request.further_outputs:
        raise Misuse(
            "--medium-size makes all folders in one -o DIR", hint="give one -o DIR, or leave out --medium-size"
        )
    if request.chunk_size_bytes > request.medium_size_bytes:
        raise Misuse(
            "a chunk does not fit on a medium of this size",
            subject="--chunk-size",
            expected=text("at most {size:,} bytes", size=request.medium_size_bytes),
            actual=text("{size:,} bytes", size=request.chunk_size_bytes),
            hint="give a smaller --chunk-size, or a larger --medium-size",
        )
    first = medium_folder(name, 1)
    return PartialFolder(request.output, first, secrets=secrets, further=_further(request.output, name, first))


def _further(output: Path, name: str, first: str) -> list[Path]:
    """The folders of further media that earlier runs have made, in the order of their numbers."""
    try:
        names = os.listdir(output)
    except OSError:
        return []  # it is not there yet, or its first use reports the reason
    found = {}
    for each in names:
        final = each.removesuffix(bundle_name.PARTIAL)
        number = medium_number_of(final, name)
        if number is not None and final != first:
            found[number] = output / final
    return [found[number] for number in sorted(found)]


def _check_outputs(request: ExportRequest) -> None:
    """Checks that the folders on several media are there: else a medium that is not mounted would not be noticed."""
    if not request.further_outputs:
        return
    for output in request.outputs:
        if not output.is_dir():
            raise Misuse(
                "there is no such folder",
                subject=f"-o {output}",
                hint="with several -o DIR, each must be there: mount the medium, or make the folder",
            )
    if len({os.path.realpath(output) for output in request.outputs}) < len(request.outputs):
        raise Misuse("one folder was given twice", subject="-o", hint="give a folder on each medium")


def planned_media(
    manifest: BundleManifest,
    request: ExportRequest,
    folder: BundlePlace,
    journal: Journal | None,
    *,
    tool_bytes: int = 0,
) -> tuple[Medium, ...]:
    """The media that the files of a bundle are planned for; empty for one folder.

    Args:
        manifest: The plan of the bundle, without media.
        request: The request.
        folder: The place of the bundle.
        journal: The journal of an earlier run of the same export.
        tool_bytes: The size of the tool, which the first medium has.

    Raises:
        Misuse: A chunk does not fit on a medium of the size.
        LocalStorage: The media that are there have not enough room.
    """
    others = most_files(manifest.chunks) if request.parity else 0
    common = common_bytes(manifest, is_encrypted=request.is_encrypted, others=others)
    if request.medium_size_bytes is not None:
        size = request.medium_size_bytes
        files = placed_files(manifest.chunks, parity_plan(request, manifest))
        room = Room(size - common, unit_bytes=SECTOR_BYTES, common_bytes=common)
        places = place_on_equal(files, room, first_bytes=tool_bytes)
        return media_plan(places, [size] * len(places))
    if not request.further_outputs or folder.is_finished:
        return ()
    started = _started(journal, manifest, request)
    if started is not None:
        return started
    chunks = placed_files(manifest.chunks)
    first, *more = _rooms(request.outputs, folder, chunks, common)
    rooms = [replace(first, size_bytes=first.size_bytes - tool_bytes), *more]
    media = media_plan(place(chunks, rooms))
    groups = parity_plan(request, replace(manifest, media=media))
    return media_plan(place(placed_files(manifest.chunks, groups), rooms)) if groups else media


def _rooms(outputs: Sequence[Path], folder: BundlePlace, files: Sequence[MediaFile], common: int) -> list[Room]:
    devices = [_device_of(output) for output in outputs]
    shares = Counter(devices)
    final_paths = [output / folder.final_path.name for output in outputs]
    return [
        room_on(
            output,
            common_bytes=common,
            taken_bytes=_taken_bytes(final.with_name(final.name + bundle_name.PARTIAL), files),
            share=shares[device],
        )
        for output, device, final in zip(outputs, devices, final_paths, strict=True)
    ]


def _device_of(path: Path) -> int:
    try:
        return os.stat(path).st_dev
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error


def _taken_bytes(partial: Path, files: Sequence[MediaFile]) -> int:
    """The room that chunks of an earlier run take."""
    taken = 0
    for file in files:
        try:
            taken += os.lstat(partial / file.name).st_blocks * 512
        except OSError:
            continue
    return taken


def with_media_of(there: BundleManifest, planned: BundleManifest, request: ExportRequest) -> BundleManifest:
    """A plan with the media of a finished bundle, if their free space decided them and they are as many as now."""
    if not request.further_outputs or len(there.media) != len(request.outputs):
        return planned
    return replace(planned, media=there.media)


def media_folders(manifest: BundleManifest, request: ExportRequest, folder: BundlePlace) -> MediaFolders | None:
    """The folders of the media of a plan; None for one folder."""
    if not manifest.media:
        return None
    name = manifest.name
    if request.medium_size_bytes is not None:
        output = local(request.output)
        paths = tuple(output / medium_folder(name, n + 1) for n in range(len(manifest.media)))
    else:
        paths = tuple(output / folder.final_path.name for output in request.outputs)
    places = {
        manifest.chunks[chunk - 1].file: number
        for number, medium in enumerate(manifest.media)
        for chunk in medium.chunks
    }
    return MediaFolders(paths, {**places, **{f: n for n, medium in enumerate(manifest.media) for f in medium.files}})


def started_options(request: ExportRequest, journal: Journal | None) -> Mapping[str, str]:
    """The options about media that a run compares with those of an earlier one."""
    if request.medium_size_bytes is not None:
        return {SIZE_OPTION: str(request.medium_size_bytes)}
    if not request.further_outputs:
        return {}
    words = journal.start.options.get(OUTPUT_OPTION, "") if journal else ""
    count = len(request.outputs)
    return {OUTPUT_OPTION: words if words.startswith(f"{count}: ") else f"{count}"}


def options_of(manifest: BundleManifest, request: ExportRequest) -> Mapping[str, str]:
    """The options about media that the journal gets: with the plan, if the free space decided it."""
    if not request.further_outputs or not manifest.media:
        return {}
    words = "; ".join(" ".join(map(str, (*medium.chunks, *medium.files))) for medium in manifest.media)
    return {OUTPUT_OPTION: f"{len(manifest.media)}: {words}"}


def _started(journal: Journal | None, manifest: BundleManifest, request: ExportRequest) -> tuple[Medium, ...] | None:
    """The media that the earlier run had planned; None if there is none, or the chunks or parity files are others."""
    words = journal.start.options.get(OUTPUT_OPTION, "") if journal else ""
    _, separator, runs = words.partition(": ")
    if not separator:
        return None
    media = tuple(_medium_of(run.split()) for run in runs.split(";"))
    numbers = sorted(number for medium in media for number in medium.chunks)
    if numbers != list(range(1, len(manifest.chunks) + 1)):
        return None
    names = sorted(name for medium in media for name in medium.files)
    groups = parity_plan(request, replace(manifest, media=media))
    return media if names == sorted(name for group in groups for name in group.file_sizes) else None


def _medium_of(words: Sequence[str]) -> Medium:
    return Medium(tuple(int(word) for word in words if word.isdigit()), tuple(w for w in words if not w.isdigit()))
