"""What earlier imports brought to a registry, as their receipts say: layers that need not be sent again, but mounted.

A receipt is believed as far as a guess goes: the registry decides whether it mounts, and is asked for the blob then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundler.core.limits import EARLIER_RECEIPT_BYTES, EARLIER_RECEIPTS
from bundler.core.receipt import Receipt, parse_receipt, places_of_blobs
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.system.files import is_own, read_with_facts


@dataclass(frozen=True, slots=True)
class EarlierImports:
    """The receipts of some folders; they are read when somebody asks."""

    folders: tuple[Path, ...] = ()

    def places(self, registry: str) -> Mapping[str, Reference]:
        """For the digest of a blob, the name of an image at a registry that likely has it."""
        return places_of_blobs(self._receipts(), registry)

    def _receipts(self) -> Iterator[Receipt]:
        """The newest ones, newest first. A file that cannot be read, is none, or is another user's does not count."""
        found = {path.name: path for folder in self.folders if folder.is_dir() for path in folder.glob("*.json")}
        for _, path in sorted(found.items(), reverse=True)[:EARLIER_RECEIPTS]:
            try:
                content, facts = read_with_facts(path, EARLIER_RECEIPT_BYTES)
                if is_own(facts):
                    yield parse_receipt(content, what=str(path))
            except BundlerError:
                continue


NO_EARLIER_IMPORTS = EarlierImports()
