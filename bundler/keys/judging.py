"""Judges images by policies, as a phase of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bundler.bundle.evidence import evidence_of
from bundler.bundle.reader import Bundle
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.manifest import Image
from bundler.core.policy import ImagePolicy, PolicyVerdict, SignedImage
from bundler.errors import Untrusted
from bundler.keys.trust import Judged
from bundler.run import Run
from bundler.system.bundle_paths import locals_of


def judge_bundle(
    policies: Sequence[ImagePolicy], bundle: Bundle, images: Sequence[Image], run: Run
) -> tuple[PolicyVerdict, ...]:
    """The verdict of each policy on each of some images of a bundle, from the bundle's own bytes.

    Raises:
        Untrusted: A policy or a key of it came with the bundle.
        Interrupted: The user stopped the run.
    """
    refuse_carried(policies, locals_of(bundle.sealed.folders))
    return judge_images(policies, (evidence_of(bundle, image) for image in images), len(images), run)


def judge_images(
    policies: Sequence[ImagePolicy], images: Iterable[SignedImage], count: int, run: Run
) -> tuple[PolicyVerdict, ...]:
    """The verdict of each policy on each image, image by image. Without a policy nothing is read.

    Args:
        policies: The policies.
        images: The evidence on the images; it is asked for one image at a time.
        count: The number of images.
        run: Receives progress and can be stopped.

    Raises:
        Interrupted: The user stopped the run.
    """
    if not policies:
        return ()
    run.listener(PhaseBegan("judging signatures", count, in_bytes=False))
    verdicts: list[PolicyVerdict] = []
    for image in images:
        run.cancellation.check()
        verdicts += [policy.judge(image) for policy in policies]
        run.listener(Moved(1))
    run.listener(PhaseEnded("judging signatures"))
    return tuple(verdicts)


def refuse_carried(policies: Sequence[ImagePolicy], folders: Sequence[Path]) -> None:
    """Checks that policies belong to the receiver: the writer of a medium would choose the keys.

    Raises:
        Untrusted: A policy, or a key of it, is in a folder of the bundle or on its removable medium.
    """
    judged = Judged(folders=tuple(folders))
    for file in (file for policy in policies for file in policy.files):
        if judged.has_inside(Path(file)) or judged.has_on_medium(Path(file)):
            raise Untrusted(
                "a policy that comes with the bundle decides nothing",
                subject=file,
                hint="keep the policy and its keys on this machine",
                code="key-came-along",
            )
