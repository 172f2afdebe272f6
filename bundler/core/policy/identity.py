"""The identity that a signature must state: ``signedIdentity`` of containers-policy.json(5).

The rules are those of containers/image, ``signature/policy_reference_match.go``. A name without tag and digest, as
cosign signs it, satisfies only the forms that compare repositories.
"""

from __future__ import annotations

from typing import ClassVar

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.reference import Reference, is_registry, is_repository
from bundler.errors import BundlerError
from bundler.texts import text


@frozen
class SignedName:
    """The name in a signature; unlike a `Reference` it may have neither tag nor digest."""

    name: str
    tag: str | None
    digest: Digest | None

    @property
    def is_name_only(self) -> bool:
        """True if it names a repository only."""
        return self.tag is None and self.digest is None

    @classmethod
    def parse(cls, stated: str) -> SignedName | None:
        """Reads the name in a signature; None if it is no reference."""
        try:
            parsed = Reference.parse(stated)
        except BundlerError:
            return None
        has_tag = parsed.tag is not None and stated.partition("@")[0].endswith(f":{parsed.tag}")
        return cls(parsed.name, parsed.tag if has_tag else None, parsed.digest)


def _same(signed: SignedName, name: str, tag: str | None, digest: Digest | None) -> bool:
    """True if a signature names exactly this image. The digest next to a tag is compared only if it is signed."""
    if signed.name != name or signed.tag != tag:
        return False
    return signed.digest in (None, digest) if tag else signed.digest == digest


def _exact_or_repository(signed: SignedName, name: str, reference: Reference) -> bool:
    """The rule ``matchRepoDigestOrExact``, with the name that the image must have in the signature."""
    if signed.is_name_only:
        return False
    if reference.tag:
        return _same(signed, name, reference.tag, reference.digest)
    return signed.name == name


@frozen
class MatchRepoDigestOrExact:
    """An image with a tag must be signed with that name; one with only a digest, with its repository.

    Attributes:
        is_stated: False if the policy states no ``signedIdentity``, so that this one applies.
    """

    kind: ClassVar[str] = "matchRepoDigestOrExact"
    is_stated: bool = True

    def matches(self, reference: Reference, signed: SignedName) -> bool:
        """True if a signature names the image."""
        return _exact_or_repository(signed, reference.name, reference)

    def wanted(self, reference: Reference) -> str:
        """The name that the signature must state."""
        return str(reference) if reference.tag else text("a name in {repository}", repository=reference.name)


@frozen
class MatchExact:
    """The signature must name exactly the image."""

    kind: ClassVar[str] = "matchExact"

    def matches(self, reference: Reference, signed: SignedName) -> bool:
        """True if a signature names the image."""
        return not signed.is_name_only and _same(signed, reference.name, reference.tag, reference.digest)

    def wanted(self, reference: Reference) -> str:
        """The name that the signature must state."""
        return str(reference)


@frozen
class MatchRepository:
    """The signature must name the repository of the image; any tag will do."""

    kind: ClassVar[str] = "matchRepository"

    def matches(self, reference: Reference, signed: SignedName) -> bool:
        """True if a signature names the repository."""
        return signed.name == reference.name

    def wanted(self, reference: Reference) -> str:
        """The name that the signature must state."""
        return text("a name in {repository}", repository=reference.name)


@frozen
class ExactReference:
    """The signature must name one given image, whatever name the image has here."""

    kind: ClassVar[str] = "exactReference"
    name: SignedName

    def matches(self, reference: Reference, signed: SignedName) -> bool:  # noqa: ARG002  # as the other forms
        """True if a signature has the given name."""
        return not signed.is_name_only and signed == self.name

    def wanted(self, reference: Reference) -> str:  # noqa: ARG002
        """The name that the signature must state."""
        tag = f":{self.name.tag}" if self.name.tag else ""
        return f"{self.name.name}{tag}" + (f"@{self.name.digest}" if self.name.digest else "")


@frozen
class ExactRepository:
    """The signature must name a given repository, whatever name the image has here."""

    kind: ClassVar[str] = "exactRepository"
    repository: str

    def matches(self, reference: Reference, signed: SignedName) -> bool:  # noqa: ARG002  # as the other forms
        """True if a signature names the given repository."""
        return signed.name == self.repository

    def wanted(self, reference: Reference) -> str:  # noqa: ARG002
        """The name that the signature must state."""
        return text("a name in {repository}", repository=self.repository)


@frozen
class RemapIdentity:
    """The name of the image with another prefix, then as `MatchRepoDigestOrExact`: for mirrors."""

    kind: ClassVar[str] = "remapIdentity"
    prefix: str
    signed_prefix: str

    def matches(self, reference: Reference, signed: SignedName) -> bool:
        """True if a signature names the image as it is called below the signed prefix."""
        name = self._remapped(reference.name)
        parsed = SignedName.parse(name)
        return parsed is not None and parsed.name == name and _exact_or_repository(signed, name, reference)

    def wanted(self, reference: Reference) -> str:
        """The name that the signature must state."""
        name = self._remapped(reference.name)
        return f"{name}:{reference.tag}" if reference.tag else text("a name in {repository}", repository=name)

    def _remapped(self, name: str) -> str:
        if name == self.prefix or name.startswith(f"{self.prefix}/"):
            return self.signed_prefix + name[len(self.prefix) :]
        return name


SignedIdentity = (
    MatchRepoDigestOrExact | MatchExact | MatchRepository | ExactReference | ExactRepository | RemapIdentity
)

DEFAULT_IDENTITY = MatchRepoDigestOrExact(is_stated=False)
"""The identity of a requirement without ``signedIdentity``."""


def is_identity_prefix(value: str) -> bool:
    """True if a text is a host with an optional port, or a repository with its host, or the start of one."""
    host, slash, path = value.partition("/")
    return is_registry(host) and (not slash or is_repository(path))
