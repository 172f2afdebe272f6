"""``bundler inspect``: what is in a bundle. Shows content without trust too, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import Sealed, find
from bundler.bundle.reader import Bundle
from bundler.commands.open_bundle import Unlocking
from bundler.commands.trust import trusted_keys
from bundler.errors import BundlerError, Untrusted
from bundler.run import Run


@dataclass(frozen=True, slots=True)
class InspectResult:
    """A bundle, who claims to have signed it, and why it is not trusted if it is not."""

    bundle: Bundle | LockedBundle
    """Not opened, if it is encrypted and there is no passphrase."""
    claimed_signers: tuple[str, ...]
    trust_problem: BundlerError | None

    @property
    def exit_code(self) -> int:
        """5 if the bundle is unsigned or a trusted key was asked for and none fits, else 0."""
        return self.trust_problem.exit_code if self.trust_problem else 0


def inspect(
    paths: Sequence[Path], trust: Sequence[Path], run: Run, *, unlocking: Unlocking | None = None
) -> InspectResult:
    """Reads what a bundle says of itself.

    Without any trusted key at all the content of a signed bundle is shown as unverified; that is no failure, since
    nobody asked for trust.

    Raises:
        Misuse, Damaged, Incomplete: There is no bundle, its bundle.json is not what SHA256SUMS says, or the
            passphrase is wrong.
    """

    def load(sealed: Sealed) -> Bundle | LockedBundle:
        bundle = sealed.load()
        return unlocking.unlocked(bundle, run) if unlocking else bundle

    unchecked = find(paths)
    keys = trusted_keys(trust)
    claimed = unchecked.signed_by
    if not keys and claimed:
        return InspectResult(load(unchecked.taken_as_it_is()), claimed, None)
    try:
        sealed = unchecked.trusted_by(keys)
    except Untrusted as error:
        problem = error if claimed else Untrusted("the bundle is not signed", hint="ask its builder for a signed one")
        return InspectResult(load(unchecked.taken_as_it_is()), claimed, problem)
    return InspectResult(load(sealed), claimed, None)
