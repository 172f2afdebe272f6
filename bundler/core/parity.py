"""Parity: how much recovery data a bundle gets, in which groups, and what may be lost then. FORMAT.md, section 2.1.

The recovery data is PAR2: chunks are cut into blocks, and each recovery block replaces any lost block of its group. A
lost chunk loses all of its blocks. This module counts blocks; `par2` makes them, and `bundler.core.par2` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bundler.core.limits import PARITY_BLOCKS, PARITY_GROUP_BYTES, PARITY_GROUP_CHUNKS, PARITY_VOLUMES
from bundler.core.manifest import Chunk
from bundler.errors import Misuse
from bundler.texts import text

WHOLE, YES, PERHAPS, NO = "whole", "yes", "perhaps", "no"
"""The answers to the question if parity can repair a group: nothing is lost, and as they say."""

_CHOICE = re.compile(r"([1-9]\d?)%|([1-9])chunks?")
_MOST_PERCENT = 50
_LEAST_BLOCK_BYTES = 64 << 10
"""Smaller ones cost more time than they save room: the work grows with the number of recovery blocks."""
_LEAST_VOLUMES = 4
"""So that the loss of one parity file leaves most of the recovery data."""
_PACKET_BYTES = 68
"""The bytes of a recovery packet besides its block."""
_FILE_NAME = re.compile(r"parity-(\d{2,})(?:\.vol\d+\+(\d+))?\.par2")


@dataclass(frozen=True, slots=True)
class ParityChoice:
    """The amount of parity: a part of the data, or a number of chunks that may be lost whole.

    Attributes:
        percent: The part of the blocks, in percent; 0 if chunks are counted.
        chunks: The number of chunks of each group that may be lost; 0 if percent is given.
    """

    percent: int = 0
    chunks: int = 0

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent else f"{self.chunks}chunk{'s' if self.chunks > 1 else ''}"


@dataclass(frozen=True, slots=True)
class ParityGroup:
    """Chunks that share recovery data.

    Attributes:
        number: The number of the group, from 1.
        chunks: Its chunks, in their order.
        block_bytes: The size of a block.
        recovery_blocks: The number of recovery blocks.
        volumes: The number of files that have them; one more file has only checksums.
    """

    number: int
    chunks: tuple[Chunk, ...]
    block_bytes: int
    recovery_blocks: int
    volumes: int

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
        checksums = _checksums_bytes(self.data_blocks, len(self.chunks))
        copies = 1 + self.volumes * (1 + (self.recovery_blocks // self.volumes).bit_length())
        return self.recovery_blocks * (self.block_bytes + _PACKET_BYTES) + copies * checksums


def parse_parity(value: str) -> ParityChoice:
    """Reads ``10%``, ``1chunk`` or ``2chunks``.

    Raises:
        Misuse: It is something else, or too much.
    """
    match = _CHOICE.fullmatch(value)
    if match is None or int(match[1] or 1) > _MOST_PERCENT:
        raise Misuse(
            "not an amount of parity",
            subject=value[:40],
            expected=text("1% to 50%, or 1chunk to 9chunks"),
            hint="for example: --parity 10%, or --parity 1chunk",
        )
    return ParityChoice(percent=int(match[1] or 0), chunks=int(match[2] or 0))


def plan_parity(chunks: Sequence[Chunk], choice: ParityChoice, *, largest_file_bytes: int) -> tuple[ParityGroup, ...]:
    """Puts chunks into groups, and counts their recovery blocks. Same chunks and choice, same plan.

    A group has neighbours, and is small enough that a receiver can hold it and ``par2`` is quick.

    Args:
        chunks: The chunks of a bundle, with their sizes.
        choice: The amount of parity.
        largest_file_bytes: The size that parity files keep to, as far as they can: that of chunks.
    """
    total_bytes = sum(chunk.size_bytes for chunk in chunks)
    count = max(-(-len(chunks) // PARITY_GROUP_CHUNKS), min(-(-total_bytes // PARITY_GROUP_BYTES), len(chunks)))
    bounds = [len(chunks) * number // count for number in range(count + 1)]
    return tuple(
        _group(number, tuple(chunks[bounds[number - 1] : bounds[number]]), choice, largest_file_bytes)
        for number in range(1, count + 1)
    )


def _group(number: int, chunks: tuple[Chunk, ...], choice: ParityChoice, largest_file_bytes: int) -> ParityGroup:
    size_bytes = sum(chunk.size_bytes for chunk in chunks)
    block = max(_LEAST_BLOCK_BYTES, 4 * -(-size_bytes // (4 * (PARITY_BLOCKS - len(chunks)))))
    blocks = sorted((blocks_of(chunk.size_bytes, block) for chunk in chunks), reverse=True)
    recovery = -(-sum(blocks) * choice.percent // 100) if choice.percent else sum(blocks[: choice.chunks]) + 1
    checksums = _checksums_bytes(sum(blocks), len(chunks))
    a_file = max(1, (largest_file_bytes - 8 * checksums) // (block + _PACKET_BYTES))
    volumes = min(recovery, PARITY_VOLUMES, max(_LEAST_VOLUMES, -(-recovery // a_file)))
    return ParityGroup(number, chunks, block, recovery, volumes)


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
