"""Surveyed: the content of the targets and the taken tags are known. Nothing was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Unreachable, worst
from bundler.importing.leg import Leg, ended, in_turn
from bundler.importing.named import Named
from bundler.importing.opened import Opened


@frozen
class Surveyed:
    """The legs of an import after all requests that only read.

    Attributes:
        opened: The open bundle.
        legs: One for each target.
        ended: The error that ended the import: conflicts, an unreachable target, or the user; None if there is none.
    """

    opened: Opened
    legs: tuple[Leg, ...]
    ended: BundlerError | None = None


def survey(named: Named) -> Surveyed:
    """Asks every target for the blobs and tags that it has."""
    is_alone = len(named.legs) == 1
    # Missing chunks are brought later, or were sent by shards.
    waits = named.opened.media is not None or named.opened.request.is_publishing

    def step(leg: Leg) -> Leg:
        asked = leg.target.survey(leg if waits else leg.failing(_unreadable(leg, named.opened)))
        return asked if is_alone else forgiven(asked, Unreachable)

    legs = in_turn(named.legs, step)
    return Surveyed(named.opened, legs, ended(legs))


def plan(surveyed: Surveyed) -> Surveyed:
    """Asks every target for the bytes that would be sent, for a dry run."""
    legs = in_turn(surveyed.legs, lambda leg: leg.target.plan(leg))
    return Surveyed(surveyed.opened, legs, ended(legs))


def forgiven(leg: Leg, *families: type[BundlerError]) -> Leg:
    """Returns one of several legs without an error of these families: its own images fail, the other targets go on."""
    if not isinstance(leg.ended, families):
        return leg
    return replace(leg, ended=None).failing_all(leg.ended)


def _unreadable(leg: Leg, opened: Opened) -> dict[Reference, BundlerError]:
    """The images whose blobs are incomplete in the bundle, each with the worst reason."""
    problems = ((each, opened.bundle.problems_of((*each.blobs, *each.manifests))) for each in leg.result.images)
    return {each.image.reference: _worst(found) for each, found in problems if found}


def _worst(problems: Sequence[BundlerError]) -> BundlerError:
    code = worst(problems)
    return next(problem for problem in problems if problem.exit_code == code)
