"""Proved: every blob that the bundle leaves out is at its target, or in another bundle. Nothing was sent.

FORMAT.md, section 5.13: if one blob is found nowhere, the import is refused as a whole, and names what to bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bundler.bundle.reader import Bundle
from bundler.core.manifest import BUNDLE, CONFIG, Base
from bundler.core.protocols import NOT_HELD
from bundler.core.reference import Reference
from bundler.errors import BundlerError, HeldElsewhere, Several, Unreachable
from bundler.importing.leg import Leg, ended, in_turn
from bundler.importing.opened import Opened
from bundler.importing.surveyed import Surveyed, forgiven
from bundler.texts import Text, counted, some, text


def prove(surveyed: Surveyed) -> Surveyed:
    """Proves the base: looks at every target for the blobs that the bundle leaves out and that no other bundle has.

    Returns:
        The same stage. It is ended by an error if a blob of an image that would be imported is nowhere.
    """
    opened, bundle = surveyed.opened, surveyed.opened.bundle
    if surveyed.ended is not None or not bundle.absent:
        return surveyed
    is_alone = len(surveyed.legs) == 1

    def step(leg: Leg) -> Leg:
        proved = leg.target.prove(leg)
        return _with_unread(proved if is_alone else forgiven(proved, Unreachable), bundle)

    legs = in_turn(surveyed.legs, step)
    end = ended(legs) or _absence(opened, legs)
    return Surveyed(opened, legs, end)


def _with_unread(leg: Leg, bundle: Bundle) -> Leg:
    """Adds the configs that were needed to choose platforms, and are nowhere: their images failed for this reason."""
    failed = [each.image for each in leg.result.images if isinstance(each.error, HeldElsewhere)]
    absent, blobs = bundle.absent if failed else frozenset(), bundle.manifest.blobs
    unread = {number for image in failed for number in absent.intersection(image.needs)}
    configs = frozenset(number for number in unread if blobs[number].kind == CONFIG)
    return replace(leg, result=replace(leg.result, lacking=leg.result.lacking | configs)) if configs else leg


def _absence(opened: Opened, legs: Iterable[Leg]) -> BundlerError | None:
    """The error for blobs that are nowhere; None if there are none."""
    lacking: dict[int, list[str]] = {}
    for leg in legs:
        for number in sorted(leg.result.lacking):
            lacking.setdefault(number, []).append(leg.target.name)
    if not lacking:
        return None
    manifest = opened.bundle.manifest
    users: dict[int, dict[Reference, None]] = {number: {} for number in lacking}
    for each in (each for leg in legs for each in leg.result.images):
        for number in users.keys() & {*each.image.needs, *each.missing_blobs}:
            users[number][each.image.reference] = None
    wanted = _files_to_bring(opened.bundle, lacking)
    next_step = _next_step(opened)
    errors = [_of_file(file, {image: None for n in numbers for image in users[n]}) for file, numbers in wanted.items()]
    errors += [
        _of_blob(opened.bundle, number, users[number], next_step)
        for number in lacking
        if not _bundles(opened.bundle, number)
    ]
    targets = some(dict.fromkeys(name for names in lacking.values() for name in names))
    title = counted(
        len(lacking),
        "{count} blob that {bundle} leaves out is neither at {targets} nor in the bundles that were given; nothing "
        "was sent",
        "{count} blobs that {bundle} leaves out are neither at {targets} nor in the bundles that were given; nothing "
        "was sent",
        bundle=manifest.name,
        targets=targets,
    )
    folders = text("give the folders of these bundles too, with SHA256SUMS, its signature and bundle.json in each")
    return Several(
        title, errors, hint=text("{folders}; or {step}", folders=folders, step=next_step) if wanted else None
    )


def _next_step(opened: Opened) -> Text:
    """The step by which the builder learns which blobs are needed."""
    need = opened.request.need
    if need is None or opened.bundle.is_encrypted:  # the need-list of an encrypted bundle names no blobs
        return text("run again with --need FILE, and send the need-list to the builder, who makes a supplement")
    return text(
        "send {path} to the builder, who makes a supplement: bundler fulfil {name} -o DIR --from BUNDLE --key KEY",
        path=need.path,
        name=need.path.name,
    )


def _bundles(bundle: Bundle, number: int) -> dict[Base, tuple[int, ...]]:
    """The bundles that have a blob, each with its chunks."""
    manifest = bundle.manifest
    places = ((manifest.bases[place.base], place.chunks) for place in manifest.blobs[number].bases)
    return {base: chunks for base, chunks in places if base.kind == BUNDLE}


def _files_to_bring(bundle: Bundle, lacking: Iterable[int]) -> Mapping[tuple[Base, int], list[int]]:
    """The chunks of other bundles that together have blobs, each with the blobs. A blob may be in several bundles.

    The newest bundle that has most of them is preferred, so that as few bundles as possible must be brought.
    """
    places = {number: _bundles(bundle, number) for number in lacking}
    counts: dict[Base, int] = {}
    for bases in places.values():
        for base in bases:
            counts[base] = counts.get(base, 0) + 1
    order = {base: (counts[base], base.created, base.id) for base in counts}
    files: dict[tuple[Base, int], list[int]] = {}
    for number, bases in places.items():
        if bases:
            base = max(bases, key=lambda each: order[each])
            for chunk in bases[base]:
                files.setdefault((base, chunk), []).append(number)
    return dict(sorted(files.items(), key=lambda item: (item[0][0].created, item[0][0].id, item[0][1])))


def _of_file(file: tuple[Base, int], images: Iterable[Reference]) -> HeldElsewhere:
    base, chunk = file
    name = base.chunk_file(chunk)
    return HeldElsewhere(
        text("a chunk of an earlier bundle is needed, by {images}", images=some(map(str, images), most=3)),
        subject=f"{base.name}/{name}",
        hint=text("copy {bundle} (id {id}), {file} to a medium", bundle=base.name, id=base.id[:12], file=name),
        code=NOT_HELD,
    )


def _of_blob(bundle: Bundle, number: int, images: Iterable[Reference], next_step: Text) -> HeldElsewhere:
    manifest = bundle.manifest
    blob = manifest.blobs[number]
    bases = some(f"{manifest.bases[place.base].kind} {manifest.bases[place.base].name}" for place in blob.bases)
    return HeldElsewhere(
        text(
            "the target does not have the blob any more; it is needed by {images}",
            images=some(map(str, images), most=3),
        ),
        subject=str(blob.descriptor.digest),
        expected=text("the blob, by {bases}", bases=bases),
        hint=next_step,
        code=NOT_HELD,
    )
