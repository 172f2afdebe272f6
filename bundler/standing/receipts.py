"""Reads receipts: given files, folders of receipts, or those in the state folder of this user.

Signatures are checked and counted, and none is demanded: the readers change nothing. A signature that does not match is
an error of a given file, and a file of a folder with one is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Generic, TypeVar

from bundler.core.events import Listener, Noticed
from bundler.core.limits import STATUS_RECEIPTS
from bundler.core.moments import seconds_of
from bundler.core.receipt import Receipt, parse_receipt
from bundler.errors import BundlerError, Damaged
from bundler.importing.receipt_file import earlier_folders
from bundler.keys.signed_files import RECEIPT_FILE, Demand, SignedFile, read_signed
from bundler.standing.request import ReceiptsRead
from bundler.texts import text

Content = TypeVar("Content")

FINISHED = "*.json"
"""The names of receipts of runs that ended."""


def parse_finished(content: bytes, what: str) -> Receipt:
    """Reads a receipt, and makes sure that its end is a time.

    Raises:
        Damaged, Refused: It is no receipt.
    """
    receipt = parse_receipt(content, what=what)
    try:
        seconds_of(receipt.finished)
    except ValueError as error:
        raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=what) from error
    return receipt


class Receipts(Generic[Content]):
    """Reads receipts one after the other, and counts them. Local to one command."""

    def __init__(
        self,
        paths: Sequence[Path],
        trust: tuple[Path, ...],
        listener: Listener,
        parse: Callable[[bytes, str], Content],
        *,
        patterns: Sequence[str] = (FINISHED,),
        is_wanted: Callable[[Path], bool] = lambda _: True,
        default: Sequence[Path] | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            paths: The receipts, and folders of them.
            trust: Public keys or folders of them; empty for the trust folder.
            listener: Receives remarks about files that are left out.
            parse: Reads the content of a file; its second argument is the name of the file, for messages.
            patterns: The names of receipts in a folder.
            is_wanted: Says of a file of a folder if it counts as a receipt at all.
            default: The folders that are read without paths; None for that of this user's imports.
        """
        folders = earlier_folders(None) if default is None else default
        self._paths = tuple(paths) or tuple(folder for folder in folders if folder.is_dir())
        self._trust = trust
        self._listener = listener
        self._parse = parse
        self._patterns = patterns
        self._is_wanted = is_wanted
        self._is_default = not paths
        self._signed = self._unsigned = 0
        self.unused: list[tuple[Path, BundlerError]] = []
        self.more = 0

    @property
    def numbers(self) -> ReceiptsRead:
        """The numbers so far."""
        return ReceiptsRead(self._signed, self._unsigned, len(self.unused), self._is_default)

    def __iter__(self) -> Iterator[Content]:
        """The content of each receipt, once.

        Raises:
            Misuse, Untrusted, Damaged, Refused: A given file is no receipt, or has a signature that does not match.
        """
        return (content for _, content in self.files())

    def files(self) -> Iterator[tuple[SignedFile, Content]]:
        """Each file with its content, once.

        Raises:
            Misuse, Untrusted, Damaged, Refused: A given file is no receipt, or has a signature that does not match.
        """
        for path in self._paths:
            if path.is_dir():
                yield from self._in_folder(path)
            else:
                yield self._one(path)

    def _in_folder(self, folder: Path) -> Iterator[tuple[SignedFile, Content]]:
        """The newest receipts of a folder, by their names, which begin with the time."""
        names = sorted(os.listdir(folder))
        named = (name for name in reversed(names) if any(fnmatchcase(name, each) for each in self._patterns))
        found = [path for path in map(folder.joinpath, named) if self._is_wanted(path)]
        if len(found) > STATUS_RECEIPTS:
            self.more += len(found) - STATUS_RECEIPTS
            self._notice(
                text("{folder}: only the newest {count:,} receipts are read", folder=folder, count=STATUS_RECEIPTS)
            )
        for path in found[:STATUS_RECEIPTS]:
            try:
                one = self._one(path, names)
            except BundlerError as error:
                self.unused.append((path, error))
                self._notice(text("not used: {reason}", reason=error))
                continue
            yield one

    def _one(self, path: Path, names: Sequence[str] | None = None) -> tuple[SignedFile, Content]:
        file = read_signed(path, RECEIPT_FILE, self._trust, demand=Demand.OPTIONAL, names=names)
        content = self._parse(file.content, str(path))
        self._signed += bool(file.signers)
        self._unsigned += not file.signers
        return file, content

    def _notice(self, words: str) -> None:
        self._listener(Noticed(words))
