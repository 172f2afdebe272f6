"""The request of ``bundler check``, and its result."""

from __future__ import annotations

from pathlib import Path

from bundler.core.drift import STATES, ImageDrift, counts
from bundler.core.frozen import frozen
from bundler.core.location import Target
from bundler.core.naming_rules import NO_RULES, NamingRules
from bundler.core.policies import KEEP
from bundler.core.selection import EVERYTHING, Selection
from bundler.errors import worst
from bundler.importing.need_file import NeedRequest, NeedResult
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.bundle_paths import BundlePath
from bundler.system.request_fields import Request, complete
from bundler.transports.parsing import target_of


@frozen
class CheckRequest(Request):
    """The request of ``bundler check``.

    Attributes:
        paths: One receipt, or the folders of one bundle; its small files are enough.
        target: The registry; None for the one of the receipt.
        is_deep: Read and hash every manifest and blob.
        trust: Public keys or folders of them; empty for the trust folder.
        is_without_signature: Accept the receipt or bundle without a trusted signature.
        selection: Chooses images by patterns.
        mapping: The rule for the names of the images of a bundle, as for an import.
        rules: Its rules for names and tags.
        has_digest_tags: The import gave an image without a tag one that is made from its digest.
        has_attachments: The attachments of images are checked too.
        unlocking: Opens an encrypted bundle.
        network: The network options.
        need: The need-list to write if something must come again; None for none.
    """

    paths: tuple[BundlePath, ...]
    target: Target | None = None
    is_deep: bool = False
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    selection: Selection = EVERYTHING
    mapping: str = KEEP
    rules: NamingRules = NO_RULES
    has_digest_tags: bool = True
    has_attachments: bool = True
    unlocking: Unlocking = LOCKED
    network: NetworkOptions = DEFAULT_NETWORK
    need: NeedRequest | None = None

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, target=lambda given, field: None if given is None else target_of(given, field))


@frozen
class CheckResult:
    """The images of a receipt or bundle, compared with a registry.

    Attributes:
        kind: ``receipt`` or ``bundle``.
        name: The name of the bundle.
        bundle_id: The id of the bundle.
        signers: The key ids of the trusted signatures of the receipt or bundle.
        place: The registry, HOST or HOST/PREFIX.
        is_deep: True if every byte was read.
        images: The images.
        left_out: The number of images that are not expected: the import did not put them there.
        asked: The number of manifests, configs and layers that were looked for, each once in each repository.
        read_bytes: The bytes that were read and hashed.
        need: The need-list; None if none was asked for.
    """

    kind: str
    name: str
    bundle_id: str
    signers: tuple[str, ...]
    place: str
    is_deep: bool
    images: tuple[ImageDrift, ...]
    left_out: int = 0
    asked: int = 0
    read_bytes: int = 0
    need: NeedResult | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The number of images in each state, the worst first."""
        return counts(self.images)

    @property
    def drifted(self) -> tuple[ImageDrift, ...]:
        """The images that are not whole, the worst first."""
        found = [each for each in self.images if each.faults]
        return tuple(sorted(found, key=lambda each: (STATES.index(each.state), str(each.wanted.name))))

    @property
    def exit_code(self) -> int:
        """0, or that of the worst fault: 4 damaged, 6 moved, 7 not given by the registry, 9 missing."""
        return worst([fault.error for each in self.images for fault in each.faults])
