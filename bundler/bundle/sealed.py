"""A bundle whose SHA256SUMS is trusted, before bundle.json is read: it gives files as SHA256SUMS lists them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.copies import Contents
from bundler.bundle.listing import Listing
from bundler.core import roles
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.system.files import read_bounded
from bundler.texts import text


@dataclass(frozen=True, slots=True)
class Sealed:
    """SHA256SUMS, parsed, and the trusted signers; none if the caller asked for no trust.

    Attributes:
        listings: What lies in the bundle's folders.
        sums_content: The bytes of SHA256SUMS.
        sums: SHA-256 in hex by file name.
        signers: Trusted keys that signed it.
        bad_signers: Trusted keys whose signature is there and does not fit, or is none: others signed enough.
        others: Why what bears the name of a signature is none.
        skipped: Why some folders of the media were not looked into.
        contents: Remembers what was read of files whose names do not say what they hold.
        signer_fingerprints: Of the signers, 64 hex each.
        trusted_fingerprints: Of all keys that were trusted.
    """

    listings: tuple[Listing, ...]
    sums_content: bytes
    sums: dict[str, str]
    signers: tuple[str, ...] = ()
    bad_signers: tuple[str, ...] = ()
    others: tuple[Damaged, ...] = ()
    skipped: tuple[BundlerError, ...] = ()
    contents: Contents = field(default_factory=Contents, compare=False)
    signer_fingerprints: tuple[str, ...] = ()
    trusted_fingerprints: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[Path, ...]:
        """The bundle's folders."""
        return tuple(listing.folder for listing in self.listings)

    @property
    def own_listings(self) -> tuple[Listing, ...]:
        """Those of folders that are the bundle's alone: a medium with some of its chunks may hold other things too."""
        return tuple(listing for listing in self.listings if listing.has_sums)

    def copies_of(self, name: str) -> list[Path]:
        """The files of a name, one in each folder that has it; where it should be if none has."""
        return self.found_copies(name) or [self.listings[0].folder / name]

    def found_copies(self, name: str) -> list[Path]:
        """The files of a name, one in each folder that has it."""
        return [entry.path for listing in self.listings if (entry := listing.find(name))]

    def read(self, name: str, limit_bytes: int) -> bytes:
        """A small file: the first copy that is what SHA256SUMS says.

        Raises:
            Damaged, Incomplete, LocalStorage: There is none.
        """
        if name not in self.sums:
            raise Damaged(text("{file} does not list {name}", file=roles.SUMS.file, name=name), subject=roles.SUMS.file)
        problems: list[BundlerError] = []
        for path in self.copies_of(name):
            try:
                return self.checked(name, path, limit_bytes)
            except (Damaged, Incomplete, LocalStorage) as error:
                problems.append(error)
        raise problems[0]

    def checked(self, name: str, path: Path, limit_bytes: int) -> bytes:
        """The content of one copy of a small file, which SHA256SUMS lists.

        Raises:
            Damaged, Incomplete, LocalStorage: It cannot be read, or is not what SHA256SUMS says.
        """
        content = read_bounded(path, limit_bytes)
        actual = hashlib.sha256(content).hexdigest()
        if actual != self.sums[name]:
            raise Damaged(
                "the file was changed or damaged",
                subject=str(path),
                expected=self.sums[name],
                actual=actual,
                hint=sums.conversion_hint(content) or text("copy {name} again", name=name),
            )
        return content
