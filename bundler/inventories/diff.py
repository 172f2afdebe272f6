"""``bundler diff``: what is new, moved and gone between two lists, bundles, receipts, inventories or registries."""

from __future__ import annotations

import os
from dataclasses import field, replace
from pathlib import Path

from bundler import __version__
from bundler.core.comparison import Comparison, Side, compare
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory
from bundler.core.location import REGISTRY
from bundler.core.manifest import BundleManifest
from bundler.core.mapping import Naming
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform
from bundler.core.policies import KEEP
from bundler.core.receipt import Receipt
from bundler.core.s3_path import SCHEME
from bundler.core.sides import Names, side_of_bundle, side_of_images, side_of_inventory, side_of_receipt
from bundler.core.statement import Statement
from bundler.errors import EXIT_DIFFERENT, BundlerError, Damaged, Misuse, NoCatalog
from bundler.inventories.contents import contents_of
from bundler.inventories.listed_images import listed_images
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.signed_files import Demand
from bundler.keys.statements import is_statement, read_statement
from bundler.run import Run, paces_of
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.opened import Stores
from bundler.system.bundle_paths import bundle_path
from bundler.system.clock import now
from bundler.system.places import scratch_folder
from bundler.system.request_fields import Request
from bundler.texts import text
from bundler.transport_table import prefix_of
from bundler.transports.parsing import parse_target

_PLACES = ("", "docker://", "oci:", "docker-daemon:")
"""The transports of places that hold images; a location of another transport is a list of its images."""
_LIST_SUFFIXES = (".yaml", ".yml", ".txt", ".json", ".lst")


@frozen
class DiffRequest(Request):
    """The request of ``bundler diff``.

    Attributes:
        old: The first side as users write it.
        new: The second side.
        trust: Public keys or folders of them; empty for the trust folder.
        is_without_signature: True to accept bundles, receipts and inventories without a trusted signature.
        unlocking: Opens encrypted bundles.
        mapping: The names that an import gives at a registry, if one side is a registry.
        rules: Its rules.
        platforms: For the images of lists that say none.
        network: The network options.
        scratch: The folder for images of daemons and archives.
    """

    old: str
    new: str
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    unlocking: Unlocking = LOCKED
    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    platforms: tuple[Platform, ...] = ()
    network: NetworkOptions = DEFAULT_NETWORK
    scratch: Path = field(default_factory=scratch_folder)


@frozen
class ComparedSide:
    """A side of a comparison, for people.

    Attributes:
        given: The side as the user wrote it.
        kind: ``list``, ``bundle``, ``receipt`` or ``inventory``; of a place ``registry``, ``layout`` or ``daemon``.
        id: The id of the bundle or the document; empty for a list or a place.
        signers: The key ids of the trusted keys that have signed it.
        images: The number of its images.
        not_listed: The number of its repositories and tags that could not be read.
    """

    given: str
    kind: str
    id: str
    signers: tuple[str, ...]
    images: int
    not_listed: int = 0


@frozen
class DiffResult:
    """The differences between two sides."""

    old: ComparedSide
    new: ComparedSide
    comparison: Comparison

    @property
    def exit_code(self) -> int:
        """0 if both sides are the same; else 1. This is the only command with this code."""
        return 0 if self.comparison.is_same else EXIT_DIFFERENT


_Content = Statement | tuple[ResolvedImage, ...]


@frozen
class _Read:
    """A side that was read. An inventory without an id is that of a place, as it is now."""

    given: str
    content: _Content

    @property
    def is_registry(self) -> bool:
        """True if only paths in a registry are known of it."""
        document = self.content.document if isinstance(self.content, Statement) else None
        return isinstance(document, Inventory) and document.kind == REGISTRY


def diff(request: DiffRequest, run: Run | None = None) -> DiffResult:
    """Compares two sides. Lists are resolved at their sources, and places are asked; nothing is changed.

    Args:
        request: The two sides, the trusted keys, and the names at a registry.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: A side does not exist, or cannot be read.
        Untrusted: A key is trusted here, and none has signed a bundle, receipt or inventory.
        Refused, Unavailable: A source or a place does not answer, or lacks an image of a list.
        Damaged, Incomplete, LocalStorage: A side cannot be read.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    if request.old == request.new == "-":
        raise Misuse("only one list can come from standard input")
    old, new = _both(request, run)
    names = _Form(request, old.is_registry or new.is_registry, old.is_registry and new.is_registry)
    sides = _side(old, names.of(old)), _side(new, names.of(new))
    return DiffResult(_compared(old, sides[0]), _compared(new, sides[1]), compare(*sides))


def _both(request: DiffRequest, run: Run) -> tuple[_Read, _Read]:
    """Reads both sides, files before places: a registry without a catalog is asked for the names of the other side."""
    if _is_place(request.old) and not _is_place(request.new):
        new = _read(request.new, request, run)
        return _read(request.old, request, run, new), new
    old = _read(request.old, request, run)
    return old, _read(request.new, request, run, old)


def _is_place(given: str) -> bool:
    return given != "-" and not given.startswith(SCHEME) and prefix_of(given) in _PLACES and not os.path.lexists(given)


def _read(given: str, request: DiffRequest, run: Run, other: _Read | None = None) -> _Read:
    """Reads a side; ``other`` is the other side, if it was read before."""
    path = bundle_path(given)
    if given != "-" and not prefix_of(given) and is_statement(path):
        demand = Demand.of(is_without_signature=request.is_without_signature)
        statement = read_statement(path, request.trust, demand=demand, unlocking=request.unlocking, run=run)
        if not statement.signers:
            run.listener(Noticed(text("{path}: no signature was checked", path=given)))
        return _Read(given, statement)
    if not _is_place(given):
        return _Read(given, listed_images(given, request.platforms, request.network, request.scratch, run))
    _refuse_missing(given)
    return _Read(given, Statement("", _inventory_of(given, request, run, other)))


def _refuse_missing(given: str) -> None:
    """Refuses the path of a file that is not there, before it is taken for the name of a registry.

    Raises:
        Misuse: It looks like one.
    """
    if not prefix_of(given) and (given.endswith(_LIST_SUFFIXES) or given.startswith((".", "/", "~"))):
        raise Misuse("there is no such file", subject=given)
    if not prefix_of(given) and "/" in given and Path(given).parent.is_dir():
        raise Misuse(
            "there is no such file or folder",
            subject=given,
            hint=text("for a registry write docker://{given}", given=given),
        )


def _inventory_of(given: str, request: DiffRequest, run: Run, other: _Read | None) -> Inventory:
    """The inventory of a place. A registry without a catalog is asked for the repositories of the other side."""
    target = parse_target(given)
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    try:
        contents = contents_of(given, target, (), stores, run)
    except NoCatalog:
        if other is None or target.pushed_to is None or other.is_registry:
            raise
        run.listener(
            Noticed(
                text(
                    "{registry} does not list its repositories: only those of {other} are compared",
                    registry=target.pushed_to.registry,
                    other=other.given,
                )
            )
        )
        side = _side(other, _Form(request, has_registry=True, are_registries=False).of(other))
        contents = contents_of(given, target, _repositories(side, target.pushed_to.prefix), stores, run)
    return Inventory(
        f"bundler {__version__}",
        str(target),
        target.kind,
        now(),
        "",
        "",
        contents.table.repositories,
        contents.table.manifests,
        contents.table.blobs,
        contents.images,
        contents.not_listed,
    )


@frozen
class _Form:
    """The form of the names on both sides.

    Attributes:
        request: The request, with the names that an import gives.
        has_registry: True if a side is a registry, so that names are paths there.
        are_registries: True if both are.
    """

    request: DiffRequest
    has_registry: bool
    are_registries: bool

    def of(self, read: _Read) -> Names:
        """The form for one side. A bundle has a name and a date, for rules that make tags of them."""
        if not self.has_registry:
            return Names()
        naming = Naming(self.request.mapping, self.request.rules)
        document = read.content.document if isinstance(read.content, Statement) else None
        if isinstance(document, BundleManifest):
            naming = replace(naming, bundle=document.name, date=document.created[:10].replace("-", ""))
        return Names(naming, has_attachments=self.are_registries)


def _repositories(side: Side, prefix: str) -> tuple[str, ...]:
    """The repositories of a side whose names are paths, below a prefix."""
    paths = {name.partition("@")[0] if "@" in name else name.rpartition(":")[0] for name in side.images}
    return tuple(sorted(f"{prefix}/{path}" if prefix else path for path in paths))


def _side(read: _Read, names: Names) -> Side:
    if not isinstance(read.content, Statement):
        return side_of_images(read.content, names)
    match read.content.document:
        case BundleManifest() as manifest:
            return side_of_bundle(manifest, names)
        case Receipt() as receipt:
            try:
                return side_of_receipt(receipt, names)
            except BundlerError as error:
                raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=read.given) from error
        case Inventory() as inventory:
            return side_of_inventory(inventory, names)


def _compared(read: _Read, side: Side) -> ComparedSide:
    content = read.content
    if not isinstance(content, Statement):
        return ComparedSide(read.given, "list", "", (), len(side.images))
    document = content.document
    not_listed = len(document.not_listed) if isinstance(document, Inventory) else 0
    kind = document.kind if isinstance(document, Inventory) and not content.id else content.kind
    return ComparedSide(read.given, kind, content.id, content.signers, len(side.images), not_listed)
