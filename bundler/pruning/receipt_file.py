"""The files of a prune's receipt: an unfinished one before anything is removed, the complete one at the end."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.bundle.signing import PrivateKey
from bundler.core.limits import RECEIPT_BYTES
from bundler.core.receipt_attachments import UNFINISHED
from bundler.core.reference import one_spelling
from bundler.core.retention.receipt import PruneReceipt
from bundler.errors import LocalStorage, Misuse
from bundler.keys.signed_files import check_writable, refuse_taken, write_signed
from bundler.system import places
from bundler.system.durable_files import place_durably
from bundler.system.lock import Lock
from bundler.system.ownership import make_folder
from bundler.texts import text


def check_place(path: Path | None) -> None:
    """Makes sure before a prune that its receipts can be written.

    Args:
        path: The path of the receipt; None for a new file in the state folder.

    Raises:
        Misuse: The file exists, or there is no home folder.
        LocalStorage: They cannot be written.
    """
    if path is not None:
        refuse_taken(path)
        check_writable(path)
    folder = _folder()
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder, prefix=".bundler-"):
            pass
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error


@contextmanager
def only_prune_of(registry: str) -> Iterator[None]:
    """Keeps other prunes of a registry by this user out: two plans would each count on what the other removes.

    Raises:
        Unavailable: Another one is running.
    """
    lock = Lock(_folder() / f"{hashlib.sha256(one_spelling(registry).encode()).hexdigest()[:16]}.lock")
    lock.take(registry)
    try:
        yield
    finally:
        lock.release()


def write_unfinished(receipt: PruneReceipt) -> Path:
    """Writes the receipt of a prune that begins into the state folder. Returns its path.

    Raises:
        LocalStorage: It cannot be written, or would be larger than receipts may be.
    """
    final = new_path(receipt.started, receipt.registry)
    path = final.with_name(f"{final.name}.{UNFINISHED}")
    rewrite(path, receipt)
    return path


def new_path(started: str, registry: str) -> Path:
    """A path in the state folder that no receipt has, finished or not.

    Raises:
        LocalStorage: There is none.
    """
    stem = f"{started.replace('-', '').replace(':', '')}-{registry.replace(':', '-')}"
    for number in ("", *(f"-{n}" for n in range(2, 10_000))):
        path = _folder() / f"{stem}{number}.json"
        if not os.path.lexists(path) and not os.path.lexists(path.with_name(f"{path.name}.{UNFINISHED}")):
            return path
    raise LocalStorage("there is no free name for a receipt", subject=str(_folder()))


def rewrite(path: Path, receipt: PruneReceipt) -> None:
    """Writes an unfinished receipt again.

    Raises:
        LocalStorage: It cannot be written, or would be larger than receipts may be.
    """
    place_durably(path, _content(receipt, path), mode=0o600)


def finish(unfinished: Path, receipt: PruneReceipt, output: Path | None, key: PrivateKey | None) -> tuple[Path, str]:
    """Writes a complete receipt, and removes the unfinished one. Returns its path, and the SHA-256 of its bytes.

    Raises:
        LocalStorage: It cannot be written.
    """
    path = output or unfinished.with_name(unfinished.name.removesuffix(f".{UNFINISHED}"))
    content = _content(receipt, path)
    write_signed(path, content, key)
    with suppress(OSError):  # the complete receipt has the same content
        unfinished.unlink()
    return path, hashlib.sha256(content).hexdigest()


def remove_finished() -> None:
    """Removes unfinished receipts of prunes that were killed after their complete receipt was written."""
    for path in _folder().glob(f"*.json.{UNFINISHED}"):
        if is_finished(path):
            with suppress(OSError):
                path.unlink()


def is_finished(unfinished: Path) -> bool:
    """True if the complete receipt of a prune was written, and the prune was killed before it removed the other one."""
    return os.path.lexists(unfinished.with_name(unfinished.name.removesuffix(f".{UNFINISHED}")))


def _content(receipt: PruneReceipt, path: Path) -> bytes:
    content = b"".join(receipt.to_json())
    if len(content) > RECEIPT_BYTES:
        raise LocalStorage(
            "the receipt would be too large",
            subject=str(path),
            expected=text("at most {count:,} bytes", count=RECEIPT_BYTES),
            actual=text("{count:,} bytes", count=len(content)),
            hint="prune in several runs: bundler prune HOST/PREFIX, or --repository",
        )
    return content


def _folder() -> Path:
    folder = places.prunes_folder()
    if folder is None:
        raise Misuse(
            "there is no folder for the receipt: HOME is not set, and this user has no home folder",
            hint="set HOME to an absolute path",
        )
    return folder
