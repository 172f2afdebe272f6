"""``bundler verify``: checks the signature, then every byte of every file. Needs no network, Docker or write access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bundler.bundle.check import Checked, check, checked_bytes
from bundler.bundle.findings import Finding
from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.locked import LockedBundle
from bundler.bundle.needed import lacking_by
from bundler.bundle.opening import SeveralBundles
from bundler.bundle.parity import Parity, facts_by, parity_of
from bundler.bundle.reader import Bundle
from bundler.bundle.scope import scope_of
from bundler.commands.bundle_list import BundleList, list_bundles
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.policy import ImagePolicy, PolicyVerdict, refused
from bundler.core.scan import GateResult
from bundler.core.shard import Shard
from bundler.core.tally import Tally
from bundler.errors import Misuse, worst
from bundler.importing.need_file import NeedRequest, NeedResult, check_need, write_need
from bundler.keys.judging import judge_bundle, refuse_carried
from bundler.keys.open_bundle import Unlocking, open_trusted
from bundler.keys.scan_records import ScanGate, put_to_gate
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath, local, locals_of
from bundler.system.request_fields import Request
from bundler.transfer import counting


@frozen
class VerifyRequest(Request):
    """A bundle to check.

    Attributes:
        paths: Folders of the bundle, or media with parts of it.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: True to accept the bundle without any trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.
        unlocking: Opens an encrypted bundle. With None only the files of an encrypted bundle are checked, no blob.
        need: The need-list to write if something is missing or damaged; None for none.
        policies: The policies that must all accept each image.
        scans: The scanners that must have passed the bundle; None to demand no scan.
        shard: Only this part of the chunks and of other large files is read; None for all. Policies judge in the first
            shard, which has the manifests.
    """

    paths: tuple[BundlePath, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    unlocking: Unlocking | None = None
    need: NeedRequest | None = None
    policies: tuple[ImagePolicy, ...] = ()
    scans: ScanGate | None = None
    shard: Shard | None = None


@frozen
class VerifyResult:
    """The bundle and its problems.

    Attributes:
        bundle: The bundle, with the state of each chunk. A `LockedBundle` is encrypted, and there is no passphrase.
        findings: The problems.
        litter: The files that operating systems left in its folders.
        need: The need-list; None if none was asked for.
        verdicts: The verdicts of the policies on the images.
        parity: The recovery data, and what it can repair; None if the bundle has none.
        scans: The answers of the scan gate; empty if no scan is demanded.
        shard: The part of the large files that was read; None for all.
        read: The chunks that were read, by their numbers.
    """

    bundle: Bundle | LockedBundle
    findings: tuple[Finding, ...]
    litter: Litter
    need: NeedResult | None = None
    verdicts: tuple[PolicyVerdict, ...] = ()
    parity: Parity | None = None
    scans: tuple[GateResult, ...] = ()
    shard: Shard | None = None
    read: tuple[int, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else the exit code of the worst finding, refused image, or refused scan."""
        scans = (scan.error for scan in self.scans if scan.error is not None)
        return worst([*(finding.error for finding in self.findings), *refused(self.verdicts).values(), *scans])

    @property
    def wanted(self) -> tuple[str, ...]:
        """The files that must be copied again, each once, in their order."""
        return tuple(dict.fromkeys(finding.file for finding in self.findings if finding.is_wanted))


def verify_or_list(request: VerifyRequest, run: Run | None = None) -> VerifyResult | BundleList:
    """Checks a bundle to its last byte. If the paths have more than one bundle, lists the bundles instead.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete, Interrupted: As `verify`.
    """
    try:
        return verify(request, run)
    except SeveralBundles as several:
        return list_bundles(several.bundles, request.trust, exit_code=several.exit_code, paths=request.paths)


def verify(request: VerifyRequest, run: Run | None = None) -> VerifyResult:
    """Checks a bundle to its last byte: the signature, then every file, then every blob. Writes nothing.

    Args:
        request: The bundle and the trusted keys.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        All findings, each with the file, the offset in it and the affected images. A good bundle has none.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: Nothing could be checked, because the signature, SHA256SUMS or
            bundle.json is wrong. Or the need-list's file exists, or a policy needs the content of a bundle that is
            encrypted.
        LocalStorage: The need-list cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    if run.changer is not None and request.shard is not None:
        raise Misuse(
            "a shard is checked on the media that are here, without --wait", subject=f"--shard {request.shard}"
        )
    key = check_need(request.need, run.listener)
    if run.changer is not None:
        bundle, checked, verdicts = _checked_in_turns(request, run)
        scans = _put_to_gate(bundle, request)
    else:
        bundle = _opened(request, run)
        scans = _put_to_gate(bundle, request)  # first: a record that cannot be read ends a check that takes minutes
        checked, verdicts = _checked(bundle, request, run)
    bundle = replace(bundle, chunks=checked.chunks)
    parity: Parity | None = None
    if run.changer is None and request.shard is None:  # else the chunks and their parity were not read together
        parity = parity_of(bundle, facts_by(checked.findings, bundle), lambda _: run.cancellation.check())
    lacking = lacking_by(checked.findings, bundle).without(parity.repairable if parity else frozenset())
    need = write_need(request.need, bundle, lacking, key)
    return VerifyResult(
        bundle,
        checked.findings,
        litter_in(bundle.sealed.own_listings),
        need,
        verdicts,
        parity,
        scans,
        shard=request.shard,
        read=tuple(sorted(scope_of(bundle, request.shard).chunks)),
    )


def _checked(
    bundle: Bundle | LockedBundle, request: VerifyRequest, run: Run
) -> tuple[Checked, tuple[PolicyVerdict, ...]]:
    scope = scope_of(bundle, request.shard)
    tally = Tally(_chunks_of_images(bundle) if request.shard is None else ())
    run.listener(PhaseBegan("verifying", checked_bytes(bundle, scope), in_bytes=True, images=tally.images))
    listener = counting(run.listener, tally)
    try:
        checked = check(bundle, jobs=run.jobs, listener=listener, cancellation=run.cancellation, scope=scope)
        run.listener(PhaseEnded("verifying"))
        return checked, _judged(bundle, request, run)
    finally:
        if isinstance(bundle, Bundle):
            bundle.close()


def _checked_in_turns(
    request: VerifyRequest, run: Run
) -> tuple[Bundle | LockedBundle, Checked, tuple[PolicyVerdict, ...]]:
    """Checks a bundle whose media are changed. Policies judge at the end, from documents that are remembered."""
    from bundler.bundle.check_in_turns import check_in_turns
    from bundler.bundle.drive import Drive
    from bundler.keys.open_media import checked_media

    assert run.changer is not None
    drive = Drive(tuple(map(local, request.paths)), run.changer, run.cancellation)
    unlocking = request.unlocking.remembered() if request.unlocking else None
    request = replace(request, paths=drive.first(), unlocking=unlocking)
    bundle = _opened(request, run)
    media = checked_media(bundle, drive, unlocking, run)
    documents = _documents(bundle) if request.policies else ()

    def before_change() -> None:
        if documents:
            media.read_documents(documents, run.listener)

    try:
        checked = check_in_turns(
            media, before_change, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation
        )
        return media.bundle, checked, _judged(media.bundle, request, run)
    finally:
        if isinstance(bundle, Bundle):
            bundle.close()


def _documents(bundle: Bundle | LockedBundle) -> Sequence[int]:
    """The numbers of the blobs that policies read."""
    if not isinstance(bundle, Bundle):
        return ()
    attached = (each for image in bundle.images for each in image.attachments)
    manifests = (number for image in bundle.images for number in image.manifests)
    return [*manifests, *(number for each in attached for number in each.needs)]


def _opened(request: VerifyRequest, run: Run) -> Bundle | LockedBundle:
    bundle = open_trusted(
        request.paths,
        request.trust,
        run,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
    )
    refuse_carried(request.policies, locals_of(bundle.sealed.folders))
    if request.unlocking is not None:
        return request.unlocking.unlocked(bundle, run)
    if request.policies and not isinstance(bundle, Bundle):
        raise Misuse(
            "an encrypted bundle: a policy judges its content", subject="--policy", hint="give --passphrase-file FILE"
        )
    if request.scans and not isinstance(bundle, Bundle):
        raise Misuse(
            "an encrypted bundle: a scan is of its content",
            subject="--require-scan",
            hint="give --passphrase-file FILE",
        )
    return bundle


def _judged(bundle: Bundle | LockedBundle, request: VerifyRequest, run: Run) -> tuple[PolicyVerdict, ...]:
    """The verdicts on all images; none if the content of the bundle is not known."""
    if not isinstance(bundle, Bundle) or (request.shard is not None and not request.shard.is_first):
        return ()
    return judge_bundle(request.policies, bundle, bundle.images, run)


def _put_to_gate(bundle: Bundle | LockedBundle, request: VerifyRequest) -> tuple[GateResult, ...]:
    """The answers of the scan gate; empty if no scan is demanded."""
    if request.scans is None or not isinstance(bundle, Bundle):
        return ()
    return put_to_gate(request.scans, bundle, request.trust)


def _chunks_of_images(bundle: Bundle | LockedBundle) -> Iterator[set[str]]:
    """The chunk files of each image; none if the content of the bundle is not known."""
    if isinstance(bundle, Bundle):
        blobs, files = bundle.manifest.blobs, [chunk.file for chunk in bundle.manifest.chunks]
        for image in bundle.manifest.images:
            yield {
                files[piece.chunk - 1]
                for number in image.needs_with_attachments
                for piece in blobs[number].stored.pieces
            }
