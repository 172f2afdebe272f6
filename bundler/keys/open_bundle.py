"""Opens a bundle for commands that read one: finds it, checks its signature, loads it, decrypts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import (
    SeveralBundles as SeveralBundles,  # commands catch it, and let the user choose one
    UncheckedBundle,
    find,
    find_several,
    load,
    with_misnamed,
)
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.bundle.survey import DifferentBundles
from bundler.core.events import Moved, PhaseBegan
from bundler.core.frozen import frozen
from bundler.core.newest import newest
from bundler.errors import BundlerError, Interrupted, Misuse
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.places import scratch_folder
from bundler.system.request_fields import Request, bundle_paths_of, paths_of
from bundler.system.scratch import Scratch


def _no_passphrase() -> str:
    raise Misuse("the bundle is encrypted", hint="give --passphrase-file FILE, or - for stdin")


@frozen
class Unlocking(Request):
    """The passphrase and the scratch folder for encrypted bundles.

    Attributes:
        passphrase: Called only if the bundle is encrypted and its signature is good.
        scratch: The folder for decrypted chunks; None for the default.
    """

    passphrase: Callable[[], str] = _no_passphrase
    scratch: Path | None = None

    def unlocked(self, bundle: Bundle | LockedBundle, run: Run) -> Bundle:
        """Returns the bundle, decrypted if necessary.

        Raises:
            Misuse: The passphrase is missing or wrong.
            Damaged, Incomplete: The encrypted files are damaged or incomplete.
        """
        if isinstance(bundle, Bundle):
            return bundle
        return bundle.unlock(self.passphrase(), scratch=self.space(), jobs=run.jobs, cancellation=run.cancellation)

    def space(self) -> Scratch:
        """The scratch space; nothing is in it yet."""
        return Scratch(self.scratch or scratch_folder())

    def remembered(self) -> Unlocking:
        """Returns it so that it asks for the passphrase only once: media that are changed are opened more than once."""
        return replace(self, passphrase=cache(self.passphrase))


LOCKED = Unlocking()
"""Refuses every encrypted bundle."""


def open_bundle(
    paths: Sequence[BundlePath],
    trust: Sequence[Path] = (),
    *,
    is_without_signature: bool = False,
    required_signatures: int = 1,
    unlocking: Unlocking = LOCKED,
    run: Run | None = None,
) -> Bundle:
    """Opens a bundle with a good signature. Use it as a context manager: leaving it frees scratch space.

    Reads and verifies the manifest. Reads chunks, and verifies each blob, only when they are requested.

    Args:
        paths: Folders of the bundle, or media with parts of it.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without a trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.
        unlocking: Opens an encrypted bundle.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no bundle, there are several, or the passphrase is missing or wrong.
        Untrusted: No trusted key has signed it.
        Damaged, Incomplete: Its small files are not as they were signed.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    paths, trust = bundle_paths_of(paths, "paths"), paths_of(trust, "trust")
    opened = open_trusted(
        paths, trust, run, is_without_signature=is_without_signature, required_signatures=required_signatures
    )
    return unlocking.unlocked(opened, run)


def open_series(
    paths: Sequence[BundlePath],
    trust: Sequence[Path] = (),
    *,
    is_without_signature: bool = False,
    required_signatures: int = 1,
    unlocking: Unlocking = LOCKED,
    run: Run | None = None,
) -> Bundle:
    """Opens a bundle, or the newest of several that follow each other; the others have blobs that it leaves out.

    Every one of them must be signed as the newest one is. Closing the newest one closes all.

    Args:
        paths: Folders of the bundles, or media with parts of them, in any order.
        trust: As for `open_bundle`, and so are the other arguments.
        is_without_signature: Accept bundles without a trusted signature.
        required_signatures: The number of different trusted keys that must have signed each.
        unlocking: Opens encrypted bundles.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: As `open_bundle`; or there are several bundles, and they do not follow each other.
        Untrusted, Damaged, Incomplete, Interrupted: As `open_bundle`, of any bundle whose own folder was named.
    """
    found = find_several(paths)
    try:
        opened = _opened(found, trust, is_without_signature, required_signatures, unlocking, run or Run())
        return opened[0] if len(opened) == 1 else _newest_of(opened, paths)
    except Interrupted:
        raise
    except BundlerError:
        if len(found) > 1:
            _refuse_several_unnamed(paths)
        raise


def open_each(
    paths: Sequence[BundlePath],
    trust: Sequence[Path] = (),
    *,
    is_without_signature: bool = False,
    required_signatures: int = 1,
    unlocking: Unlocking = LOCKED,
    run: Run | None = None,
) -> tuple[Bundle, ...]:
    """Opens all bundles that are in some folders or on media. They need not follow each other. Close each of them.

    Args:
        paths: As for `open_series`, and so are the other arguments.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept bundles without a trusted signature.
        required_signatures: The number of different trusted keys that must have signed each.
        unlocking: Opens encrypted bundles.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete, Interrupted: As `open_bundle`, of any of them.
    """
    return _opened(find_several(paths), trust, is_without_signature, required_signatures, unlocking, run or Run())


def _opened(
    found: Sequence[UncheckedBundle],
    trust: Sequence[Path],
    is_without_signature: bool,
    required_signatures: int,
    unlocking: Unlocking,
    run: Run,
) -> tuple[Bundle, ...]:
    opened: list[Bundle] = []
    try:
        for unchecked in found:
            sealed = _trusted(unchecked, trust, is_without_signature, required_signatures)
            opened.append(unlocking.unlocked(_loaded(sealed, run), run))
    except BaseException:
        for each in opened:
            each.close()
        raise
    return tuple(opened)


def _newest_of(opened: Sequence[Bundle], paths: Sequence[BundlePath]) -> Bundle:
    by_id = {each.id: each for each in opened}
    newest_id = newest({bundle_id: each.manifest for bundle_id, each in by_id.items()})
    if newest_id is None:
        for each in opened:
            each.close()
        find(paths)  # raises the error for several bundles
        raise AssertionError("one bundle is not several")
    # The images of the others are not needed: 20,000 of them take much memory.
    others = (replace(each, manifest=replace(each.manifest, images=())) for each in opened if each.id != newest_id)
    return replace(by_id[newest_id], others=tuple(others))


def _refuse_several_unnamed(paths: Sequence[BundlePath]) -> None:
    """Raises the error for several bundles on media. One that cannot be opened was perhaps not meant.

    Raises:
        SeveralBundles: There are several.
    """
    with suppress(DifferentBundles):
        find(paths)


def open_trusted(
    paths: Sequence[BundlePath],
    trust: Sequence[Path],
    run: Run,
    *,
    is_without_signature: bool = False,
    required_signatures: int = 1,
) -> Bundle | LockedBundle:
    """Opens the bundle in some folders, if a trusted key signed it.

    Args:
        paths: Folders of the bundle, or media.
        trust: Public keys or folders of them; empty for the trust folder.
        run: Receives progress and can be stopped: files with unknown names are read.
        is_without_signature: Accept the bundle without a trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: As the steps of `bundler.bundle.opening`.
        Interrupted: The user stopped it.
    """
    return _loaded(_trusted(find(paths), trust, is_without_signature, required_signatures), run)


def _trusted(
    unchecked: UncheckedBundle, trust: Sequence[Path], is_without_signature: bool, required_signatures: int
) -> Sealed:
    if is_without_signature:
        return unchecked.taken_as_it_is()
    keys = trusted_keys(trust, judged=Judged(locals_of(unchecked.folders)))
    return unchecked.trusted_by(keys, required=required_signatures)


def _loaded(sealed: Sealed, run: Run) -> Bundle | LockedBundle:
    """Loads a bundle, with chunks that have other names than their own."""
    bundle = load(sealed)
    title = "comparing files that have other names"

    def passed(amount: int) -> None:
        run.cancellation.check()
        run.listener(Moved(amount))

    return with_misnamed(bundle, passed, began=lambda total: run.listener(PhaseBegan(title, total, in_bytes=True)))
