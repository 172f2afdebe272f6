"""The places that images come from and go to, with the facts that the program needs about them for every transport.

`bundler.transports` has the values, one module for each transport. Each module also reads, prints and opens its values.
No module of core imports them: `bundler.core.image_list` gets the function that reads locations as an argument.
"""

from __future__ import annotations

from typing import Protocol

from bundler.core.reference import Reference
from bundler.errors import Misuse

REGISTRY, DAEMON, LAYOUT, AGENT_IMAGES = "registry", "daemon", "layout", "agent-images"
"""The kinds of targets, as receipts name them. A layout is in a folder or in a file."""


class Location(Protocol):
    """A place that one image comes from, or that holds several. It is a frozen value, printed as users write it."""

    def __hash__(self) -> int:
        """Locations are keys of mappings."""

    @property
    def reference(self) -> Reference | None:
        """The name of the image in a registry; None if it is elsewhere."""

    @property
    def own_name(self) -> Reference | None:
        """The name that the image has there. It keeps this name unless the list gives it another one."""

    @property
    def peer(self) -> str:
        """The host that serves it, see `bundler.run.CircuitBreaker`; empty if there is none."""

    @property
    def container(self) -> Container | None:
        """The location itself, if it may hold several images under names of their own; else None."""


class Container(Location, Protocol):
    """A place that may hold several images: a file, or a folder."""

    @property
    def name(self) -> str | None:
        """The name of the chosen image; None for all images, or for the only one."""

    def of(self, name: str | None) -> Container:
        """The same place with another chosen image."""


class RegistryPlace(Protocol):
    """A registry, with an optional prefix for all repositories. It is printed as ``HOST[/PREFIX]``."""

    @property
    def registry(self) -> str:
        """The host of the registry."""

    @property
    def prefix(self) -> str:
        """The first parts of all repositories; may be empty."""


class Target(Protocol):
    """A place that images are imported into. It is a frozen value, printed as users write it."""

    def __hash__(self) -> int:
        """Targets are keys of mappings."""

    @property
    def kind(self) -> str:
        """`REGISTRY`, `DAEMON`, `LAYOUT` or `AGENT_IMAGES`."""

    @property
    def pushed_to(self) -> RegistryPlace | None:
        """The registry, if the target is one; else None."""

    @property
    def named_as_in(self) -> RegistryPlace | None:
        """The registry whose host and prefix the names of images get; None if images keep their full names."""

    @property
    def identity(self) -> str:
        """The same text for every spelling of the same place, from any working folder."""

    @property
    def removes_untagged(self) -> bool:
        """True if garbage collection or pruning removes images without a tag there."""


def place_of(target: Target) -> str:
    """HOST or HOST/PREFIX of a target that must be a registry.

    Raises:
        Misuse: It is none.
    """
    if target.pushed_to is None:
        raise Misuse("this is no registry", subject=str(target), hint="give --to HOST[/PREFIX]")
    return str(target.pushed_to)
