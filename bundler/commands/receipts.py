"""``bundler receipt show|verify|merge``: reads the receipts of imports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from bundler.bundle.signing import PublicKey
from bundler.core.events import Listener, nobody
from bundler.core.limits import RECEIPT_BYTES, SIGNATURE_BYTES
from bundler.core.receipt import Receipt, merged, parse_receipt
from bundler.errors import Damaged, LocalStorage, Misuse, Untrusted
from bundler.importing.receipt_file import refuse_taken, signature_path, write_receipt
from bundler.importing.request import NO_KEY, ReceiptKey
from bundler.keys.trust import Judged, trusted_keys
from bundler.system.files import read_bounded
from bundler.texts import some, text

_MERGED_UNSEEN = "receipt merge --insecure-no-signature"


class Demand(Enum):
    """The signature that a reader demands of a receipt."""

    ALWAYS = auto()
    """A trusted key must have signed it."""
    IF_ANY_IS_TRUSTED = auto()
    """A trusted key must have signed it, unless no key at all is trusted here."""
    NONE = auto()
    """The signature is checked and reported. Only one that does not match is refused."""
    NOT_EVEN_LOOKED_AT = auto()
    """The signature is not checked: the user gave ``--insecure-no-signature``."""

    @classmethod
    def of(cls, *, is_without_signature: bool) -> Demand:
        """The demand of a command that acts on a receipt."""
        return cls.NOT_EVEN_LOOKED_AT if is_without_signature else cls.IF_ANY_IS_TRUSTED


@dataclass(frozen=True, slots=True)
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


def read_receipt(path: Path, trust: Sequence[Path] = (), *, demand: Demand) -> ReceiptFile:
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
    if not path.is_file():
        raise Misuse("there is no such receipt", subject=str(path))
    content = read_bounded(path, RECEIPT_BYTES)
    keys: Sequence[PublicKey] = ()
    if demand is not Demand.NOT_EVEN_LOOKED_AT:
        keys = trusted_keys(trust, judged=Judged(files=(path,)))
    good = _signers(path, content, keys)
    is_unsigned = bool(keys) and not good
    if demand is Demand.ALWAYS and not keys:
        raise Untrusted("there is no trusted key", hint="give the importer's public key: --trust NAME.pub")
    if is_unsigned and demand is not Demand.NONE:
        raise Untrusted(
            "no trusted key has signed this receipt",
            subject=str(path),
            expected=", ".join(sorted(key.id for key in keys)),
            actual=_claimed(path) or text("its signature file is missing"),
            hint="copy RECEIPT.<key id>.sig into the same folder; import --receipt-key KEY writes it; to accept an "
            "unsigned receipt: --insecure-no-signature",
            code="receipt-unsigned",
        )
    identity = hashlib.sha256(content).hexdigest()
    return ReceiptFile(path, parse_receipt(content, what=str(path)), identity, good, is_unsigned)


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
        paths: The receipts.
        output: The file to write.
        key: The key that signs the new receipt, if it is to be signed.
        trust: Public keys or folders of them; if there are any, one must have signed each receipt. Empty for the trust
            folder.
        is_without_signature: True to accept receipts without a signature; the new receipt records this.
        listener: Receives remarks for people.

    Raises:
        Misuse: The receipts are about different bundles, or the output exists.
        Untrusted: One of them is not signed by a trusted key.
        Damaged: One of them is no receipt.
        LocalStorage: The output cannot be written.
    """
    refuse_taken(output)
    private = key.load(listener)
    demand = Demand.of(is_without_signature=is_without_signature)
    files = [read_receipt(path, trust, demand=demand) for path in paths]
    receipt = merged([file.receipt for file in files], [file.id for file in files])
    if is_without_signature:
        receipt = replace(receipt, weakened=tuple(dict.fromkeys((*receipt.weakened, _MERGED_UNSEEN))))
    write_receipt(receipt, output, private)
    return read_receipt(output, demand=Demand.NOT_EVEN_LOOKED_AT)


def _signers(path: Path, content: bytes, keys: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    good: dict[str, PublicKey] = {}
    for key in keys:
        file = signature_path(path, key.id)
        if not os.path.lexists(file):
            continue
        try:
            signature = read_bounded(file, SIGNATURE_BYTES)
        except (Damaged, LocalStorage) as error:
            raise Untrusted(
                text("not a signature: {reason}", reason=error.message), subject=str(file), code="bad-signature"
            ) from error
        if not key.verifies(signature, content):
            raise Untrusted(
                "the signature does not match the receipt",
                subject=str(file),
                hint=("the receipt or its signature was changed"),
            )
        good[key.id] = key
    return tuple(good.values())


def _claimed(path: Path) -> str:
    names = sorted(file.name for file in path.parent.glob(f"{path.name}.*.sig"))
    return some((name.removeprefix(f"{path.name}.").removesuffix(".sig") for name in names), most=3)
