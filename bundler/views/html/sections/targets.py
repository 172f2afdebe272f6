"""The results of an import, or of its plan, at each target: failures first, then tags that moved, then all images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.texts import counted, joined, some, text
from bundler.views.attachment_report import attached_totals
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.landings import Landed, Landing
from bundler.views.html.parts import BAD, GOOD, WARN, Column, Note, Section, code, lines, mark, row, section, table
from bundler.views.import_report import OUTCOMES, reading_words
from bundler.views.receipt_report import KINDS
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.importing.results import RegistryPlan

_FAILED = (Column(text("image"), "whole"), Column(text("outcome")), Column(text("reason and next step"), "whole"))
_MOVED = (Column(text("tag"), "whole"), Column(text("before")), Column(text("after")))
_ALL = (
    Column(text("name and digest at the target"), "whole"),
    Column(text("size"), "number"),
    Column(text("outcome")),
    Column(text("remarks")),
)
_LEVELS = {"pushed": GOOD, "loaded": GOOD, "present": GOOD, "skipped": "", "would replace": WARN}


def target_sections(landed: Sequence[Landed], plans: Sequence[RegistryPlan | None] = ()) -> Iterator[Section]:
    """A section for each target.

    Args:
        landed: The targets.
        plans: The findings of a dry run about each of them, if it was one.
    """
    for number, each in enumerate(landed, start=1):
        plan = plans[number - 1] if plans else None
        yield _target(each, f"target-{number}", plan)


def target_notes(landed: Sequence[Landed], *, is_plan: bool) -> Iterator[Note]:
    """Remarks about images that are not where they should be, and tags that moved."""
    for each in landed:
        bad = [image for image in each.images if image.is_bad]
        about = {"target": each.target, "images": count(len(bad), "image")}
        if bad:
            by_outcome = [_counted(outcome, number) for outcome, number in each.counts.items() if _is_bad(outcome)]
            yield Note(BAD, text("{images} not at {target}", **about), joined(by_outcome, ", "))
        moved = sum(image.is_moved and not image.is_bad for image in each.images)
        if moved:
            words = (
                text("{tags} would get another image at {target}", tags=count(moved, "tag"), target=each.target)
                if is_plan
                else text("{tags} got another image at {target}", tags=count(moved, "tag"), target=each.target)
            )
            yield Note(WARN, words, text("See before and after below."))
        if each.read_back and each.read_back[2]:
            yield Note(
                BAD, text("Blobs that were read back from {target} are damaged", target=each.target), _read(each)
            )


def _target(each: Landed, anchor: str, plan: RegistryPlan | None) -> Section:
    bad = [image for image in each.images if image.is_bad]
    moved = [image for image in each.images if image.is_moved]
    totals: list[str] = [_counted(outcome, number) for outcome, number in each.counts.items()]
    sent = (
        text("{size} to send", size=size(each.bytes_sent)) if plan else text("{size} sent", size=size(each.bytes_sent))
    )
    attached = attached_totals([pair for image in each.images for pair in image.attached])
    return section(
        text("To {target}", target=each.target),
        anchor,
        element("p", KINDS.get(each.kind, each.kind), ": ", joined([joined(totals, ", "), sent, *_read_words(each)])),
        (element("p", text("attached"), ": ", words) for words in attached),
        _plan(plan) if plan else None,
        (element("h3", text("Not at the target")), table(_FAILED, map(_failed, bad))) if bad else None,
        (element("h3", text("Tags that had another image")), table(_MOVED, map(_moved, moved))) if moved else None,
        element("h3", text("All images")),
        _all(each),
    )


def _is_bad(outcome: str) -> bool:
    return Landing("", "", "", outcome).is_bad


def _counted(outcome: str, number: int) -> str:
    return text("{count:,} {outcome}", count=number, outcome=OUTCOMES.get(outcome, outcome))


def _read_words(each: Landed) -> list[str]:
    return [_read(each)] if each.read_back else []


def _read(each: Landed) -> str:
    assert each.read_back is not None
    blobs, size_bytes, damaged = each.read_back
    return reading_words(count(blobs, "blob"), size_bytes, damaged)


def _outcome(image: Landing) -> Node:
    words = OUTCOMES.get(image.outcome, image.outcome)
    level = BAD if image.is_bad else _LEVELS.get(image.outcome, "")
    return mark(words, level) if level in (BAD, WARN) else element("span", words, class_=level or None)


def _failed(image: Landing) -> Element:
    hint = element("div", f"→ {image.hint}", class_="hint") if image.hint else None
    return row(_FAILED, (element("bdi", image.image), _outcome(image), (image.reason, hint)))


def _moved(image: Landing) -> Element:
    return row(_MOVED, (element("bdi", image.name), code(image.before), code(image.digest)))


def _all(each: Landed) -> Element:
    columns = _ALL if any(image.remarks for image in each.images) else _ALL[:-1]
    return table(columns, (row(columns, _cells(image)[: len(columns)]) for image in each.images))


def _cells(image: Landing) -> tuple[Node, ...]:
    name = (element("bdi", image.name), element("div", code(image.digest), class_="hint"))
    return name, size(image.size_bytes), _outcome(image), lines(image.remarks)


def _plan(plan: RegistryPlan) -> Element:
    return element("ul", (element("li", words) for words in _plan_words(plan)))


def _plan_words(plan: RegistryPlan) -> Iterator[Node]:
    yield text("registry: {kind}", kind=plan.kind.title)
    if plan.new_repositories:
        names = some(plan.new_repositories)
        yield text("new repositories: {count:,}: {names}", count=len(plan.new_repositories), names=names)
    if plan.missing_projects:
        names = some(plan.missing_projects)
        yield (
            text("{projects}: will be created", projects=names)
            if plan.will_create_projects
            else mark(text("{projects}: missing; create them before the push", projects=names), WARN)
        )
    if plan.refused:
        yield mark(text("push rights REFUSED for {repositories}", repositories=some(plan.refused)), BAD)
    elif plan.asked:
        yield counted(
            plan.asked,
            "push rights are there for {count:,} repository",
            "push rights are there for {count:,} repositories",
        )
    for quota in plan.quotas:
        room = {"project": quota.project, "left": size(quota.free_bytes), "wanted": size(quota.wanted_bytes)}
        if quota.wanted_bytes > quota.free_bytes:
            yield mark(text("{project}: {left} left, {wanted} to send: NOT ENOUGH", **room), BAD)
        else:
            yield text("{project}: {left} left, {wanted} to send: enough", **room)
