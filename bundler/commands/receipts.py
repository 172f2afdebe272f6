"""``bundler receipt show|verify|merge``: reading what imports wrote down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.files import read_bounded
from bundler.bundle.signing import PublicKey
from bundler.commands.recording import NO_KEY, ReceiptKey, refuse_taken, signature_path, write_receipt
from bundler.commands.trust import trusted_keys
from bundler.core.events import Listener, nobody
from bundler.core.limits import RECEIPT_BYTES, SIGNATURE_BYTES
from bundler.core.receipt import Receipt, merged, parse_receipt
from bundler.errors import Misuse, Untrusted


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A receipt as it was read.

    Attributes:
        path: Its file.
        receipt: What it says.
        id: SHA-256 of its bytes, 64 hex.
        signers: The trusted keys that signed it, where that was looked at.
    """

    path: Path
    receipt: Receipt
    id: str
    signers: tuple[str, ...] = ()


def read_receipt(path: Path, trust: Sequence[Path] | None = None) -> ReceiptFile:
    """Reads a receipt.

    Args:
        path: Its file.
        trust: Keys of which one must have signed it, empty for the trust folder. None to believe it as it is, unless
            a signature by a key of the trust folder lies beside it: that one must fit.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it. Told before it is parsed.
        Damaged, Refused: It is no receipt.
    """
    if not path.is_file():
        raise Misuse("there is no such receipt", subject=str(path))
    content = read_bounded(path, RECEIPT_BYTES)
    signers = _signers(path, content, trusted_keys(trust or ()), is_demanded=trust is not None)
    identity = hashlib.sha256(content).hexdigest()
    return ReceiptFile(path, parse_receipt(content, what=str(path)), identity, signers)


def merge_receipts(
    paths: Sequence[Path], output: Path, key: ReceiptKey = NO_KEY, *, listener: Listener = nobody
) -> ReceiptFile:
    """Writes one receipt for several imports of one bundle.

    Raises:
        Misuse: They are about different bundles, or the output exists.
        Damaged: One of them is no receipt.
        LocalStorage: The output cannot be written.
    """
    refuse_taken(output)
    private = key.load(listener)
    files = [read_receipt(path) for path in paths]
    write_receipt(merged([file.receipt for file in files], [file.id for file in files]), output, private)
    return read_receipt(output)


def _signers(path: Path, content: bytes, keys: Sequence[PublicKey], *, is_demanded: bool) -> tuple[str, ...]:
    if not keys and is_demanded:
        raise Untrusted("there is no trusted key", hint="give the importer's public key: --trust NAME.pub")
    good = []
    for key in keys:
        beside = signature_path(path, key.id)
        if beside.is_file():
            if not key.verifies(read_bounded(beside, SIGNATURE_BYTES), content):
                raise Untrusted(
                    "the signature does not fit the receipt", subject=str(beside), hint="one of the two was changed"
                )
            good.append(key.id)
    if not good and is_demanded:
        raise Untrusted(
            "no trusted key has signed this receipt",
            subject=str(path),
            expected=", ".join(sorted(key.id for key in keys)),
            actual=_claimed(path) or "no signature beside it",
            hint="its signature is the file RECEIPT.<key id>.sig beside it; sign with import --receipt-key KEY",
        )
    return tuple(dict.fromkeys(good))


def _claimed(path: Path) -> str:
    names = sorted(file.name for file in path.parent.glob(f"{path.name}.*.sig"))
    return ", ".join(name.removeprefix(f"{path.name}.").removesuffix(".sig") for name in names[:3])
