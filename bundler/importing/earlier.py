"""Finds layers that earlier imports pushed to a registry, by their receipts: such layers are mounted, not sent again.

A receipt is only a guess: the registry decides about the mount, and if it refuses, it gets the blob.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.joined_receipts import places_of_blobs
from bundler.core.limits import EARLIER_RECEIPT_BYTES, EARLIER_RECEIPTS
from bundler.core.receipt import Receipt, parse_receipt
from bundler.core.receipt_attachments import UNFINISHED
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.system.files import is_own, read_with_facts


@frozen
class EarlierImports:
    """The receipts of some folders; they are read at the first request."""

    folders: tuple[Path, ...] = ()

    def places(self, registry: str) -> Mapping[str, Reference]:
        """The name of an image at a registry that probably has a blob, by the digest of the blob."""
        return places_of_blobs(self.receipts(), registry)

    def receipts(
        self,
        *,
        most: int = EARLIER_RECEIPTS,
        limit_bytes: int = EARLIER_RECEIPT_BYTES,
        is_unfinished_too: bool = False,
    ) -> Iterator[Receipt]:
        """The newest receipts, newest first. Files that are unreadable, no receipts, or of other users do not count.

        Args:
            most: The largest number of files that are read.
            limit_bytes: The largest file that is read.
            is_unfinished_too: Also those that a killed import has left.
        """
        patterns = ("*.json", *([f"*.json.{UNFINISHED}*"] if is_unfinished_too else []))
        found = {
            path.name: path
            for folder in self.folders
            if folder.is_dir()
            for pattern in patterns
            for path in folder.glob(pattern)
        }
        for _, path in sorted(found.items(), reverse=True)[:most]:
            try:
                content, facts = read_with_facts(path, limit_bytes)
                if is_own(facts):
                    yield parse_receipt(content, what=str(path))
            except BundlerError:
                continue


NO_EARLIER_IMPORTS = EarlierImports()
