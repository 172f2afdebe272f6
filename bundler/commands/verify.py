"""``bundler verify``: signature, then every byte of every file. Needs no network, no Docker and no write access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.bundle.check import check, checked_bytes
from bundler.bundle.findings import Finding
from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import SeveralBundles
from bundler.bundle.reader import Bundle
from bundler.commands.bundle_list import BundleList, list_bundles
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.tally import Tally
from bundler.errors import worst
from bundler.keys.open_bundle import Unlocking, open_trusted
from bundler.run import Run
from bundler.transfer import counting


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A bundle to check.

    Attributes:
        paths: Folders of the bundle, or media with parts of it.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without any trusted signature.
        required_signatures: How many different trusted keys must have signed it.
        unlocking: Opens an encrypted bundle. With None only the files of an encrypted bundle are checked, no blob.
    """

    paths: tuple[Path, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    unlocking: Unlocking | None = None


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The bundle, opened or not if it is encrypted, and all that is wrong with it.

    Attributes:
        bundle: With its chunks as they were found.
        findings: What is wrong.
        litter: What operating systems left in its folders.
    """

    bundle: Bundle | LockedBundle
    findings: tuple[Finding, ...]
    litter: Litter

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else that of the worst finding."""
        return worst(finding.error for finding in self.findings)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The files to bring again, each once, in their order."""
        return tuple(dict.fromkeys(finding.file for finding in self.findings if finding.is_wanted))


def verify_or_list(request: VerifyRequest, run: Run | None = None) -> VerifyResult | BundleList:
    """Checks a bundle to its last byte. Lists the bundles instead where the paths hold more than one.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete, Interrupted: As `verify`.
    """
    try:
        return verify(request, run)
    except SeveralBundles as several:
        return list_bundles(several.bundles, request.trust, exit_code=several.exit_code)


def verify(request: VerifyRequest, run: Run | None = None) -> VerifyResult:
    """Checks a bundle to its last byte: the signature, then every file, then every blob. Writes nothing.

    Args:
        request: The bundle, and which keys are trusted.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        Every finding, with the file, the place in it and the images that it hurts. An empty list is a good bundle.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: Nothing could be checked, because the signature, SHA256SUMS or
            bundle.json is not as it must be.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    bundle = open_trusted(
        request.paths,
        request.trust,
        run,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
    )
    if request.unlocking is not None:
        bundle = request.unlocking.unlocked(bundle, run)
    tally = Tally(_chunks_of_images(bundle))
    run.listener(PhaseBegan("verifying", checked_bytes(bundle), in_bytes=True, images=tally.images))
    listener = counting(run.listener, tally)
    try:
        checked = check(bundle, jobs=run.jobs, listener=listener, cancellation=run.cancellation)
    finally:
        if isinstance(bundle, Bundle):
            bundle.close()
    run.listener(PhaseEnded("verifying"))
    return VerifyResult(replace(bundle, chunks=checked.chunks), checked.findings, litter_in(bundle.sealed.own_listings))


def _chunks_of_images(bundle: Bundle | LockedBundle) -> Iterator[set[str]]:
    """The files that each image is in; nothing of a bundle whose content is not known."""
    if isinstance(bundle, Bundle):
        blobs, files = bundle.manifest.blobs, [chunk.file for chunk in bundle.manifest.chunks]
        for image in bundle.manifest.images:
            yield {files[piece.chunk - 1] for number in image.needs for piece in blobs[number].stored.pieces}
