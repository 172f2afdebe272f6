"""The request of an inventory, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory, LoadedImage, NotListed
from bundler.core.inventory_table import NO_TABLE, Table
from bundler.errors import EXIT_PARTIAL
from bundler.keys.private_key import Passphrases, no_passphrases
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.clock import creation_time
from bundler.system.operator import host, operator
from bundler.system.request_fields import Request


@frozen
class InventoryRequest(Request):
    """The request of ``bundler inventory``.

    Attributes:
        place: The place as users write it: ``HOST[/PREFIX]``, ``oci:DIR`` or ``docker-daemon:``.
        output: The file of the inventory.
        key_path: The private key that signs it; None for an unsigned inventory.
        key_passphrases: Opens the key.
        repositories: The repositories of a registry that does not list them: paths, without the host.
        lists: Image lists that name repositories as an import would name them at the place.
        network: The network options.
        operator: The user who makes it.
        host: The machine.
        now: Returns the time: ISO 8601, UTC.
    """

    place: str
    output: Path
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases
    repositories: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    network: NetworkOptions = DEFAULT_NETWORK
    operator: str = field(default_factory=operator)
    host: str = field(default_factory=host)
    now: Callable[[], str] = creation_time


@frozen
class Contents:
    """The content of a place.

    Attributes:
        table: Its repositories, manifests and blobs.
        images: The images of a daemon.
        not_listed: Repositories and tags that could not be read.
        doubtful: Repositories of a registry in which a list of attachments could not be read, sorted.
    """

    table: Table = NO_TABLE
    images: tuple[LoadedImage, ...] = ()
    not_listed: tuple[NotListed, ...] = ()
    doubtful: tuple[str, ...] = ()


@frozen
class InventoryResult:
    """An inventory in its file.

    Attributes:
        path: The file.
        id: The SHA-256 of its bytes, 64 hex digits.
        inventory: The inventory.
        key_id: The id of the key that signed it; None for an unsigned inventory.
        is_old: True if an earlier run had written the file, with the same content.
    """

    path: Path
    id: str
    inventory: Inventory
    key_id: str | None
    is_old: bool = False

    @property
    def exit_code(self) -> int:
        """Partial if repositories or tags could not be read; else 0."""
        return EXIT_PARTIAL if self.inventory.not_listed else 0
