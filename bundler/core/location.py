"""Where images come from and go to, spelt as skopeo spells it.

``docker://…``, ``docker-daemon:NAME:TAG``, ``docker-archive:FILE[:REF]``, ``oci:DIR[:REF]`` and
``oci-archive:FILE[:REF]``. A bare text means ``docker://``, and so does ``oci://``, as Helm spells it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bundler import texts
from bundler.core.characters import named
from bundler.core.digest import Digest
from bundler.core.reference import (
    DEFAULT_REGISTRY,
    Reference,
    is_registry,
    is_repository,
    names_registry,
    without_password,
)
from bundler.errors import Damaged, Misuse
from bundler.secrecy import MASK

_HELM = "oci://"
TRANSPORTS = ("docker://", "docker-daemon:", "docker-archive:", "oci:", "oci-archive:")


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

    def of(self, name: str | None) -> LayoutImage:
        """Another image of the same layout."""
        return replace(self, name=name)

    def __str__(self) -> str:
        return f"oci:{self.path}" + (f":{self.name}" if self.name else "")


@dataclass(frozen=True, slots=True, order=True)
class ArchiveImage:
    """An image in a file: ``oci-archive:FILE[:REF]`` or ``docker-archive:FILE[:REF]``."""

    path: str
    name: str | None = None
    transport: str = "oci-archive"

    def of(self, name: str | None) -> ArchiveImage:
        """Another image of the same file."""
        return replace(self, name=name)

    def __str__(self) -> str:
        return f"{self.transport}:{self.path}" + (f":{self.name}" if self.name else "")


@dataclass(frozen=True, slots=True, order=True)
class DaemonImage:
    """An image that a Docker daemon holds, by its name or its id: ``docker-daemon:NAME:TAG``."""

    name: str

    def __str__(self) -> str:
        return f"docker-daemon:{self.name}"


ImageLocation = RegistryImage | LayoutImage | ArchiveImage | DaemonImage


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


@dataclass(frozen=True, slots=True)
class DaemonTarget:
    """The Docker daemon that the environment names; with a registry, images get the names that they have there."""

    names: RegistryTarget | None = None

    def __str__(self) -> str:
        return f"docker-daemon:{self.names or ''}"


Target = RegistryTarget | LayoutTarget | ArchiveTarget | DaemonTarget


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
    if text.startswith("docker-daemon:"):
        return _daemon_image(text)
    if text.startswith(_HELM):
        return RegistryImage(_chart(text))
    for transport in ("oci:", "oci-archive:", "docker-archive:"):
        if text.startswith(transport):
            path, _, name = text.removeprefix(transport).partition(":")
            if not path:
                raise Misuse(
                    "the path is missing",
                    subject=repr(without_password(text)),
                    hint=texts.text("write {transport}PATH or {transport}PATH:REF", transport=transport),
                )
            if transport == "oci:":
                return LayoutImage(path, name or None)
            return ArchiveImage(path, name or None, transport.removesuffix(":"))
    refuse_unknown_transport(text)
    return RegistryImage(Reference.parse(text))


def parse_target(text: str) -> Target:
    """Reads a destination.

    Args:
        text: ``[docker://]HOST[/PREFIX]``, ``docker-daemon:[HOST[/PREFIX]]``, ``oci:DIR`` or ``oci-archive:FILE``.

    Raises:
        Misuse: It is none of these.
    """
    _refuse_control_characters(text)
    if text.startswith(("http://", "https://")):
        raise Misuse(
            "a destination must not have a scheme",
            subject=repr(without_password(text)),
            hint="write HOST[:PORT][/PREFIX]; for plain HTTP add --plain-http HOST[:PORT]",
        )
    if text.startswith("docker-daemon:"):
        names = text.removeprefix("docker-daemon:")
        return DaemonTarget(_registry_target(names, text) if names else None)
    for transport, kind in (("oci:", LayoutTarget), ("oci-archive:", ArchiveTarget)):
        if text.startswith(transport) and not text.startswith(_HELM):
            path = text.removeprefix(transport)
            if not path or ":" in path:
                raise Misuse(
                    "not a destination",
                    subject=repr(without_password(text)),
                    hint=texts.text("write {transport}PATH; names come from the bundle", transport=transport),
                )
            return kind(path)
    if text.startswith("docker-archive:"):
        raise Misuse(
            "bundler does not write docker-archive files",
            subject=repr(without_password(text)),
            hint="write oci-archive:FILE, or load into a daemon: docker-daemon:",
        )
    refuse_unknown_transport(text)
    return _registry_target(text.removeprefix("docker://").removeprefix(_HELM), text)


def _registry_target(rest: str, text: str) -> RegistryTarget:
    registry, _, prefix = rest.partition("/")
    prefix = prefix.removesuffix("/")
    if not is_registry(registry) or (prefix and not is_repository(prefix)):
        host, colon, port = registry.partition(":")
        is_login = bool(colon) and not port.isdigit() and not registry.startswith("[")
        raise Misuse(
            "not a destination",
            subject=repr(f"{host}:{MASK}" if is_login else without_password(text)),
            hint="write HOST[:PORT][/PREFIX] alone; log in with --username and --password-stdin"
            if is_login or "@" in registry
            else "write HOST[:PORT][/PREFIX], docker-daemon:, oci:DIR or oci-archive:FILE",
        )
    return RegistryTarget(DEFAULT_REGISTRY if registry == "index.docker.io" else registry, prefix)


def _chart(text: str) -> Reference:
    """The reference of a chart as Helm spells it. Helm writes _ into the tag for the + of a version."""
    named = text.removeprefix(_HELM)
    name, colon, version = named.rpartition(":")
    if "@" not in named and (not colon or "/" in version):
        raise Misuse(
            "the chart has no version", subject=repr(without_password(text)), hint="write oci://HOST/PATH/CHART:VERSION"
        )
    if not names_registry(named.partition("/")[0]):
        raise Misuse(
            "no registry after oci://",
            subject=repr(without_password(text)),
            hint="write oci://HOST/PATH/CHART:VERSION for a chart, or oci:DIR for a layout",
        )
    return Reference.parse(f"{name}:{version.replace('+', '_')}" if colon and "@" not in named else named)


def _daemon_image(text: str) -> DaemonImage:
    name = text.removeprefix("docker-daemon:")
    if name.startswith("sha256:"):
        try:
            return DaemonImage(str(Digest.parse(name)))
        except Damaged as error:
            raise Misuse("not an image id", subject=text[:200], hint="write docker-daemon:sha256:<64 hex>") from error
    reference = Reference.parse(name)  # as the daemon reads it, app is docker.io/library/app
    return DaemonImage(str(reference))


def _refuse_control_characters(text: str) -> None:
    strange = next((character for character in text if not character.isprintable()), None)
    if strange is None:
        return
    character, subject = named(strange), repr(without_password(text))
    hint = "delete it, or type the name again"
    if strange < " " or "\x7f" <= strange <= "\x9f":
        raise Misuse(
            texts.text("a control character in a name: {character}", character=character), subject=subject, hint=hint
        )
    raise Misuse(
        texts.text("an invisible character in a name: {character}", character=character), subject=subject, hint=hint
    )


def refuse_unknown_transport(text: str) -> None:
    """Makes sure that a text does not begin with a transport of other tools.

    Raises:
        Misuse: It does.
    """
    transport, colon, rest = text.partition(":")
    if transport.lower() in ("http", "https"):
        return  # Reference.parse refuses it, and says what to write
    known = ", ".join(TRANSPORTS)
    if colon and transport in {"dir", "containers-storage", "oci-layout", "ocidir"}:
        raise Misuse(
            texts.text("the transport {transport}: is not supported", transport=transport),
            subject=repr(without_password(text)),
            expected=known,
            actual=transport,
        )
    if rest.startswith("//") and transport not in ("docker", "oci"):
        raise Misuse(
            "not an image location",
            subject=repr(without_password(text)),
            hint=texts.text("known transports: {known}", known=known),
        )
