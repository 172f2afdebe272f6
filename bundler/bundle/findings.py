"""Finds the faults of a bundle outside its chunks: small files, false signatures, files that nobody listed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from bundler.bundle.file_system import UNREADABLE
from bundler.bundle.listing import Entry, Listing
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core import roles
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import FINDINGS, SUMS_BYTES
from bundler.core.litter_names import is_litter
from bundler.errors import BundlerError, Damaged
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.texts import text


@frozen
class Finding:
    """One fault and its place.

    Attributes:
        error: The fault.
        file: The file's name within the bundle.
        offset_bytes: The offset of the damage in the file, if it is known.
        length_bytes: The length that the damage may have.
        digest: The blob that is damaged or missing.
        images: The references of the images that are affected.
        is_wanted: True if the user must copy the file again.
    """

    error: BundlerError
    file: str
    offset_bytes: int | None = None
    length_bytes: int | None = None
    digest: Digest | None = None
    images: tuple[str, ...] = ()
    is_wanted: bool = True

    @property
    def end_bytes(self) -> int:
        """The offset after the damage."""
        return (self.offset_bytes or 0) + (self.length_bytes or 0)


def check_files(bundle: Bundle | LockedBundle, bad: Container[str] = frozenset()) -> Iterator[Finding]:
    """Checks what is in the folders in addition to the chunks: small files, false signatures, unlisted files.

    Args:
        bundle: The bundle, with the copies that the check of the chunks chose.
        bad: The chunks whose first copies are damaged: their other copies are needed under any name.
    """
    for name in _small_files(bundle.sealed.sums):
        yield from check_copies(bundle, name, roles.role_of(name).limit_bytes or SUMS_BYTES)
    others = bundle.sealed.others
    for error in others[:FINDINGS]:
        yield Finding(error, (error.subject or "").rpartition("/")[2], is_wanted=False)
    if len(others) > FINDINGS:
        count = len(others) - FINDINGS
        more = Damaged(
            text("{count} more files that are not signatures", count=count), subject=roles.SUMS.file, hint="remove them"
        )
        yield Finding(more, roles.SUMS.file, is_wanted=False)
    copies = {path: state.chunk.file for state in bundle.chunks for path in state.paths}
    needed = {state.path for state in bundle.chunks} | {each.used for each in bundle.given_up}
    needed |= {path for path, file in copies.items() if file in bad}
    for listing in bundle.sealed.own_listings:
        strange = _strangers(listing, bundle, needed)
        for entry in strange[:FINDINGS]:
            yield Finding(_unlisted(entry, copies.get(entry.path)), entry.name, is_wanted=False)
        if len(strange) > FINDINGS:
            count = len(strange) - FINDINGS
            rest = Damaged(
                text("{count} more files that SHA256SUMS does not list", count=count),
                subject=str(listing.folder),
                hint="remove them",
            )
            yield Finding(rest, strange[FINDINGS].name, is_wanted=False)
    for name in _foreign_parts(bundle):
        yield Finding(Damaged("listed, but not a part of this bundle", subject=name), name, is_wanted=False)


def _small_files(listed: Iterable[str]) -> list[str]:
    """README.txt, and the other files that are so small that every command that reads a bundle checks them.

    bundle.json is not among them: it was checked when the bundle was opened.
    """
    others = (name for name in listed if roles.role_of(name) in (roles.RESTORE, roles.RECORD))
    return [roles.README.file, *sorted(others)]


def other_files(listed: Iterable[str]) -> list[str]:
    """The listed files that are no chunks, may be large, and are checked by their digests alone.

    These are parity, the tool, and files of unknown roles.
    """
    return sorted(name for name in listed if roles.role_of(name) in (roles.PARITY, roles.TOOL, roles.UNKNOWN))


def _foreign_parts(bundle: Bundle | LockedBundle) -> list[str]:
    """The listed files with names of bundle parts that are no parts of this bundle."""
    own = {chunk.file for chunk in bundle.manifest.chunks} | ({roles.CONTENT.file} if bundle.is_encrypted else set())
    parts = (name for name in bundle.sealed.sums if roles.role_of(name) in (roles.CHUNK, roles.CONTENT))
    unlisted = (name for name in bundle.sealed.sums if not roles.role_of(name).is_listed)
    return sorted({*parts, *unlisted} - own)


def _strangers(listing: Listing, bundle: Bundle | LockedBundle, needed: Container[BundlePath | None]) -> list[Entry]:
    """The entries in a folder of the bundle that do not belong to it; a needed file belongs to it under any name."""
    listed = {entry.path for name in (*bundle.sealed.sums, roles.SUMS.file) if (entry := listing.find(name))}
    listed |= {entry.path for _, entry in listing.signatures()}
    strange = [
        entry
        for _, entry in listing.everything()
        if entry.path not in listed and not is_litter(entry.name) and entry.path not in needed
    ]
    given = {folder.resolve() for folder in locals_of(bundle.sealed.folders)}

    def is_given(entry: Entry) -> bool:
        return entry.is_folder and isinstance(entry.path, Path) and entry.path.resolve() in given

    return [entry for entry in strange if not is_given(entry)]


def _unlisted(entry: Entry, chunk: str | None) -> Damaged:
    """The error for an unlisted file. Such a file is not opened, unless it may be a chunk."""
    if chunk is not None:
        message = text("a copy of {chunk}, under a name that SHA256SUMS does not list", chunk=chunk)
        return Damaged(message, subject=str(entry.path), hint="remove it from the bundle")
    if entry.path.suffix.lower() == ".key":
        return Damaged(
            "a file that SHA256SUMS does not list; by its name it may be a private key",
            subject=str(entry.path),
            hint="remove it from the medium; if it is a private key, others may have copied it: make a new key",
        )
    if entry.is_folder:
        return Damaged(
            "a folder that SHA256SUMS does not list",
            subject=str(entry.path),
            hint="if it holds chunks, give this folder too; if not, remove it from the bundle",
        )
    return Damaged("a file that SHA256SUMS does not list", subject=str(entry.path), hint="remove it from the bundle")


def check_copies(bundle: Bundle | LockedBundle, name: str, limit_bytes: int) -> Iterator[Finding]:
    """Compares every copy of a small file with SHA256SUMS."""
    if name not in bundle.sealed.sums:
        yield Finding(
            Damaged(text("{file} does not list {name}", file=roles.SUMS.file, name=name), subject=roles.SUMS.file),
            roles.SUMS.file,
        )
        return
    paths = bundle.sealed.copies_of(name)
    errors = []
    for path in paths:
        try:
            bundle.sealed.checked(name, path, limit_bytes)
        except UNREADABLE as error:
            errors.append(error)
    for each in errors:
        yield Finding(each, name, is_wanted=len(errors) == len(paths))
