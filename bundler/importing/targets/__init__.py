"""The places that images are imported into, one kind a module."""

from __future__ import annotations

from bundler.core.location import DAEMON, LAYOUT, REGISTRY, Target as Location
from bundler.errors import Misuse
from bundler.importing.opened import Opened
from bundler.importing.request import ImportRequest
from bundler.importing.targets.daemon import IntoDaemon
from bundler.importing.targets.layout import IntoLayout
from bundler.importing.targets.registry import IntoRegistry
from bundler.importing.targets.target import Target
from bundler.importing.targets.via_daemon import ThroughDaemon

TARGETS: dict[str, type[Target]] = {REGISTRY: IntoRegistry, DAEMON: IntoDaemon, LAYOUT: IntoLayout}
"""The target of each kind of location."""


def refuse_impossible(request: ImportRequest) -> None:
    """Makes sure that the targets of a request go together.

    Raises:
        Misuse: They do not.
    """
    if len(set(request.targets)) < len(request.targets):
        raise Misuse("the same destination twice", subject=f"--to {request.targets[-1]}")
    if request.is_via_daemon and request.is_verifying_target:
        raise Misuse("--verify-target reads back from registries and layouts, not through the daemon")
    if request.is_via_daemon and not all(target.pushed_to is not None for target in request.targets):
        raise Misuse("--via-daemon pushes to registries only", hint="give --to HOST[/PREFIX]")


def open_target(location: Location, opened: Opened) -> Target:
    """The target of a location. Nothing is asked, and nothing written yet."""
    kind = ThroughDaemon if opened.request.is_via_daemon else TARGETS[location.kind]
    return kind(location, opened)
