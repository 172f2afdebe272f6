"""The request of an import: the bundle, its images, the targets, and the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.location import Target
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.platform import Platform
from bundler.core.policies import FAIL, KEEP
from bundler.core.reference import Reference
from bundler.core.registry_kind import RegistryKind
from bundler.core.selection import EVERYTHING, Selection
from bundler.core.shard import Shard
from bundler.importing.receipt_key import NO_KEY, ReceiptKey
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.bundle_paths import BundlePath
from bundler.system.clock import now
from bundler.system.operator import host, operator
from bundler.system.request_fields import Request, complete, several
from bundler.transports.parsing import target_of

if TYPE_CHECKING:
    from bundler.core.policy import ImagePolicy
    from bundler.hooks.preheat import PreheatRequest
    from bundler.importing.need_file import NeedRequest
    from bundler.keys.scan_records import ScanGate


@frozen
class ReceiptRequest(Request):
    """The request for a receipt.

    Attributes:
        path: The receipt's file; None for a new one in the state folder.
        key: The key that signs the receipt.
        operator: The person who imports.
        host: The machine.
        now: Returns the time: ISO 8601, UTC.
    """

    path: Path | None = None
    key: ReceiptKey = NO_KEY
    operator: str = field(default_factory=operator)
    host: str = field(default_factory=host)
    now: Callable[[], str] = now


@frozen
class ImportRequest:
    """The request of ``bundler import``.

    Attributes:
        paths: Folders of one bundle, or media with chunks of it.
        targets: The destinations; the bundle is read once for all of them.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without any trusted signature.
        required_signatures: The number of different trusted keys that must have signed the bundle; at least 1.
        selection: Chooses images by patterns.
        retry: The images of a list of failed ones; None for all.
        shard: Only this part of the chosen images is imported; None for all.
        platforms: The wanted platforms of images for several; empty for all, and in daemons for the daemon's own.
        mapping: The rule for names of images that no rule file names; see `bundler.core.policies`.
        rules: Names, tags and conflict policies of single images.
        has_digest_tags: An image without a tag gets a tag that is made from its digest.
        on_conflict: The policy for tags that are taken; see `bundler.core.policies`.
        kind: The kind of the registries; None to ask them.
        admin: Credentials of a user who may create projects in them.
        is_dry_run: Only the plan is wanted; nothing is sent.
        is_all_or_nothing: No tag moves unless every image was sent. With a shard no tag moves at all.
        is_publishing: Nothing is sent: the tags of all images move, if shards have sent every image.
        unlocking: The passphrase and the scratch folder of an encrypted bundle.
        network: The network options for registries.
        is_via_daemon: Registries are reached through the Docker daemon: load, tag, push.
        has_attachments: The attachments of images are imported too: signatures, SBOMs, attestations.
        is_verifying_target: All blobs that images need are read back from the target before a tag moves.
        is_asking_for_parts: The target is asked for each manifest and blob of images that it has; it gets those that
            it lost. A registry reports the tag of an image whose layers are gone.
        policies: The policies that must all accept an image before anything of it is sent.
        scans: The scanners that must have passed the bundle; None to demand no scan.
        allow_rollback: The reason for which a bundle is accepted that its channel would refuse; empty to refuse it.
        receipt: The request for a receipt; None for no receipt. `bundler.undo` needs one.
        need: The need-list to write if something of the bundle is missing or damaged; None for none.
        preheat: The services that are asked to distribute the images after the tags moved; None for none.
        dask: The address of a Dask scheduler whose workers send the images; empty to send them from here.
    """

    paths: tuple[BundlePath, ...]
    targets: tuple[Target, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    selection: Selection = EVERYTHING
    retry: frozenset[Reference] | None = None
    shard: Shard | None = None
    platforms: tuple[Platform, ...] = ()
    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    has_digest_tags: bool = True
    on_conflict: str = FAIL
    kind: RegistryKind | None = None
    admin: Credentials | None = None
    is_dry_run: bool = False
    is_all_or_nothing: bool = False
    is_publishing: bool = False
    unlocking: Unlocking = LOCKED
    network: NetworkOptions = DEFAULT_NETWORK
    is_via_daemon: bool = False
    has_attachments: bool = True
    is_verifying_target: bool = False
    is_asking_for_parts: bool = False
    policies: tuple[ImagePolicy, ...] = ()
    scans: ScanGate | None = None
    allow_rollback: str = ""
    receipt: ReceiptRequest | None = None
    need: NeedRequest | None = None
    preheat: PreheatRequest | None = None
    dask: str = ""

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, targets=several(target_of))
