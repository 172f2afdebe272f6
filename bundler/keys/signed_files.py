"""Documents with detached signatures: ``FILE``, and for each signer ``FILE.<key id>.sig`` in the same folder.

A signature is raw Ed25519 over the exact bytes of the document, as those of bundles are. It is checked before the
document is parsed. Receipts, inventories, need-lists and records of scans are such documents.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from enum import Enum, auto
from itertools import islice, takewhile
from pathlib import Path

from bundler.bundle.signing import PrivateKey, PublicKey
from bundler.core.frozen import frozen
from bundler.core.limits import INVENTORY_BYTES, NEED_LIST_BYTES, RECEIPT_BYTES, SCAN_RECORD_BYTES, SIGNATURE_BYTES
from bundler.errors import Damaged, LocalStorage, Misuse, Untrusted
from bundler.keys.trust import Judged, trusted_keys
from bundler.system.durable_files import place_durably
from bundler.system.files import holds, of_machine, read_bounded
from bundler.texts import some, text


class Demand(Enum):
    """The signature that a reader demands of a document."""

    REQUIRED = auto()
    """A trusted key must have signed it."""
    REQUIRED_IF_KEYS_TRUSTED = auto()
    """A trusted key must have signed it, unless no key at all is trusted here."""
    OPTIONAL = auto()
    """The signature is checked and reported. Only one that does not match is refused."""
    IGNORED = auto()
    """The signature is not checked: the user gave ``--insecure-no-signature``."""

    @classmethod
    def of(cls, *, is_without_signature: bool) -> Demand:
        """The demand of a command that acts on a document."""
        return cls.IGNORED if is_without_signature else cls.REQUIRED_IF_KEYS_TRUSTED


@frozen
class DocumentKind:
    """A kind of signed documents, for messages.

    Attributes:
        name: Its name, a message.
        limit_bytes: The largest file of this kind.
        code: The code of the error for a document without a trusted signature.
        missing: The message for a file that does not exist.
        untrusted: The message for a document that no trusted key has signed.
        hint: The advice for it.
        no_key: The advice if no key is trusted here.
    """

    name: str
    limit_bytes: int
    code: str
    missing: str
    untrusted: str
    hint: str
    no_key: str


RECEIPT_FILE = DocumentKind(
    text("receipt"),
    RECEIPT_BYTES,
    "receipt-unsigned",
    text("there is no such receipt"),
    text("no trusted key has signed this receipt"),
    text(
        "copy RECEIPT.<key id>.sig into the same folder; import --receipt-key KEY writes it; to accept an "
        "unsigned receipt: --insecure-no-signature"
    ),
    text("give the importer's public key: --trust NAME.pub"),
)
INVENTORY_FILE = DocumentKind(
    text("inventory"),
    INVENTORY_BYTES,
    "inventory-unsigned",
    text("there is no such inventory"),
    text("no trusted key has signed this inventory"),
    text("copy INVENTORY.<key id>.sig into the same folder; inventory --key KEY writes it"),
    text("give the public key of the inventory's maker: --trust NAME.pub"),
)
NEED_FILE = DocumentKind(
    text("need-list"),
    NEED_LIST_BYTES,
    "need-unsigned",
    text("there is no such need-list"),
    text("no trusted key has signed this need-list"),
    text("copy NEED.<key id>.sig into the same folder; verify --need-key KEY and import --receipt-key KEY write it"),
    text("give the importer's public key: --trust NAME.pub"),
)
SCAN_FILE = DocumentKind(
    text("record of a scan"),
    SCAN_RECORD_BYTES,
    "scan-unsigned",
    text("there is no such record of a scan"),
    text("no trusted key has signed this record of a scan"),
    text("copy RECORD.<key id>.sig into the same folder; scan --key KEY writes it"),
    text("give the public key of the person who scanned: --scan-trust NAME.pub"),
)


@frozen
class SignedFile:
    """The bytes of a document whose signatures were checked.

    Attributes:
        path: Its file.
        content: Its bytes.
        id: The SHA-256 of its bytes, 64 hex digits.
        signers: The trusted keys that have signed it; empty if signatures were not checked.
        is_unsigned: True if keys are trusted here and none of them has signed it.
        claimed: The keys that its signature files name, if no trusted key has signed it. They prove nothing.
    """

    path: Path
    content: bytes
    id: str
    signers: tuple[PublicKey, ...] = ()
    is_unsigned: bool = False
    claimed: tuple[str, ...] = ()


def read_signed(
    path: Path,
    kind: DocumentKind,
    trust: Sequence[Path] = (),
    *,
    demand: Demand,
    names: Sequence[str] | None = None,
) -> SignedFile:
    """Reads a document after its signatures were checked.

    Args:
        path: Its file.
        kind: Its kind.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.
        names: The names in its folder, sorted, of a caller that has listed them; None to list them here. A folder of a
            thousand documents would be listed a thousand times.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it, or a signature does not match.
        Damaged, LocalStorage: The file cannot be read, or is larger than such documents are.
    """
    try:
        is_there = path.is_file()
    except OSError as error:  # a link to a name that no file can have, or into a folder of another user
        raise of_machine(error, str(path)) from error
    if not is_there:
        hint = (
            "check the path; bundler receipt list shows those of this machine"
            if kind is RECEIPT_FILE
            else "check the path"
        )
        raise Misuse(kind.missing, subject=str(path), hint=hint)
    content = read_bounded(path, kind.limit_bytes)
    keys: Sequence[PublicKey] = ()
    if demand is not Demand.IGNORED:
        keys = trusted_keys(trust, judged=Judged(files=(path,)))
    good = _signers(path, content, keys, kind)
    is_unsigned = bool(keys) and not good
    claimed = () if good else _claimed(path, sorted(os.listdir(path.parent)) if names is None else names)
    if demand is Demand.REQUIRED and not keys:
        raise Untrusted("there is no trusted key", hint=kind.no_key)
    if is_unsigned and demand is not Demand.OPTIONAL:
        raise Untrusted(
            kind.untrusted,
            subject=str(path),
            expected=", ".join(sorted(key.id for key in keys)),
            actual=some(claimed, most=3) or text("its signature file is missing"),
            hint=kind.no_key if claimed else kind.hint,
            code=kind.code,
        )
    return SignedFile(path, content, hashlib.sha256(content).hexdigest(), good, is_unsigned, claimed)


def write_signed(path: Path, content: bytes, key: PrivateKey | None) -> None:
    """Writes a document, and before it its signature, if there is a key. An existing file is never overwritten.

    Raises:
        LocalStorage: The file exists, or cannot be written.
    """
    if os.path.lexists(path):
        raise LocalStorage("the file exists; signed documents are never overwritten", subject=str(path))
    if key is not None:
        place_durably(signature_path(path, key.id), key.sign(content))
    place_durably(path, content)


def check_signed_already(path: Path, content: bytes, key: PrivateKey | None) -> None:
    """Checks that an existing document has the signature of a key; without a key it needs none.

    Raises:
        Misuse: It has not.
    """
    if key is not None and not holds(signature_path(path, key.id), key.sign(content)):
        raise Misuse("the file exists, and this key has not signed it", subject=str(path), hint="choose another name")


def signature_path(document: Path, key_id: str) -> Path:
    """The path of the detached signature of a document, named as the signatures of bundles are."""
    return document.with_name(f"{document.name}.{key_id}.sig")


def refuse_taken(path: Path) -> None:
    """Makes sure that a document may be written.

    Raises:
        Misuse: The file exists.
    """
    if os.path.lexists(path):
        raise Misuse(
            "the file exists; signed documents are never overwritten", subject=str(path), hint="choose another name"
        )


def check_writable(path: Path) -> None:
    """Makes sure that a document can be written, before the work for it begins.

    Raises:
        LocalStorage: It cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent, prefix=".bundler-"):
            pass
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error


def _signers(path: Path, content: bytes, keys: Sequence[PublicKey], kind: DocumentKind) -> tuple[PublicKey, ...]:
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
                text("the signature does not match the {document}", document=kind.name),
                subject=str(file),
                hint=text("the {document} or its signature was changed", document=kind.name),
                code="bad-signature",
            )
        good[key.id] = key
    return tuple(good.values())


def _claimed(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The keys that signature files name, of the sorted names in the folder."""
    begin, end = f"{path.name}.", ".sig"
    own = takewhile(lambda name: name.startswith(begin), islice(names, bisect_left(names, begin), None))
    return tuple(name.removeprefix(begin).removesuffix(end) for name in own if name.endswith(end))
