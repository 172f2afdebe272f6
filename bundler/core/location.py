"""Where images come from and go to, spelt as skopeo spells it.

``docker://…``, ``oci:DIR[:REF]``, ``oci-archive:FILE[:REF]``. A bare text means ``docker://``.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.core.reference import DEFAULT_REGISTRY, Reference, is_registry, is_repository, without_password
from bundler.errors import Misuse

TRANSPORTS = ("docker://", "oci:", "oci-archive:")


@dataclass(frozen=True, slots=True, order=True)
class RegistryImage:
    """An image in a registry: ``docker://registry/repository:tag``."""

    reference: Reference

    def __str__(self) -> str:
        return f"docker://{self.reference}"


@dataclass(frozen=True, slots=True, order=True)
class LayoutImage:
    """An image in an OCI image layout: ``oci:DIR[:REF]``; without a name the only image in it."""

    path: str
    name: str | None = None

    def __str__(self) -> str:
        return f"oci:{self.path}" + (f":{self.name}" if self.name else "")


@dataclass(frozen=True, slots=True, order=True)
class ArchiveImage:
    """An image in a tar of an OCI image layout: ``oci-archive:FILE[:REF]``."""

    path: str
    name: str | None = None

    def __str__(self) -> str:
        return f"oci-archive:{self.path}" + (f":{self.name}" if self.name else "")


ImageLocation = RegistryImage | LayoutImage | ArchiveImage


@dataclass(frozen=True, slots=True)
class RegistryTarget:
    """A registry to import into, with an optional prefix for all repositories."""

    registry: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}" if self.prefix else self.registry


@dataclass(frozen=True, slots=True)
class LayoutTarget:
    """A folder to import into, as an OCI image layout."""

    path: str

    def __str__(self) -> str:
        return f"oci:{self.path}"


@dataclass(frozen=True, slots=True)
class ArchiveTarget:
    """A tar file to import into, an OCI image layout inside."""

    path: str

    def __str__(self) -> str:
        return f"oci-archive:{self.path}"


Target = RegistryTarget | LayoutTarget | ArchiveTarget


def has_transport(text: str) -> bool:
    """Whether a text begins with one of `TRANSPORTS`."""
    return text.startswith(TRANSPORTS)


def parse_image(text: str) -> ImageLocation:
    """Reads where one image is.

    Raises:
        Misuse: The transport is unknown, or what follows it is not of its form.
    """
    _refuse_control_characters(text)
    if text.startswith("docker://"):
        return RegistryImage(Reference.parse(text.removeprefix("docker://")))
    for transport, kind in (("oci:", LayoutImage), ("oci-archive:", ArchiveImage)):
        if text.startswith(transport):
            path, _, name = text.removeprefix(transport).partition(":")
            if not path:
                raise Misuse(
                    "the path is missing",
                    subject=repr(without_password(text)),
                    hint=f"write {transport}PATH or {transport}PATH:REF",
                )
            return kind(path, name or None)
    _refuse_unknown_transport(text)
    return RegistryImage(Reference.parse(text))


def parse_target(text: str) -> Target:
    """Reads a destination: ``[docker://]HOST[/PREFIX]``, ``oci:DIR`` or ``oci-archive:FILE``.

    Raises:
        Misuse: It is none of these.
    """
    _refuse_control_characters(text)
    for transport, kind in (("oci:", LayoutTarget), ("oci-archive:", ArchiveTarget)):
        if text.startswith(transport):
            path = text.removeprefix(transport)
            if not path or ":" in path:
                raise Misuse(
                    "not a destination",
                    subject=repr(without_password(text)),
                    hint=f"write {transport}PATH; names come from the bundle",
                )
            return kind(path)
    _refuse_unknown_transport(text)
    registry, _, prefix = text.removeprefix("docker://").partition("/")
    prefix = prefix.removesuffix("/")
    if not is_registry(registry) or (prefix and not is_repository(prefix)):
        raise Misuse(
            "not a destination",
            subject=repr(without_password(text)),
            hint="write HOST[:PORT][/PREFIX], oci:DIR or oci-archive:FILE",
        )
    return RegistryTarget(DEFAULT_REGISTRY if registry == "index.docker.io" else registry, prefix)


def _refuse_control_characters(text: str) -> None:
    if not text.isprintable():
        raise Misuse("a control character in a name", subject=repr(without_password(text)))


def _refuse_unknown_transport(text: str) -> None:
    transport, colon, rest = text.partition(":")
    known = ", ".join(TRANSPORTS)
    if colon and transport in {"dir", "docker-archive", "docker-daemon", "containers-storage", "oci-layout", "ocidir"}:
        raise Misuse(
            f"the transport {transport}: is not supported",
            subject=repr(without_password(text)),
            expected=known,
            actual=transport,
        )
    if rest.startswith("//") and transport != "docker":
        raise Misuse("not an image location", subject=repr(without_password(text)), hint=f"known transports: {known}")
