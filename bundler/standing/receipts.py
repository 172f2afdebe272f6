"""Reads the receipts that a status is joined with: given files, folders of receipts, or those of this user's imports.

Signatures are checked and counted, and none is demanded: a status changes nothing. A signature that does not match is
an error of a given file, and a file of a folder with one is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bundler.core.events import Listener, Noticed
from bundler.core.limits import STATUS_RECEIPTS
from bundler.core.moments import seconds_of
from bundler.core.receipt import Receipt, parse_receipt
from bundler.errors import BundlerError, Damaged
from bundler.importing.receipt_file import earlier_folders
from bundler.keys.signed_files import RECEIPT_FILE, Demand, read_signed
from bundler.standing.request import ReceiptsRead
from bundler.texts import text


class Receipts:
    """Reads receipts one after the other, and counts them. Local to a status."""

    def __init__(self, paths: Sequence[Path], trust: tuple[Path, ...], listener: Listener) -> None:
        """Reads nothing yet; without paths it reads the receipts of this user's imports."""
        self._paths = tuple(paths) or tuple(folder for folder in earlier_folders(None) if folder.is_dir())
        self._trust = trust
        self._listener = listener
        self._is_default = not paths
        self._signed = self._unsigned = self._unused = 0

    @property
    def numbers(self) -> ReceiptsRead:
        """The numbers so far."""
        return ReceiptsRead(self._signed, self._unsigned, self._unused, self._is_default)

    def __iter__(self) -> Iterator[Receipt]:
        """Each receipt, once.

        Raises:
            Misuse, Untrusted, Damaged, Refused: A given file is no receipt, or has a signature that does not match.
        """
        for path in self._paths:
            if path.is_dir():
                yield from self._in_folder(path)
            else:
                yield self._one(path)

    def _in_folder(self, folder: Path) -> Iterator[Receipt]:
        """The newest receipts of a folder, by their names, which begin with the time."""
        found = sorted(folder.glob("*.json"), key=lambda path: path.name, reverse=True)
        if len(found) > STATUS_RECEIPTS:
            self._notice(
                text("{folder}: only the newest {count:,} receipts are read", folder=folder, count=STATUS_RECEIPTS)
            )
        for path in found[:STATUS_RECEIPTS]:
            try:
                receipt = self._one(path)
            except BundlerError as error:
                self._unused += 1
                self._notice(text("not used: {reason}", reason=error))
                continue
            yield receipt

    def _one(self, path: Path) -> Receipt:
        file = read_signed(path, RECEIPT_FILE, self._trust, demand=Demand.OPTIONAL)
        receipt = parse_receipt(file.content, what=str(path))
        try:
            seconds_of(receipt.finished)
        except ValueError as error:
            raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=str(path)) from error
        self._signed += bool(file.signers)
        self._unsigned += not file.signers
        return receipt

    def _notice(self, words: str) -> None:
        self._listener(Noticed(words))
