"""Placed: the folders that are made, each with its files. Room and largest file are checked; nothing is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bundler.bundle.medium import existing, largest_file_bytes, room_on
from bundler.copying.opened import Opened
from bundler.copying.request import SpreadRequest
from bundler.copying.source import Source, SourceFile
from bundler.copying.target import Target, names_in
from bundler.core.frozen import frozen
from bundler.core.manifest import Medium
from bundler.core.media import Places, Room, medium_folder, medium_number_of, place, place_on_equal
from bundler.core.medium_size import OTHER_BYTES, SECTOR_BYTES
from bundler.errors import Incomplete, LocalStorage, Misuse, Several
from bundler.system.durable_files import check_space
from bundler.system.files import is_there
from bundler.texts import some, text


@frozen
class Delivery:
    """A folder that is made.

    Attributes:
        target: The folder.
        files: The listed files that it gets, in their order.
        is_complete: True if it had all of them, and its name, before this run.
    """

    target: Target
    files: tuple[SourceFile, ...]
    is_complete: bool

    @property
    def size_bytes(self) -> int:
        """The size of the files."""
        return sum(file.size_bytes for file in self.files)


@frozen
class Placed:
    """A plan.

    Attributes:
        opened: The bundle and the request.
        deliveries: The folders, in order.
    """

    opened: Opened
    deliveries: tuple[Delivery, ...]

    @property
    def open_deliveries(self) -> tuple[Delivery, ...]:
        """Those that are not complete."""
        return tuple(each for each in self.deliveries if not each.is_complete)


def place_copies(opened: Opened) -> Placed:
    """Plans a copy of all files that are here in each output.

    Raises:
        Misuse: An output is not there, is given twice, or has another bundle of the name.
        LocalStorage: An output has not enough room, or takes no file as large as the largest one.
    """
    source = opened.source
    targets = [Target(output / source.bundle.manifest.name) for output in _outputs(opened)]
    placed = _placed(opened, targets, [source.files] * len(targets))
    _check_rooms(placed)
    return placed


def place_spread(opened: Opened, request: SpreadRequest) -> Placed:
    """Plans folders for several media: the common files in each, every other file in one.

    Raises:
        Misuse: As `place_copies`; or a file does not fit on a medium of the size.
        Incomplete: A file of the bundle is not here.
        LocalStorage: As `place_copies`.
    """
    source = opened.source
    if source.missing:
        raise Several(
            text("the bundle is not complete here: {files}", files=some(source.missing, most=5)),
            [Incomplete("the file is missing", subject=name, code="incomplete") for name in source.missing],
            hint="give the other folders or media of the bundle too",
        )
    if request.medium_size_bytes is None:
        targets = [Target(output / source.bundle.manifest.name) for output in _outputs(opened)]
        places = _on_media(source, targets)
    else:
        targets, places = _on_equal_media(opened, request.medium_size_bytes)
    common = source.common
    by_name = {file.name: file for file in source.placed}
    files = [tuple(by_name[each.name] for each in medium) + common for medium in places]
    placed = _placed(opened, targets, files)
    if request.medium_size_bytes is not None:
        _refuse_other_spread(placed)
    _check_rooms(placed)
    if request.medium_size_bytes is not None and not request.is_dry_run:
        _make(request.outputs[0])
    return placed


def _refuse_other_spread(placed: Placed) -> None:
    """Checks that no folder has chunks that are for another one now: its medium could be too small for both.

    Raises:
        Misuse: A spread over media of another size has left such a folder.
    """
    source = placed.opened.source
    name = source.bundle.manifest.name
    everything = {file.name for file in source.placed}
    output = placed.deliveries[0].target.final.parent
    further = [
        output / entry for entry in names_in(output) if (medium_number_of(entry, name) or 0) > len(placed.deliveries)
    ]
    others = [
        each.target.final
        for each in placed.deliveries
        if is_there(each.target.final)
        and not (everything & each.target.sizes().keys()) <= {file.name for file in each.files}
    ]
    for folder in [*others, *further]:
        raise Misuse(
            "the folder is of a spread over media of another size",
            subject=str(folder),
            hint=text("remove the folders {name}.medium-…, or choose another folder with -o DIR", name=name),
        )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(output)) from error


def _outputs(opened: Opened) -> tuple[Path, ...]:
    outputs = opened.request.outputs
    for output in outputs:
        if not output.is_dir():
            raise Misuse(
                "there is no such folder",
                subject=f"-o {output}",
                hint="mount the medium, or make the folder",
            )
    if len({os.path.realpath(output) for output in outputs}) < len(outputs):
        raise Misuse("one folder was given twice", subject="-o", hint="give a folder on each medium")
    return outputs


def _placed(opened: Opened, targets: Sequence[Target], files: Sequence[tuple[SourceFile, ...]]) -> Placed:
    deliveries = []
    for target, own in zip(targets, files, strict=True):
        target.refuse_other(opened.source)
        deliveries.append(Delivery(target, own, target.is_complete(own, opened.source.unlisted)))
    return Placed(opened, tuple(deliveries))


def _on_media(source: Source, targets: Sequence[Target]) -> Places:
    """Places files on media that are there. Files that are on one stay; a plan of the builder is kept if it fits."""
    for target in targets:
        target.refuse_other(source)
    devices = [_device_of(target.final.parent) for target in targets]
    shares = Counter(devices)
    rooms = [
        target.room(source.common_sizes, share=shares[device]) for target, device in zip(targets, devices, strict=True)
    ]
    planned = _as_planned(source, rooms)
    if planned is not None:
        return planned
    files = [file.as_media_file for file in source.placed]
    there = [target.sizes() for target in targets]
    pinned = {
        file.name: next(
            (n for n, sizes in enumerate(there) if file.name in sizes and sizes[file.name][0] == file.size_bytes), None
        )
        for file in files
    }
    left = [
        Room(
            room.size_bytes - sum(room.taken_by(file) for file in files if pinned[file.name] == number),
            room.largest_file_bytes,
            room.unit_bytes,
        )
        for number, room in enumerate(rooms)
    ]
    rest = place([file for file in files if pinned[file.name] is None], left)
    names = [{file.name for file in medium} for medium in rest]
    return tuple(
        tuple(file for file in files if pinned[file.name] == number or file.name in names[number])
        for number in range(len(targets))
    )


def _on_equal_media(opened: Opened, size_bytes: int) -> tuple[list[Target], Places]:
    source = opened.source
    (output, *more) = opened.request.outputs
    if more:
        raise Misuse(
            "--medium-size makes all folders in one -o DIR", hint="give one -o DIR, or leave out --medium-size"
        )
    sectors = sum(-(-size // SECTOR_BYTES) * SECTOR_BYTES for size in source.common_sizes)
    common = sectors + OTHER_BYTES
    room = Room(size_bytes - common, unit_bytes=SECTOR_BYTES, common_bytes=common)
    count = len(source.bundle.manifest.media)
    places = _as_planned(source, [room] * count) if count else None
    if places is None:
        places = place_on_equal([file.as_media_file for file in source.placed], room)
    name = source.bundle.manifest.name
    return [Target(output / medium_folder(name, n + 1)) for n in range(len(places))], places


def _as_planned(source: Source, rooms: Sequence[Room]) -> Places | None:
    """The places that bundle.json plans, if there are as many media and all of it fits; else None."""
    media: tuple[Medium, ...] = source.bundle.manifest.media
    if not media or len(media) != len(rooms):
        return None
    chunks = source.bundle.manifest.chunks
    wanted = {chunks[number - 1].file: n for n, medium in enumerate(media) for number in medium.chunks}
    wanted |= {file: n for n, medium in enumerate(media) for file in medium.files}
    files = [file.as_media_file for file in source.placed]
    places = tuple(tuple(file for file in files if wanted.get(file.name, 0) == n) for n in range(len(media)))
    for room, medium in zip(rooms, places, strict=True):
        if sum(map(room.taken_by, medium)) > room.size_bytes or not all(map(room.takes, medium)):
            return None
    return places


def _check_rooms(placed: Placed) -> None:
    """Checks that each file system has room for what is copied to it, and takes files as large as the largest one.

    Raises:
        Misuse: It takes no file as large.
        LocalStorage: It has less room.
    """
    needed: Counter[int] = Counter()
    folders: dict[int, Path] = {}
    for delivery in placed.open_deliveries:
        parent = delivery.target.final.parent
        limit_bytes = largest_file_bytes(parent)
        largest = max(delivery.files, key=lambda file: file.size_bytes)
        if limit_bytes is not None and largest.size_bytes > limit_bytes:
            raise Misuse(
                "the file system does not support files of this size",
                subject=str(delivery.target.final / largest.name),
                expected=text("at most {limit_bytes:,} bytes", limit_bytes=limit_bytes),
                actual=text("{size:,} bytes", size=largest.size_bytes),
                hint="format the medium with exFAT, or export with --chunk-size fat32",
            )
        device = _device_of(parent)
        unit = room_on(parent).unit_bytes
        there = delivery.target.sizes()
        own = {file.name for file in delivery.files}
        kept = sum(used for name, (_, used) in there.items() if name in own)
        needed[device] += sum(-(-file.size_bytes // unit) * unit for file in delivery.files) - kept
        folders.setdefault(device, parent)
    for device, size_bytes in needed.items():
        check_space(existing(folders[device].absolute()), size_bytes)


def _device_of(path: Path) -> int:
    try:
        return os.stat(existing(path.absolute())).st_dev
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
