"""``docker://HOST/REPOSITORY:TAG``: registries. Helm spells a chart in one ``oci://HOST/PATH/CHART:VERSION``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.location import REGISTRY, RegistryPlace
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSource
from bundler.core.reference import (
    Reference,
    is_registry,
    is_repository,
    names_registry,
    one_spelling,
    with_one_hub,
    without_password,
)
from bundler.errors import Misuse
from bundler.secrecy import MASK
from bundler.texts import text
from bundler.transports.transport import SourceLocation, TargetLocation, Transport, target_forms

if TYPE_CHECKING:
    from bundler.stores.opened import Stores

_HELM = "oci://"


@frozen
class RegistryImage(SourceLocation):
    """An image in a registry."""

    at: Reference

    def __str__(self) -> str:
        return f"docker://{self.at}"

    @property
    def reference(self) -> Reference:
        """Its name."""
        return self.at

    @property
    def own_name(self) -> Reference:
        """Its name."""
        return self.at

    @property
    def peer(self) -> str:
        """The registry."""
        return self.at.registry

    @property
    def asked_for(self) -> str:
        """The digest, or the tag."""
        return self.at.target

    def open(self, stores: Stores) -> ImageSource:
        """The repository."""
        return stores.read_repository(self.at.registry, self.at.repository)

    def read_config(self, stores: Stores, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """A config that an earlier run has kept, or what ``read`` gives."""
        return stores.read_config(self.at.registry, self.at.repository, descriptor, read)


@frozen
class RegistryTarget(TargetLocation):
    """A registry to import into, with an optional prefix for all repositories."""

    registry: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.registry}/{self.prefix}" if self.prefix else self.registry

    @property
    def identity(self) -> str:
        """The host in small letters, without the port of HTTPS."""
        return str(replace(self, registry=one_spelling(self.registry)))

    @property
    def kind(self) -> str:
        """A registry."""
        return REGISTRY

    @property
    def pushed_to(self) -> RegistryPlace:
        """Itself."""
        return self

    @property
    def named_as_in(self) -> RegistryPlace:
        """Itself."""
        return self

    @property
    def removes_untagged(self) -> bool:
        """True: by garbage collection."""
        return True


def registry_target(prefix: str, rest: str) -> RegistryTarget:
    """Reads ``HOST[/PREFIX]``.

    Raises:
        Misuse: It is not of this form.
    """
    given = prefix + rest
    if given.startswith(("http://", "https://")):
        raise Misuse(
            "a destination must not have a scheme",
            subject=repr(without_password(given)),
            hint="write HOST[:PORT][/PREFIX]; for plain HTTP add --plain-http HOST[:PORT]",
        )
    registry, _, path = rest.partition("/")
    path = path.removesuffix("/")
    if not is_registry(registry) or (path and not is_repository(path)):
        host, colon, port = registry.partition(":")
        is_login = bool(colon) and not port.isdigit() and not registry.startswith("[")
        raise Misuse(
            "not a destination",
            subject=repr(f"{host}:{MASK}" if is_login else without_password(given)),
            hint="write HOST[:PORT][/PREFIX] alone; log in with --username and --password-stdin"
            if is_login or "@" in registry
            else text("write the prefix in small letters: {prefix}", prefix=path.lower())
            if is_registry(registry) and is_repository(path.lower())
            else text("write one of: {forms}", forms=target_forms()),
        )
    return RegistryTarget(with_one_hub(registry), path)


def _image(prefix: str, rest: str) -> RegistryImage:
    return RegistryImage(_chart(rest) if prefix == _HELM else Reference.parse(rest))


def _chart(rest: str) -> Reference:
    """The reference of a chart as Helm spells it. Helm writes _ into the tag for the + of a version."""
    name, colon, version = rest.rpartition(":")
    subject = repr(without_password(_HELM + rest))
    if "@" not in rest and (not colon or "/" in version):
        raise Misuse("the chart has no version", subject=subject, hint="write oci://HOST/PATH/CHART:VERSION")
    if not names_registry(rest.partition("/")[0]):
        raise Misuse(
            "no registry after oci://",
            subject=subject,
            hint="write oci://HOST/PATH/CHART:VERSION for a chart, or oci:DIR for a layout",
        )
    return Reference.parse(f"{name}:{version.replace('+', '_')}" if colon and "@" not in rest else rest)


TRANSPORT = Transport(_image, registry_target, "HOST[:PORT][/PREFIX]")
