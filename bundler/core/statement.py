"""A statement about the images and blobs of a place: a bundle, a receipt or an inventory, with a checked signature.

A receipt and an inventory are *proof* that their target had the blobs at that time: an import asked the registry for
each blob, and an inventory read each manifest, which a registry accepts only with its blobs. A bundle is an
*assumption*: it proves what was carried, not that it arrived. Either may be out of date, because registries collect
garbage. So an import looks for each blob again before anything moves.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory
from bundler.core.limits import BASE_NAME_CHARACTERS
from bundler.core.manifest import BundleManifest
from bundler.core.manifest.series import BUNDLE, INVENTORY, RECEIPT, Base
from bundler.core.receipt import Receipt


@frozen
class Statement:
    """A statement, read from a file or folder.

    Attributes:
        id: The id of the bundle, or the SHA-256 of the document, in hex.
        document: The manifest of the bundle, or the document.
        signers: The key ids of the trusted keys that have signed it; empty if signatures were not checked.
    """

    id: str
    document: BundleManifest | Receipt | Inventory
    signers: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """``bundle``, ``receipt`` or ``inventory``."""
        match self.document:
            case BundleManifest():
                return BUNDLE
            case Receipt():
                return RECEIPT
            case Inventory():
                return INVENTORY

    @property
    def base(self) -> Base:
        """The statement as a base of a bundle, FORMAT.md, section 5.13."""
        match self.document:
            case BundleManifest() as manifest:
                return Base(self.id, BUNDLE, manifest.name, manifest.created, manifest.archive)
            case Receipt() as receipt:
                places = ", ".join(target.target for target in receipt.targets)
                name = f"{receipt.bundle_name} at {places}" if places else receipt.bundle_name or RECEIPT
                return Base(self.id, RECEIPT, name[:BASE_NAME_CHARACTERS], receipt.finished)
            case Inventory() as inventory:
                return Base(self.id, INVENTORY, inventory.place, inventory.created)
