"""Reads statements: a sealed bundle, whole or only its small files; the file of a receipt or inventory.

A bundle is in a folder or in S3. Receipts and inventories are files of this machine.

Signatures are checked before anything is parsed. `bundler.core.statement` says what each kind proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bundler.bundle.opening import find, load
from bundler.bundle.signing import BadSignature
from bundler.core import roles
from bundler.core.document_head import INVENTORY
from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory, parse_inventory
from bundler.core.receipt import parse_receipt
from bundler.core.s3_path import S3Path
from bundler.core.statement import Statement
from bundler.errors import Untrusted
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.signed_files import INVENTORY_FILE, RECEIPT_FILE, Demand, SignedFile, read_signed
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.document_heads import document_at

_SMALL_FILES = (roles.MANIFEST.file, roles.SUMS.file)


@frozen
class InventoryFile:
    """An inventory that was read from a file, and the signatures of the file."""

    inventory: Inventory
    file: SignedFile


def read_inventory(path: Path, trust: Sequence[Path] = (), *, demand: Demand = Demand.REQUIRED) -> InventoryFile:
    """Reads an inventory.

    Args:
        path: Its file.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it. This is checked before it is parsed.
        Damaged, Refused: The file is no inventory.
    """
    file = read_signed(path, INVENTORY_FILE, trust, demand=demand)
    return InventoryFile(parse_inventory(file.content, what=str(path)), file)


def is_statement(path: BundlePath) -> bool:
    """True if a path may be that of a statement: a folder, a place in S3, or the file of a receipt or inventory."""
    return isinstance(path, S3Path) or path.is_dir() or path.name in _SMALL_FILES or document_at(path) is not None


def read_statement(
    path: BundlePath,
    trust: Sequence[Path] = (),
    *,
    demand: Demand,
    unlocking: Unlocking = LOCKED,
    run: Run | None = None,
) -> Statement:
    """Reads a statement of any kind.

    Args:
        path: The folder of a bundle or its place in S3, its bundle.json or SHA256SUMS, or the file of a receipt or an
            inventory.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.
        unlocking: Opens an encrypted bundle.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no such file or bundle, there are several bundles, or a passphrase is missing or wrong.
        Untrusted: No trusted key has signed it.
        Damaged, Incomplete, Refused, Unavailable, LocalStorage: It cannot be read, or is none of the kinds.
    """
    if path.name in _SMALL_FILES:
        return _bundle(path.parent, trust, demand, unlocking, run or Run())
    if isinstance(path, S3Path) or path.is_dir():
        return _bundle(path, trust, demand, unlocking, run or Run())
    is_inventory = document_at(path) == INVENTORY
    file = read_signed(path, INVENTORY_FILE if is_inventory else RECEIPT_FILE, trust, demand=demand)
    read = parse_inventory if is_inventory else parse_receipt
    return Statement(file.id, read(file.content, what=str(path)), tuple(key.id for key in file.signers))


def _bundle(path: BundlePath, trust: Sequence[Path], demand: Demand, unlocking: Unlocking, run: Run) -> Statement:
    unchecked = find([path])
    if demand is Demand.IGNORED:
        sealed = unchecked.taken_as_it_is()
    else:
        keys = trusted_keys(trust, judged=Judged(locals_of(unchecked.folders)))
        try:
            sealed = unchecked.trusted_by(keys)
        except BadSignature:
            raise
        except Untrusted:
            if demand is Demand.REQUIRED or (keys and demand is Demand.REQUIRED_IF_KEYS_TRUSTED):
                raise
            sealed = unchecked.taken_as_it_is()
    with closing(unlocking.unlocked(load(sealed), run)) as bundle:
        return Statement(bundle.id, bundle.manifest, bundle.sealed.signers)
