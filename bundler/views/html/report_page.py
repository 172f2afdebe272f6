"""The page of a report: what all kinds of reports have, in the order in which people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bundler.core.frozen import frozen
from bundler.core.layers import ImageLayers
from bundler.core.scan import SignedRecord
from bundler.texts import text
from bundler.views.html.bars import hatch_pattern
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.page import Page
from bundler.views.html.parts import Note, Section, contents, facts, figures, notes, shown
from bundler.views.languages import said, translated


@frozen
class Maker:
    """The maker of a report, and the time.

    Attributes:
        time: The time, UTC, ISO 8601.
        operator: The user.
        host: The machine.
        tool: Name and version of the program.
    """

    time: str
    operator: str
    host: str
    tool: str


@frozen
class Report:
    """The content of a report.

    Attributes:
        kind: The kind of report.
        name: The name of the bundle.
        id: The id of the bundle; empty if it has none yet.
        verdict: The result in a few words.
        notes: Remarks, warnings among them.
        figures: The numbers that matter most, each with its label first.
        facts: Further facts, each with its label first.
        sections: The rest.
    """

    kind: str
    name: str
    id: str
    verdict: Node
    notes: tuple[Note, ...]
    figures: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, Node], ...]
    sections: tuple[Section, ...]


@frozen
class Annexes:
    """Findings about a bundle from elsewhere, which its report shows too.

    Attributes:
        scans: The records of scans that were found or given.
        layers: The layers of its images, if they were read.
    """

    scans: tuple[SignedRecord, ...] = ()
    layers: tuple[ImageLayers, ...] = ()


NO_ANNEXES = Annexes()


def report_page(report: Report, maker: Maker) -> Page:
    """The page of a report."""
    kind = translated(report.kind)
    running = f"{report.name} {report.id[:16]}".strip()
    return Page(said("{kind}: {name}", kind=kind, name=report.name), tuple(_body(report, maker)), running=running)


def present(sections: Iterable[Section | None]) -> tuple[Section, ...]:
    """The sections that there are."""
    return tuple(each for each in sections if each is not None)


def _body(report: Report, maker: Maker) -> Sequence[Element]:
    head = element(
        "header",
        element("p", report.kind, class_="kind"),
        element("h1", report.name),
        element("p", report.verdict, class_="verdict"),
    )
    main = element(
        "main",
        notes(report.notes),
        figures(report.figures),
        facts(report.facts),
        element("p", _made(maker), class_="soft made"),
        contents(report.sections),
        map(shown, report.sections),
    )
    return hatch_pattern(), head, main


def _made(maker: Maker) -> str:
    return text(
        "This report was made on {time} by {operator} on {host} with {tool}. It has no script, and loads nothing. "
        "It is not signed: the bundle and its receipts are.",
        time=maker.time,
        operator=maker.operator,
        host=maker.host,
        tool=maker.tool,
    )
