"""Staged: shards with ``--all-or-nothing`` have sent every image, and no tag has moved. ``--publish`` moves the tags.

In place of `sent`. The registry is the proof. A shard pushes a manifest only after everything that the manifest needs,
and a digest names one content. So an image is complete where all of its manifests are.
"""

from __future__ import annotations

from bundler.importing.leg import as_end, ended, in_turn
from bundler.importing.results import Outcome
from bundler.importing.sent import Sent
from bundler.importing.surveyed import Surveyed
from bundler.importing.whole import with_whole_graphs


def find_staged(surveyed: Surveyed) -> Sent:
    """Fails the images of which a target lacks a manifest. Sends nothing."""
    opened, legs = surveyed.opened, surveyed.legs
    try:
        legs = with_whole_graphs(opened.bundle, legs)
        legs = in_turn(legs, lambda leg: leg.target.require(leg))
    except (Exception, KeyboardInterrupt) as error:
        return Sent(opened, legs, as_end(error))
    return Sent(opened, legs, ended(legs))


def planned_publication(surveyed: Surveyed) -> Surveyed:
    """The images whose tags would move, for a dry run."""
    staged = find_staged(surveyed)
    return Surveyed(staged.opened, tuple(leg.closed(Outcome.WOULD_PUSH) for leg in staged.legs), staged.ended)
