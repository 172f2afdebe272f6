"""The content of a place of any kind."""

from __future__ import annotations

from bundler.core.location import DAEMON, REGISTRY
from bundler.errors import Misuse
from bundler.inventories.daemons import daemon_contents
from bundler.inventories.kept import kept_documents
from bundler.inventories.layouts import layout_contents
from bundler.inventories.registries import registry_contents
from bundler.inventories.request import Contents
from bundler.run import Run
from bundler.stores.oci_layout import LayoutSource
from bundler.stores.opened import Stores
from bundler.transports.parsing import parse_image
from bundler.transports.transport import TargetLocation, source_of

_OTHER_PLACE = "write HOST[/PREFIX] for a registry, oci:DIR for a layout, or docker-daemon:"


def contents_of(
    place: str, target: TargetLocation, repositories: tuple[str, ...], stores: Stores, run: Run
) -> Contents:
    """Reads the content of a place.

    Args:
        place: The place as users write it.
        target: The same, parsed.
        repositories: The repositories of a registry that are read; empty for all.
        stores: The stores of the run.
        run: Receives progress, and can be stopped.

    Raises:
        Misuse: There is no inventory of this kind of place.
        Refused: The registry does not list its repositories, or there is no layout.
        Unavailable: The place does not answer.
        Interrupted: The user stopped it.
    """
    if target.pushed_to is not None:
        registry = stores.registry(target.pushed_to.registry)
        return registry_contents(registry, target.pushed_to.prefix, repositories, kept_documents(), run)
    if target.kind == DAEMON and target.named_as_in is None:
        return daemon_contents(stores.daemon, run)
    location = source_of(parse_image(place))
    if target.kind in (REGISTRY, DAEMON) or location.container is None or location.indexed_file is not None:
        raise Misuse("no inventory of this kind of place", subject=place, hint=_OTHER_PLACE)
    layout = location.open(stores)
    assert isinstance(layout, LayoutSource)
    return layout_contents(layout, run)
