"""Named: one leg for each target, with the names and the conflict policies of its images there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bundler.core import mapping
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.manifest import Image
from bundler.core.reference import Reference
from bundler.core.registry_kind import DISTRIBUTION, RegistryKind
from bundler.errors import BundlerError
from bundler.importing.attached import attached_to
from bundler.importing.judged import Judged
from bundler.importing.leg import Leg
from bundler.importing.opened import Opened
from bundler.importing.read_back import Reading
from bundler.importing.results import ImageResult, TargetResult
from bundler.importing.selected import Selected
from bundler.importing.targets.target import Target
from bundler.run import Run
from bundler.texts import counted, some, text


@frozen
class Named:
    """The legs of an import, one for each target."""

    opened: Opened
    legs: tuple[Leg, ...]


def name(judged: Judged, targets: tuple[Target, ...]) -> Named:
    """Gives images their names at each target. Images that no policy accepts have failed.

    Raises:
        Misuse: Two images would get the same name, or a name would be invalid.
        Refused, Unavailable: The only target does not report its kind of registry.
    """
    opened = judged.selected.opened
    legs = tuple(_leg(target, judged, is_alone=len(targets) == 1) for target in targets)
    _notice_latest(legs, opened.run)
    _notice_digest_tags(legs, opened.run)
    return Named(opened, legs)


def _leg(target: Target, judged: Judged, *, is_alone: bool) -> Leg:
    selected = judged.selected
    request, run, wanted = selected.opened.request, selected.opened.run, selected.of(target)
    faults: Mapping[Reference, BundlerError] = wanted.faults
    try:
        kind = target.registry_kind()
    except BundlerError as error:
        if is_alone:
            raise
        kind = DISTRIBUTION
        faults = dict.fromkeys((image.reference for image in wanted.images), error)
    images = tuple(_named(wanted.images, target, kind, selected))
    reading = Reading() if request.is_verifying_target and target.is_read_back else None
    leg = Leg(target, TargetResult(target.name, target.location.kind, images), reading=reading)
    leg = leg.failing(judged.faults).failing(faults)
    count = sum(len(each.attached) for each in images)
    if count and request.has_attachments and not target.holds_attachments:
        run.listener(
            Noticed(
                counted(
                    count,
                    "{target}: {count} attachment of images is not imported there, because it can hold none",
                    "{target}: {count} attachments of images are not imported there, because it can hold none",
                    target=target.name,
                )
            )
        )
    if request.is_verifying_target and not target.is_read_back:
        run.listener(
            Noticed(
                text(
                    "{target}: bundler does not read back from a daemon; it compares the image ids", target=target.name
                )
            )
        )
    return leg


def _named(images: Sequence[Image], target: Target, kind: RegistryKind, selected: Selected) -> Iterable[ImageResult]:
    """The images with their names at a target, and with the policy for taken tags."""
    opened = selected.opened
    request, manifest = opened.request, opened.bundle.manifest
    naming = mapping.Naming(
        request.mapping, request.rules, manifest.name, manifest.created[:10].replace("-", ""), request.has_digest_tags
    )
    digests = {
        image.reference: image.root.digest for image in (*selected.of_all_shards, *images)
    }  # the shard's own win
    names = mapping.target_names(digests, target.location, naming, kind)
    if target.location.named_as_in is not None:
        _notice_unusual((names[image.reference] for image in images), kind, opened.run)
    for image in images:
        given = names[image.reference]
        if given.digest is not None and given.digest == image.made_from:
            given = replace(given, digest=image.root.digest)  # the digest of the chosen platform
        policy = request.rules.on_conflict(image.reference) or request.on_conflict
        attached = attached_to(image, manifest, is_wanted=request.has_attachments and target.holds_attachments)
        yield ImageResult(image, given, policy, attached=attached)


def _notice_unusual(names: Iterable[Reference], kind: RegistryKind, run: Run) -> None:
    unusual = next((each for each in names if kind.is_unusual(each.repository)), None)
    if unusual is not None:
        run.listener(
            Noticed(
                text(
                    "{name}: some {title} registries allow only two path parts; use --map flatten",
                    name=unusual.name,
                    title=kind.title,
                )
            )
        )


def _notice_latest(legs: Sequence[Leg], run: Run) -> None:
    names = sorted({str(each.name.name) for leg in legs for each in leg.result.images if each.name.tag == "latest"})
    if names:
        moving = some(names, most=3)
        run.listener(Noticed(text("latest does not name a version, and it moves: {names}; see --rules", names=moving)))


def _notice_digest_tags(legs: Sequence[Leg], run: Run) -> None:
    count = len({each.image.reference for leg in legs for each in leg.result.images if each.has_digest_tag})
    if count:
        run.listener(
            Noticed(
                text(
                    "images that have only a digest: {count}; each gets a tag digest-<12 hex>, so that no garbage "
                    "collection removes it (--no-digest-tags adds no tag)",
                    count=count,
                )
            )
        )
