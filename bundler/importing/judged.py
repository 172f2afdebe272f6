"""Judged: each chosen image has the verdicts of the policies, from the bytes of the bundle. Nothing was sent."""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.core.policy import PolicyVerdict, refused
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.importing.selected import Selected
from bundler.keys.judging import judge_bundle


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
        return refused(self.verdicts)


def judge(selected: Selected) -> Judged:
    """Judges images as the bundle carries them, with all their platforms: signatures are of the whole image.

    Raises:
        Untrusted: A policy came with the bundle.
        Interrupted: The user stopped it.
    """
    opened = selected.opened
    return Judged(selected, judge_bundle(opened.request.policies, opened.bundle, selected.whole.images, opened.run))
