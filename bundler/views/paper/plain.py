"""Labels and slips as plain text, for printers that know nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.fingerprint import grouped
from bundler.core.hand_over import HandedMedium, HandOver
from bundler.views.languages import said
from bundler.views.paper import slip
from bundler.views.paper.qr_code import qr_lines, qr_rows
from bundler.views.words import escaped, padded, size, table

_TITLE_COLUMNS = 12


def label_text(hand_over: HandOver, media: Sequence[HandedMedium]) -> bytes:
    """The labels of some media, one below the other."""
    lines: list[str] = []
    for medium in media:
        lines += ["", "-" * 72, *_label(hand_over, medium)]
    return _written(lines[2:])


def _label(hand_over: HandOver, medium: HandedMedium) -> list[str]:
    keys = [grouped(fingerprint) for fingerprint in hand_over.fingerprints]
    facts = [
        (said("Bundle"), hand_over.name),
        (said("Date"), hand_over.date),
        (said("From"), escaped(hand_over.sender)),
        (said("To"), escaped(hand_over.recipient)),
        (said("ID"), hand_over.bundle_id),
        *((said("Key"), key) for key in keys),
    ]
    if not keys:
        facts.append((said("Key"), said("not checked") if hand_over.is_signed else said("NOT SIGNED")))
    number = said("{number} of {total}", number=medium.number, total=len(hand_over.media))
    return [number, "", *_facts(facts), "", *qr_lines(qr_rows(hand_over.payload(medium)))]


def slip_text(hand_over: HandOver) -> bytes:
    """The slip."""
    facts = [(title, line) for title, content in slip.fact_rows(hand_over) for line in content.split("\n")]
    rows = [[said("Medium"), said("Kind, serial number"), said("Files"), said("Chunks"), said("Size of the chunks")]]
    rows += [
        [f"{each.number}", "_" * 24, f"{each.files:,}", f"{each.chunks:,}", size(each.size_bytes)]
        for each in hand_over.media
    ]
    blank = "_" * 18
    signed = [["", said("Name, organisation"), said("Date, time"), said("Signature")]]
    signed += [[role, blank, blank, blank] for role in slip.roles()]
    return _written(
        [
            said("Hand-over of data media"),
            "",
            *_facts([(title, content or "_" * 30) for title, content in facts], columns=24),
            "",
            *table(rows, indent="", right=[2, 3, 4]),
            "",
            said("Checks (tick what was done, with date and initials)"),
            *(f"[ ] {check}  {'_' * 12}" for check in slip.checks()),
            "",
            said("Signatures"),
            *(line for row in table(signed, indent="") for line in ("", row)),
            "",
            *qr_lines(qr_rows(hand_over.payload(None))),
        ]
    )


def _facts(facts: Sequence[tuple[str, str]], columns: int = _TITLE_COLUMNS) -> list[str]:
    return [f"{padded(title, columns)} {content}".rstrip() for title, content in facts if content]


def _written(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
