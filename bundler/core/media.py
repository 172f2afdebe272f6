"""The media of a bundle: places files on them, and tells which medium has which chunk. Pure: same input, same places.

Only files that are not on each medium are placed: chunks, parity, the tool, and files of unknown roles (FORMAT.md,
section 2). They stay whole and in order: the first medium has ``chunk-0001``, and each medium a run of numbers, so that
an import finishes images medium by medium. Recovery data lie apart from what they repair, as far as there is room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import MEDIA
from bundler.core.manifest import Chunk, Medium
from bundler.core.parity import ParityGroup, blocks_of, group_number, recovery_blocks_in
from bundler.core.patterns import lazy_pattern
from bundler.errors import LocalStorage, Misuse
from bundler.texts import text

_MEDIUM = lazy_pattern(r"\.medium-(\d{2,})")


@frozen
class Room:
    """The room that a medium has for the files that are placed.

    Attributes:
        size_bytes: The room in bytes, without the files that each medium has.
        largest_file_bytes: The largest file that its file system takes; None for no limit.
        unit_bytes: The unit of its file system: a file takes whole ones.
        common_bytes: The room that the files of each medium take, for messages.
    """

    size_bytes: int
    largest_file_bytes: int | None = None
    unit_bytes: int = 1
    common_bytes: int = 0

    def taken_by(self, file: MediaFile) -> int:
        """The room in bytes that a file takes."""
        return -(-file.size_bytes // self.unit_bytes) * self.unit_bytes

    def takes(self, file: MediaFile, used_bytes: int = 0) -> bool:
        """True if a file fits, after other files took some bytes."""
        is_small = self.largest_file_bytes is None or file.size_bytes <= self.largest_file_bytes
        return is_small and used_bytes + self.taken_by(file) <= self.size_bytes


@frozen
class MediaFile:
    """A file that is on one medium.

    Attributes:
        name: Its name in the bundle.
        size_bytes: Its size.
        group: The parity group that it belongs to; empty for none.
        is_recovery: True if it repairs the other files of its group.
    """

    name: str
    size_bytes: int
    group: str = ""
    is_recovery: bool = False


Places = tuple[tuple[MediaFile, ...], ...]
"""The files of each medium."""


def place(files: Sequence[MediaFile], rooms: Sequence[Room]) -> Places:
    """Places files on given media.

    Media are filled in order. If the files do not fit in this way, the largest are placed first.

    Args:
        files: The files, in the order of the bundle.
        rooms: The media, at least one. A medium may stay without files.

    Raises:
        LocalStorage: A file fits nowhere, or all of them need more room.
    """
    for file in files:
        if not any(room.takes(file) for room in rooms):
            raise _fits_nowhere(file, rooms)
    data = [file for file in files if not file.is_recovery]
    filling = _in_order(data, rooms) or _by_size(data, rooms)
    if filling is None or not all(filling.add_apart(file) for file in files if file.is_recovery):
        needed = sum(file.size_bytes for file in files)
        raise LocalStorage(
            "the media have not enough room",
            expected=text("{size:,} bytes on {count:,} media", size=needed, count=len(rooms)),
            actual=text("{size:,} bytes", size=sum(max(0, room.size_bytes) for room in rooms)),
            hint="give more media: -o DIR -o DIR, or free some space on them",
            code="no-space",
        )
    return filling.places(files)


def place_on_equal(files: Sequence[MediaFile], room: Room, *, first_bytes: int = 0) -> Places:
    """Places files on as many equal media as they need, at least one.

    Args:
        files: The files, in the order of the bundle.
        room: The room on each medium.
        first_bytes: The size of files that only the first medium has, and that are not placed: the tool.

    Raises:
        Misuse: A file does not fit on such a medium, or there would be too many media.
    """
    placed = (MediaFile(f"{roles.TOOL_FOLDER}/", first_bytes), *files)
    least = room.common_bytes + max(map(room.taken_by, placed))
    if room.size_bytes <= 0:
        raise Misuse(
            "the small files alone do not fit on a medium of this size",
            subject="--medium-size",
            expected=text("at least {size:,} bytes", size=least),
            actual=text("{size:,} bytes", size=room.common_bytes + room.size_bytes),
            hint="give a larger --medium-size",
        )
    first = replace(room, size_bytes=room.size_bytes - first_bytes)
    for file in placed:
        if not room.takes(file):
            raise Misuse(
                "the file does not fit on the medium",
                subject=file.name,
                expected=text("at most {size:,} bytes", size=max(0, room.size_bytes)),
                actual=text("{size:,} bytes", size=file.size_bytes),
                hint=text(
                    "give a --medium-size of at least {size:,} bytes, or give export a smaller --chunk-size", size=least
                ),
            )
    filling = _Filling([first])
    for file in files:
        if not file.is_recovery and not filling.add(len(filling.rooms) - 1, file):
            filling.open(room)
            filling.add(len(filling.rooms) - 1, file)
    for file in files:
        if file.is_recovery and not filling.add_apart(file, is_strict=len(filling.rooms) > 1):
            filling.open(room)
            filling.add(len(filling.rooms) - 1, file)
    if len(filling.rooms) > MEDIA:
        raise Misuse(
            "the bundle would need too many media",
            expected=text("at most {count:,}", count=MEDIA),
            actual=text("{count:,}", count=len(filling.rooms)),
            hint="give a larger --medium-size",
        )
    return filling.places(files)


def media_plan(places: Places, sizes: Sequence[int | None] = ()) -> tuple[Medium, ...]:
    """The field ``media`` of a bundle manifest.

    Args:
        places: The files of each medium.
        sizes: The planned capacity of each medium, in bytes; empty for none.
    """
    media = []
    for number, files in enumerate(places):
        names = [file.name for file in files]
        chunks = [found for name in names if (found := roles.chunk_number(name)) is not None]
        others = [name for name in names if roles.chunk_number(name) is None]
        media.append(Medium(tuple(chunks), tuple(others), sizes[number] if sizes else None))
    return tuple(media)


def medium_folder(name: str, number: int) -> str:
    """The name of the folder of a medium, if all media are made in one folder.

    >>> medium_folder("platform", 3)
    'platform.medium-03'
    """
    return f"{name}.medium-{number:02d}"


def medium_number_of(folder: str, name: str) -> int | None:
    """The number of the medium whose folder has a name, if it is one; else None."""
    match = _MEDIUM.fullmatch(folder.removeprefix(name)) if folder.startswith(name) else None
    return int(match[1]) if match else None


def placed_files(chunks: Iterable[Chunk], groups: Iterable[ParityGroup] = ()) -> list[MediaFile]:
    """The chunks of a bundle and its planned parity, as files to place."""
    group_of = {chunk.file: str(group.number) for group in groups for chunk in group.chunks}
    files = [MediaFile(chunk.file, chunk.size_bytes, group_of.get(chunk.file, "")) for chunk in chunks]
    for group in groups:
        sizes = group.file_sizes.items()
        files += [MediaFile(name, size, str(group.number), is_recovery=True) for name, size in sizes]
    return files


def medium_of(media: Sequence[Medium], chunk: int) -> int | None:
    """The number of the medium that a chunk was planned for, from 1; None if no media were planned."""
    return next((number for number, medium in enumerate(media, start=1) if chunk in medium.chunks), None)


def runs_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of each run of consecutive numbers.

    >>> runs_of([1, 2, 3, 5])
    [(1, 3), (5, 5)]
    """
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] + 1 == number:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def media_with(media: Sequence[Medium], chunks: Iterable[int]) -> Mapping[int, tuple[int, ...]]:
    """The media that some chunks were planned for: the number of each, from 1, with its chunks among them."""
    wanted = frozenset(chunks)
    found = (
        (number, tuple(chunk for chunk in medium.chunks if chunk in wanted))
        for number, medium in enumerate(media, start=1)
    )
    return {number: held for number, held in found if held}


def may_be_lost(media: Sequence[Medium], groups: Sequence[ParityGroup]) -> tuple[int, ...]:
    """The numbers, from 1, of the media of which any one may be lost: parity on the others can replace its chunks.

    It counts blocks: a recovery block replaces one block of its group, whichever that is.

    Args:
        media: The planned media.
        groups: The planned parity.
    """
    places = {
        roles.chunk_number(chunk.file): (group.number, blocks_of(chunk.size_bytes, group.block_bytes))
        for group in groups
        for chunk in group.chunks
    }
    recovery = [_recovery_blocks(medium) for medium in media]
    total: Counter[int] = Counter()
    for each in recovery:
        total.update(each)
    found = []
    for number, (medium, own) in enumerate(zip(media, recovery, strict=True), start=1):
        lost: Counter[int] = Counter()
        for chunk in medium.chunks:
            group, blocks = places.get(chunk, (0, 1))  # no group has the number 0, so nothing replaces it
            lost[group] += blocks
        if all(blocks <= total[group] - own[group] for group, blocks in lost.items()):
            found.append(number)
    return tuple(found)


def _recovery_blocks(medium: Medium) -> Counter[int]:
    """The number of recovery blocks on a medium, by the number of their group."""
    blocks: Counter[int] = Counter()
    for name in medium.files:
        blocks[group_number(name) or 0] += recovery_blocks_in(name)
    return blocks


def _bytes_of(group: str, files: Iterable[MediaFile]) -> int:
    return sum(file.size_bytes for file in files if file.group == group)


def _fits_nowhere(file: MediaFile, rooms: Sequence[Room]) -> LocalStorage:
    limits = (
        room.size_bytes if room.largest_file_bytes is None else min(room.size_bytes, room.largest_file_bytes)
        for room in rooms
    )
    return LocalStorage(
        "no medium has room for this file",
        subject=file.name,
        expected=text("{size:,} bytes", size=file.size_bytes),
        actual=text("at most {size:,} bytes", size=max(0, *limits)),
        hint="use larger media, or export with a smaller --chunk-size",
        code="no-space",
    )


class _Filling:
    """Media that are being filled."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self.rooms: list[Room] = []
        self._files: list[list[MediaFile]] = []
        self._used: list[int] = []
        for room in rooms:
            self.open(room)

    def open(self, room: Room) -> None:
        """Adds an empty medium."""
        self.rooms.append(room)
        self._files.append([])
        self._used.append(0)

    def add(self, number: int, file: MediaFile) -> bool:
        """Puts a file on a medium; False if it does not fit there."""
        if not self.rooms[number].takes(file, self._used[number]):
            return False
        self._files[number].append(file)
        self._used[number] += self.rooms[number].taken_by(file)
        return True

    def add_apart(self, file: MediaFile, *, is_strict: bool = False) -> bool:
        """Puts recovery data on the medium with the fewest bytes that it belongs to; False if it fits nowhere.

        Args:
            file: The recovery data.
            is_strict: True to accept no medium with a file that it repairs.
        """

        def cost(number: int) -> tuple[int, int, int]:
            files = self._files[number]
            repaired = _bytes_of(file.group, (each for each in files if not each.is_recovery))
            return repaired, _bytes_of(file.group, files), number

        possible = [n for n, room in enumerate(self.rooms) if room.takes(file, self._used[n])]
        best = min(possible, key=cost, default=None)
        if best is None or (is_strict and cost(best)[0]):
            return False
        return self.add(best, file)

    def places(self, files: Sequence[MediaFile]) -> Places:
        """The files of each medium, in the order of the bundle."""
        order = {file.name: number for number, file in enumerate(files)}
        return tuple(tuple(sorted(each, key=lambda file: order[file.name])) for each in self._files)


def _in_order(files: Sequence[MediaFile], rooms: Sequence[Room]) -> _Filling | None:
    """Fills a medium, then the next one; None if some files are left over."""
    filling, number = _Filling(rooms), 0
    for file in files:
        while number < len(rooms) and not filling.add(number, file):
            number += 1
    return filling if number < len(rooms) else None


def _by_size(files: Sequence[MediaFile], rooms: Sequence[Room]) -> _Filling | None:
    """Places the largest files first, each on the first medium that has room; None if some files are left over."""
    filling = _Filling(rooms)
    for file in sorted(files, key=lambda file: -file.size_bytes):
        if not any(filling.add(number, file) for number in range(len(rooms))):
            return None
    return filling
