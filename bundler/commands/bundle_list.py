"""Several bundles on one medium: which there are, so that one can be chosen. Nothing is verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.opening import UncheckedBundle, find_all, load
from bundler.bundle.signing import PublicKey
from bundler.core.limits import BUNDLES_SHOWN
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused, Untrusted
from bundler.keys.trust import Judged, trusted_keys


@dataclass(frozen=True, slots=True)
class ListedBundle:
    """What a bundle says of itself.

    Attributes:
        folders: Where it lies.
        id: The SHA-256 of its SHA256SUMS.
        claimed_signers: The key ids that the names of its signature files claim.
        signers: Those of trusted keys whose signature is good.
        name: Its name, if it can be read; and so on.
        created: When it was made.
        chunks: How many it has.
        chunks_here: How many of them are here.
        size_bytes: Of all of them.
        problem: Why it cannot be read.
    """

    folders: tuple[Path, ...]
    id: str
    claimed_signers: tuple[str, ...]
    signers: tuple[str, ...] = ()
    name: str | None = None
    created: str | None = None
    chunks: int = 0
    chunks_here: int = 0
    size_bytes: int = 0
    problem: BundlerError | None = None


@dataclass(frozen=True, slots=True)
class BundleList:
    """The bundles that are on some media.

    Attributes:
        bundles: The first of them.
        more: How many more there are.
        skipped: Why some folders were not looked into.
        exit_code: 0 if a list is what was asked for; 2 if one bundle has to be chosen.
    """

    bundles: tuple[ListedBundle, ...]
    more: int
    skipped: tuple[BundlerError, ...]
    exit_code: int


def bundles_on(paths: Sequence[Path]) -> tuple[UncheckedBundle, ...]:
    """The bundles in some folders or on media; at least one.

    Raises:
        Misuse, Incomplete, Damaged, LocalStorage: As `bundler.bundle.opening.find_all`.
    """
    return find_all(paths)


def list_bundles(found: Sequence[UncheckedBundle], trust: Sequence[Path], *, exit_code: int) -> BundleList:
    """What there is to choose from.

    Args:
        found: The bundles.
        trust: Public keys or folders of them; empty for the trust folder.
        exit_code: Of the command that lists them.

    Raises:
        Misuse: A key cannot be read.
    """
    folders = tuple(folder for bundle in found for folder in bundle.folders)
    keys = trusted_keys(trust, judged=Judged(folders))
    shown = tuple(_listed(bundle, keys) for bundle in found[:BUNDLES_SHOWN])
    return BundleList(shown, len(found) - len(shown), found[0].skipped, exit_code)


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
    )
