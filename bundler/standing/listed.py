"""``bundler receipt list``, and the receipt that ``bundler undo --last`` means.

The state folder of the user has the receipts of imports and of prunes. A receipt that was written to another place with
``--receipt`` is not in it.
"""

from __future__ import annotations

from pathlib import Path

from bundler.core.document_head import PRUNE_RECEIPT, RECEIPT, document_of
from bundler.core.events import Listener, Noticed, nobody
from bundler.core.frozen import frozen
from bundler.core.location import Target, place_of
from bundler.core.moments import is_plausible, shown
from bundler.core.receipt import parse_receipt
from bundler.core.receipt_attachments import UNFINISHED
from bundler.core.receipt_summary import ReceiptState, ReceiptSummary, summary_of
from bundler.core.retention.receipt import parse_prune_receipt
from bundler.errors import BundlerError, Damaged, LocalStorage, Misuse
from bundler.importing.receipt_file import earlier_folders
from bundler.importing.receipt_heads import may_be_receipt
from bundler.standing.receipts import FINISHED, Receipts
from bundler.system import clock
from bundler.system.files import is_own
from bundler.system.places import prunes_folder
from bundler.system.request_fields import Request
from bundler.texts import text

PATTERNS = (FINISHED, f"{FINISHED}.{UNFINISHED}*")
"""The names of receipts, also of runs that did not end."""


@frozen
class ReceiptListRequest(Request):
    """The request of ``bundler receipt list``.

    Attributes:
        paths: Receipts, and folders of them; empty for the state folder of this user.
        trust: Public keys or folders of them; empty for the trust folder.
    """

    paths: tuple[Path, ...] = ()
    trust: tuple[Path, ...] = ()


@frozen
class ListedReceipt:
    """A receipt of a list.

    Attributes:
        path: Its file.
        summary: Its content in one line.
        signers: The key ids of the trusted keys that have signed it.
        claimed: The keys that its signature files name, if no trusted key has signed it. They prove nothing.
    """

    path: Path
    summary: ReceiptSummary
    signers: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()


@frozen
class ReceiptList:
    """The receipts of some folders.

    Attributes:
        receipts: The receipts, newest first.
        unused: The files that look like receipts and cannot be used, with the reasons.
        more: The number of older files that were not read.
        is_default: True if they are those of the state folder.
    """

    receipts: tuple[ListedReceipt, ...]
    unused: tuple[tuple[Path, BundlerError], ...] = ()
    more: int = 0
    is_default: bool = False

    @property
    def exit_code(self) -> int:
        """0: a file that cannot be used is named, and is no error of the list."""
        return 0


def list_receipts(request: ReceiptListRequest, listener: Listener = nobody) -> ReceiptList:
    """Reads receipts, and sorts them by time.

    Raises:
        Misuse, Untrusted, Damaged, Refused: A given file is no receipt, or has a signature that does not match.
    """
    prunes = prunes_folder()
    reading = Receipts(
        request.paths,
        request.trust,
        listener,
        _summary,
        patterns=PATTERNS,
        is_wanted=is_receipt,
        default=(*earlier_folders(None), *([prunes] if prunes else [])),
    )
    found = [
        ListedReceipt(file.path, summary, tuple(key.id for key in file.signers), file.claimed)
        for file, summary in reading.files()
    ]
    found.sort(key=_moment, reverse=True)
    return ReceiptList(tuple(found), tuple(reading.unused), reading.more, reading.numbers.is_default)


def last_receipt(
    target: Target | None = None, trust: tuple[Path, ...] = (), listener: Listener = nobody
) -> ListedReceipt:
    """The receipt of the last run of this user that ended and changed something: an import or a prune.

    Args:
        target: The registry that it must be about; None for any target.
        trust: Public keys or folders of them; empty for the trust folder.
        listener: Receives remarks about files that are left out.

    Raises:
        Misuse: There is none, a clock was wrong, or the target is no registry.
        Damaged: A file that may be a newer receipt cannot be used.
        LocalStorage: Another user may have written the file.
    """
    place = place_of(target) if target else ""
    listed = list_receipts(ReceiptListRequest(trust=trust), listener)
    ended = [each for each in listed.receipts if each.summary.state is not ReceiptState.UNFINISHED]
    found = next((each for each in ended if each.summary.has_changed(place)), None)
    if found is None:
        raise Misuse(
            "there is no receipt of a run that ended and changed something",
            subject=place or str(earlier_folders(None)[0] if earlier_folders(None) else "-"),
            hint="give the receipt: bundler undo RECEIPT",
        )
    for each in listed.receipts:
        if each.summary.has_changed(place) and not is_plausible(shown(each.summary.time), clock.now()):
            raise Misuse(
                "a clock was wrong, at this run or now: nobody can tell which run was the last one",
                subject=str(each.path),
                hint="see the receipts with bundler receipt list, and give one: bundler undo RECEIPT",
            )
    for each in listed.receipts[: listed.receipts.index(found)]:
        if each.summary.is_about(place):
            passed = (
                text("a later run did not end, and is not undone: {path}", path=each.path)
                if each.summary.state is ReceiptState.UNFINISHED
                else text("a later run changed nothing, and is passed over: {path}", path=each.path)
            )
            listener(Noticed(passed))
    for path, error in listed.unused:
        if path.name > found.path.name:
            raise Damaged(
                text("this may be the last receipt, and it cannot be used: {reason}", reason=error.message),
                subject=str(path),
                hint="see the receipts with bundler receipt list, and give one: bundler undo RECEIPT",
            )
    if not is_own(found.path.stat()):
        raise LocalStorage(
            "another user may have written this receipt",
            subject=str(found.path),
            hint="look at it, and give it by its name: bundler undo RECEIPT",
        )
    return found


def is_receipt(path: Path) -> bool:
    """True if a file may be the receipt of an import or of a prune."""
    return may_be_receipt(path, (RECEIPT, PRUNE_RECEIPT))


def _moment(each: ListedReceipt) -> tuple[int, int]:
    """The end of the run; of two in the same second, the file that was written last is the newer one."""
    try:
        return each.summary.time, each.path.stat().st_mtime_ns
    except OSError:
        return each.summary.time, 0


def _summary(content: bytes, what: str) -> ReceiptSummary:
    is_prune = document_of(content) == PRUNE_RECEIPT
    receipt = parse_prune_receipt(content, what=what) if is_prune else parse_receipt(content, what=what)
    try:
        return summary_of(receipt)
    except ValueError as error:
        raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=what) from error
