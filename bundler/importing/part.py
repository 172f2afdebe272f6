"""A part of an import that a worker of a cluster does: it sends the blobs and manifests of some images, and no tag.

The host that asked has judged the bundle and its images, chosen their names, and found no conflict. It moves the tags
and writes the receipt. The worker opens the bundle with the same demands, so it sends only signed bytes.
"""

from __future__ import annotations

from dataclasses import replace

from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import Damaged
from bundler.importing.judged import judge
from bundler.importing.leg import Leg
from bundler.importing.named import name
from bundler.importing.opened import opened
from bundler.importing.proved import prove
from bundler.importing.request import ImportRequest
from bundler.importing.results import Outcome
from bundler.importing.selected import select
from bundler.importing.sent import send
from bundler.importing.surveyed import survey
from bundler.importing.targets import open_target
from bundler.run import Run


@frozen
class PartRequest:
    """The request of a part.

    Attributes:
        request: The request of the whole import, without secrets and without a receipt.
        bundle_id: The id of the bundle that the asking host has opened.
        references: The images.
    """

    request: ImportRequest
    bundle_id: str
    references: frozenset[Reference]


@frozen
class SentToTarget:
    """The images that are at a target now but for their tags, and the bytes of blobs that were sent there."""

    target: str
    references: frozenset[Reference]
    bytes_sent: int


def send_part(part: PartRequest, run: Run) -> tuple[SentToTarget, ...]:
    """Sends the blobs and manifests of images to every target.

    Returns:
        For each target the images that are complete there. Images that failed are missing.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened on this worker, or is another one.
        BundlerError: A target does not answer, or a tag was moved since the asking host looked at it.
        Interrupted: The asking host stopped it.
    """
    # No tag moves here, so the images must be whole without.
    opened_ = opened(replace(part.request, retry=part.references, is_all_or_nothing=True), run)
    targets = tuple(open_target(location, opened_) for location in opened_.request.targets)
    try:
        if opened_.bundle.id != part.bundle_id:
            raise Damaged(
                "the worker has another bundle under this name",
                subject=opened_.bundle.name,
                expected=part.bundle_id or "none",
                actual=opened_.bundle.id or "none",
            )
        surveyed = prove(survey(name(judge(select(opened_, targets)), targets)))
        if surveyed.ended is not None:
            raise surveyed.ended
        sent = send(surveyed)
        if sent.ended is not None:
            raise sent.ended
        return tuple(map(_at_target, sent.legs))
    finally:
        for target in targets:
            target.close()
        opened_.bundle.close()
        opened_.stores.settle()  # the next part begins with a pace of its own


def _at_target(leg: Leg) -> SentToTarget:
    complete = (each for each in leg.result.images if each.is_open or each.outcome is Outcome.PRESENT)
    return SentToTarget(leg.target.name, frozenset(each.image.reference for each in complete), leg.result.bytes_sent)
