"""``bundler inspect``: what is in a bundle. Shows content without trust too, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import Sealed, find
from bundler.bundle.reader import Bundle
from bundler.commands.open_bundle import Unlocking
from bundler.commands.trust import Judged, trusted_keys
from bundler.errors import BundlerError, Untrusted
from bundler.run import Run


@dataclass(frozen=True, slots=True)
class InspectResult:
    """A bundle, who claims to have signed it, and why it is not trusted if it is not."""

    bundle: Bundle | LockedBundle
    """Not opened, if it is encrypted and there is no passphrase."""
    claimed_signers: tuple[str, ...]
    unknown_signers: tuple[str, ...]
    """Those of them whose keys are not trusted here: nobody can tell whether their signatures are good."""
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
    claimed = unknown = unchecked.signed_by
    try:
        keys = trusted_keys(trust, judged=Judged(unchecked.folders))
        unknown = tuple(sorted(set(claimed) - {key.id for key in keys}))
        if not keys and claimed:
            return InspectResult(load(unchecked.taken_as_it_is()), claimed, unknown, None)
        sealed = unchecked.trusted_by(keys)
    except Untrusted as error:
        unsigned = Untrusted("the bundle is not signed", hint="ask its builder for a signed one", code="unsigned")
        problem = error if claimed else unsigned
        return InspectResult(load(unchecked.taken_as_it_is()), claimed, unknown, problem)
    return InspectResult(load(sealed), claimed, unknown, None)
