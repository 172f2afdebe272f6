"""Parity: how much recovery data a bundle gets, in which groups, and what may be lost then. FORMAT.md, section 2.1.

The recovery data is PAR2: chunks are cut into blocks, and each recovery block replaces any lost block of its group. A
lost chunk loses all of its blocks. This module counts blocks; `par2` makes them, and `bundler.core.par2` reads them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from bundler.core.frozen import frozen
from bundler.core.limits import PARITY_BLOCKS, PARITY_GROUP_BYTES, PARITY_GROUP_CHUNKS, PARITY_VOLUMES
from bundler.core.manifest import Chunk
from bundler.core.medium_size import parse_medium_size
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

WHOLE, YES, PERHAPS, NO = "whole", "yes", "perhaps", "no"
"""The answers to the question if parity can repair a group: nothing is lost, and as they say."""

_CHOICE = lazy_pattern(r"([1-9]\d?)%|([1-9])chunks?|1medium(?::([0-9a-zA-Z.-]{1,20}))?", re.ASCII)
_MOST_PERCENT = 50
_LEAST_BLOCK_BYTES = 64 << 10
"""Smaller ones cost more time than they save room: the work grows with the number of recovery blocks."""
_LEAST_VOLUMES = 4
"""So that the loss of one parity file leaves most of the recovery data."""
_PACKET_BYTES = 68
"""The bytes of a recovery packet besides its block."""
_FILE_NAME = lazy_pattern(r"parity-(\d{2,})(?:\.vol\d+\+(\d+))?\.par2")


@frozen
class ParityChoice:
    """The amount of parity: a part of the data, a number of chunks that may be lost whole, or one medium of them.

    At most one of the three is given. None means one medium, whose size is that of the media of the bundle.

    Attributes:
        percent: The part of the blocks, in percent.
        chunks: The number of chunks of each group that may be lost.
        medium_bytes: The size of a medium: all chunks that fit on one, with consecutive numbers, may be lost.
    """

    percent: int = 0
    chunks: int = 0
    medium_bytes: int = 0

    @property
    def needs_media(self) -> bool:
        """True if the media of the bundle decide the amount."""
        return not (self.percent or self.chunks or self.medium_bytes)

    def __str__(self) -> str:
        if self.needs_media:
            return "1medium"
        if self.medium_bytes:
            return f"1medium:{self.medium_bytes}"
        return f"{self.percent}%" if self.percent else f"{self.chunks}chunk{'s' if self.chunks > 1 else ''}"


@frozen
class ParityGroup:
    """Chunks that share recovery data.

    Attributes:
        number: The number of the group, from 1.
        chunks: Its chunks, in their order.
        block_bytes: The size of a block.
        recovery_blocks: The number of recovery blocks.
        volumes: The number of files that have them; one more file has only checksums.
        medium_bytes: The size of the media of which any one may be lost; 0 if that was not asked for.
    """

    number: int
    chunks: tuple[Chunk, ...]
    block_bytes: int
    recovery_blocks: int
    volumes: int
    medium_bytes: int = 0

    @property
    def index_file(self) -> str:
        """The name of the file with the checksums."""
        return f"parity-{self.number:02d}.par2"

    @property
    def data_blocks(self) -> int:
        """The number of blocks of all chunks."""
        return sum(blocks_of(chunk.size_bytes, self.block_bytes) for chunk in self.chunks)

    @property
    def whole_chunks(self) -> int:
        """The number of chunks that may be lost, whichever they are, if all parity files are there."""
        return whole_chunks((chunk.size_bytes for chunk in self.chunks), self.block_bytes, self.recovery_blocks)

    @property
    def data_bytes(self) -> int:
        """The size of all chunks."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    @property
    def size_bytes(self) -> int:
        """The size of the parity files. It may be a little less: programs repeat the checksums as they like."""
        return sum(self.file_sizes.values())

    @property
    def file_sizes(self) -> dict[str, int]:
        """The names of the parity files, as ``par2`` gives them, each with its size, as that of all of them."""
        checksums = _checksums_bytes(self.data_blocks, len(self.chunks))
        most, begin = -(-self.recovery_blocks // self.volumes), 0
        sizes = {self.index_file: checksums}
        for number in range(self.volumes):
            blocks = self.recovery_blocks // self.volumes + (number < self.recovery_blocks % self.volumes)
            place = f"{begin:0{len(str(self.recovery_blocks))}d}+{blocks:0{len(str(most))}d}"
            name = f"{self.index_file.removesuffix('.par2')}.vol{place}.par2"
            sizes[name] = blocks * (self.block_bytes + _PACKET_BYTES) + (1 + blocks.bit_length()) * checksums
            begin += blocks
        return sizes


def parse_parity(value: str) -> ParityChoice:
    """Reads ``10%``, ``1chunk``, ``2chunks``, ``1medium`` or ``1medium:bd25``.

    Raises:
        Misuse: It is something else, or too much.
    """
    match = _CHOICE.fullmatch(value)
    if match is None or int(match[1] or 1) > _MOST_PERCENT:
        raise Misuse(
            "not an amount of parity",
            subject=value[:40],
            expected=text("1% to 50%, 1chunk to 9chunks, 1medium, or 1medium:SIZE"),
            hint="for example: --parity 10%, or --parity 1chunk",
        )
    if match[3]:
        return ParityChoice(medium_bytes=parse_medium_size(match[3]))
    return ParityChoice(percent=int(match[1] or 0), chunks=int(match[2] or 0))


def plan_parity(chunks: Sequence[Chunk], choice: ParityChoice, *, largest_file_bytes: int) -> tuple[ParityGroup, ...]:
    """Puts chunks into groups, and counts their recovery blocks. Same chunks and choice, same plan.

    A group is small enough that a receiver can hold it and ``par2`` is quick. It has neighbours. But if a medium may be
    lost, the chunks take turns: each group then loses only its share of that medium.

    Args:
        chunks: The chunks of a bundle, with their sizes.
        choice: The amount of parity.
        largest_file_bytes: The size that parity files keep to, as far as they can: that of chunks.

    Raises:
        Misuse: All chunks fit on the one medium that may be lost, or its size is not known.
    """
    if choice.needs_media:
        raise Misuse(
            "1medium needs the size of a medium",
            hint="give it: 1medium:bd25, 1medium:64GB; or export with --medium-size, or with several -o DIR",
        )
    total_bytes = sum(chunk.size_bytes for chunk in chunks)
    if choice.medium_bytes >= total_bytes:
        raise Misuse(
            "all chunks fit on one medium of this size: parity cannot replace all of them",
            subject=f"1medium:{choice.medium_bytes}",
            actual=text("{size:,} bytes", size=total_bytes),
            hint="for example: --parity 1chunk, or a smaller medium",
        )
    count = _group_count(chunks)
    if choice.medium_bytes:
        runs = _runs(chunks, choice.medium_bytes)
        parts = [tuple(chunks[number::count]) for number in range(count)]
        shares = [tuple(_share(begin, end, number, count) for begin, end in runs) for number in range(count)]
    else:
        bounds = [len(chunks) * number // count for number in range(count + 1)]
        parts = [tuple(chunks[begin:end]) for begin, end in itertools.pairwise(bounds)]
        shares = [()] * count
    return tuple(
        _group(number, part, choice, share, largest_file_bytes)
        for number, part, share in zip(itertools.count(1), parts, shares, strict=False)
    )


def most_files(chunks: Sequence[Chunk]) -> int:
    """The largest number of parity files that chunks may get."""
    return _group_count(chunks) * (1 + PARITY_VOLUMES)


def _group_count(chunks: Sequence[Chunk]) -> int:
    total_bytes = sum(chunk.size_bytes for chunk in chunks)
    return max(-(-len(chunks) // PARITY_GROUP_CHUNKS), min(-(-total_bytes // PARITY_GROUP_BYTES), len(chunks)))


def _runs(chunks: Sequence[Chunk], medium_bytes: int) -> tuple[tuple[int, int], ...]:
    """The longest runs of consecutive chunks that fit on one medium: the first of each, and the one after its last."""
    runs, begin, size_bytes = [], 0, 0
    for end, chunk in enumerate(chunks):
        size_bytes += chunk.size_bytes
        if size_bytes > medium_bytes and begin < end:
            runs.append((begin, end))
        while size_bytes > medium_bytes and begin < end:
            size_bytes -= chunks[begin].size_bytes
            begin += 1
    return (*runs, (begin, len(chunks)))


def _share(begin: int, end: int, number: int, count: int) -> tuple[int, int]:
    """The part of a run that a group has, if each of several groups has every so many-th chunk."""
    return -(-(begin - number) // count), -(-(end - number) // count)


def _group(
    number: int,
    chunks: tuple[Chunk, ...],
    choice: ParityChoice,
    runs: Sequence[tuple[int, int]],
    largest_file_bytes: int,
) -> ParityGroup:
    size_bytes = sum(chunk.size_bytes for chunk in chunks)
    block = max(_LEAST_BLOCK_BYTES, 4 * -(-size_bytes // (4 * (PARITY_BLOCKS - len(chunks)))))
    blocks = sorted((blocks_of(chunk.size_bytes, block) for chunk in chunks), reverse=True)
    if choice.percent:
        recovery = -(-sum(blocks) * choice.percent // 100)
    elif choice.chunks:
        recovery = sum(blocks[: choice.chunks]) + 1
    else:
        sums = [0, *itertools.accumulate(blocks_of(chunk.size_bytes, block) for chunk in chunks)]
        recovery = max(1, *(sums[end] - sums[begin] for begin, end in runs))
    checksums = _checksums_bytes(sum(blocks), len(chunks))
    a_file = max(1, (largest_file_bytes - 8 * checksums) // (block + _PACKET_BYTES))
    volumes = min(recovery, PARITY_VOLUMES, max(_LEAST_VOLUMES, -(-recovery // a_file)))
    return ParityGroup(number, chunks, block, recovery, volumes, choice.medium_bytes)


def blocks_of(size_bytes: int, block_bytes: int) -> int:
    """The number of blocks of a file. A block has bytes of one file only."""
    return -(-size_bytes // block_bytes)


def whole_chunks(sizes_bytes: Iterable[int], block_bytes: int, recovery_blocks: int) -> int:
    """The number of chunks that may be lost whole, whichever they are."""
    left, count = recovery_blocks, 0
    for blocks in sorted((blocks_of(size, block_bytes) for size in sizes_bytes), reverse=True):
        left -= blocks
        if left < 0:
            break
        count += 1
    return count


def group_number(name: str) -> int | None:
    """The number of the group that a parity file belongs to; None for other files."""
    match = _FILE_NAME.fullmatch(name)
    return int(match[1]) if match else None


def recovery_blocks_in(name: str) -> int:
    """The number of recovery blocks that a parity file has, by its name; 0 for the file with the checksums."""
    match = _FILE_NAME.fullmatch(name)
    return int(match[2] or 0) if match else 0


def _checksums_bytes(blocks: int, files: int) -> int:
    return 20 * blocks + 300 * files + 300
