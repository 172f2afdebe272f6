"""Preheated: services were asked to distribute the images whose tags are in place. Nothing depends on their answers."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.core.location import REGISTRY
from bundler.core.preheat import Preheated
from bundler.core.reference import Reference
from bundler.importing.leg import Leg
from bundler.importing.opened import Opened
from bundler.importing.results import Outcome

_IN_PLACE = frozenset({Outcome.PUSHED, Outcome.PRESENT})


def preheat(opened: Opened, legs: Iterable[Leg]) -> tuple[Preheated, ...]:
    """Asks the services of the request, also for images that were there already: an earlier preheat may have failed.

    Raises:
        Interrupted: The user stopped it.
    """
    request = opened.request.preheat
    if request is None:
        return ()
    from bundler.hooks import preheat as services

    return services.preheat(_names(legs), request, opened.request.network, opened.run)


def _names(legs: Iterable[Leg]) -> tuple[Reference, ...]:
    """The names in registries of the images that are in place."""
    results = (each for leg in legs if leg.result.kind == REGISTRY for each in leg.result.images)
    return tuple(dict.fromkeys(each.name for each in results if each.outcome in _IN_PLACE))
