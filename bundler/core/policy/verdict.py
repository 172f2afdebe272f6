"""Verdicts: the answer of one judge, and the verdict of a whole policy on an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import Verdict
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.texts import text

ACCEPTED = "accepted"
REFUSED = "refused"


class Unfit(Exception):
    """One signature does not satisfy a requirement. Another one may.

    It never leaves `bundler.core.policy`: judges turn it into the words of a `Judgement`.
    """

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


@frozen
class Verified:
    """Bytes whose signature proved right. Only these are parsed: what nobody signed never reaches a parser.

    Attributes:
        content: The exact bytes.
        signer: The key or identity that signed them, in words.
    """

    content: bytes
    signer: str


@frozen
class Judgement:
    """The answer of one judge.

    Attributes:
        is_accepted: True if the requirement is met.
        signer: The key or identity that signed, and the file of the policy that names it; empty without a signature.
        wanted: The requirement in words.
        found: The reason for which it was accepted or refused.
        error: The error for which evidence could not be read, if that may have decided; only if it is refused.
    """

    is_accepted: bool
    signer: str = ""
    wanted: str = ""
    found: str = ""
    error: BundlerError | None = None

    def of(self, digest: Digest) -> Judgement:
        """The same about one manifest of the image, which its words then name."""
        return replace(self, found=text("in the manifest {digest}: {found}", digest=digest, found=self.found))


@frozen
class PolicyVerdict:
    """The verdict of a policy on one image.

    Attributes:
        reference: The image.
        digest: The digest of its root.
        policy: The SHA-256 of the policy's file, in hex.
        source: The file of the policy.
        rule: The scope that decided, and its requirements.
        is_accepted: True if every requirement of the rule is met.
        signers: The keys or identities that signed, each with the file that names it.
        wanted: The requirement that decided, in words.
        found: The reason, in words.
        error: The error for which the evidence could not be read. An image with one is not accepted, but it may be once
            the evidence is there.
    """

    reference: Reference
    digest: Digest
    policy: str
    source: str
    rule: str
    is_accepted: bool
    signers: tuple[str, ...] = ()
    wanted: str = ""
    found: str = ""
    error: BundlerError | None = None

    @property
    def result(self) -> str:
        """``accepted`` or ``refused``."""
        return ACCEPTED if self.is_accepted else REFUSED

    @property
    def failure(self) -> BundlerError | None:
        """The error of an image that is not accepted; None for an accepted one.

        Unreadable evidence keeps its own error, because a person can bring it; anything else is a matter of trust.
        """
        if self.is_accepted:
            return None
        if self.error is not None:
            return self.error
        return problem(
            "policy", subject=str(self.reference), rule=self.rule, expected=self.wanted or None, actual=self.found
        )

    def recorded(self) -> Verdict:
        """The remark about it in bundle.json."""
        return Verdict(self.policy, self.rule, self.result, ", ".join(self.signers), str(self.found))


def refused(verdicts: Sequence[PolicyVerdict]) -> dict[Reference, BundlerError]:
    """The images that a policy does not accept, each with the error of its first verdict."""
    found: dict[Reference, BundlerError] = {}
    for verdict in verdicts:
        failure = verdict.failure
        if failure is not None:
            found.setdefault(verdict.reference, failure)
    return found
