"""The receipt of an import, and the list of what failed: written however the import ends, beside each other."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bundler import __version__, texts
from bundler.bundle.signing import PrivateKey
from bundler.core.events import Listener, Noticed
from bundler.core.limits import RECEIPT_BYTES
from bundler.core.receipt import (
    UNFINISHED,
    Receipt,
    ReceiptImage,
    ReceiptReading,
    ReceiptTarget,
    finishing,
    parse_receipt,
)
from bundler.errors import BundlerError, Interrupted, LocalStorage, Misuse
from bundler.importing.earlier import EarlierImports
from bundler.importing.import_ import ImportRequest, ImportResult, import_
from bundler.importing.results import ImageResult, Outcome, TargetResult
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key
from bundler.keys.trust import trust_folder
from bundler.run import Run
from bundler.system import places
from bundler.system.durable_files import place_durably, unplaced_name, write_at_once
from bundler.system.files import is_own, read_with_facts
from bundler.system.lock import Lock
from bundler.system.ownership import refuse_foreign_name


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """What a receipt is signed with: a private key's file, and what asks for its passphrase; None for no signature."""

    path: Path | None = None
    passphrases: Passphrases = no_passphrases

    def load(self, listener: Listener) -> PrivateKey | None:
        """The key.

        Raises:
            Misuse: It cannot be used.
        """
        return read_private_key(self.path, self.passphrases, listener) if self.path else None


NO_KEY = ReceiptKey()


@dataclass(frozen=True, slots=True)
class Recording:
    """Where and how an import is recorded.

    Attributes:
        operator: Who runs it.
        host: On which machine.
        now: The time, UTC, ISO 8601.
        path: Where the receipt is to be; None for a new file in the state folder.
        key: What it is signed with, if it is.
    """

    operator: str
    host: str
    now: Callable[[], str]
    path: Path | None = None
    key: ReceiptKey = NO_KEY


def receipts_folder() -> Path:
    """Where receipts are kept by default: ``$XDG_STATE_HOME/bundler/receipts``.

    Raises:
        Misuse: This user has no home folder.
    """
    own = places.state_folder()
    if own is None:
        raise Misuse(
            "there is no folder for the receipt: HOME is not set, and this user has no home folder",
            hint="say where it is to be with --receipt FILE, or set HOME to an absolute path",
        )
    return own / "receipts"


def recorded_import(request: ImportRequest, recording: Recording, run: Run) -> ImportResult:
    """Imports, and writes down what happened.

    A dry run, a request that is wrong in itself, and one whose bundle could not be opened or is not trusted leave no
    receipt: nothing was attempted.

    Raises:
        Misuse: The receipt's file exists.
        LocalStorage: The receipt could not be written; nothing was sent. Where it turns out at the end only, the
            result has it as its error.
        BundlerError: As `import_`; the receipt is written all the same.
    """
    result = ImportResult()
    request = replace(request, earlier=EarlierImports(_folders(recording)))
    if request.is_dry_run:
        import_(request, run, result)
        return result
    key = recording.key.load(run.listener)
    _check_place(recording)
    record = _Record(request, recording, result, key, recording.now())
    record.open(run)
    try:
        return _recorded(request, record, run, result)
    finally:
        record.close()


def _recorded(request: ImportRequest, record: _Record, run: Run, result: ImportResult) -> ImportResult:
    try:
        import_(request, run, result, before_tags=record.begin)
    except (BundlerError, KeyboardInterrupt) as error:
        run.cancellation.set()
        if result.bundle is None or isinstance(error, Misuse):
            record.discard()
            raise
        result.error = error if isinstance(error, BundlerError) else Interrupted()
        try:
            record.end(run.listener)
            run.listener(Noticed(texts.text("receipt: {receipt}", receipt=result.receipt)))
        except LocalStorage as unwritten:
            run.listener(Noticed(texts.text("the receipt could not be written: {unwritten}", unwritten=unwritten)))
        raise
    try:
        record.end(run.listener)
    except LocalStorage as unwritten:
        result.error = unwritten
    return result


def write_receipt(receipt: Receipt, path: Path, key: PrivateKey | None) -> None:
    """Writes a receipt, and its signature beside it if it is signed; a receipt is never overwritten.

    Raises:
        LocalStorage: It cannot be written.
    """
    content = receipt.to_json()
    if os.path.lexists(path):
        raise LocalStorage("the file exists; receipts are never overwritten", subject=str(path))
    if key is not None:
        place_durably(signature_path(path, key.id), key.sign(content))
    place_durably(path, content)


def signature_path(receipt: Path, key_id: str) -> Path:
    """Where the detached signature of a receipt is, as those of bundles are named."""
    return receipt.with_name(f"{receipt.name}.{key_id}.sig")


def refuse_taken(path: Path) -> None:
    """Makes sure that a receipt may be written.

    Raises:
        Misuse: There is something already.
    """
    if os.path.lexists(path):
        raise Misuse("the file exists; receipts are never overwritten", subject=str(path), hint="choose another name")


def _folders(recording: Recording) -> tuple[Path, ...]:
    """Where earlier imports may have left receipts."""
    own = places.state_folder()
    return (*([recording.path.parent] if recording.path else []), *([own / "receipts"] if own else []))


def _check_place(recording: Recording) -> None:
    """Finds out before the import whether its receipt can be written."""
    folder = recording.path.parent if recording.path else receipts_folder()
    if recording.path:
        refuse_taken(recording.path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".bundler-"):
            pass
    except OSError as error:
        raise LocalStorage(
            texts.text("the receipt could not be written: {reason}", reason=error.strerror),
            subject=str(folder),
            hint="say where it is to be with --receipt FILE",
        ) from error


class _Record:
    """The receipt of one import on its way: an unfinished one before anything moves, the whole one at the end.

    What a tag stood for before is known only until it moves. So it is written down first: after a power cut,
    ``undo`` takes the unfinished receipt. Two imports at once have two receipts: the unfinished one, made under a name
    that nothing had, keeps the name; a name that was asked for is kept by a lock.
    """

    def __init__(
        self, request: ImportRequest, recording: Recording, result: ImportResult, key: PrivateKey | None, started: str
    ) -> None:
        self._request = request
        self._recording = recording
        self._result = result
        self._key = key
        self._started = started
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._held = _lock_of(recording.path) if recording.path else None

    def open(self, run: Run) -> None:
        """Makes sure that nobody else writes a receipt of the name that was asked for.

        Raises:
            Misuse: There is something of this name, or in the way what is not ours.
            Unavailable: Somebody else is writing it.
            LocalStorage: It cannot be written.
        """
        path = self._recording.path
        if path is None or self._held is None:
            return
        self._held.take(str(path))
        try:
            refuse_taken(path)
            unfinished = _unfinished_path(path)
            for replaced in (unfinished, *(each.with_name(unplaced_name(each.name)) for each in (path, unfinished))):
                refuse_foreign_name(replaced)
            if os.path.lexists(unfinished):  # of a run that was killed; undo may need it
                kept = _free_beside(unfinished)
                os.rename(unfinished, kept)
                run.listener(
                    Noticed(
                        texts.text(
                            "an import that never ended has left its unfinished receipt; kept as {kept}", kept=kept
                        )
                    )
                )
        except OSError as error:
            self.close()
            raise LocalStorage.unwritable(error, str(path)) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets others write receipts of this name."""
        if self._held is not None:
            self._held.release()

    def begin(self) -> None:
        """Writes what is about to happen; or writes it anew, when something turns out to be otherwise. Thread-safe.

        Raises:
            LocalStorage: It cannot be written.
        """
        with self._lock:
            receipt = _receipt(self._request, self._recording, self._result, self._started, self._recording.now())
            is_first = self._path is None
            path = self._path = self._path or self._recording.path or _claimed_path(receipt)
            if self._held is None:
                self._held = _lock_of(path)
                self._held.take(str(path))
            try:
                place_durably(_unfinished_path(path), receipt.to_json())
            except LocalStorage:
                if is_first:  # nothing stands in it
                    self._path = None
                    with suppress(OSError):
                        _unfinished_path(path).unlink(missing_ok=True)
                raise

    def discard(self) -> None:
        """Removes the unfinished receipt, if there is one: nothing was moved."""
        if self._path is not None:
            with suppress(OSError):
                _unfinished_path(self._path).unlink(missing_ok=True)

    def end(self, listener: Listener) -> None:
        """Writes what happened, and the list of what failed.

        An unfinished receipt of an earlier import that was cut off goes into this one if it has done all of that.

        Raises:
            LocalStorage: It cannot be written; the unfinished one stays, unless nothing stands in it.
        """
        receipt = _receipt(self._request, self._recording, self._result, self._started, self._recording.now())
        is_begun = self._path is not None
        path = self._path or self._recording.path or _claimed_path(receipt)
        finished = _Finished(receipt, path, is_signed=self._key is not None)
        try:
            write_receipt(finished.receipt, path, self._key)
        except LocalStorage:
            if not is_begun and self._recording.path is None:
                with suppress(OSError):
                    _unfinished_path(path).unlink(missing_ok=True)
            raise
        finally:
            finished.release()
        self._result.receipt = path
        with suppress(OSError):  # both say the same; the whole one is there
            _unfinished_path(path).unlink(missing_ok=True)
        for each in finished.remove():
            listener(
                Noticed(
                    texts.text(
                        "an import that was cut off is finished by this one; its unfinished receipt is gone: {each}",
                        each=each,
                    )
                )
            )
        failed = _failed_list(self._result)
        if failed:
            failed_list = _free_list_path(path)
            write_at_once(failed_list, failed.encode())
            self._result.failed_list = failed_list


class _Finished:
    """A receipt, with the unfinished ones beside it that it finishes, each locked so that no living import has it."""

    def __init__(self, receipt: Receipt, path: Path, *, is_signed: bool) -> None:
        self.receipt = receipt
        self._found: list[tuple[Path, Lock]] = []
        # Unfinished receipts have no signature. One that somebody planted would be signed with the rest.
        if is_signed or not path.parent.is_dir():
            return
        for unfinished in sorted(path.parent.glob(f"*.{UNFINISHED}*"))[:_MOST_UNFINISHED]:
            if unfinished != _unfinished_path(path):
                self._take(unfinished)

    def _take(self, unfinished: Path) -> None:
        lock = _lock_of(unfinished)
        try:
            content, facts = read_with_facts(unfinished, RECEIPT_BYTES)
            told = parse_receipt(content, what=str(unfinished)) if is_own(facts) and content else None
            identity = hashlib.sha256(content).hexdigest()
            together = finishing(self.receipt, told, identity) if told else None
            if together is None:
                return
            lock.take(str(unfinished))
        except BundlerError:
            return  # it is none, or a living import has it
        self.receipt = together
        self._found.append((unfinished, lock))

    def remove(self) -> list[Path]:
        """Removes them, when the receipt that has them is written."""
        for path, _ in self._found:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return [path for path, _ in self._found]

    def release(self) -> None:
        """Lets go of them."""
        for _, lock in self._found:
            lock.release()


_MOST_UNFINISHED = 1000


def _lock_of(path: Path) -> Lock:
    """What says that an import is at work on a receipt, by its name or that of the unfinished one."""
    return Lock(path.with_name(path.name.partition(f".{UNFINISHED}")[0] + ".lock"))


def _unfinished_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.{UNFINISHED}")


def _free_list_path(receipt: Path) -> Path:
    """Beside the receipt, under a name that nothing has."""
    stem = receipt.name.removesuffix(".json")
    names = (f"{stem}.failed{number}.txt" for number in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(path for name in names if not os.path.lexists(path := receipt.with_name(name)))


def _free_beside(path: Path) -> Path:
    """A name like another one, that nothing has."""
    names = (path.with_name(f"{path.name}-{number}") for number in range(2, 10_000))
    return next(name for name in names if not os.path.lexists(name))


def _claimed_path(receipt: Receipt) -> Path:
    """A name for a receipt in the state folder, which this process alone has: it made the unfinished one.

    Raises:
        LocalStorage: Nothing can be written there.
    """
    stem = f"{receipt.started.replace('-', '').replace(':', '')}-{receipt.bundle_name or 'import'}"
    for number in ("", *(f"-{n}" for n in range(2, 10_000))):
        path = receipts_folder() / f"{stem}{number}.json"
        if os.path.lexists(path):
            continue
        try:
            os.close(os.open(_unfinished_path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            continue
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error
        if not os.path.lexists(path):  # whoever had it until now may have finished it between the two
            return path
        _unfinished_path(path).unlink(missing_ok=True)
    raise LocalStorage("there is no free name for a receipt", subject=str(receipts_folder()))


def _receipt(
    request: ImportRequest, recording: Recording, result: ImportResult, started: str, finished: str
) -> Receipt:
    bundle = result.bundle
    return Receipt(
        tool=f"bundler {__version__}",
        bundle_id=bundle.id if bundle else "",
        bundle_name=bundle.manifest.name if bundle else "",
        signers=bundle.sealed.signers if bundle else (),
        signer_fingerprints=bundle.sealed.signer_fingerprints if bundle else (),
        trusted_fingerprints=bundle.sealed.trusted_fingerprints if bundle else (),
        required_signatures=0 if request.is_without_signature else request.required_signatures,
        trust=() if request.is_without_signature else tuple(map(str, request.trust or filter(None, [trust_folder()]))),
        weakened=_weakened(request),
        operator=recording.operator,
        host=recording.host,
        started=started,
        finished=finished,
        exit_code=result.exit_code,
        error=str(result.error) if result.error else None,
        targets=tuple(_target(target, result) for target in result.targets),
        blobs=tuple(str(blob.descriptor.digest) for blob in bundle.manifest.blobs) if bundle else (),
    )


def _weakened(request: ImportRequest) -> tuple[str, ...]:
    """The options that make a run less safe than it would be without them."""
    return (
        *(["--insecure-no-signature"] if request.is_without_signature else []),
        *(f"--plain-http {host}" for host in sorted(request.network.plain_http)),
        *(["--via-daemon"] if request.is_via_daemon else []),
    )


def _target(target: TargetResult, result: ImportResult) -> ReceiptTarget:
    return ReceiptTarget(
        target=str(target.target),
        kind=target.target.kind,
        bytes_sent=target.bytes_sent,
        images=tuple(_image(each, result) for each in target.images),
        re_read=ReceiptReading(back.blobs, back.size_bytes, back.damaged) if (back := target.re_read) else None,
    )


def _image(each: ImageResult, result: ImportResult) -> ReceiptImage:
    assert result.bundle is not None
    return ReceiptImage(
        reference=str(each.image.reference),
        name=str(each.name),
        digest=str(each.image.root.digest),
        outcome=each.outcome.value if each.outcome else UNFINISHED,
        size_bytes=result.bundle.manifest.size_of(each.image),
        read_back=str(each.read_back) if each.read_back else None,
        replaced=str(each.replaced) if each.replaced else None,
        beside=str(each.beside) if each.beside else None,
        made_from=str(each.image.made_from) if each.image.made_from else None,
        reason=str(each.error) if each.error else None,
        code=each.error.code if each.error else None,
        blobs=each.image.blobs,
    )


def _failed_list(result: ImportResult) -> str:
    """An image list of all that is not where it should be, each with its reason; empty if there is none."""
    reasons: dict[str, list[str]] = {}
    for target in result.targets:
        for each in target.images:
            if each.outcome is None or not each.outcome.is_done:
                outcome = each.outcome or UNFINISHED
                why = str(each.error) if each.outcome is Outcome.FAILED else getattr(outcome, "value", outcome)
                reasons.setdefault(str(each.image.reference), []).append(f"{target.target}: {why}")
    if not reasons:
        return ""
    lines = ["# images that are not where they should be; feed this to: bundler import --retry-failed FILE"]
    for reference, whys in reasons.items():
        lines += [*(f"# {_one_line(why)}" for why in whys), reference]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
