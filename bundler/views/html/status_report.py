"""The report of the standing of a registry: what is there, which tags nobody accounts for, how old the last news is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.moments import shown as moment
from bundler.texts import joined, text
from bundler.views.html.bars import OWN, SHARED, bar, key
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import BAD, GOOD, PLAIN, WARN, Column, Note, Section, code, mark, row, section, table
from bundler.views.html.report_page import Report, present
from bundler.views.standing_report import (
    ALL_RECEIPTS,
    CLOCK_WRONG,
    NO_CHANNEL,
    age_words,
    receipt_words,
    totals,
    unneeded_words,
)
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.core.arrivals import ArrivedBundle
    from bundler.core.standing import RepositoryStanding, Standing
    from bundler.standing.request import StatusResult

_MOST_TAGS = 20
"""The most tags of a repository that the report lists for one difference."""
_CHANNELS = (
    Column(text("channel")),
    Column(text("newest bundle"), "whole"),
    Column(text("age"), "number"),
    Column(text("first imported")),
)
_REPOSITORIES = (
    Column(text("repository"), "whole"),
    Column(text("tags"), "number"),
    Column(text("only here"), "number"),
    Column(text("shared"), "number"),
    Column(text("bytes"), "bars"),
    Column(text("newest import"), "number"),
    Column(text("bundle")),
)
_DIFFERENCES = (Column(text("repository"), "whole"), Column(text("difference")), Column(text("tags"), "whole"))


def status_report(result: StatusResult) -> Report:
    """The report of a status."""
    found = result.standing
    return Report(
        kind=text("Standing of a registry") if found.place else text("Standing by receipts"),
        name=found.place or ALL_RECEIPTS,
        id="",
        verdict=_verdict(found),
        notes=tuple(_notes(result)),
        figures=(
            (text("repositories"), f"{len(found.repositories):,}"),
            (text("tags"), f"{found.tags:,}"),
            (text("bytes"), size(found.size_bytes)),
            (text("tags that no receipt names"), f"{found.unknown_tags:,}" if found.place else ""),
        ),
        facts=(
            (text("holds"), totals(found)),
            (text("receipts"), receipt_words(result)),
            (text("time of the status"), moment(found.now)),
            (text("newest receipt"), moment(found.newest) if found.newest is not None else None),
        ),
        sections=present([_channels(found), _differences(found), _repositories(found)]),
    )


def _verdict(found: Standing) -> Node:
    if not found.place:
        return mark(text("by receipts alone: no registry was asked"), "")
    if found.not_listed:
        return mark(text("NOT read completely"), WARN)
    if found.gone_tags or found.moved_tags or (found.receipts and found.unknown_tags):
        return mark(text("differs from its receipts"), WARN)
    return mark(text("as its receipts say"), GOOD) if found.receipts else mark(text("no receipt is about it"), "")


def _notes(result: StatusResult) -> Iterator[Note]:
    found = result.standing
    if found.is_clock_wrong:
        yield Note(BAD, CLOCK_WRONG, text("Set the clock, then make the report again."))
    if found.not_listed:
        number = len(found.not_listed)
        title = text("NOT READ: {count:,} repositories and tags", count=number)
        yield Note(BAD, title, joined([each.reason for each in found.not_listed[:3]]))
    if found.gone_tags:
        title = text("Gone since their import: {tags}", tags=count(found.gone_tags, "tag"))
        yield Note(
            WARN,
            title,
            text("See what is missing: bundler check RECEIPT. Then import the bundle again, or ask who removed them."),
        )
    if found.moved_tags:
        title = text("Moved since their import: {tags}", tags=count(found.moved_tags, "tag"))
        yield Note(WARN, title, text("Others pushed to these names."))
    if found.receipts and found.unknown_tags:
        title = text("Named by no receipt: {tags}", tags=count(found.unknown_tags, "tag"))
        yield Note(WARN, title, text("They came without bundler, or their receipts are not here."))
    if found.unneeded is not None and found.unneeded.listed:
        more = text(
            "This is an estimate: the registry may have other blobs, which no receipt lists. Tags outside of the "
            "place may need these."
        )
        yield Note(PLAIN, unneeded_words(found.unneeded), more)


def _channels(found: Standing) -> Section | None:
    if not found.channels:
        return None
    return section(
        text("Newest bundles"),
        "channels",
        element("p", text("The age is that of the first import. An older bundle that is imported again is no news.")),
        table(_CHANNELS, (_channel(found, each) for each in found.channels)),
    )


def _channel(found: Standing, each: ArrivedBundle) -> Element:
    number = text("{channel}, number {sequence}", channel=each.channel, sequence=each.sequence)
    whole = None if each.is_whole else (" ", mark(text("never imported completely"), WARN))
    return row(
        _CHANNELS,
        (
            number if each.channel else NO_CHANNEL,
            (each.name, " ", code(each.id[:16]), whole),
            age_words(found, each.first),
            moment(each.first),
        ),
    )


def _differences(found: Standing) -> Section | None:
    rows = [each for one in found.repositories for each in _differences_of(one, found)]
    if not found.place or not rows:
        return None
    return section(text("Differences from the receipts"), "differences", table(_DIFFERENCES, rows))


def _differences_of(each: RepositoryStanding, found: Standing) -> Iterator[Element]:
    kinds = (
        (text("not there"), each.gone),
        (text("another digest"), each.moved),
        (text("no receipt names it"), each.unknown if found.receipts else ()),
    )
    name = each.name.partition("/")[2]
    for words, tags in kinds:
        if tags:
            yield row(_DIFFERENCES, (name, words, _tags(tags)))


def _tags(tags: Sequence[str]) -> Node:
    more = len(tags) - _MOST_TAGS
    shown = ", ".join(tags[:_MOST_TAGS])
    return (shown, " ", text("and {count:,} more", count=more)) if more > 0 else shown


def _repositories(found: Standing) -> Section:
    largest = max((each.own_bytes + each.shared_bytes for each in found.repositories), default=0)
    return section(
        text("Repositories"),
        "repositories",
        key([(OWN, text("only in this repository")), (SHARED, text("in other repositories too"))]),
        table(_REPOSITORIES, (_repository(found, each, largest) for each in found.repositories)),
    )


def _repository(found: Standing, each: RepositoryStanding, largest: int) -> Element:
    words = joined(
        [text("{size} only here", size=size(each.own_bytes)), text("{size} shared", size=size(each.shared_bytes))], ", "
    )
    parts = [(OWN, each.own_bytes / largest), (SHARED, each.shared_bytes / largest)] if largest else []
    return row(
        _REPOSITORIES,
        (
            each.name.partition("/")[2] if found.place else each.name,
            f"{each.tags:,}",
            size(each.own_bytes),
            size(each.shared_bytes),
            bar(parts, words) if parts else None,
            age_words(found, each.newest) if each.newest is not None else text("no receipt"),
            each.bundle,
        ),
    )
