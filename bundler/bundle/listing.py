"""Lists a folder that may belong to a bundle: names, kinds and sizes. Opens no file.

A file is found under its own name, else under the same name in other letters, else under the short form that media
make of it (`bundler.core.roles`). Its content decides what it is.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path

from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import FOLDER_ENTRIES
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, LocalStorage
from bundler.system.bundle_paths import BundlePath
from bundler.system.files import of_medium
from bundler.texts import text

_KINDS = {
    stat.S_IFREG: text("a file"),
    stat.S_IFDIR: text("a folder"),
    stat.S_IFLNK: text("a link"),
    stat.S_IFIFO: text("a pipe"),
    stat.S_IFSOCK: text("a socket"),
    stat.S_IFCHR: text("a device"),
    stat.S_IFBLK: text("a device"),
}


@frozen
class Entry:
    """An entry of a folder, as lstat(2) reports it: for a link, the link itself."""

    path: BundlePath
    mode: int
    size_bytes: int
    identity: Hashable
    """Device and inode, or the place in S3: a folder that was given twice has one copy of each file."""

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return self.path.name

    @property
    def is_file(self) -> bool:
        """True if it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """True if it is a folder, and no link to one."""
        return stat.S_ISDIR(self.mode)

    @property
    def kind(self) -> str:
        """Its kind, in two words."""
        return _KINDS.get(stat.S_IFMT(self.mode), "something else")


@frozen
class Listing:
    """All entries of a folder, by name and by the same name in small letters."""

    folder: BundlePath
    entries: Mapping[str, Entry]
    _folded: Mapping[str, str]
    folders: Mapping[str, Listing] = field(default_factory=dict)
    """The listings of its folders that a bundle has, by the bundle's names for them."""

    @classmethod
    def of(cls, folder: BundlePath, entries: Iterable[Entry]) -> Listing:
        """The listing of some entries."""
        by_name = {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
        return cls(folder, by_name, {name.lower(): name for name in reversed(by_name)})

    def with_folders(self, folders: Mapping[str, Listing]) -> Listing:
        """Returns the listing with the listings of some folders in it."""
        return replace(self, folders=folders)

    def find(self, name: str) -> Entry | None:
        """Finds the entry of a name, or of the form that a medium made of that name; one slash leads into a folder."""
        folder, slash, rest = name.rpartition("/")
        if slash:
            return self.folders[folder].find(rest) if folder in self.folders else None
        known = name if name in self.entries else self._folded.get(name.lower())
        short_form = roles.role_of(name).short_form if known is None else None
        if short_form is not None:
            known = next((each for each in self.entries if short_form.fullmatch(each.lower())), None)
        return None if known is None else self.entries[known]

    def everything(self) -> Iterator[tuple[str, Entry]]:
        """All entries in it and in its folders, by name, without these folders themselves."""
        own = {entry.name for name in self.folders if (entry := self.find(name))}
        for name, entry in self.entries.items():
            if name not in own:
                yield name, entry
        for folder, listing in self.folders.items():
            for name, entry in listing.entries.items():
                yield f"{folder}/{name}", entry

    @property
    def has_sums(self) -> bool:
        """True if it has a SHA256SUMS, which lists what belongs to it."""
        return self.find(roles.SUMS.file) is not None

    def signatures(self) -> Iterator[tuple[str | None, Entry]]:
        """The entries with names of signatures, each with the key id in it; None if the medium has cut that off."""
        for entry in self.entries.values():
            is_signature, key_id = roles.signature_name(entry.name)
            if is_signature:
                yield key_id, entry


def names_in(folder: BundlePath) -> list[str]:
    """The names of all entries of a folder, sorted.

    Raises:
        LocalStorage: There is no permission to read the folder.
        Damaged: It cannot be read, or has more entries than any bundle.
        Refused, Unavailable: S3 does not list it.
    """
    if isinstance(folder, S3Path):
        return [entry.name for entry in _objects_in(folder)]
    names = []
    try:
        with os.scandir(folder) as found:
            for each in found:
                names.append(each.name)
                if len(names) > FOLDER_ENTRIES:
                    count = FOLDER_ENTRIES
                    raise Damaged(text("more than {count:,} files in one folder", count=count), subject=str(folder))
    except OSError as error:
        raise _closed(error, folder) from error
    return sorted(names)


def list_folder(folder: BundlePath, names: Iterable[str] | None = None) -> Listing:
    """Lists a folder.

    Args:
        folder: The folder.
        names: The names in it, if they are known.

    Raises:
        LocalStorage, Damaged, Refused, Unavailable: As `names_in`, or the medium does not say what an entry is.
    """
    if isinstance(folder, S3Path):
        return Listing.of(folder, _objects_in(folder))
    entries = (entry_at(folder / name) for name in (names_in(folder) if names is None else names))
    return Listing.of(folder, filter(None, entries))


def _objects_in(folder: S3Path) -> list[Entry]:
    """The objects and "folders" of a place in S3, sorted by name."""
    from bundler.bundle.s3.reading import objects_in

    found = objects_in(folder)
    files = [Entry(folder / name, stat.S_IFREG, size_bytes, folder / name) for name, size_bytes in found.files]
    folders = [Entry(folder / name, stat.S_IFDIR, 0, folder / name) for name in found.folders]
    return sorted([*files, *folders], key=lambda entry: entry.name)


def look_into(listing: Listing, folders: Iterable[str], skip: Callable[[BundlerError], object]) -> Listing:
    """Adds the listings of those folders that a bundle has. Links are not followed, because they can lead anywhere.

    Args:
        listing: The listing of the bundle's folder.
        folders: The names of the folders in it.
        skip: Receives the error for each folder that cannot be listed.
    """
    inside: dict[str, Listing] = {}
    for name in folders:
        entry = listing.find(name)
        if entry is None or not entry.is_folder:
            continue
        try:
            inside[name] = list_folder(entry.path)
        except (Damaged, LocalStorage) as error:
            skip(error)
    return listing.with_folders(inside)


def entry_at(path: Path) -> Entry | None:
    """Returns the entry at a path, and follows no link; None if it is gone.

    Raises:
        LocalStorage, Damaged: The medium does not say what it is.
    """
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _closed(error, path) from error
    return Entry(path, state.st_mode, state.st_size, (state.st_dev, state.st_ino))


def _closed(error: OSError, path: Path) -> BundlerError:
    """The error for a folder that cannot be listed: there is no permission, or the medium fails."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return LocalStorage("no permission to read the folder", subject=str(path), hint="check its owner and mode")
    return of_medium(error, str(path))
