"""``bundler inspect``: shows the content of a bundle. Unverified content is marked as such."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle.copies import misnamed
from bundler.bundle.listing import Entry
from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find_all, load
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.bundle.signing import unsigned
from bundler.commands.bundle_list import BundleList, list_bundles
from bundler.core.frozen import frozen
from bundler.errors import BundlerError, Untrusted
from bundler.keys.open_bundle import Unlocking
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.request_fields import Request


@frozen
class InspectRequest(Request):
    """A bundle to look into.

    Attributes:
        paths: Folders of the bundle, or media with parts of it.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        unlocking: Opens an encrypted bundle. With None its content stays unknown.
    """

    paths: tuple[BundlePath, ...]
    trust: tuple[Path, ...] = ()
    unlocking: Unlocking | None = None


@frozen
class InspectResult:
    """A bundle with its claimed signers, and the reason if it is not trusted."""

    bundle: Bundle | LockedBundle
    """A `LockedBundle` if it is encrypted and there is no passphrase."""
    claimed_signers: tuple[str, ...]
    unknown_signers: tuple[str, ...]
    """The claimed signers whose keys are not trusted here: their signatures cannot be checked."""
    trust_problem: BundlerError | None
    litter: Litter
    """The files that operating systems left in its folders."""
    misnamed: tuple[Entry, ...]
    """Files that have the size of a chunk but another name. They were not read."""

    @property
    def is_verified(self) -> bool:
        """True if a trusted key has signed the bundle."""
        return not self.trust_problem and bool(self.bundle.sealed.signers)

    @property
    def exit_code(self) -> int:
        """5 if the bundle is unsigned, or if trusted keys were given and none of them has signed it; else 0."""
        return self.trust_problem.exit_code if self.trust_problem else 0


def inspect(request: InspectRequest, run: Run | None = None) -> InspectResult | BundleList:
    """Reads the manifest of a bundle. If the paths have more than one bundle, lists the bundles instead.

    If no key at all is trusted here, the content of a signed bundle is shown as unverified. This is no failure, because
    nobody asked for trust.

    Args:
        request: The bundle and the trusted keys.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse, Damaged, Incomplete: There is no bundle, SHA256SUMS and bundle.json do not agree, or the passphrase is
            wrong.
    """
    run = run or Run()
    trust, unlocking = request.trust, request.unlocking
    bundles = find_all(request.paths)
    if len(bundles) > 1:
        return list_bundles(bundles, trust, exit_code=0, paths=request.paths)
    unchecked = bundles[0]
    claimed = unknown = unchecked.signed_by

    def shown(sealed: Sealed, problem: BundlerError | None = None) -> InspectResult:
        found = load(sealed)
        bundle = unlocking.unlocked(found, run) if unlocking else found
        litter = litter_in(sealed.own_listings)
        return InspectResult(bundle, claimed, unknown, problem, litter, tuple(misnamed(sealed.listings, bundle.chunks)))

    try:
        keys = trusted_keys(trust, judged=Judged(locals_of(unchecked.folders)))
        unknown = tuple(sorted(set(claimed) - {key.id for key in keys}))
        if not keys and claimed:
            return shown(unchecked.taken_as_it_is())
        sealed = unchecked.trusted_by(keys)
    except Untrusted as error:
        return shown(unchecked.taken_as_it_is(), error if claimed else unsigned())
    return shown(sealed)
