"""Lists several bundles on one medium, so that the user can choose one. Verifies nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bundler.bundle.opening import UncheckedBundle, find_all, load
from bundler.bundle.signing import PublicKey
from bundler.bundle.survey import unfinished_in
from bundler.core.frozen import frozen
from bundler.core.limits import BUNDLES_SHOWN
from bundler.core.manifest import BundleManifest, Series
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused, Untrusted
from bundler.keys.trust import Judged, trusted_keys
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.request_fields import bundle_paths_of


@frozen
class ListedBundle:
    """The claims of a bundle about itself; nothing is verified.

    Attributes:
        folders: The folders that have parts of it.
        id: The SHA-256 of its SHA256SUMS.
        claimed_signers: The key ids that the names of its signature files claim.
        signers: The key ids of trusted keys whose signature is good.
        name: Its name, if its manifest can be read; likewise the next attributes.
        created: The time when it was made.
        chunks: The number of its chunks.
        chunks_here: The number of its chunks that are here.
        size_bytes: The size of all its chunks.
        images: The number of its images; None if it is encrypted.
        series: Its place in a series of bundles; None if it has none.
        bases: The names of the bundles, receipts and inventories whose blobs it leaves out.
        problem: The reason why it cannot be read.
    """

    folders: tuple[BundlePath, ...]
    id: str
    claimed_signers: tuple[str, ...]
    signers: tuple[str, ...] = ()
    name: str | None = None
    created: str | None = None
    chunks: int = 0
    chunks_here: int = 0
    size_bytes: int = 0
    images: int | None = None
    series: Series | None = None
    bases: tuple[str, ...] = ()
    problem: BundlerError | None = None

    @property
    def is_complete(self) -> bool:
        """True if all its chunks are here. None of them was read."""
        return self.problem is None and self.chunks_here == self.chunks


@frozen
class BundleList:
    """The bundles on some media.

    Attributes:
        bundles: The first bundles.
        more: The number of further bundles.
        skipped: The folders that could not be read, and why.
        unfinished: The folders of exports that run or were stopped.
        exit_code: 0 if the user asked for a list; 2 if the user must choose one bundle.
    """

    bundles: tuple[ListedBundle, ...]
    more: int
    skipped: tuple[BundlerError, ...]
    exit_code: int
    unfinished: tuple[BundlePath, ...] = ()


def bundles_on(paths: Sequence[BundlePath]) -> tuple[UncheckedBundle, ...]:
    """Finds the bundles in some folders or on media: at least one.

    Raises:
        Misuse, Incomplete, Damaged, LocalStorage: As `bundler.bundle.opening.find_all`.
    """
    return find_all(bundle_paths_of(paths, "paths"))


def list_bundles(
    found: Sequence[UncheckedBundle], trust: Sequence[Path], *, exit_code: int, paths: Sequence[BundlePath] = ()
) -> BundleList:
    """Returns the bundles that the user can choose from.

    Args:
        found: The bundles.
        trust: Public keys or folders of them; empty for the trust folder.
        exit_code: The exit code of the command that lists them.
        paths: The media that have them, to name the unfinished exports there too.

    Raises:
        Misuse: A key cannot be read.
    """
    folders = tuple(folder for bundle in found for folder in bundle.folders)
    keys = trusted_keys(trust, judged=Judged(locals_of(folders)))
    shown = tuple(_listed(bundle, keys) for bundle in found[:BUNDLES_SHOWN])
    return BundleList(shown, len(found) - len(shown), found[0].skipped, exit_code, unfinished_in(paths))


def _listed(unchecked: UncheckedBundle, keys: Sequence[PublicKey]) -> ListedBundle:
    folders, claimed = unchecked.own_folders, unchecked.signed_by
    try:
        try:
            sealed = unchecked.trusted_by(keys) if keys else unchecked.taken_as_it_is()
        except Untrusted:
            sealed = unchecked.taken_as_it_is()
        bundle = load(sealed)
    except (Damaged, Incomplete, LocalStorage, Refused) as error:
        return ListedBundle(folders, unchecked.id, claimed, problem=error)
    manifest = bundle.manifest
    opened = manifest if isinstance(manifest, BundleManifest) else None
    return ListedBundle(
        folders,
        unchecked.id,
        claimed,
        sealed.signers,
        manifest.name,
        manifest.created,
        len(bundle.chunks),
        sum(state.problem is None for state in bundle.chunks),
        manifest.size_bytes,
        len(opened.images) if opened else None,
        opened.series if opened else None,
        tuple(base.name for base in opened.bases) if opened else (),
    )
