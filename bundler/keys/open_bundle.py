"""Opens a bundle for commands that read one: find, trust, load, unlock."""

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
    """What opens encrypted bundles.

    Attributes:
        passphrase: Asked for only when a bundle is encrypted, and its signature good.
        scratch: The folder where decrypted chunks are put; None for the default.
    """

    passphrase: Callable[[], str] = _no_passphrase
    scratch: Path | None = None

    def unlocked(self, bundle: Bundle | LockedBundle, run: Run) -> Bundle:
        """The bundle, opened if it is encrypted.

        Raises:
            Misuse: There is no passphrase, or it is wrong.
            Damaged, Incomplete: What is encrypted is not what it should be.
        """
        if isinstance(bundle, Bundle):
            return bundle
        scratch = Scratch(self.scratch or scratch_folder())
        return bundle.unlock(self.passphrase(), scratch=scratch, jobs=run.jobs, cancellation=run.cancellation)


LOCKED = Unlocking()
"""Opens no encrypted bundle."""


def open_bundle(
    paths: Sequence[Path],
    trust: Sequence[Path] = (),
    *,
    is_without_signature: bool = False,
    required_signatures: int = 1,
    unlocking: Unlocking = LOCKED,
    run: Run | None = None,
) -> Bundle:
    """Opens a bundle whose signature is good. A context manager: leaving it gives scratch space back.

    The manifest is read and verified. Chunks are read, and each blob verified, only when they are asked for.

    Args:
        paths: Folders of the bundle, or media with parts of it.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without any trusted signature.
        required_signatures: How many different trusted keys must have signed it.
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
    """The bundle in some folders, if somebody who is trusted signed it.

    Args:
        paths: Folders of the bundle, or media.
        trust: Public keys or folders of them; empty for the trust folder.
        run: The run that this is part of: files whose names say nothing are read.
        is_without_signature: The user said that no signature is wanted.
        required_signatures: How many different trusted keys must have signed it.

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
