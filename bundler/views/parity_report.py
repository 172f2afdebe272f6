"""The lines and documents about parity: what may be lost, what is lost, and what can be repaired."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from bundler.core.media import may_be_lost, runs_of
from bundler.core.parity import NO, PERHAPS, WHOLE, YES
from bundler.texts import counted, some
from bundler.views.languages import said, translated
from bundler.views.words import count, fact, fact_below, limited, shell_word, size

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.parity import GroupState, Parity
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import Medium
    from bundler.core.parity import ParityGroup

_SHOWN = 6


def plan_lines(groups: Sequence[ParityGroup], media: Sequence[Medium] = (), *, is_verbose: bool) -> list[str]:
    """The size of planned or made parity, and in words what may be lost; empty without parity.

    Args:
        groups: The groups.
        media: The planned media; empty for one folder.
        is_verbose: True for a line about each group.
    """
    if not groups:
        return []
    files = count(sum(1 + group.volumes for group in groups), "file")
    total = size(sum(group.size_bytes for group in groups))
    lines = [fact(said("parity"), said("{files}, about {size}", files=files, size=total))]
    if len(media) > 1:
        lines.append(fact_below(_media_words(groups, media)))
    below = [fact_below(_may_be_lost(group)) for group in groups]
    return [*lines, *limited(below, is_verbose=is_verbose, most=_SHOWN)]


def _media_words(groups: Sequence[ParityGroup], media: Sequence[Medium]) -> str:
    """The media that may be lost, one of them at a time."""
    numbers = may_be_lost(media, groups)
    if len(numbers) == len(media):
        return said("any one medium may be lost as a whole")
    if not numbers:
        return said("no medium may be lost as a whole")
    runs = [str(first) if first == last else f"{first}-{last}" for first, last in runs_of(numbers)]
    return said(
        "one of these media may be lost as a whole, no other: {numbers}", numbers=translated(some(runs, most=_SHOWN))
    )


def _may_be_lost(group: ParityGroup) -> str:
    names = [chunk.file for chunk in group.chunks]
    span = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
    if group.medium_bytes:
        return _medium_words(group)
    blocks = said("{blocks:,} blocks of {size}", blocks=group.recovery_blocks, size=size(group.block_bytes))
    if not group.whole_chunks:
        return said("{chunks}: no whole chunk may be lost, but {blocks} of any chunks", chunks=span, blocks=blocks)
    chunks = translated(
        counted(group.whole_chunks, "any one chunk may be lost as a whole", "any {count} chunks may be lost as a whole")
    )
    return said("{chunks}: {lost}, or {blocks} of any chunks", chunks=span, lost=chunks, blocks=blocks)


def _medium_words(group: ParityGroup) -> str:
    return said(
        "group {number}, {chunks}: those of any one medium of {size} may be lost, or {blocks:,} blocks of any chunks",
        number=group.number,
        chunks=count(len(group.chunks), "chunk"),
        size=size(group.medium_bytes),
        blocks=group.recovery_blocks,
    )


def state_lines(parity: Parity | None, bundle: Bundle | LockedBundle) -> list[str]:
    """The lines of ``verify``: if damage can be repaired, and the command; empty without parity."""
    if parity is None:
        return []
    if parity.verdict == WHOLE:
        blocks = sum(group.recovery_blocks for group in parity.groups)
        words = said(
            "{groups} with {blocks:,} recovery blocks", groups=count(len(parity.groups), "group"), blocks=blocks
        )
        return [fact(said("parity"), words)]
    if parity.verdict == NO and any(state.is_elsewhere for state in bundle.chunks):
        return ["", fact(said("repairable"), said("not without the other media"))]
    first = {
        YES: said("yes, with the parity that is here"),
        PERHAPS: said("perhaps: a damaged file may have enough of what is lost"),
        NO: said("no"),
    }[parity.verdict]
    lines = ["", fact(said("repairable"), first)]
    lines += [fact_below(group_words(group)) for group in parity.groups if group.lost]
    if parity.unprotected:
        names = some(parity.unprotected, most=_SHOWN)
        lines.append(fact_below(said("{files}: no parity for it is here", files=translated(names))))
    if parity.verdict == NO and not parity.repairable:
        return lines
    return [*lines, _repair_line(bundle)]


def hope_lines(chunks: Collection[str], bundle: Bundle) -> list[str]:
    """The lines of ``import``: the chunks that parity may make again, and the command; empty for none."""
    if not chunks:
        return []
    words = said("{chunks}: perhaps, with the parity here", chunks=translated(some(sorted(chunks), most=_SHOWN)))
    return ["", fact(said("repairable"), words), _repair_line(bundle)]


def _repair_line(bundle: Bundle | LockedBundle) -> str:
    trust = "--trust PUB" if bundle.sealed.signers else "--insecure-no-signature"
    command = f"bundler repair {' '.join(map(shell_word, bundle.sealed.folders))} {trust}"
    return f"  -> {said('repair it: {command}', command=command)}"


def group_words(group: GroupState) -> str:
    """The lost and recovery blocks of a group, and its lost chunks."""
    return said(
        "group {number}: lost blocks: {lost:,}, recovery blocks here: {here:,}: {files}",
        number=group.number,
        lost=group.lost_blocks,
        here=group.recovery_blocks,
        files=translated(some(group.lost, most=_SHOWN)),
    )


def planned_parity_document(group: ParityGroup) -> dict[str, Any]:
    """A group of parity that ``export`` plans or has made."""
    return {
        "group": group.number,
        "chunks": [chunk.file for chunk in group.chunks],
        "blockBytes": group.block_bytes,
        "dataBlocks": group.data_blocks,
        "recoveryBlocks": group.recovery_blocks,
        "files": 1 + group.volumes,
        "bytes": group.size_bytes,
        "wholeChunks": group.whole_chunks,
    }


def parity_document(parity: Parity | None) -> dict[str, Any] | None:
    """The state of a bundle's parity; None without parity."""
    if parity is None:
        return None
    return {
        "repairable": parity.verdict,
        "unprotected": list(parity.unprotected),
        "groups": [
            {
                "group": group.number,
                "chunks": [file.name for file in group.files],
                "blockBytes": group.block_bytes,
                "recoveryBlocks": group.listed_blocks,
                "recoveryBlocksHere": group.recovery_blocks,
                "lost": [{"file": file, "blocks": blocks} for file, blocks in group.lost.items()],
                "repairable": group.verdict,
            }
            for group in parity.groups
        ],
    }
