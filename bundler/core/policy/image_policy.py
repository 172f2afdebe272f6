"""A policy with its keys: judges images. Policies of other kinds judge in the same way, see `ImagePolicy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from bundler.core.frozen import frozen
from bundler.core.policy import scopes
from bundler.core.policy.evidence import SignedImage
from bundler.core.policy.verdict import Judgement, PolicyVerdict, Unfit
from bundler.errors import BundlerError, Interrupted
from bundler.texts import text


class Judge(Protocol):
    """One requirement, with the keys that it needs."""

    @property
    def kind(self) -> str:
        """The kind of requirement, as the policy spells it."""

    def judge(self, image: SignedImage) -> Judgement:
        """Judges an image. It does not raise for a signature that is wrong.

        Raises:
            Damaged, Incomplete, LocalStorage: The image's own manifests cannot be read.
            Interrupted: The user stopped it.
        """


class ImagePolicy(Protocol):
    """A policy that judges images, of any kind."""

    @property
    def source(self) -> str:
        """The file of the policy."""

    @property
    def digest(self) -> str:
        """The SHA-256 of that file, in hex."""

    @property
    def files(self) -> tuple[str, ...]:
        """The file of the policy, and those of its keys. None of them may come with the bundle that it judges."""

    def judge(self, image: SignedImage) -> PolicyVerdict:
        """The verdict on an image. Evidence that cannot be read is part of the verdict.

        Raises:
            Interrupted: The user stopped it.
        """


@frozen
class Anything:
    """The judge of ``insecureAcceptAnything``."""

    kind: ClassVar[str] = "insecureAcceptAnything"

    def judge(self, image: SignedImage) -> Judgement:  # noqa: ARG002  # as every judge
        """Accepts every image."""
        return Judgement(True, found=text("no signature is needed"))


@frozen
class Nothing:
    """The judge of ``reject``."""

    kind: ClassVar[str] = "reject"

    def judge(self, image: SignedImage) -> Judgement:  # noqa: ARG002  # as every judge
        """Refuses every image."""
        return Judgement(False, found=text("a rule that refuses every image"))


@frozen
class ContainersPolicy:
    """A policy of containers-policy.json(5).

    Attributes:
        source: Its file.
        digest: The SHA-256 of the file, in hex.
        default: The judges for images that no scope names.
        scopes: The judges of each scope of the transport ``docker``.
        files: The file of the policy, and those of its keys.
    """

    source: str
    digest: str
    default: tuple[Judge, ...]
    scopes: Mapping[str, tuple[Judge, ...]]
    files: tuple[str, ...] = ()

    def judge(self, image: SignedImage) -> PolicyVerdict:
        """The verdict on an image: the most specific rule decides, and all of its requirements must be met."""
        scope = scopes.scope_of(self.scopes, image.reference)
        judges = self.default if scope is None else self.scopes[scope]
        judgements = [judged(judge.judge, image) for judge in judges]
        deciding = next((each for each in judgements if not each.is_accepted), judgements[0])
        return PolicyVerdict(
            reference=image.reference,
            digest=image.root.digest,
            policy=self.digest,
            source=self.source,
            rule=_rule(scope, judges),
            is_accepted=deciding.is_accepted,
            signers=tuple(dict.fromkeys(each.signer for each in judgements if each.signer and deciding.is_accepted)),
            wanted=deciding.wanted,
            found=deciding.found,
            error=deciding.error,
        )


def judged(judge: Callable[[SignedImage], Judgement], image: SignedImage) -> Judgement:
    """The judgement of an image. A manifest that cannot be read is a reason to refuse it."""
    try:
        return judge(image)
    except Unfit as unfit:
        return Judgement(False, found=unfit.found)
    except Interrupted:
        raise
    except BundlerError as error:
        return Judgement(False, found=text("a manifest that cannot be read: {error}", error=str(error)), error=error)


def _rule(scope: str | None, judges: Sequence[Judge]) -> str:
    """The name of a rule, for people: its place in the policy and its requirements."""
    kinds = " + ".join(dict.fromkeys(judge.kind for judge in judges))
    if scope is None:
        return f"default: {kinds}"
    return f"{scopes.DOCKER} {scope or chr(34) * 2}: {kinds}"
