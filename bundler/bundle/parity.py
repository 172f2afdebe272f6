"""The parity of a bundle on its media: its groups, what is lost, and if it can be repaired. FORMAT.md, section 2.1.

Only parity files that SHA256SUMS lists are read, and only those whose SHA-256 matches. `bundler.bundle.check` has found
that out. Lost blocks of damaged chunks are counted by the CRC-32 of each block. This says what ``par2`` will find at
least: it also finds blocks that have moved within a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.bundle.copies import ChunkState
from bundler.bundle.file_system import UNREADABLE, open_file, opened
from bundler.bundle.findings import Finding
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core import par2, roles
from bundler.core.frozen import frozen
from bundler.core.limits import OTHER_FILES_BYTES, PARITY_PACKET_BYTES, PARITY_PACKETS, PIECE_BYTES
from bundler.core.par2 import ProtectedFile, RecoverySet
from bundler.core.parity import NO, PERHAPS, WHOLE, YES, blocks_of, group_number, recovery_blocks_in
from bundler.core.protocols import OpenFile
from bundler.errors import BundlerError, Damaged
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import BundlePath


@frozen
class GroupState:
    """A group of chunks with its parity, as it is on the media.

    Attributes:
        number: The number of the group.
        files: The chunks that it protects, each with its blocks.
        block_bytes: The size of a block.
        good: Its parity files that match SHA256SUMS: a path for each name.
        damaged: The files with names of its other parity files.
        lost: For each chunk of the group without a whole copy the number of its lost blocks.
        listed_blocks: The number of recovery blocks that SHA256SUMS lists, by the names of the files.
        shifted_blocks: The number of lost blocks that may be at other places: in files of another size.
    """

    number: int
    files: tuple[ProtectedFile, ...]
    block_bytes: int
    good: Mapping[str, BundlePath]
    damaged: Mapping[str, tuple[BundlePath, ...]]
    lost: Mapping[str, int]
    listed_blocks: int
    shifted_blocks: int = 0

    @property
    def lost_blocks(self) -> int:
        """The number of lost blocks of all chunks."""
        return sum(self.lost.values())

    @property
    def recovery_blocks(self) -> int:
        """The number of recovery blocks in whole parity files."""
        return sum(map(recovery_blocks_in, self.good))

    @property
    def verdict(self) -> str:
        """``whole``: nothing is lost; ``yes``, ``perhaps`` or ``no``: if what is lost can be repaired."""
        if not self.lost:
            return WHOLE
        if self.lost_blocks <= self.recovery_blocks:
            return YES
        more = sum(recovery_blocks_in(name) for name, paths in self.damaged.items() if paths)
        return PERHAPS if self.lost_blocks <= self.recovery_blocks + more + self.shifted_blocks else NO


@frozen
class Parity:
    """All parity of a bundle.

    Attributes:
        groups: The groups with at least one whole parity file.
        unprotected: The chunks without a whole copy that no such group protects.
    """

    groups: tuple[GroupState, ...]
    unprotected: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The worst verdict of its groups; ``no`` if a chunk is lost that none of them protects."""
        if self.unprotected:
            return NO
        verdicts = {group.verdict for group in self.groups}
        return next((each for each in (NO, PERHAPS, YES) if each in verdicts), WHOLE)

    @property
    def repairable(self) -> frozenset[str]:
        """The chunks that can be repaired for certain."""
        return frozenset(file for group in self.groups if group.verdict == YES for file in group.lost)


@frozen
class Facts:
    """The results of a check.

    Attributes:
        lost: The chunks that have no whole copy.
        good: The parity files that match SHA256SUMS: a path for each name.
        damaged: The files with names of other listed parity files.
    """

    lost: frozenset[str]
    good: Mapping[str, BundlePath]
    damaged: Mapping[str, tuple[BundlePath, ...]]


def parity_names(bundle: Bundle | LockedBundle) -> tuple[str, ...]:
    """The names of the listed parity files, sorted."""
    return tuple(sorted(name for name in bundle.sealed.sums if roles.role_of(name) is roles.PARITY))


def facts_by(findings: Sequence[Finding], bundle: Bundle | LockedBundle) -> Facts:
    """The facts that the findings of a check show."""
    wanted = frozenset(finding.file for finding in findings if finding.is_wanted)
    bad = {(finding.file, finding.error.subject) for finding in findings}
    good: dict[str, BundlePath] = {}
    damaged: dict[str, tuple[BundlePath, ...]] = {}
    for name in parity_names(bundle):
        paths = bundle.sealed.found_copies(name)
        if name in wanted:
            damaged[name] = tuple(paths)
        else:
            whole = [path for path in paths if (name, str(path)) not in bad]
            if whole:
                good[name] = whole[0]
    return Facts(wanted, good, damaged)


def parity_of(bundle: Bundle | LockedBundle, facts: Facts, passed: Callable[[int], object]) -> Parity | None:
    """The state of a bundle's parity after a check; None if the bundle has none.

    Args:
        bundle: The bundle, with the places of its chunks as the check has found them.
        facts: The results of the check.
        passed: Receives every number of bytes that was read; its errors pass through.
    """
    names = parity_names(bundle)
    if not names:
        return None
    states = {state.chunk.file: state for state in bundle.chunks}
    groups = []
    for number, own in _by_group(names).items():
        described = _first_set([facts.good[name] for name in own if name in facts.good])
        if described is not None and all(file.name in states for file in described.files):
            groups.append(_state(number, own, described, facts, states, passed))
    protected = {file.name for group in groups for file in group.files}
    return Parity(tuple(groups), tuple(file for file in states if file in facts.lost and file not in protected))


def hopeful(bundle: Bundle | LockedBundle, hurt: Collection[str], passed: Callable[[int], object]) -> frozenset[str]:
    """The chunks that parity may make again with what is here. No chunk is read, so `parity_of` may say less.

    Args:
        bundle: The bundle.
        hurt: The chunks that are damaged or missing, by their names.
        passed: Receives every number of bytes that was read; its errors pass through.
    """
    absent = {state.chunk.file for state in bundle.chunks if state.is_absent}
    found: set[str] = set()
    for own in _by_group(parity_names(bundle)).values():
        here = {name: paths[0] for name in own if (paths := bundle.sealed.found_copies(name))}
        described = _first_set(path for name, path in here.items() if _is_listed(bundle, name, path, passed))
        if described is None:
            continue
        blocks = {file.name: len(file.block_sums) for file in described.files}
        lost = sum(count if name in absent else 1 for name, count in blocks.items() if name in absent or name in hurt)
        if lost <= sum(map(recovery_blocks_in, here)):
            found.update(blocks.keys() & hurt)
    return frozenset(found)


def _by_group(names: Iterable[str]) -> dict[int, list[str]]:
    """Parity files by the number of their group."""
    groups: dict[int, list[str]] = {}
    for name in names:
        number = group_number(name)
        if number is not None:
            groups.setdefault(number, []).append(name)
    return dict(sorted(groups.items()))


def _is_listed(bundle: Bundle | LockedBundle, name: str, path: BundlePath, passed: Callable[[int], object]) -> bool:
    """True if a file has the SHA-256 that SHA256SUMS lists."""
    limit_bytes = bundle.manifest.size_bytes + OTHER_FILES_BYTES
    return bundle.sealed.contents.sha256(path, limit_bytes, passed) == bundle.sealed.sums[name]


def _state(
    number: int,
    names: Sequence[str],
    described: RecoverySet,
    facts: Facts,
    states: Mapping[str, ChunkState],
    passed: Callable[[int], object],
) -> GroupState:
    lost: dict[str, int] = {}
    shifted = 0
    for file in described.files:
        if file.name in facts.lost:
            state = states[file.name]
            lost[file.name] = _lost_blocks(state, file, described.block_bytes, passed)
            shifted += min(lost[file.name], _blocks_of_others(state, described.block_bytes))
    return GroupState(
        number,
        described.files,
        described.block_bytes,
        {name: facts.good[name] for name in names if name in facts.good},
        {name: facts.damaged[name] for name in names if name in facts.damaged},
        lost,
        sum(map(recovery_blocks_in, names)),
        shifted,
    )


def _blocks_of_others(state: ChunkState, block_bytes: int) -> int:
    """The number of blocks that the files of a chunk with another size may have."""
    sizes = []
    for copy in state.bad:
        with suppress(OSError):
            if isinstance(copy.path, Path):
                sizes.append(os.lstat(copy.path).st_size)
    return max((blocks_of(size, block_bytes) for size in sizes), default=0)


def damaged_copies(state: ChunkState) -> tuple[BundlePath, ...]:
    """The files that should hold a chunk."""
    return tuple(dict.fromkeys((*state.paths, *(each.path for each in state.bad))))


def _lost_blocks(state: ChunkState, file: ProtectedFile, block_bytes: int, passed: Callable[[int], object]) -> int:
    """The number of blocks of a chunk that no copy has at their place; at least one."""
    lost = set(range(len(file.block_sums)))
    for path in damaged_copies(state):
        try:
            copy = open_file(path)
        except BundlerError:
            continue
        try:
            lost = {number for number in lost if not _has_block(copy, file, number, block_bytes, passed)}
        finally:
            copy.close()
    return max(1, len(lost))


def _has_block(
    copy: OpenFile, file: ProtectedFile, number: int, block_bytes: int, passed: Callable[[int], object]
) -> bool:
    begin = number * block_bytes
    end = min(begin + block_bytes, file.size_bytes)
    buffer, crc = new_buffer(PIECE_BYTES), 0
    try:
        for offset in range(begin, end, PIECE_BYTES):
            view = buffer[: min(PIECE_BYTES, end - offset)]
            copy.read_into([view], offset, what=file.name)
            crc = par2.more_sum(view, crc)
            passed(len(view))
    except UNREADABLE:
        return False
    return par2.padded_sum(crc, block_bytes - (end - begin)) == file.block_sums[number]


def _first_set(paths: Iterable[BundlePath]) -> RecoverySet | None:
    """The recovery set that the first readable parity file describes."""
    for path in paths:
        try:
            return read_set(path)
        except BundlerError:
            continue
    return None


def read_set(path: BundlePath) -> RecoverySet:
    """Reads the description of a recovery set from a parity file, and skips its recovery data.

    Raises:
        Damaged: It is no parity file of chunks.
        Incomplete, LocalStorage: It cannot be read.
    """
    with opened(path) as file:
        return par2.recovery_set(_describing(file, str(path)), what=str(path))


def _describing(file: OpenFile, what: str) -> Iterator[tuple[par2.PacketHeader, bytes]]:
    """The describing packets of a file, each once: programs repeat them."""
    offset, size_bytes = 0, file.size(what=what)
    seen: set[bytes] = set()
    for _ in range(PARITY_PACKETS):
        if offset >= size_bytes:
            return
        header = par2.parse_header(_read(file, offset, par2.HEADER_BYTES, what), what=what)
        if header.is_describing and header.md5 not in seen:
            seen.add(header.md5)
            length = header.length_bytes - par2.HEADER_BYTES
            if length > PARITY_PACKET_BYTES:
                raise Damaged("a packet is too long", subject=what)
            yield header, _read(file, offset + par2.HEADER_BYTES, length, what)
        offset += header.length_bytes


def _read(file: OpenFile, offset: int, length: int, what: str) -> bytes:
    content = bytearray(length)
    file.read_into([content], offset, what=what)
    return bytes(content)
