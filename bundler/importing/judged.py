"""Judged: each chosen image has the verdicts of the policies, from the bytes of the bundle. Nothing was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.importing.selected import Selected

if TYPE_CHECKING:
    from bundler.core.policy import PolicyVerdict


@frozen
class Judged:
    """The chosen images with their verdicts.

    Attributes:
        selected: The chosen images.
        verdicts: The verdict of each policy on each of them; empty without a policy.
    """

    selected: Selected
    verdicts: tuple[PolicyVerdict, ...]

    @property
    def faults(self) -> Mapping[Reference, BundlerError]:
        """The images that a policy does not accept, each with its error."""
        if not self.verdicts:
            return {}
        from bundler.core.policy import refused

        return refused(self.verdicts)


def judge(selected: Selected) -> Judged:
    """Judges images as the bundle carries them, with all their platforms: signatures are of the whole image.

    Raises:
        Untrusted: A policy came with the bundle.
        Interrupted: The user stopped it.
    """
    opened = selected.opened
    policies = opened.request.policies
    if not policies:
        return Judged(selected, ())
    from bundler.keys.judging import judge_bundle

    return Judged(selected, judge_bundle(policies, opened.bundle, selected.whole.images, opened.run))
