"""Records an import: an unfinished receipt with the digests of tags before anything is sent; the complete one later."""

from __future__ import annotations

import threading
from dataclasses import replace

from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.importing.receipt import failed_list, receipt_of
from bundler.importing.receipt_file import ReceiptFile, write_failed_list
from bundler.importing.request import ImportRequest, ReceiptRequest
from bundler.importing.results import ImageResult, ImportResult, TargetResult
from bundler.importing.targets.target import TagLog


class _NotRecorded:
    """A `TagLog` that forgets, for imports without a receipt."""

    def moving(self, target: str, each: ImageResult) -> None:
        """Writes nothing."""


NOT_RECORDED: TagLog = _NotRecorded()


@frozen
class Recorder:
    """Writes the receipts of one import.

    Attributes:
        file: The file of the receipt.
        request: The request of the import.
        wanted: The person, the machine and the time.
        started: The time at which the import started.
    """

    file: ReceiptFile
    request: ImportRequest
    wanted: ReceiptRequest
    started: str

    def begin(self, result: ImportResult) -> TagLog:
        """Writes an unfinished receipt, before anything is sent. If there is nothing to send, no tag can move.

        Args:
            result: The result after the survey, with the digest of each tag.

        Raises:
            LocalStorage: It cannot be written.
        """
        if result.is_open:
            self.write(result)
        return _RecordedTags(self, result)

    def write(self, result: ImportResult) -> None:
        """Writes an unfinished receipt in place of the one before.

        Raises:
            LocalStorage: It cannot be written.
        """
        now = self.wanted.now()
        self.file.write_unfinished(receipt_of(result, self.request, self.wanted, started=self.started, finished=now))

    def finished(self, result: ImportResult) -> ImportResult:
        """Writes the receipt; returns the result with its path.

        Raises:
            LocalStorage: It cannot be written.
        """
        now = self.wanted.now()
        receipt = receipt_of(result, self.request, self.wanted, started=self.started, finished=now)
        return replace(result, receipt=self.file.finish(receipt))


def with_failed_list(result: ImportResult) -> ImportResult:
    """Writes the list of failed images next to the receipt, if there are any; returns the result with its path.

    Raises:
        LocalStorage: It cannot be written.
    """
    content = failed_list(result)
    if not content or result.receipt is None:
        return result
    return replace(result, failed_list=write_failed_list(content, result.receipt))


class _RecordedTags:
    """A `TagLog` that writes the unfinished receipt again."""

    def __init__(self, recorder: Recorder, surveyed: ImportResult) -> None:
        self._recorder = recorder
        self._surveyed = surveyed
        self._moved: dict[tuple[str, Reference], ImageResult] = {}
        self._lock = threading.Lock()

    def moving(self, target: str, each: ImageResult) -> None:
        """Writes all tags that changed since the survey."""
        with self._lock:
            self._moved[target, each.image.reference] = each
            targets = tuple(map(self._with_moved, self._surveyed.targets))
            self._recorder.write(replace(self._surveyed, targets=targets))

    def _with_moved(self, target: TargetResult) -> TargetResult:
        images = (self._moved.get((target.target, each.image.reference), each) for each in target.images)
        return replace(target, images=tuple(images))
