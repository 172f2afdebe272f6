"""Opens a bundle for commands that read one: finds it, checks its signature, loads it, decrypts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find, load, with_misnamed
from bundler.bundle.reader import Bundle
from bundler.core.events import Moved, PhaseBegan
from bundler.errors import Misuse
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.system.places import scratch_folder
from bundler.system.scratch import Scratch


def _no_passphrase() -> str:
    raise Misuse("the bundle is encrypted", hint="give --passphrase-file FILE, or - for stdin")


@dataclass(frozen=True, slots=True)
class Unlocking:
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
        scratch = Scratch(self.scratch or scratch_folder())
        return bundle.unlock(self.passphrase(), scratch=scratch, jobs=run.jobs, cancellation=run.cancellation)


LOCKED = Unlocking()
"""Refuses every encrypted bundle."""


def open_bundle(
    paths: Sequence[Path],
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
    opened = open_trusted(
        paths, trust, run, is_without_signature=is_without_signature, required_signatures=required_signatures
    )
    return unlocking.unlocked(opened, run)


def open_trusted(
    paths: Sequence[Path],
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
    unchecked = find(paths)
    if is_without_signature:
        sealed = unchecked.taken_as_it_is()
    else:
        keys = trusted_keys(trust, judged=Judged(unchecked.folders))
        sealed = unchecked.trusted_by(keys, required=required_signatures)
    bundle = load(sealed)
    title = "comparing files that have other names"

    def passed(amount: int) -> None:
        run.cancellation.check()
        run.listener(Moved(amount))

    return with_misnamed(bundle, passed, began=lambda total: run.listener(PhaseBegan(title, total, in_bytes=True)))
