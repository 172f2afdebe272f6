"""A bundle whose SHA256SUMS is trusted, before bundle.json is read: it verifies the files that it reads."""

from __future__ import annotations

import hashlib
from dataclasses import field, replace

from bundler.bundle import sums
from bundler.bundle.copies import Contents
from bundler.bundle.file_system import UNREADABLE, read_bounded
from bundler.bundle.listing import Listing
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.errors import BundlerError, Damaged
from bundler.system.bundle_paths import BundlePath
from bundler.texts import text


@frozen
class Sealed:
    """The parsed SHA256SUMS and its trusted signers; no signers if the caller asked for no trust.

    Attributes:
        listings: The listings of the bundle's folders.
        sums_content: The bytes of SHA256SUMS.
        sums: SHA-256 in hex by file name.
        signers: The trusted keys that signed it.
        bad_signers: The trusted keys with a signature that does not match, or is none; enough other keys signed.
        others: The errors for files with names of signatures that are none.
        skipped: The reasons for which some folders of the media were not searched.
        contents: The SHA-256 of files that were read because their names do not say what they hold.
        signer_fingerprints: The fingerprints of the signers, 64 hex digits each.
        trusted_fingerprints: The fingerprints of all trusted keys.
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
    def folders(self) -> tuple[BundlePath, ...]:
        """The bundle's folders."""
        return tuple(listing.folder for listing in self.listings)

    @property
    def own_listings(self) -> tuple[Listing, ...]:
        """The listings of folders that belong to the bundle alone. A medium with some chunks may have other files."""
        return tuple(listing for listing in self.listings if listing.has_sums)

    def without_folders(self) -> Sealed:
        """Returns it with its folders, and nothing in them: the medium was taken out."""
        return replace(self, listings=tuple(Listing.of(folder, ()) for folder in self.folders), others=(), skipped=())

    def copies_of(self, name: str) -> list[BundlePath]:
        """The files of a name, one for each folder that has it; the expected path if no folder has it."""
        return self.found_copies(name) or [self.listings[0].folder / name]

    def found_copies(self, name: str) -> list[BundlePath]:
        """The files of a name, one for each folder that has it."""
        return [entry.path for listing in self.listings if (entry := listing.find(name))]

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Reads a small file: the first copy that matches SHA256SUMS.

        Raises:
            Damaged, Incomplete, LocalStorage: No copy matches; this is the fault of the first one.
        """
        if name not in self.sums:
            raise Damaged(text("{file} does not list {name}", file=roles.SUMS.file, name=name), subject=roles.SUMS.file)
        problems: list[BundlerError] = []
        for path in self.copies_of(name):
            try:
                return self.checked(name, path, limit_bytes)
            except UNREADABLE as error:
                problems.append(error)
        raise problems[0]

    def checked(self, name: str, path: BundlePath, limit_bytes: int) -> bytes:
        """Reads one copy of a small file that SHA256SUMS lists.

        Raises:
            Damaged, Incomplete, LocalStorage: It cannot be read, or does not match SHA256SUMS.
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
