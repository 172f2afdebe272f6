"""The request of a prune, its plan, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.registry_kind import RegistryKind
from bundler.core.retention.plan import Plan
from bundler.core.retention.receipt import (
    FAILED,
    GONE,
    REMOVED,
    SKIPPED,
    UNFINISHED,
    PrunedManifest,
    PrunedTag,
    PruneReceipt,
)
from bundler.core.retention.rules import Retention
from bundler.errors import EXIT_PARTIAL, BundlerError, worst_of_images
from bundler.importing.receipt_key import NO_KEY, ReceiptKey
from bundler.keys.signed_files import Demand
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system import clock
from bundler.system.operator import host, operator
from bundler.system.request_fields import Request


@frozen
class PruneRequest(Request):
    """The request of ``bundler prune``.

    Attributes:
        place: The registry as users write it: ``HOST[/PREFIX]``.
        retention: The rules.
        receipts: Receipts of imports on other machines, or folders of them; those of this user count always.
        trust: Public keys or folders of them, for the given receipts; empty for the trust folder.
        demand: The signature that given receipts must have.
        output: The file of the new receipt; None for one in the state folder.
        key: The key that signs the new receipt.
        admin: Credentials of a user who may set the rules of a project (Harbor); None for those of the registry.
        is_immutable: True to make the tags of the newest bundles immutable too, by Harbor's own rules.
        network: The network options.
        operator: The user who prunes.
        host: The machine.
        now: Returns the time: ISO 8601, UTC.
    """

    place: str
    retention: Retention
    receipts: tuple[Path, ...] = ()
    trust: tuple[Path, ...] = ()
    demand: Demand = Demand.REQUIRED_IF_KEYS_TRUSTED
    output: Path | None = None
    key: ReceiptKey = NO_KEY
    admin: Credentials | None = None
    is_immutable: bool = False
    network: NetworkOptions = DEFAULT_NETWORK
    operator: str = field(default_factory=operator)
    host: str = field(default_factory=host)
    now: Callable[[], str] = clock.now


@frozen
class PlannedPrune:
    """The plan of a prune. Nothing was changed.

    Attributes:
        request: The request.
        registry: The host of the registry.
        prefix: The first parts of the repositories that were read; may be empty.
        kind: The kind of the registry.
        plan: The plan.
        receipts: The number of receipts about this registry.
        unread: Repositories that could not be read whole, with the reasons, sorted.
        unfinished: The receipts of prunes of this registry that did not end.
        is_partial: True if only some repositories were read: others may need what this frees.
        dates: The dates of images, by digest, in seconds since 1970.
        leftovers: The manifests that interrupted prunes were to remove, by repository.
    """

    request: PruneRequest
    registry: str
    prefix: str
    kind: RegistryKind
    plan: Plan
    receipts: int = 0
    unread: tuple[tuple[str, str], ...] = ()
    unfinished: tuple[Path, ...] = ()
    is_partial: bool = False
    dates: Mapping[Digest, int] = field(default_factory=dict)
    leftovers: Mapping[str, frozenset[Digest]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Partial if repositories could not be read; else 0."""
        return EXIT_PARTIAL if self.unread else 0


@frozen
class PruneResult:
    """The result of a prune.

    Attributes:
        planned: The plan.
        receipt: The receipt; None if there was nothing to remove.
        path: Its file.
        id: The SHA-256 of its bytes, 64 hex digits; empty without a receipt.
        key_id: The key that signed it.
        errors: The errors of manifests and tags that were not removed.
        finished: The receipts of interrupted prunes that were completed.
    """

    planned: PlannedPrune
    receipt: PruneReceipt | None = None
    path: Path | None = None
    id: str = ""
    key_id: str | None = None
    errors: tuple[BundlerError, ...] = ()
    finished: tuple[Path, ...] = ()

    def having(self, *outcomes: str) -> tuple[PrunedManifest | PrunedTag, ...]:
        """The manifests and tags with one of some outcomes."""
        if self.receipt is None:
            return ()
        found: tuple[PrunedManifest | PrunedTag, ...] = (*self.receipt.manifests, *self.receipt.tags)
        return tuple(each for each in found if each.outcome in outcomes)

    @property
    def exit_code(self) -> int:
        """0 if all of the plan was done; partial if something had changed since the plan, or could not be read."""
        done = len(self.having(REMOVED, GONE))
        is_partial = bool(self.having(SKIPPED, FAILED, UNFINISHED)) or bool(self.planned.unread)
        return worst_of_images(self.errors, done=done) or (EXIT_PARTIAL if is_partial else 0)
