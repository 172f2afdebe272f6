"""The request for an export: all that decides which bundle is made, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from bundler.bundle.readme import Records
from bundler.core.archive_kind import SEVEN_ZIP, TAR, ArchiveKind
from bundler.core.attachment_choice import ALL_ATTACHMENTS, AttachmentChoice
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.medium_size import DEFAULT_CHUNK_BYTES
from bundler.core.parity import ParityChoice
from bundler.core.platform import Platform
from bundler.core.policy import ImagePolicy
from bundler.core.selection import EVERYTHING, Selection
from bundler.core.shard import Shard
from bundler.exporting.resolved_file import ResolvedFile
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.private_key import Passphrases, no_passphrases
from bundler.stores.credentials import Credentials
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.clock import creation_time
from bundler.system.places import scratch_folder
from bundler.system.request_fields import Request


@frozen
class ExportRequest(Request):
    """A request to `bundler.exporting.export.export`.

    Attributes:
        lists: Image lists, ``-`` for standard input, or single locations with their transport.
        output: The folder that the bundle's folder is made in, or a place in S3.
        further_outputs: Folders on further media. The chunks are spread over all of them, by their free space.
        medium_size_bytes: The size of the media that the bundle is made for: one folder in ``output`` for each; None
            for one folder of any size.
        created: The time that the bundle bears: ISO 8601, UTC. Default: now, or SOURCE_DATE_EPOCH.
        chunk_size_bytes: The largest size of a chunk file.
        key_path: The private key that signs; required unless `is_unsigned`.
        key_passphrases: Gives passphrases to try on the key; called only if the key is encrypted.
        archive: The kind of the chunk files; None for 7z in an encrypted bundle and tar in any other.
        is_encrypted: True to encrypt content and names with a passphrase.
        bundle_passphrase: Gives that passphrase; called only if a bundle is to be made.
        is_unsigned: True for a bundle without a signature.
        name: The bundle's name; None for the name that the lists, their file or their only image give.
        platforms: The platforms to carry of images whose list says none; empty for all.
        selection: The images of the lists to carry.
        is_dry_run: True to plan only, and write nothing.
        is_restarted: True to discard what an earlier run of this export left.
        is_passphrase_new: True if the passphrase was made for this run, so that nobody knows that of an earlier one.
        is_read_back: True to read the bundle from its medium again before it is sealed; None for removable media only.
        network: How to reach registries.
        login: Credentials for the one registry that images come from; None to look them up.
        layer_compression: The compression of layers that their source has uncompressed: gzip, zstd or none.
        scratch: The folder for temporary data.
        skips_missing: True to go without images that their sources do not have or refuse.
        skips_unusable: True to go also without images that are damaged or incomplete at their sources, and without
            attachments that a source lists and does not give.
        since: Folders of bundles, their places in S3, and files of receipts and inventories: the blobs that they list
            are left out, because the receiver has them.
        trust: The public keys, or folders of them, that must have signed what ``since`` names; empty for the user's
            trust folder.
        is_since_without_signature: True to accept it without a trusted signature.
        since_unlocking: Opens encrypted bundles among it.
        attachments: The attachments to carry of images whose list says nothing about them.
        images: The images, in place of lists.
        completes: The id of the bundle that this one is a supplement to; empty if it is none.
        carried: Blobs that the bundle carries in any case, because the receiver lost them.
        policies: The policies that must all accept an image before anything of the bundle is written.
        skips_refused: True to go without images that a policy refuses.
        channel: The channel that the bundle belongs to; None for none.
        sequence: Its number in the channel; None for the next one.
        tool: The folder with the tool that the bundle carries for its receiver; None for none.
        variables: Values of variables of the lists, each as ``NAME=VALUE``.
        parity: The amount of recovery data; None for none.
        resolved: The resolved file that the images, the name and the options come from; see `bundler.read_resolved`.
        shard: Only the chunks of this shard are made; `bundler.export_shard` sets it.
        seals: The folders with the chunks that shards have made. Nothing is fetched.
        records: Records that come along, by the names of their files. They are signed and not encrypted.
    """

    lists: tuple[str, ...]
    output: BundlePath
    created: str = field(default_factory=creation_time)
    chunk_size_bytes: int = DEFAULT_CHUNK_BYTES
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases
    archive: ArchiveKind | None = None
    is_encrypted: bool = False
    bundle_passphrase: Callable[[], str] = lambda: ""
    is_unsigned: bool = False
    name: str | None = None
    platforms: tuple[Platform, ...] = ()
    selection: Selection = EVERYTHING
    is_dry_run: bool = False
    is_restarted: bool = False
    is_passphrase_new: bool = False
    is_read_back: bool | None = None
    network: NetworkOptions = DEFAULT_NETWORK
    login: Credentials | None = None
    layer_compression: str = "gzip"
    scratch: Path = field(default_factory=scratch_folder)
    skips_missing: bool = False
    skips_unusable: bool = False
    since: tuple[BundlePath, ...] = ()
    trust: tuple[Path, ...] = ()
    is_since_without_signature: bool = False
    since_unlocking: Unlocking = LOCKED
    attachments: AttachmentChoice = ALL_ATTACHMENTS
    images: tuple[Entry, ...] = ()
    completes: str = ""
    carried: frozenset[Digest] = frozenset()
    policies: tuple[ImagePolicy, ...] = ()
    skips_refused: bool = False
    channel: str | None = None
    sequence: int | None = None
    tool: Path | None = None
    further_outputs: tuple[Path, ...] = ()
    medium_size_bytes: int | None = None
    variables: tuple[str, ...] = ()
    parity: ParityChoice | None = None
    resolved: ResolvedFile | None = None
    shard: Shard | None = None
    seals: tuple[Path, ...] = ()
    records: Records = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The folders of this machine that folders of the bundle are made in."""
        return locals_of((self.output, *self.further_outputs))

    @property
    def archive_kind(self) -> ArchiveKind:
        """The kind of the chunk files. Only 7z can be encrypted."""
        return self.archive or (SEVEN_ZIP if self.is_encrypted else TAR)
