"""The targets of an import, one kind a module."""

from __future__ import annotations

from importlib import import_module

from bundler.core.location import AGENT_IMAGES, DAEMON, LAYOUT, REGISTRY, Target as Location
from bundler.core.policies import CONFLICT_POLICIES, MAPPINGS
from bundler.errors import Misuse
from bundler.importing.opened import Opened
from bundler.importing.request import ImportRequest
from bundler.importing.targets.target import Target


def refuse_impossible(request: ImportRequest) -> None:
    """Makes sure that the targets and options of a request fit together.

    Raises:
        Misuse: They do not.
    """
    if not request.targets:
        raise Misuse.of_field("targets", expected=">= 1", actual="0")
    if request.mapping not in MAPPINGS:
        raise Misuse.of_field("mapping", expected=", ".join(MAPPINGS), actual=repr(request.mapping))
    if request.on_conflict not in CONFLICT_POLICIES:
        raise Misuse.of_field("on_conflict", expected=", ".join(CONFLICT_POLICIES), actual=repr(request.on_conflict))
    if request.preheat is not None:
        request.preheat.check(request.network)
        if not any(target.kind == REGISTRY for target in request.targets):
            raise Misuse("a preheat needs images in a registry", hint="give --to HOST[/PREFIX], or leave out --preheat")
    if len(set(request.targets)) < len(request.targets):
        raise Misuse("duplicate destination", subject=f"--to {request.targets[-1]}")
    if request.is_publishing or (request.shard is not None and request.is_all_or_nothing):
        _refuse_unstaged(request)
    if request.is_via_daemon and request.is_verifying_target:
        raise Misuse("--verify-target can read back from registries and layouts, not through the daemon")
    if request.is_verifying_target and any(target.kind == AGENT_IMAGES for target in request.targets):
        raise Misuse(
            "--verify-target cannot read image files of agent-images back", hint="check them with: zstd -t FILE"
        )
    if request.is_via_daemon and not all(target.pushed_to is not None for target in request.targets):
        raise Misuse("--via-daemon pushes to registries only", hint="give --to HOST[/PREFIX]")


def _refuse_unstaged(request: ImportRequest) -> None:
    """Makes sure that shards can prepare the images of a request, and that one command can publish them.

    Raises:
        Misuse: They cannot.
    """
    flag = "--publish" if request.is_publishing else "--shard, --all-or-nothing"
    if request.is_via_daemon or not all(target.pushed_to is not None for target in request.targets):
        raise Misuse("only a registry keeps images without tags", subject=flag, hint="give --to HOST[/PREFIX] alone")
    if request.is_publishing and request.shard is not None:
        raise Misuse("the tags of all shards move together; leave out --shard", subject="--publish")
    if request.is_publishing and request.is_verifying_target:
        raise Misuse("give --verify-target to the shards, which send the blobs", subject="--publish")


_KINDS = {
    REGISTRY: ("registry", "IntoRegistry"),
    DAEMON: ("daemon", "IntoDaemon"),
    LAYOUT: ("layout", "IntoLayout"),
    AGENT_IMAGES: ("agent_images", "IntoAgentImages"),
}
"""The module and the class of each kind, imported on demand: an import into a registry needs no code for daemons."""
_VIA_DAEMON = ("via_daemon", "ThroughDaemon")


def open_target(location: Location, opened: Opened) -> Target:
    """Returns the target of a location. It sends no request and writes nothing yet."""
    module, name = _VIA_DAEMON if opened.request.is_via_daemon else _KINDS[location.kind]
    kind: type[Target] = getattr(import_module(f"{__name__}.{module}"), name)
    return kind(location, opened)
