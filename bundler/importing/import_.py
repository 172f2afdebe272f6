"""``bundler import``: open → choose → name → conflicts → blobs → manifests → tags, straight from the chunks.

One image's failure stops no other, unless that was asked for. Nothing is sent before the signature is trusted; no tag
moves before everything it needs is verified and there. The bundle is read once, however many targets there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundler.bundle.check import check_beside_blobs
from bundler.bundle.chunk import groups_of
from bundler.bundle.findings import Finding, check_files
from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.reader import Bundle
from bundler.core import mapping, oci
from bundler.core.events import Noticed, PhaseBegan, PhaseEnded
from bundler.core.location import DAEMON, Target
from bundler.core.manifest import Image
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.platform import Platform
from bundler.core.policies import FAIL, KEEP
from bundler.core.reference import Reference
from bundler.core.registry_kind import DISTRIBUTION, RegistryKind
from bundler.core.selection import EVERYTHING, Selection
from bundler.core.tally import Tally
from bundler.errors import (
    BundlerError,
    Damaged,
    Incomplete,
    LocalStorage,
    Misuse,
    Refused,
    Unavailable,
    Unreachable,
    worst,
    worst_of_images,
)
from bundler.importing.chosen import Narrowed, chosen_images, narrowed
from bundler.importing.earlier import NO_EARLIER_IMPORTS, EarlierImports
from bundler.importing.importable import check_importable
from bundler.importing.load import Load
from bundler.importing.push import Push, copy_of
from bundler.importing.results import ImageResult, Outcome, TargetResult
from bundler.importing.targets import ImportTarget, RegistryImportTarget, RegistryRules, open_layout
from bundler.keys.open_bundle import LOCKED, Unlocking, open_trusted
from bundler.run import Run, paces_of, retrying
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.opened import Stores
from bundler.system.durable_files import check_space
from bundler.texts import some, text
from bundler.transfer import BlobCopy, Destination, copy_blobs, copy_groups, counting


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What ``bundler import`` was asked for."""

    paths: tuple[Path, ...]
    targets: tuple[Target, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    """How many different trusted keys must have signed the bundle."""
    selection: Selection = EVERYTHING
    retry: frozenset[Reference] | None = None
    """The images of a list of failed ones; None for all."""
    platforms: tuple[Platform, ...] = ()
    """Which platforms are wanted of images for several; empty for all, and in daemons for the daemon's own."""
    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    has_digest_tags: bool = True
    """Whether images without a tag get one that is made of their digest."""
    on_conflict: str = FAIL
    kind: RegistryKind | None = None
    """Of the registries; None for what they say themselves."""
    admin: Credentials | None = None
    """Who may make projects in them."""
    is_dry_run: bool = False
    is_all_or_nothing: bool = False
    unlocking: Unlocking = LOCKED
    network: NetworkOptions = DEFAULT_NETWORK
    is_via_daemon: bool = False
    """Registries are reached through the daemon: load, tag, push."""
    is_verifying_target: bool = False
    """What images need is read back from the target before a tag moves."""
    earlier: EarlierImports = NO_EARLIER_IMPORTS
    """What was brought to the targets before."""


@dataclass(slots=True)
class ImportResult:
    """What an import did so far, or would do.

    Attributes:
        bundle: None before it was opened and trusted.
        targets: What became of the images at each.
        findings: What is wrong with the bundle beside the blobs of the images.
        is_dry_run: Nothing was done.
        litter: What operating systems left in the bundle's folders.
        error: What ended it before its end, if something did.
        receipt: Where the receipt was written.
        failed_list: Where the list of what failed was written, if something did.
    """

    bundle: Bundle | None = None
    targets: list[TargetResult] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()
    is_dry_run: bool = False
    litter: Litter | None = None
    error: BundlerError | None = None
    receipt: Path | None = None
    failed_list: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 if every image is where it should be, else that of the worst finding."""
        if self.error is not None:
            return self.error.exit_code
        results = [result for target in self.targets for result in target.images]
        errors = [result.error for result in results if result.error] + [finding.error for finding in self.findings]
        # A conflict that a dry run finds would stop the whole import.
        done = (
            0 if self.is_dry_run else sum(result.outcome is not None and result.outcome.is_done for result in results)
        )
        return worst_of_images(errors, done=done)


def import_(
    request: ImportRequest, run: Run, result: ImportResult, *, before_tags: Callable[[], None] = lambda: None
) -> None:
    """Brings the images of a bundle to one or more targets.

    Args:
        request: What was asked for.
        run: The run that this is.
        result: Takes up what happens, so that it is known also if the import does not come to its end.
        before_tags: Called when it is known what tags stand for, before anything is sent; and again, from any thread,
            when one turns out to stand for something else, before it moves.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened, or names collide; nothing was sent.
        Refused: Tags stand for other images at the target and may not move; nothing was sent.
        Unavailable: A target does not answer at all.
        Interrupted: The user stopped it.
    """
    _check_targets(request)
    result.is_dry_run = request.is_dry_run
    locked = open_trusted(
        request.paths,
        request.trust,
        run,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
    )
    result.bundle = bundle = request.unlocking.unlocked(locked, run)
    result.litter = litter_in(bundle.sealed.own_listings)
    try:
        check_importable(bundle, run)
        result.findings = tuple(check_beside_blobs(bundle, lambda _: run.cancellation.check()))
        _import(bundle, request, result, run, before_tags)
    finally:
        # Last, because only now it is known which of several copies were needed.
        result.findings += tuple(check_files(bundle))
        bundle.close()


def _import(
    bundle: Bundle, request: ImportRequest, result: ImportResult, run: Run, before_tags: Callable[[], None]
) -> None:
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    images = chosen_images(bundle.manifest.images, request.selection, request.retry, run)
    for pattern in request.rules.idle(image.reference for image in bundle.manifest.images):
        run.listener(Noticed(text("the rule for {pattern} fits no image of the bundle", pattern=pattern)))
    reduced = Narrowed(images, {})
    if request.platforms and not all(_is_loaded(target, request) for target in request.targets):
        reduced = narrowed(bundle, images, request.platforms, run)
    ways = [
        _way_to(
            target,
            Narrowed(images, {}) if _is_loaded(target, request) else reduced,
            bundle,
            stores,
            request,
            run,
            before_tags,
        )
        for target in request.targets
    ]
    result.targets += [way.result for way in ways]
    _notice_latest(result.targets, run)
    _notice_digest_tags(result.targets, run)
    for way in ways:
        _fail_unreadable(bundle, way.result.images)
        _look(way, is_alone=len(ways) == 1)
    if request.is_dry_run:
        for way in ways:
            way.plan_only()
    else:
        before_tags()
        _perform(bundle, ways, run, is_all_or_nothing=request.is_all_or_nothing)


def _look(way: Push | Load, *, is_alone: bool) -> None:
    """Asks one target. That it is gone keeps back its own images, and stops no other target."""
    try:
        way.look()
    except Unreachable as error:
        if is_alone:
            raise
        for each in way.result.open_images:
            each.fail(error)


def _check_targets(request: ImportRequest) -> None:
    if len(set(request.targets)) < len(request.targets):
        raise Misuse("the same destination twice", subject=f"--to {request.targets[-1]}")
    if request.is_via_daemon and request.is_verifying_target:
        raise Misuse("--verify-target reads back from registries and layouts, not through the daemon")
    if request.is_via_daemon and not all(target.pushed_to is not None for target in request.targets):
        raise Misuse("--via-daemon pushes to registries only", hint="give --to HOST[/PREFIX]")


def _is_loaded(target: Target, request: ImportRequest) -> bool:
    """Whether images go into a daemon, or through one: it gets one platform of each."""
    return target.kind == DAEMON or request.is_via_daemon


def _way_to(
    target: Target,
    wanted: Narrowed,
    bundle: Bundle,
    stores: Stores,
    request: ImportRequest,
    run: Run,
    note_tags: Callable[[], None],
) -> Push | Load:
    is_loaded = _is_loaded(target, request)
    kind = request.kind or DISTRIBUTION
    images, faults = wanted.images, dict(wanted.faults)
    registry = target.pushed_to
    if registry is not None and not is_loaded and request.kind is None:
        try:
            kind = retrying(stores.registry(registry.registry).kind, run, subject=str(target), peer=str(target))
        except BundlerError as error:
            if len(request.targets) == 1:
                raise
            faults = dict.fromkeys((image.reference for image in images), error)
    result = TargetResult(target, _named(images, target, kind, bundle, request, run))
    for each in result.images:
        if each.image.reference in faults:
            each.fail(faults[each.image.reference])
    if is_loaded:
        if request.is_verifying_target:
            run.listener(
                Noticed(text("{target}: a daemon is not read back; the ids of its images are compared", target=target))
            )
        return Load(
            bundle,
            stores.daemon,
            result,
            run,
            platforms=request.platforms,
            is_dry_run=request.is_dry_run,
            is_deferring=request.is_all_or_nothing,
        )
    if registry is not None:
        rules = RegistryRules(kind, request.admin, request.earlier)
        import_target: ImportTarget = RegistryImportTarget(registry, stores, rules, run)
    else:
        import_target = open_layout(target, run)
    return Push(
        bundle,
        import_target,
        result,
        run,
        is_dry_run=request.is_dry_run,
        is_verifying=request.is_verifying_target,
        note_tags=note_tags,
    )


def _named(
    images: Sequence[Image], target: Target, kind: RegistryKind, bundle: Bundle, request: ImportRequest, run: Run
) -> list[ImageResult]:
    """The images with their names at a target, and with what happens if these are taken."""
    naming = mapping.Naming(
        request.mapping,
        request.rules,
        bundle.manifest.name,
        bundle.manifest.created[:10].replace("-", ""),
        request.has_digest_tags,
    )
    names = mapping.target_names({image.reference: image.root.digest for image in images}, target, naming, kind)
    for name in names.values():
        if target.named_as_in is not None and kind.is_unusual(name.repository):
            run.listener(
                Noticed(
                    text(
                        "{name}: some {title} registries take two parts only; --map flatten makes them",
                        name=name.name,
                        title=kind.title,
                    )
                )
            )
            break
    results = []
    for image in images:
        name = names[image.reference]
        if name.digest is not None and name.digest == image.made_from:
            name = replace(name, digest=image.root.digest)  # of the platform that was chosen
        on_conflict = request.rules.on_conflict(image.reference) or request.on_conflict
        results.append(ImageResult(image, name, on_conflict))
    return results


def _notice_latest(targets: Sequence[TargetResult], run: Run) -> None:
    names = sorted({str(each.name.name) for target in targets for each in target.images if each.name.tag == "latest"})
    if names:
        moving = some(names, most=3)
        run.listener(
            Noticed(text("latest says nothing about the version, and moves: {names}; see --rules", names=moving))
        )


def _notice_digest_tags(targets: Sequence[TargetResult], run: Run) -> None:
    count = len({each.image.reference for target in targets for each in target.images if each.has_digest_tag})
    if count:
        run.listener(
            Noticed(
                text(
                    "images that have only a digest: {count}; each gets a tag digest-<12 hex>, so that no"
                    " garbage collection removes it (--no-digest-tags leaves it without)",
                    count=count,
                )
            )
        )


def _fail_unreadable(bundle: Bundle, images: Sequence[ImageResult]) -> None:
    for each in images:
        problems = bundle.problems_of(each.image)
        if problems:
            code = worst(problems)
            each.fail(next(problem for problem in problems if problem.exit_code == code))


def _perform(bundle: Bundle, ways: Sequence[Push | Load], run: Run, *, is_all_or_nothing: bool) -> None:
    """Loads daemons image by image, giving each blob that passes to all who want it; then sends the rest."""
    _check_graphs(bundle, [each for way in ways for each in way.result.open_images])
    if bundle.decrypted is not None:
        folder = bundle.decrypted.scratch.folder
        check_space(folder, bundle.scratch_bytes, hint=text("choose another folder with --scratch DIR"))
    pushes = [way for way in ways if isinstance(way, Push)]
    loads = [way for way in ways if isinstance(way, Load)]
    served: set[int] = set()
    try:
        for push in pushes:
            _prepare(push, is_alone=len(ways) == 1)
        for load in loads:
            load.perform(pushes, served)
        if not _is_over(ways, run):
            _send(bundle, pushes, served, run)
        for push in pushes:
            if not _is_over(ways, run):
                push.push_manifests()
        for push in pushes:
            if not _is_over(ways, run):
                push.read_back()
        if is_all_or_nothing and _has_failures(ways):
            for way in ways:
                way.result.close(Outcome.HELD)
        for way in ways:
            if not _is_over(ways, run):
                way.publish()
    finally:
        for push in pushes:
            push.finish()
    for way in ways:
        way.result.close(Outcome.NOT_TRIED)


def _prepare(push: Push, *, is_alone: bool) -> None:
    """Makes one target ready. That somebody else is writing there keeps back its own images, and stops no other."""
    try:
        push.prepare()
    except Unavailable as error:
        if is_alone:
            raise
        for each in push.result.open_images:
            each.fail(error)


def _has_failures(ways: Sequence[Push | Load]) -> bool:
    return any(way.result.has_failures for way in ways)


def _is_over(ways: Sequence[Push | Load], run: Run) -> bool:
    """Whether an image failed, and the run was to end then."""
    return run.is_fail_fast and _has_failures(ways)


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
            # Registries take an index that gives a child a wrong size; the bundle lists the true one.
            lacks_child = any(child.digest not in listed for child in manifest.children)
            for needed in manifest.children if lacks_child else manifest.blobs:
                if listed.get(needed.digest) != needed.size_bytes:
                    return Damaged("the bundle does not list what a manifest needs", subject=str(needed.digest))
    except (Damaged, Refused, Incomplete, LocalStorage) as error:
        return error
    return None


def _send(bundle: Bundle, pushes: Sequence[Push], served: set[int], run: Run) -> None:
    """Sends every blob that somebody still wants: read once, given to all at the same time."""
    destinations: dict[int, list[Destination]] = {}
    for push in pushes:
        for number, destination in push.wanted().items():
            if number not in served:
                destinations.setdefault(number, []).append(destination)
    if not destinations:
        return
    sizes = {number: bundle.manifest.blobs[number].descriptor.size_bytes for number in destinations}
    largest_first = sorted(destinations, key=lambda number: -sizes[number])
    images = [each.image for push in pushes for each in push.result.open_images]
    first = {
        number: str(image.reference) for image in reversed(images) for number in image.needs if number in destinations
    }
    copies = (copy_of(bundle, number, tuple(destinations[number]), first.get(number, "")) for number in largest_first)
    digests = {number: bundle.manifest.blobs[number].descriptor.digest for number in destinations}
    whole = {image.reference: image for image in images}
    tally = Tally([digests[number] for number in image.needs if number in digests] for image in whole.values())
    counted = replace(run, listener=counting(run.listener, tally))
    total = sum(sizes.values())
    where = ", ".join(str(push.result.target) for push in pushes)
    run.listener(PhaseBegan(text("sending to {where}", where=where), total, in_bytes=True, images=tally.images))
    copied = copy_groups(_by_chunks(bundle, copies), counted) if bundle.is_encrypted else copy_blobs(copies, counted)
    run.listener(PhaseEnded("sending"))
    for push in pushes:
        push.settle(copied)


def _by_chunks(bundle: Bundle, copies: Iterable[BlobCopy]) -> list[list[BlobCopy]]:
    """The copies in groups that read the same chunks, each in its order, because chunks are decrypted one by one."""
    group_of = {chunk: n for n, chunks in enumerate(groups_of(bundle.manifest)) for chunk in chunks}
    groups: dict[int, list[BlobCopy]] = {}
    for place, copy in sorted(((bundle.place(copy.descriptor), copy) for copy in copies), key=lambda pair: pair[0]):
        groups.setdefault(group_of[place[0]], []).append(copy)
    return list(groups.values())
