"""Published: tags have moved to the complete images, and the targets are complete."""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.errors import BundlerError
from bundler.importing.leg import Leg, ended, in_turn, stepped
from bundler.importing.opened import Opened
from bundler.importing.results import Outcome
from bundler.importing.sent import Sent
from bundler.importing.targets.target import TagLog


@frozen
class Published:
    """The legs of an import at its end.

    Attributes:
        opened: The open bundle.
        legs: One for each target.
        ended: The error that ended the import early; None if there is none.
    """

    opened: Opened
    legs: tuple[Leg, ...]
    ended: BundlerError | None = None


def publish(sent: Sent, tags: TagLog) -> Published:
    """Moves tags, unless the import has ended; then completes each target with the images that arrived.

    Of a shard that is all or nothing no tag moves: it cannot know what the other shards sent.

    Args:
        sent: The legs after all blobs and manifests.
        tags: Records the former digests of tags.
    """
    request, run, legs, end = sent.opened.request, sent.opened.run, sent.legs, sent.ended
    if end is None:
        has_failures = any(leg.result.has_failures for leg in legs)
        if (request.is_all_or_nothing and (has_failures or request.shard)) or (request.is_publishing and has_failures):
            legs = tuple(leg.closed(Outcome.HELD) for leg in legs)
        legs = in_turn(legs, lambda leg: leg.target.publish(leg, tags), run)
    # Ctrl-C during the end of one target must not lose the records of tags that have moved at the others.
    legs = tuple(stepped(leg, lambda leg: leg.target.finish(leg)) for leg in legs)
    end = end or ended(legs)
    if end is None:
        legs = tuple(leg.closed(Outcome.NOT_TRIED) for leg in legs)
    return Published(sent.opened, legs, end)
