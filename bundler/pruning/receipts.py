"""Reads the receipts of imports: a prune needs them to know what came together.

An unreadable receipt is an error: it may be the one that protects the images of the newest bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.document_head import RECEIPT
from bundler.core.frozen import frozen
from bundler.core.limits import PRUNE_RECEIPTS, RECEIPT_BYTES
from bundler.core.receipt import Receipt, parse_receipt
from bundler.core.receipt_attachments import UNFINISHED
from bundler.core.retention.imported import Digests, ImportedBundle, imported_bundle, joined
from bundler.errors import Misuse, Refused
from bundler.importing.receipt_file import earlier_folders
from bundler.importing.receipt_heads import may_be_receipt
from bundler.keys.signed_files import RECEIPT_FILE, Demand, read_signed
from bundler.system.files import is_own, read_with_facts
from bundler.texts import text


@frozen
class Imports:
    """The bundles that were imported into a registry, by the receipts that were found.

    Attributes:
        bundles: The bundles, newest first.
        receipts: The number of receipts about this registry.
    """

    bundles: tuple[ImportedBundle, ...]
    receipts: int


def read_imports(registry: str, given: Sequence[Path], trust: Sequence[Path], demand: Demand, *, now: str) -> Imports:
    """Reads all receipts of imports into a registry.

    Args:
        registry: The host of the registry.
        given: Receipts, or folders of them; those in the state folder of this user are read always.
        trust: The keys for the given receipts.
        demand: The signature that these must have.
        now: The time, UTC, ISO 8601.

    Raises:
        Misuse: A given path does not exist.
        Untrusted: No trusted key has signed a given receipt.
        Damaged, Refused, LocalStorage: A receipt cannot be read, or there are too many.
    """
    known: dict[Digest, Digests] = {}
    read = (*_own_receipts(), *_given_receipts(given, trust, demand))
    found = [each for receipt in read if (each := imported_bundle(receipt(), registry, known, now)) is not None]
    return Imports(joined(found), len(found))


@frozen
class _Receipt:
    """The file of a receipt. It is read when it is needed: many together would take much memory."""

    path: Path
    trust: Sequence[Path] | None = None
    demand: Demand = Demand.IGNORED

    def __call__(self) -> Receipt:
        if self.trust is None:
            return parse_receipt(own_content(self.path), what=str(self.path))
        file = read_signed(self.path, RECEIPT_FILE, self.trust, demand=self.demand)
        return parse_receipt(file.content, what=str(self.path))


def _own_receipts() -> list[_Receipt]:
    found: list[Path] = []
    for folder in earlier_folders(None):
        own = sorted((*folder.glob("*.json"), *folder.glob(f"*.json.{UNFINISHED}*")))
        found += _bounded(own, folder)
    return [_Receipt(path) for path in found if _is_receipt(path)]


def _given_receipts(given: Sequence[Path], trust: Sequence[Path], demand: Demand) -> list[_Receipt]:
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise Misuse("there is no such file or folder", subject=f"--receipts {path}", hint="check the path")
        inside = [each for each in sorted(path.glob("*.json")) if _is_receipt(each)] if path.is_dir() else [path]
        if not inside:
            raise Misuse(
                "there is no receipt in this folder",
                subject=f"--receipts {path}",
                hint="give the folder in which import --receipt wrote them, or the files",
            )
        found += _bounded(inside, path)
    return [_Receipt(path, tuple(trust), demand) for path in found]


def _bounded(found: list[Path], folder: Path) -> list[Path]:
    if len(found) > PRUNE_RECEIPTS:
        raise Refused(
            "too many receipts",
            subject=str(folder),
            expected=text("at most {count:,}", count=PRUNE_RECEIPTS),
            actual=text("{count:,}", count=len(found)),
            hint="move the oldest ones to another folder",
        )
    return found


def _is_receipt(path: Path) -> bool:
    return may_be_receipt(path, (RECEIPT,))


def own_content(path: Path) -> bytes:
    """The content of a receipt in the state folder.

    Raises:
        Refused: Another user could have written it.
        Damaged, LocalStorage: It is too large, or cannot be read.
    """
    content, facts = read_with_facts(path, RECEIPT_BYTES)
    if not is_own(facts):
        raise Refused(
            "another user could have written this receipt",
            subject=str(path),
            hint="move it away, or make it yours: chown and chmod go-w",
        )
    return content
