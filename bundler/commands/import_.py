"""``bundler import``: open → names → conflicts → blobs → manifests → tags, straight from the chunks.

One image's failure stops no other. Nothing is sent before the signature is trusted; no tag moves before everything it
needs is verified and there. The bundle is read once, however many targets there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.check import Finding, check_beside_blobs
from bundler.bundle.chunk import groups_of
from bundler.bundle.files import check_space
from bundler.bundle.reader import Bundle
from bundler.commands.load import Load
from bundler.commands.open_bundle import LOCKED, Unlocking, open_trusted
from bundler.commands.open_stores import Stores, open_destination
from bundler.commands.push import Push, copy_of
from bundler.commands.results import FAIL, ImageResult, Outcome, TargetResult
from bundler.core import mapping, oci
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.location import DaemonTarget, RegistryTarget, Target
from bundler.core.manifest import Image
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse, Refused, worst, worst_of_images
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.transfer import BlobCopy, Run, Taker, copy_blobs, copy_groups


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What ``bundler import`` was asked for."""

    paths: tuple[Path, ...]
    targets: tuple[Target, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    mapping: str = mapping.KEEP
    on_conflict: str = FAIL
    is_dry_run: bool = False
    unlocking: Unlocking = LOCKED
    network: NetworkOptions = DEFAULT_NETWORK
    platform: Platform | None = None
    """For daemons, which hold one platform of an image; None for the daemon's own."""
    is_via_daemon: bool = False
    """Registries are reached through the daemon: load, tag, push."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do."""

    bundle: Bundle
    targets: tuple[TargetResult, ...]
    findings: tuple[Finding, ...]
    """What is wrong with the bundle beside the blobs of the images."""
    is_dry_run: bool

    @property
    def exit_code(self) -> int:
        """0 if every image is where it should be, else that of the worst finding."""
        results = [result for target in self.targets for result in target.images]
        errors = [result.error for result in results if result.error] + [finding.error for finding in self.findings]
        # A conflict that a dry run finds would stop the whole import.
        done = 0 if self.is_dry_run else sum(result.outcome is not Outcome.FAILED for result in results)
        return worst_of_images(errors, done=done)


def import_(request: ImportRequest, run: Run) -> ImportResult:
    """Brings the images of a bundle to one or more targets.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened, or names collide; nothing was sent.
        Refused: Tags stand for other images at the target and ``on_conflict`` is ``fail``; nothing was sent.
        Unavailable: A target does not answer at all.
        Interrupted: The user stopped it.
    """
    _check_targets(request)
    locked = open_trusted(request.paths, request.trust, is_without_signature=request.is_without_signature)
    bundle = request.unlocking.unlocked(locked, run)
    try:
        return _import(bundle, request, run)
    finally:
        bundle.close()


def _import(bundle: Bundle, request: ImportRequest, run: Run) -> ImportResult:
    findings = tuple(check_beside_blobs(bundle))
    stores = Stores(request.network)
    ways = [_way_to(target, bundle, stores, request, run) for target in request.targets]
    for way in ways:
        _fail_unreadable(bundle, way.result.images)
        way.look()
    if request.is_dry_run:
        for way in ways:
            way.plan_only()
    else:
        _perform(bundle, ways, run)
    return ImportResult(bundle, tuple(way.result for way in ways), findings, request.is_dry_run)


def _check_targets(request: ImportRequest) -> None:
    through_daemon = [t for t in request.targets if isinstance(t, DaemonTarget)]
    if request.is_via_daemon and not all(isinstance(target, RegistryTarget) for target in request.targets):
        raise Misuse("--via-daemon pushes to registries only", hint="give --to HOST[/PREFIX]")
    if request.platform is not None and not (through_daemon or request.is_via_daemon):
        raise Misuse(
            "--platform is for Docker daemons, which hold one platform of an image",
            hint="registries and layouts get every platform of the bundle",
        )


def _way_to(target: Target, bundle: Bundle, stores: Stores, request: ImportRequest, run: Run) -> Push | Load:
    naming = target.names or target if isinstance(target, DaemonTarget) else target
    names = mapping.target_names([image.reference for image in bundle.manifest.images], naming, request.mapping)
    result = TargetResult(target, [ImageResult(image, names[image.reference]) for image in bundle.manifest.images])
    if isinstance(target, DaemonTarget) or request.is_via_daemon:
        return Load(
            bundle,
            stores.daemon,
            result,
            run,
            platform=request.platform,
            on_conflict=request.on_conflict,
            is_dry_run=request.is_dry_run,
        )
    destination = open_destination(target, stores)
    return Push(bundle, destination, result, run, on_conflict=request.on_conflict, is_dry_run=request.is_dry_run)


def _fail_unreadable(bundle: Bundle, images: Sequence[ImageResult]) -> None:
    for each in images:
        problems = bundle.problems_of(each.image)
        if problems:
            code = worst(problems)
            each.fail(next(problem for problem in problems if problem.exit_code == code))


def _perform(bundle: Bundle, ways: Sequence[Push | Load], run: Run) -> None:
    """Loads daemons image by image, giving each blob that passes to all who want it; then sends the rest."""
    _check_graphs(bundle, [each for way in ways for each in way.result.open_images])
    if bundle.decrypted is not None:
        folder = bundle.decrypted.scratch.folder
        check_space(folder, bundle.scratch_bytes, hint="choose another folder with --scratch DIR")
    pushes = [way for way in ways if isinstance(way, Push)]
    for push in pushes:
        push.prepare()
    served: set[int] = set()
    for load in (way for way in ways if isinstance(way, Load)):
        load.perform(pushes, served)
    _send(bundle, pushes, served, run)
    for push in pushes:
        push.publish()


def _check_graphs(bundle: Bundle, images: Sequence[ImageResult]) -> None:
    """Makes sure, before anything is sent, that the bundle lists all that the images' manifests need."""
    faults: dict[Reference, BundlerError | None] = {}
    for each in images:
        reference = each.image.reference
        if reference not in faults:
            faults[reference] = _fault_of(bundle, each.image)
        fault = faults[reference]
        if fault is not None:
            each.fail(fault)


def _fault_of(bundle: Bundle, image: Image) -> BundlerError | None:
    blobs = bundle.manifest.blobs
    listed = {blobs[number].descriptor.digest: blobs[number].descriptor.size_bytes for number in image.needs}
    try:
        for number in image.manifests:
            descriptor = blobs[number].descriptor
            content = bundle.read_document(descriptor)
            manifest = oci.parse_manifest(content, descriptor.media_type, what=str(image.reference))
            for needed in (*manifest.children, *manifest.blobs):
                if listed.get(needed.digest) != needed.size_bytes:
                    return Damaged("the bundle does not list what a manifest needs", subject=str(needed.digest))
    except (Damaged, Refused, Incomplete, LocalStorage) as error:
        return error
    return None


def _send(bundle: Bundle, pushes: Sequence[Push], served: set[int], run: Run) -> None:
    """Sends every blob that somebody still wants: read once, given to all at the same time."""
    takers: dict[int, list[Taker]] = {}
    for push in pushes:
        for number, taker in push.wanted().items():
            if number not in served:
                takers.setdefault(number, []).append(taker)
    copies = [copy_of(bundle, number, tuple(wanting)) for number, wanting in takers.items()]
    copies.sort(key=lambda copy: -copy.descriptor.size_bytes)
    if not copies:
        return
    total = sum(copy.descriptor.size_bytes for copy in copies)
    where = ", ".join(str(push.result.target) for push in pushes)
    run.listener(PhaseBegan(f"sending to {where}", total, in_bytes=True))
    copied = copy_groups(_by_chunks(bundle, copies), run) if bundle.is_encrypted else copy_blobs(copies, run)
    run.listener(PhaseEnded("sending"))
    for push in pushes:
        push.settle(copied)


def _by_chunks(bundle: Bundle, copies: Sequence[BlobCopy]) -> list[list[BlobCopy]]:
    """The copies in groups that read the same chunks, each in its order, because chunks are decrypted one by one."""
    group_of = {chunk: n for n, chunks in enumerate(groups_of(bundle.manifest)) for chunk in chunks}
    groups: dict[int, list[BlobCopy]] = {}
    for place, copy in sorted(((bundle.place(copy.descriptor), copy) for copy in copies), key=lambda pair: pair[0]):
        groups.setdefault(group_of[place[0]], []).append(copy)
    return list(groups.values())
