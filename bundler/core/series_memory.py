"""Remembers which bundle of a channel a target has accepted, and judges the next one by it. FORMAT.md, section 5.12.

A signature proves who made a bundle, not that it is the newest one. So an older bundle, or another one of the same
number, is refused: a person who kept an old medium could otherwise bring back images with known faults.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.advice import problem
from bundler.core.bundle_name import BUNDLE_NAME
from bundler.core.frozen import frozen
from bundler.core.json_fields import size, text
from bundler.core.limits import CHANNEL_JUMP
from bundler.core.location import REGISTRY
from bundler.core.manifest.series import Series
from bundler.core.moments import is_plausible
from bundler.core.patterns import lazy_pattern
from bundler.core.receipt import Receipt, ReceiptTarget
from bundler.core.reference import one_spelling
from bundler.errors import BundlerError, Damaged

DOCUMENT = "bundler.accepted/1"
_ID = lazy_pattern(r"[0-9a-f]{64}")


@frozen
class Accepted:
    """A bundle of a channel at a target.

    Attributes:
        sequence: Its number in the channel.
        id: The id of the bundle.
        name: Its name.
        time: The time when its import began or ended, UTC, ISO 8601.
    """

    sequence: int
    id: str
    name: str
    time: str


@frozen
class Memory:
    """The memory of one channel at one target.

    Attributes:
        channel: The name of the channel.
        target: The identity of the target: the same for every spelling of it.
        accepted: The last bundle whose tags are all in place; None if there is none.
        started: The last bundle whose import has started. It may have moved some tags, so an older one is refused too.
    """

    channel: str
    target: str
    accepted: Accepted | None = None
    started: Accepted | None = None

    @property
    def highest(self) -> Accepted | None:
        """The newest bundle of both; the accepted one if they have the same number."""
        known = [each for each in (self.accepted, self.started) if each is not None]
        return max(known, key=lambda each: each.sequence, default=None)

    def to_json(self) -> bytes:
        """The bytes of the file that keeps it."""
        return strict_json.canonical(
            {
                "document": DOCUMENT,
                "channel": self.channel,
                "target": self.target,
                "accepted": _accepted_json(self.accepted),
                "started": _accepted_json(self.started),
            }
        )


@frozen
class Judgement:
    """The judgement on a bundle at one target.

    Attributes:
        problem: The reason to refuse it; None if it may be imported.
        remarks: Facts that people should know.
    """

    problem: BundlerError | None = None
    remarks: tuple[str, ...] = ()


def parse_memory(content: bytes, *, channel: str, target: str, what: str) -> Memory:
    """Reads a memory.

    Args:
        content: The bytes of the file.
        channel: The channel that it must be about.
        target: The target that it must be about.
        what: The file, for messages.

    Raises:
        Damaged: It is cut, changed, or about another channel or target.
    """
    document = strict_json.loads(content, what=what)
    try:
        if document["document"] != DOCUMENT:
            raise ValueError("not the memory of a channel")
        memory = Memory(
            text(document["channel"]),
            text(document["target"]),
            _accepted(document["accepted"]),
            _accepted(document["started"]),
        )
        if (memory.channel, memory.target) != (channel, target) or not BUNDLE_NAME.fullmatch(memory.channel):
            raise ValueError("the memory of another channel or target")
        if memory.highest is None:
            raise ValueError("a memory without a bundle")
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(texts.text("not the memory of a channel: {error}", error=error), subject=what) from error
    return memory


def memory_by_receipts(
    receipts: Iterable[Receipt], *, channel: str, target: str, now: str, spelling: str | None = None
) -> Memory | None:
    """The memory of a channel at a target, by the receipts of earlier imports; None if none of them is about it.

    The newest receipt counts, not the highest number: a user may have allowed an older bundle. A receipt with the time
    of a wrong clock may be the newest one, so the highest number of these and of the newest one counts.

    Args:
        receipts: The receipts, in any order.
        channel: The channel.
        target: The identity of the target.
        now: The time, UTC, ISO 8601.
        spelling: The target as the user wrote it, which is how receipts name it; None if that is its identity.
    """
    accepted: Accepted | None = None
    started: Accepted | None = None
    targets = frozenset((target, spelling)) - {None}
    # Only these facts are kept: all receipts together may be large.
    for this, is_complete in _in_order(_imports(receipts, channel, targets), now):
        accepted, started = (this, this) if is_complete else (accepted, this)
    return Memory(channel, target, accepted, started) if accepted or started else None


def _imports(
    receipts: Iterable[Receipt], channel: str, targets: Container[str | None]
) -> Iterator[tuple[Accepted, bool]]:
    """The imports of a channel into a target, each with True if all its tags are in place."""
    for receipt in receipts:
        series = receipt.series
        if series is None or series.channel != channel or receipt.required_signatures == 0:
            continue
        this = Accepted(series.sequence, receipt.bundle_id, receipt.bundle_name, receipt.finished)
        for found in receipt.targets:
            if found.target in targets or _identity(found) in targets:
                yield this, _is_complete(receipt, found)


def _identity(found: ReceiptTarget) -> str | None:
    """The identity of a registry, which has many spellings; None for another target."""
    registry, slash, prefix = found.target.partition("/")
    return f"{one_spelling(registry)}{slash}{prefix}" if found.kind == REGISTRY else None


def _in_order(imports: Iterable[tuple[Accepted, bool]], now: str) -> list[tuple[Accepted, bool]]:
    """By time; of two in one second the higher number is the later one, so that no older bundle is accepted.

    So it is with the last one and those with a wrong clock: a machine that lost power may have been the last one.
    """
    found = sorted(imports, key=lambda each: (each[0].time, each[0].sequence))
    dated = [each for each in found if is_plausible(each[0].time, now)]
    undated = [each for each in found if not is_plausible(each[0].time, now)]
    return dated[:-1] + sorted(dated[-1:] + undated, key=lambda each: each[0].sequence)


def judge(series: Series, bundle_id: str, memory: Memory | None, *, target: str) -> Judgement:
    """Judges a bundle of a channel at a target.

    Args:
        series: The place of the bundle in its channel.
        bundle_id: Its id.
        memory: The memory of the channel at this target; None if nothing is known.
        target: The target, for messages.
    """
    highest = memory.highest if memory else None
    if memory is None or highest is None:
        return Judgement(remarks=_first(series, target))
    subject = texts.text(
        "channel {channel} at {target}, number {number}",
        channel=series.channel,
        target=target,
        number=series.sequence,
    )
    known = texts.text(
        "number {number}, accepted {time}, id {id}", number=highest.sequence, time=highest.time, id=highest.id[:16]
    )
    if series.sequence < highest.sequence:
        return Judgement(problem("older-bundle", subject=subject, expected=known, actual=str(series.sequence)))
    if series.sequence == highest.sequence:
        is_same = bundle_id == highest.id
        return Judgement(
            None if is_same else problem("forked-channel", subject=subject, expected=known, actual=bundle_id[:16])
        )
    if series.sequence - highest.sequence > CHANNEL_JUMP:
        return Judgement(problem("channel-jump", subject=subject, expected=known, actual=str(series.sequence)))
    before = [each for each in (memory.accepted, memory.started) if each and each.sequence == series.sequence - 1]
    if series.previous and before and series.previous not in {each.id for each in before}:
        return Judgement(problem("forked-channel", subject=subject, expected=known, actual=series.previous[:16]))
    return Judgement(remarks=_gap(series, highest, target))


def _first(series: Series, target: str) -> tuple[str, ...]:
    if series.sequence == 1:
        return ()
    return (
        texts.text(
            "no earlier bundle of channel {channel} is known here for {target}, so an older one would not be noticed: "
            "this one has number {number}",
            channel=series.channel,
            target=target,
            number=series.sequence,
        ),
    )


def _gap(series: Series, highest: Accepted, target: str) -> tuple[str, ...]:
    missing = series.sequence - highest.sequence - 1
    if not missing:
        return ()
    return (
        texts.counted(
            missing,
            "channel {channel} at {target}: {count} bundle before number {number} was not imported here; the last one "
            "has number {last}",
            "channel {channel} at {target}: {count} bundles before number {number} were not imported here; the last "
            "one has number {last}",
            channel=series.channel,
            target=target,
            number=series.sequence,
            last=highest.sequence,
        ),
    )


def _is_complete(receipt: Receipt, target: ReceiptTarget) -> bool:
    return receipt.error is None and bool(target.images) and all(image.is_done for image in target.images)


def _accepted_json(accepted: Accepted | None) -> dict[str, Any] | None:
    if accepted is None:
        return None
    return {"sequence": accepted.sequence, "id": accepted.id, "name": accepted.name, "time": accepted.time}


def _accepted(value: Any) -> Accepted | None:
    if value is None:
        return None
    found = Accepted(size(value["sequence"]), text(value["id"]), text(value["name"]), text(value["time"]))
    if not found.sequence or not _ID.fullmatch(found.id):
        raise ValueError("not a bundle of a channel")
    return found
