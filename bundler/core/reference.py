"""Image references, ``registry/repository:tag@digest``, by the grammar of distribution/reference.

Short names are completed as Docker does: ``nginx`` is ``docker.io/library/nginx:latest``. References are ASCII only, so
that two names that look the same are the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from bundler import texts
from bundler.core.characters import named, plain
from bundler.core.digest import Digest
from bundler.core.frozen import ordered
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Misuse
from bundler.secrecy import MASK
from bundler.transport_table import TRANSPORTS

DEFAULT_REGISTRY = "docker.io"
DOCKER_HUB = "registry-1.docker.io"
"""The host of Docker Hub's API."""

_HUB_NAMES = frozenset({DEFAULT_REGISTRY, "index.docker.io", DOCKER_HUB})

DEFAULT_TAG = "latest"
NAME_CHARACTERS = 255
"""The limit of distribution for registry and repository together."""

_TEXT_CHARACTERS = 1024
"""The longest text of a reference: a name, a tag of 128 characters and the longest digest fit into it."""

_REGISTRY = lazy_pattern(
    r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*"
    r"(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]{2,39}\](?::[0-9]{1,5})?"
)
_PORT = lazy_pattern(r":([0-9]{1,5})\Z")
_HTTPS = 443
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = lazy_pattern(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_CREDENTIALS = lazy_pattern(
    rf"^((?:[A-Za-z][A-Za-z0-9+.-]*://|{'|'.join(TRANSPORTS)})?).*@(?!sha(?:256|512):)",
    re.DOTALL,
)
_TAG = lazy_pattern(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@ordered
class Reference:
    """The name of an image, complete and normalised. `parse` makes one; the constructor checks nothing."""

    registry: str
    repository: str
    tag: str | None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads a reference and completes it.

        Raises:
            Misuse: The text is not a reference. The message names the wrong part.
        """
        if len(text) > _TEXT_CHARACTERS:
            raise Misuse("not a reference: too long", subject=repr(text[:80]))
        _refuse_urls_and_credentials(text)
        _refuse_lookalikes(text)
        rest, at, digest_text = text.partition("@")
        try:
            digest = Digest.parse(digest_text) if at else None
        except Damaged as error:
            raise Misuse("the part after @ is not a digest", subject=_shown(text), expected=error.expected) from error
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            name, tag = rest, ""
            colon = ""
        if colon and not _TAG.fullmatch(tag):
            raise Misuse(
                texts.text("{tag} is not a tag", tag=repr(tag[:140])), subject=_shown(text), hint=_tag_hint(name, tag)
            )
        registry, repository = _split_name(name)
        _check_name(registry, repository, text)
        return cls(_one_text(registry), repository, tag if colon else (None if digest else DEFAULT_TAG), digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """The last part of the path in requests for the manifest: the digest if there is one, else the tag."""
        return str(self.digest) if self.digest else self.tag or DEFAULT_TAG

    def pinned(self, digest: Digest) -> Reference:
        """The same name with a digest."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


@lru_cache(maxsize=64)
def _one_text(registry: str) -> str:
    """A registry, as one object that all references to it share, because there are many."""
    return registry


def full_reference(text: str) -> Reference | None:
    """The reference in a text that names its registry; None for a tag, a path or any other text."""
    first, slash, _ = text.partition("/")
    if not slash or not names_registry(first):
        return None
    try:
        return Reference.parse(text)
    except Misuse:
        return None


@lru_cache(maxsize=64)  # thousands of images are in a few registries
def is_registry(text: str) -> bool:
    """True if a text is a registry's host with an optional port."""
    return bool(_REGISTRY.fullmatch(text)) and _port_is_valid(text) and _address_is_valid(text)


@lru_cache(maxsize=64)
def one_spelling(registry: str) -> str:
    """The same text for every spelling of a registry.

    The host is in small letters, an IPv6 address in its short form, the port without zeros, or left out for HTTPS.
    """
    found = _PORT.search(registry)
    host = (registry[: found.start()] if found else registry).lower()
    if host.startswith("[") and _address_is_valid(host):
        host = f"[{ipaddress.IPv6Address(host_of(host))}]"
    port = int(found[1]) if found else _HTTPS
    return host if port == _HTTPS else f"{host}:{port}"


def with_one_hub(registry: str) -> str:
    """``docker.io`` for every name and spelling of Docker Hub; any other registry as it is."""
    return DEFAULT_REGISTRY if one_spelling(registry) in _HUB_NAMES else registry


def is_repository(text: str) -> bool:
    """True if a text is a repository's path."""
    return bool(_REPOSITORY.fullmatch(text)) and len(text) <= NAME_CHARACTERS


def is_tag(text: str) -> bool:
    """True if a text may be a tag."""
    return bool(_TAG.fullmatch(text))


def is_loopback(registry: str) -> bool:
    """True if a registry is on this machine. Docker uses plain HTTP there too."""
    host = host_of(registry)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_one_of(registry: str, hosts: Iterable[str]) -> bool:
    """True if a registry is one of some hosts, with the same port. Upper and lower case are the same."""
    return registry.lower() in map(str.lower, hosts)


def host_of(registry: str) -> str:
    """The host of a registry without its port and without the brackets of an IPv6 address."""
    if registry.startswith("["):
        return registry[1:].partition("]")[0]
    return registry.partition(":")[0]


def _tag_hint(name: str, tag: str) -> str:
    """The hint for an invalid tag. Versions may have a +, but tags may not; k3s and RKE2 write - instead."""
    mended = tag.replace("+", "-")
    if mended != tag and is_tag(mended):
        return texts.text(
            "tags have no +; k3s and RKE2 use - instead: write {name}:{mended}",
            name=name,
            mended=mended,
        )
    return "a tag has 1 to 128 of A-Z a-z 0-9 . _ -"


def _url_hint(rest: str) -> str:
    """The hint for a URL: the URL without its scheme, if that is a reference and not a page of a web site."""
    reference = None if rest.startswith("hub.docker.com/") else full_reference(rest)
    if reference is None or ":" not in rest.rpartition("/")[2]:
        return "write registry/repository:tag, without a scheme"
    return texts.text("write {reference}", reference=reference)


def _refuse_lookalikes(text: str) -> None:
    if text.isascii():
        return
    strange = next(character for character in text if not character.isascii())
    likeness = plain(strange)
    character = named(strange)
    hint = (
        texts.text("write {likeness}", likeness=likeness)
        if likeness
        else "references have only ASCII characters; delete it, or type the name again"
    )
    raise Misuse(
        texts.text("a character that is not allowed in references: {character}", character=character),
        subject=_shown(text),
        hint=hint,
    )


def _refuse_urls_and_credentials(text: str) -> None:
    if "://" in text:
        scheme = text.partition("://")[0]
        raise Misuse(
            texts.text("an image reference does not start with {scheme}://", scheme=scheme[:20]),
            hint=_url_hint(text.partition("://")[2]),
        )
    before_slash = text.partition("/")[0]
    if "@" in before_slash and "/" in text and not re.search(r"@sha(256|512):", text.partition("/")[0]):
        # The message does not repeat the text: the part before the @ is probably a password.
        raise Misuse(
            "a reference must not contain credentials",
            hint="log in first (--username NAME --password-stdin, or docker, podman or skopeo login), and give only "
            "the image name",
        )


def _split_name(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and names_registry(first):
        registry, repository = first, rest
    else:
        registry, repository = DEFAULT_REGISTRY, name
    registry = with_one_hub(registry)
    if registry == DEFAULT_REGISTRY and repository and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def names_registry(first: str) -> bool:
    """True if the part of a name before its first slash is a registry, and not a part of the repository."""
    return "." in first or ":" in first or "[" in first or first == "localhost" or first != first.lower()


def _check_name(registry: str, repository: str, text: str) -> None:
    if not is_registry(registry):
        raise Misuse(
            texts.text("{registry} is not a registry", registry=repr(registry[:100])),
            subject=_shown(text),
            hint="write host or host:port",
        )
    if not _REPOSITORY.fullmatch(repository):
        raise Misuse(
            texts.text("{repository} is not a repository", repository=repr(repository[:100]))
            if repository
            else "the repository is missing",
            subject=_shown(text),
            hint="lower-case a-z 0-9 in parts joined by / . _ -" if repository else "write registry/repository:tag",
        )
    if len(registry) + 1 + len(repository) > NAME_CHARACTERS:
        raise Misuse(
            "the name is too long",
            subject=_shown(text),
            expected=texts.text("at most {name_characters} characters", name_characters=NAME_CHARACTERS),
            actual=str(len(registry) + 1 + len(repository)),
        )


def _address_is_valid(registry: str) -> bool:
    if not registry.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(host_of(registry))
    except ValueError:
        return False
    return True


def _port_is_valid(registry: str) -> bool:
    found = _PORT.search(registry)
    return found is None or 0 < int(found[1]) < 65536


def without_password(text: str) -> str:
    """A text that is safe to show. It masks the part before an @ without a digest, which is probably a password."""
    return _CREDENTIALS.sub(rf"\1{MASK}@", text)[:200]


def _shown(text: str) -> str:
    return repr(without_password(text))
