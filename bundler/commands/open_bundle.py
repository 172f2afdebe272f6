"""Opens a bundle for commands that read one: find, trust, load, unlock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find
from bundler.bundle.reader import Bundle
from bundler.commands.trust import Judged, trusted_keys
from bundler.errors import Misuse
from bundler.places import scratch_folder
from bundler.run import Run
from bundler.scratch import Scratch


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


def open_trusted(
    paths: Sequence[Path], trust: Sequence[Path], *, is_without_signature: bool = False, required_signatures: int = 1
) -> Bundle | LockedBundle:
    """The bundle in some folders, if somebody who is trusted signed it.

    Args:
        paths: Folders of the bundle, or media.
        trust: Public keys or folders of them; empty for the trust folder.
        is_without_signature: The user said that no signature is wanted.
        required_signatures: How many different trusted keys must have signed it.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: As the steps of `bundler.bundle.opening`.
    """
    unchecked = find(paths)
    if is_without_signature:
        return unchecked.taken_as_it_is().load()
    return unchecked.trusted_by(
        trusted_keys(trust, judged=Judged(unchecked.folders)), required=required_signatures
    ).load()
