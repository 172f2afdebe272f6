"""``docker-daemon:NAME:TAG``: images of the Docker daemon that the environment names, by a name or an id.

An image of a daemon is made ready before it is copied: most daemons keep neither manifests nor compressed layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.location import DAEMON, RegistryPlace
from bundler.core.reference import Reference
from bundler.errors import Damaged, Misuse
from bundler.transports.registry import RegistryTarget, registry_target
from bundler.transports.transport import SourceLocation, TargetLocation, Transport, name_words

if TYPE_CHECKING:
    from bundler.stores.archives import Ready, Staging
    from bundler.stores.opened import Stores


@frozen
class DaemonImage(SourceLocation):
    """An image that a Docker daemon holds, by its name or its id."""

    name: str

    def __str__(self) -> str:
        return f"docker-daemon:{self.name}"

    @property
    def own_name(self) -> Reference | None:
        """Its name; None for an id."""
        return None if self.name.startswith("sha256:") else Reference.parse(self.name)

    @property
    def bundle_words(self) -> tuple[str, ...]:
        """The words of its name or id."""
        return name_words(self.name)

    @property
    def preparation(self) -> DaemonImage:
        """The image itself: each is saved alone."""
        return self

    def bytes_to_read(self, stores: Stores) -> int:
        """The size that the daemon gives the image; 0 if it does not have it."""
        found = stores.daemon.find(self.name)
        return found.size_bytes if found else 0

    def make_ready(self, names: Sequence[str | None], stores: Stores, staging: Staging) -> Ready:
        """Saves the image."""
        from bundler.stores import docker_daemon

        del names
        return docker_daemon.ready(self.name, stores.daemon, staging)

    @property
    def has_originals(self) -> bool:
        """True: a daemon notes the registries that it has pulled from."""
        return True

    def originals(self, stores: Stores) -> Sequence[str]:
        """The names that the daemon has noted."""
        found = stores.daemon.find(self.name)
        return found.repo_digests if found else ()

    @property
    def asked_for(self) -> str:
        """Its name or id."""
        return self.name


@frozen
class DaemonTarget(TargetLocation):
    """The Docker daemon that the environment names; with a registry, images get the names that they have there."""

    names: RegistryTarget | None = None

    def __str__(self) -> str:
        return f"docker-daemon:{self.names or ''}"

    @property
    def identity(self) -> str:
        """The same with the identity of the registry."""
        return f"docker-daemon:{self.names.identity if self.names else ''}"

    @property
    def kind(self) -> str:
        """A daemon."""
        return DAEMON

    @property
    def named_as_in(self) -> RegistryPlace | None:
        """The registry that is written after the colon."""
        return self.names

    @property
    def removes_untagged(self) -> bool:
        """True: by ``docker image prune``."""
        return True


def _image(prefix: str, rest: str) -> DaemonImage:
    if rest.startswith("sha256:"):
        try:
            return DaemonImage(str(Digest.parse(rest)))
        except Damaged as error:
            raise Misuse(
                "not an image id", subject=f"{prefix}{rest}"[:200], hint="write docker-daemon:sha256:<64 hex>"
            ) from error
    return DaemonImage(str(Reference.parse(rest)))  # as the daemon reads it, app is docker.io/library/app


def _target(prefix: str, rest: str) -> DaemonTarget:
    return DaemonTarget(registry_target(prefix, rest) if rest else None)


TRANSPORT = Transport(_image, _target, "docker-daemon:")
