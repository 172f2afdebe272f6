"""A receipt in one line: when, of which bundle or prune, at which targets, and how it ended."""

from __future__ import annotations

from enum import Enum

from bundler.core.arrivals import is_within
from bundler.core.frozen import frozen
from bundler.core.moments import seconds_of
from bundler.core.receipt import Receipt, ReceiptTarget
from bundler.core.retention.receipt import GONE, REMOVED, PruneReceipt
from bundler.errors import EXIT_PARTIAL


class ReceiptState(str, Enum):
    """The end of the run of a receipt."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    """It runs, or was killed."""


@frozen
class ReceiptSummary:
    """A receipt in one line.

    Attributes:
        kind: ``import`` or ``prune``.
        time: The end of the run in seconds since 1970; the start of a run that did not end.
        bundle: The name of the bundle; empty for a prune.
        bundle_id: The id of the bundle; empty if none was opened, and for a prune.
        targets: The targets.
        images: The number of images at all targets; of a prune that of tags and images that it was to remove.
        done: The number of those that are done.
        state: The end of the run.
        exit_code: Its exit code.
        changed: The targets at which it changed something, or may have.
    """

    kind: str
    time: int
    bundle: str
    bundle_id: str
    targets: tuple[str, ...]
    images: int
    done: int
    state: ReceiptState
    exit_code: int
    changed: tuple[str, ...] = ()

    def is_about(self, place: str) -> bool:
        """True if a target is at a place HOST or HOST/PREFIX, or the place is empty."""
        return not place or any(is_within(target, place) for target in self.targets)

    def has_changed(self, place: str) -> bool:
        """True if the run changed something, or may have, at a place HOST or HOST/PREFIX; anywhere if that is empty."""
        return any(not place or is_within(target, place) for target in self.changed)


def summary_of(receipt: Receipt | PruneReceipt) -> ReceiptSummary:
    """The line of a receipt.

    Raises:
        ValueError: It has no time.
    """
    if isinstance(receipt, PruneReceipt):
        return _of_prune(receipt)
    images = [image for target in receipt.targets for image in target.images]
    return ReceiptSummary(
        "import",
        seconds_of(receipt.finished),
        receipt.bundle_name,
        receipt.bundle_id,
        tuple(dict.fromkeys(target.target for target in receipt.targets)),
        len(images),
        sum(image.is_done for image in images),
        _state(receipt.exit_code, is_unfinished=receipt.is_unfinished),
        receipt.exit_code,
        tuple(dict.fromkeys(target.target for target in receipt.targets if _has_changed(target))),
    )


def _has_changed(target: ReceiptTarget) -> bool:
    # A tag that comes with its manifest may be there though the answer was lost: what was sent tells such a run from
    # one that reached nothing.
    images = target.images
    is_sent = target.bytes_sent > 0 or any(image.outcome in ("pushed", "loaded") for image in images)
    is_doubtful = any(not image.is_done and image.replaced is not None for image in images)
    return is_sent or is_doubtful or any(each.outcome == "pushed" for image in images for each in image.attached)


def _of_prune(receipt: PruneReceipt) -> ReceiptSummary:
    outcomes = [*(each.outcome for each in receipt.manifests), *(each.outcome for each in receipt.tags)]
    place = f"{receipt.registry}/{receipt.prefix}" if receipt.prefix else receipt.registry
    return ReceiptSummary(
        "prune",
        seconds_of(receipt.finished or receipt.started),
        "",
        "",
        (place,),
        len(outcomes),
        sum(outcome in (REMOVED, GONE) for outcome in outcomes),
        _state(receipt.exit_code, is_unfinished=receipt.is_unfinished),
        receipt.exit_code,
        (place,) if REMOVED in outcomes else (),
    )


def _state(exit_code: int, *, is_unfinished: bool) -> ReceiptState:
    if is_unfinished:
        return ReceiptState.UNFINISHED
    if exit_code == 0:
        return ReceiptState.DONE
    return ReceiptState.PARTIAL if exit_code == EXIT_PARTIAL else ReceiptState.FAILED
