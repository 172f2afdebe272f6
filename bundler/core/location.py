"""Places that images come from and go to, and the facts about one that the program asks for, whatever its transport.

The values are of `bundler.transports`, one file for each transport, which also knows how they are spelt and opened. No
module of core imports one: `bundler.core.image_list` is given the function that reads locations.
"""

from __future__ import annotations

from typing import Protocol

from bundler.core.reference import Reference

REGISTRY, DAEMON, LAYOUT = "registry", "daemon", "layout"
"""The kinds of targets, as receipts name them. A layout lies in a folder or in a file."""


class Location(Protocol):
    """A place that one image comes from, or that holds several. A frozen value, printed as it is spelt."""

    def __hash__(self) -> int:
        """Locations are keys."""

    @property
    def reference(self) -> Reference | None:
        """The name of the image in a registry; None if it is elsewhere."""

    @property
    def own_name(self) -> Reference | None:
        """The name that the image has there, which it is carried under if nobody gives it another one."""

    @property
    def peer(self) -> str:
        """The host that is asked for it, see `bundler.run.CircuitBreaker`; empty if there is none."""

    @property
    def container(self) -> Container | None:
        """Itself, if it may hold several images under names of their own."""


class Container(Location, Protocol):
    """A place that may hold several images: a file, or a folder."""

    @property
    def name(self) -> str | None:
        """The one image that is meant; None for all, or for the only one."""

    def of(self, name: str | None) -> Container:
        """Another image of the same place."""


class RegistryPlace(Protocol):
    """A registry, with an optional prefix for all repositories."""

    @property
    def registry(self) -> str:
        """Its host."""

    @property
    def prefix(self) -> str:
        """The first parts of all repositories; may be empty."""


class Target(Protocol):
    """A place that images are imported into. A frozen value, printed as it is spelt."""

    def __hash__(self) -> int:
        """Targets are keys."""

    @property
    def kind(self) -> str:
        """`REGISTRY`, `DAEMON` or `LAYOUT`."""

    @property
    def pushed_to(self) -> RegistryPlace | None:
        """The registry that it is; None if it is none."""

    @property
    def named_as_in(self) -> RegistryPlace | None:
        """The registry whose names images get there; None if they keep their full names."""

    @property
    def removes_untagged(self) -> bool:
        """True if images without a tag are removed there sooner or later: by garbage collection, or by pruning."""
