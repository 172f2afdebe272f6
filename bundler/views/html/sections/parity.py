"""Recovery data: which groups of chunks have how much of it, and if what is lost can be repaired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.core.media import may_be_lost
from bundler.core.parity import NO, PERHAPS, YES, group_number, recovery_blocks_in
from bundler.texts import some, text
from bundler.views.html.elements import Node, element
from bundler.views.html.parts import BAD, GOOD, WARN, Column, Note, Section, mark, row, section, table
from bundler.views.media_report import in_runs
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.parity import Parity
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import Medium
    from bundler.core.parity import ParityGroup

_TITLE = text("Parity")
_GROUP = Column(text("group"))
_RECOVERY = Column(text("recovery blocks"), "number")


def planned_parity(groups: Sequence[ParityGroup], media: Sequence[Medium]) -> Section | None:
    """The parity that an export plans; None for none."""
    if not groups:
        return None
    columns = (
        _GROUP,
        Column(text("chunks"), "whole"),
        Column(text("data blocks"), "number"),
        _RECOVERY,
        Column(text("size"), "number"),
        Column(text("chunks that may be lost"), "number"),
    )
    rows = (
        row(
            columns,
            (
                str(group.number),
                in_runs([chunk.file for chunk in group.chunks]),
                f"{group.data_blocks:,}",
                f"{group.recovery_blocks:,}",
                size(group.size_bytes),
                str(group.whole_chunks),
            ),
        )
        for group in groups
    )
    lost = may_be_lost(media, groups)
    words = text("Any one of these media may be lost: {media}", media=some(map(str, lost))) if lost else None
    return section(_TITLE, "parity", element("p", words) if words else None, table(columns, rows))


def listed_parity(bundle: Bundle | LockedBundle) -> Section | None:
    """The parity files that a bundle lists; None for none. Nothing of them was read."""
    groups: dict[int, list[str]] = {}
    for name in bundle.sealed.sums:
        number = group_number(name) if roles.role_of(name) is roles.PARITY else None
        if number is not None:
            groups.setdefault(number, []).append(name)
    if not groups:
        return None
    columns = (_GROUP, Column(text("files"), "number"), _RECOVERY)
    rows = (
        row(columns, (str(number), f"{len(names):,}", f"{sum(map(recovery_blocks_in, names)):,}"))
        for number, names in sorted(groups.items())
    )
    words = text("A recovery block replaces any one lost block of its group: bundler repair")
    return section(_TITLE, "parity", element("p", words), table(columns, rows))


def found_parity(parity: Parity | None) -> Section | None:
    """The parity of a bundle after a check; None for none."""
    if parity is None:
        return None
    if not parity.groups:
        return section(_TITLE, "parity", element("p", text("No file of the parity that the bundle lists is here.")))
    columns = (
        _GROUP,
        Column(text("chunks"), "whole"),
        Column(text("recovery blocks here"), "number"),
        Column(text("lost blocks"), "number"),
        Column(text("repairable")),
    )
    rows = (
        row(
            columns,
            (
                str(group.number),
                in_runs([file.name for file in group.files]),
                text("{here:,} of {total:,}", here=group.recovery_blocks, total=group.listed_blocks),
                f"{group.lost_blocks:,}",
                _answer(group.verdict),
            ),
        )
        for group in parity.groups
    )
    return section(_TITLE, "parity", table(columns, rows))


def parity_notes(parity: Parity | None) -> Iterator[Note]:
    """A remark if something is lost."""
    if parity is None or parity.verdict not in (YES, PERHAPS, NO):
        return
    if parity.verdict == YES:
        words = text("The parity here can repair {chunks}", chunks=count(len(parity.repairable), "chunk"))
        yield Note(WARN, words, text("Run bundler repair"))
    elif parity.verdict == PERHAPS:
        yield Note(WARN, text("The parity here can perhaps repair the bundle"), text("Run bundler repair"))
    else:
        yield Note(BAD, text("The parity here cannot repair the bundle"))


def _answer(verdict: str) -> Node:
    answers = {YES: mark(text("yes"), GOOD), PERHAPS: mark(text("perhaps"), WARN), NO: mark(text("no"), BAD)}
    return answers.get(verdict, text("nothing is lost"))
