"""``bundler receipt show|verify|merge``: reads the receipts of imports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from bundler.bundle.signing import PublicKey
from bundler.core.events import Listener, Noticed, nobody
from bundler.core.frozen import frozen
from bundler.core.joined_receipts import merged
from bundler.core.receipt import Receipt, parse_receipt
from bundler.core.receipt_attachments import UNFINISHED
from bundler.errors import Misuse
from bundler.importing.receipt_key import NO_KEY, ReceiptKey
from bundler.keys.signed_files import RECEIPT_FILE, Demand, read_signed, refuse_taken, write_signed
from bundler.system.request_fields import path_of, paths_of
from bundler.texts import text

_MERGED_UNSEEN = "receipt merge --insecure-no-signature"
_MERGED_WITHOUT_KEYS = "receipt merge, no key is trusted"
"""Nobody has checked these receipts, though the merged one is signed."""
_UNFINISHED = f".json.{UNFINISHED}"
_MOST_FILES = 100_000
"""In one folder: three for each of 10,000 shards, and for their repetitions."""


@frozen
class ReceiptFile:
    """A receipt that was read from a file.

    Attributes:
        path: Its file.
        receipt: Its content.
        id: The SHA-256 of its bytes, 64 hex digits.
        signers: The trusted keys that have signed it; empty if signatures were not checked.
        is_unsigned: True if keys are trusted here and none of them has signed it.
    """

    path: Path
    receipt: Receipt
    id: str
    signers: tuple[PublicKey, ...] = ()
    is_unsigned: bool = False


def read_receipt(path: Path, trust: Sequence[Path] = (), *, demand: Demand = Demand.REQUIRED) -> ReceiptFile:
    """Reads a receipt.

    Args:
        path: Its file.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it. This is checked before the receipt is parsed.
        Damaged, Refused: The file is no receipt.
    """
    path = path_of(path, "path")
    file = read_signed(path, RECEIPT_FILE, paths_of(trust, "trust"), demand=demand)
    return ReceiptFile(path, parse_receipt(file.content, what=str(path)), file.id, file.signers, file.is_unsigned)


def merge_receipts(
    paths: Sequence[Path],
    output: Path,
    key: ReceiptKey = NO_KEY,
    *,
    trust: Sequence[Path] = (),
    is_without_signature: bool = False,
    listener: Listener = nobody,
) -> ReceiptFile:
    """Writes one receipt for several imports of one bundle.

    Args:
        paths: The receipts, or folders with them: all files ``*.json`` in a folder.
        output: The file to write.
        key: The key that signs the new receipt, if it is to be signed.
        trust: Public keys or folders of them; if there are any, one must have signed each receipt. Empty for the trust
            folder. If there are none at all, the new receipt records that nothing was checked.
        is_without_signature: True to accept receipts without a signature; the new receipt records this.
        listener: Receives remarks for people.

    Raises:
        Misuse: The receipts are about different bundles, there are none, or the output exists.
        Untrusted: One of them is not signed by a trusted key.
        Damaged: One of them is no receipt.
        LocalStorage: The output cannot be written.
    """
    paths, output = paths_of(paths, "paths"), path_of(output, "output")
    refuse_taken(output)
    private = key.load(listener)
    demand = Demand.of(is_without_signature=is_without_signature)
    files = [read_receipt(path, trust, demand=demand) for path in _receipts_in(paths, listener)]
    receipt = merged([file.receipt for file in files], [file.id for file in files])
    if is_without_signature or not all(file.signers for file in files):
        how = _MERGED_UNSEEN if is_without_signature else _MERGED_WITHOUT_KEYS
        receipt = replace(receipt, weakened=tuple(dict.fromkeys((*receipt.weakened, how))))
    write_signed(output, receipt.to_json(), private)
    return read_receipt(output, demand=Demand.IGNORED)


def _receipts_in(paths: Sequence[Path], listener: Listener) -> list[Path]:
    """The files of receipts, of folders the files in them. An unfinished receipt is named and left out.

    Raises:
        Misuse: A folder has none, or too many.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        names = sorted(each.name for each in islice(path.iterdir(), _MOST_FILES))
        receipts = [path / each for each in names if each.endswith(".json")]
        if not receipts or len(names) == _MOST_FILES:
            raise Misuse("the folder has no receipts" if not receipts else "too many files", subject=str(path))
        for each in names:
            if each.endswith(_UNFINISHED):
                listener(Noticed(text("{path} is not merged: its import runs or was killed", path=str(path / each))))
        found += receipts
    return found
