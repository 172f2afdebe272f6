"""The file of a receipt: an unfinished one before anything moves, the complete one at the end, also after an error."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from itertools import chain
from pathlib import Path

from bundler import texts
from bundler.bundle.signing import PrivateKey
from bundler.core.events import Listener, Noticed
from bundler.core.joined_receipts import finishing
from bundler.core.limits import RECEIPT_BYTES
from bundler.core.receipt import Receipt, parse_receipt
from bundler.core.receipt_attachments import UNFINISHED
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.keys.signed_files import refuse_taken, write_signed
from bundler.system import places
from bundler.system.durable_files import place_durably, unplaced_name, write_at_once
from bundler.system.files import is_own, read_with_facts
from bundler.system.lock import Lock
from bundler.system.ownership import make_folder, refuse_foreign_name


def receipts_folder() -> Path:
    """The default folder of receipts: ``$XDG_STATE_HOME/bundler/receipts``.

    Raises:
        Misuse: This user has no home folder.
    """
    folder = places.imports_folder()
    if folder is None:
        raise Misuse(
            "there is no folder for the receipt: HOME is not set, and this user has no home folder",
            hint="give a file with --receipt FILE, or set HOME to an absolute path",
        )
    return folder


def earlier_folders(path: Path | None) -> tuple[Path, ...]:
    """The folders with receipts of earlier imports, for an import with its own receipt at a path."""
    own = places.imports_folder()
    return (*([path.parent] if path else []), *([own] if own else []))


def check_place(path: Path | None) -> None:
    """Makes sure before an import that its receipt can be written.

    Args:
        path: The path of the receipt; None for a new file in the state folder.

    Raises:
        Misuse: The file exists.
        LocalStorage: It cannot be written.
    """
    folder = path.parent if path else receipts_folder()
    if path:
        refuse_taken(path)
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder, prefix=".bundler-"):
            pass
    except OSError as error:
        raise LocalStorage(
            texts.text("the receipt could not be written: {reason}", reason=error.strerror),
            subject=str(folder),
            hint="give a file with --receipt FILE",
        ) from error


class ReceiptFile:
    """The file of one receipt. Thread-safe; a context manager that keeps others from writing a receipt of this name.

    The former digest of a tag is known only until the tag moves. So it is written first: after a power cut, ``undo``
    reads the unfinished receipt. Two imports at the same time have two receipts: a name of our choice is reserved by
    its unfinished receipt, and a name that the user gave is reserved by a lock.
    """

    def __init__(self, path: Path | None, key: PrivateKey | None, listener: Listener) -> None:
        """Writes nothing yet.

        Args:
            path: The path of the receipt; None for a new file in the state folder.
            key: The key that signs the complete receipt; None for no signature.
            listener: Receives notices of unfinished receipts of earlier imports.
        """
        self._asked = path
        self._path: Path | None = None
        self._key = key
        self._listener = listener
        self._lock = threading.Lock()
        self._held = _lock_of(path) if path else None

    def __enter__(self) -> ReceiptFile:
        """Makes sure that no other process writes a receipt of the given name.

        Raises:
            Misuse: The file exists, or a file that it needs is not ours.
            Unavailable: Another import is writing it.
            LocalStorage: It cannot be written.
        """
        if self._asked is not None and self._held is not None:
            self._held.take(str(self._asked))
            try:
                self._clear(self._asked)
            except OSError as error:
                self._held.release()
                raise LocalStorage.unwritable(error, str(self._asked)) from error
            except BaseException:
                self._held.release()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Unlocks the name."""
        if self._held is not None:
            self._held.release()

    def _clear(self, path: Path) -> None:
        """Renames the unfinished receipt that a killed import left under this name."""
        refuse_taken(path)
        unfinished = _unfinished_path(path)
        for replaced in (unfinished, *(each.with_name(unplaced_name(each.name)) for each in (path, unfinished))):
            refuse_foreign_name(replaced)
        if os.path.lexists(unfinished):  # undo may need it
            kept = _free_name_like(unfinished)
            os.rename(unfinished, kept)
            self._listener(
                Noticed(
                    texts.text("an earlier import did not finish; its unfinished receipt is kept as {kept}", kept=kept)
                )
            )

    def write_unfinished(self, receipt: Receipt) -> None:
        """Writes the planned changes, in place of the unfinished receipt before.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            is_first = self._path is None
            path = self._path = self._path or self._asked or _claimed_path(receipt)
            if self._held is None:
                self._held = _lock_of(path)
                self._held.take(str(path))
            try:
                place_durably(_unfinished_path(path), receipt.to_json(), what=str(path))
            except LocalStorage:
                if is_first:  # nothing is in it
                    self._path = None
                    with suppress(OSError):
                        _unfinished_path(path).unlink(missing_ok=True)
                raise

    def discard(self) -> None:
        """Removes the unfinished receipt, if there is one: no tag has moved."""
        if self._path is not None:
            with suppress(OSError):
                _unfinished_path(self._path).unlink(missing_ok=True)

    def finish(self, receipt: Receipt) -> Path:
        """Writes the complete receipt.

        If this import has done everything of an unfinished receipt of an earlier import, the receipt covers both.

        Returns:
            The path of the receipt.

        Raises:
            LocalStorage: It cannot be written. The unfinished one stays, unless it is empty.
        """
        path = self._path or self._asked or _claimed_path(receipt)
        finished = _Finished(receipt, path, is_signed=self._key is not None)
        try:
            write_signed(path, finished.receipt.to_json(), self._key)
        except LocalStorage:
            if self._path is None and self._asked is None:
                with suppress(OSError):
                    _unfinished_path(path).unlink(missing_ok=True)
            raise
        finally:
            finished.release()
        with suppress(OSError):  # the complete receipt has the same content
            _unfinished_path(path).unlink(missing_ok=True)
        for each in finished.remove():
            self._listener(
                Noticed(
                    texts.text(
                        "this import finished an interrupted one; the unfinished receipt was removed: {each}",
                        each=each,
                    )
                )
            )
        return path


def write_failed_list(content: str, receipt: Path) -> Path:
    """Writes the list of failed images next to a receipt; returns its path.

    Raises:
        LocalStorage: It cannot be written.
    """
    path = _free_list_path(receipt)
    write_at_once(path, content.encode())
    return path


class _Finished:
    """A receipt, and the unfinished ones in its folder that it completes, each locked against running imports."""

    def __init__(self, receipt: Receipt, path: Path, *, is_signed: bool) -> None:
        self.receipt = receipt
        self._found: list[tuple[Path, Lock]] = []
        # Unfinished receipts have no signature. A forged one would be signed with the rest.
        if is_signed or not path.parent.is_dir():
            return
        for unfinished in sorted(path.parent.glob(f"*.{UNFINISHED}*"))[:_MOST_UNFINISHED]:
            if unfinished != _unfinished_path(path):
                self._take(unfinished)

    def _take(self, unfinished: Path) -> None:
        lock = _lock_of(unfinished)
        try:
            content, facts = read_with_facts(unfinished, RECEIPT_BYTES)
            found = parse_receipt(content, what=str(unfinished)) if is_own(facts) and content else None
            identity = hashlib.sha256(content).hexdigest()
            together = finishing(self.receipt, found, identity) if found else None
            if together is None:
                return
            lock.take(str(unfinished))
        except BundlerError:
            return  # it is no receipt, or a running import has it
        self.receipt = together
        self._found.append((unfinished, lock))

    def remove(self) -> list[Path]:
        """Removes the unfinished receipts, after the receipt that covers them is written."""
        for path, _ in self._found:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return [path for path, _ in self._found]

    def release(self) -> None:
        """Unlocks them."""
        for _, lock in self._found:
            lock.release()


_MOST_UNFINISHED = 1000


def _lock_of(path: Path) -> Lock:
    """The lock of an import that is writing a receipt, by the name of the receipt or of the unfinished one."""
    return Lock(path.with_name(path.name.partition(f".{UNFINISHED}")[0] + ".lock"))


def _unfinished_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.{UNFINISHED}")


def _free_list_path(receipt: Path) -> Path:
    """A free name next to the receipt."""
    stem = receipt.name.removesuffix(".json")
    names = (f"{stem}.failed{number}.txt" for number in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(path for name in names if not os.path.lexists(path := receipt.with_name(name)))


def _free_name_like(path: Path) -> Path:
    """A free name that is like another one."""
    names = (path.with_name(f"{path.name}-{number}") for number in range(2, 10_000))
    return next(name for name in names if not os.path.lexists(name))


def _claimed_path(receipt: Receipt) -> Path:
    """Reserves a name for a receipt in the state folder by creating the unfinished receipt.

    Raises:
        LocalStorage: The folder cannot be written.
    """
    stem = f"{receipt.started.replace('-', '').replace(':', '')}-{receipt.bundle_name or 'import'}"
    for number in chain(("",), (f"-{n}" for n in range(2, 10_000))):
        path = receipts_folder() / f"{stem}{number}.json"
        if os.path.lexists(path):
            continue
        try:
            os.close(os.open(_unfinished_path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            continue
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error
        if not os.path.lexists(path):  # the import that had it may have finished it between the two
            return path
        _unfinished_path(path).unlink(missing_ok=True)
    raise LocalStorage("there is no free name for a receipt", subject=str(receipts_folder()))
