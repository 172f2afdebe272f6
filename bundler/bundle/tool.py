"""The tool that travels with a bundle: the files of a folder of this machine, for receivers who do not have bundler.

Their names are those that FORMAT.md, section 3.1, allows in the folder ``tool``. The content of the files means nothing
here; ``scripts/dist`` makes such a folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.listing import Entry, list_folder
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import OTHER_FILES_BYTES, SUMS_BYTES, TOOL_FILES
from bundler.core.litter_names import is_litter
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse
from bundler.system.bundle_paths import local
from bundler.system.files import let_go, open_for_reading, pieces_of, read_bounded, sha256_of
from bundler.texts import text


@frozen
class ToolFile:
    """A file of the tool, as it was when the tool was listed.

    Attributes:
        path: Its path on this machine; its last part is its name in the folder of the tool.
        size_bytes: Its size.
        sha256: Its SHA-256 in hex.
    """

    path: Path
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The name that SHA256SUMS lists."""
        return f"{roles.TOOL_FOLDER}/{self.path.name}"

    def pieces(self) -> Iterator[bytes]:
        """Yields its bytes.

        Raises:
            Damaged, Incomplete, LocalStorage: It has changed, or cannot be read any more.
        """
        hasher = hashlib.sha256()
        descriptor = open_for_reading(self.path)
        try:
            if self.size_bytes:
                for piece in pieces_of(descriptor, 0, self.size_bytes, what=str(self.path)):
                    hasher.update(piece)
                    yield bytes(piece)
        finally:
            let_go(descriptor)
        if hasher.hexdigest() != self.sha256:
            raise Damaged(
                "the file changed during the export", subject=str(self.path), hint="run the same command again"
            )


@frozen
class Tool:
    """The files of the tool, by name."""

    files: tuple[ToolFile, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size_bytes for file in self.files)

    @property
    def sums(self) -> dict[str, str]:
        """The SHA-256 of each file in hex, by the name that SHA256SUMS lists."""
        return {file.name: file.sha256 for file in self.files}


NO_TOOL = Tool()
"""A bundle without the tool."""


def read_tool(folder: Path, passed: Passed) -> Tool:
    """Lists the tool in a folder of this machine, and takes the SHA-256 of each file.

    If the folder has a SHA256SUMS, it must list all files, with these digests. It does not come along, because that of
    the bundle lists the same files.

    Args:
        folder: The folder.
        passed: Receives every number of bytes that was read; its errors pass through.

    Raises:
        Misuse: There is no such folder, it is empty, or it has something that a bundle cannot carry.
        Damaged, Incomplete: The files are not those of its SHA256SUMS.
        LocalStorage: A file cannot be read.
    """
    if not folder.is_dir():
        raise Misuse(
            "there is no such folder",
            subject=str(folder),
            hint="scripts/dist makes a folder with the tool: dist/wheels",
        )
    listing = list_folder(folder)
    listed = listing.entries.get(roles.SUMS.file)
    entries = [entry for name, entry in listing.entries.items() if entry is not listed and not is_litter(name)]
    _check_entries(folder, entries)
    files = tuple(ToolFile(local(entry.path), entry.size_bytes, _sha256(entry, passed)) for entry in entries)
    tool = Tool(files)
    if listed is not None:
        _compare(tool, local(listed.path))
    return tool


def _check_entries(folder: Path, entries: list[Entry]) -> None:
    if not entries:
        raise Misuse("the folder has no files", subject=str(folder))
    for entry in entries:
        if not entry.is_file:
            raise Misuse(
                text("{kind}; the tool that a bundle carries has plain files only", kind=entry.kind),
                subject=str(entry.path),
                hint="scripts/dist makes a folder with the tool: dist/wheels",
            )
        if not roles.is_listable(f"{roles.TOOL_FOLDER}/{entry.name}"):
            raise Misuse(
                "a bundle cannot have a file of this name",
                subject=str(entry.path),
                hint="rename it: small letters, digits and . _ + - only, at most 128 of them",
            )
    if len(entries) > TOOL_FILES:
        raise Misuse(
            "too many files for the tool of a bundle",
            subject=str(folder),
            expected=text("at most {count:,}", count=TOOL_FILES),
            actual=f"{len(entries):,}",
        )
    size_bytes = sum(entry.size_bytes for entry in entries)
    if size_bytes > OTHER_FILES_BYTES:
        raise Misuse(
            "too large for the tool of a bundle",
            subject=str(folder),
            expected=text("at most {limit_bytes:,} bytes", limit_bytes=OTHER_FILES_BYTES),
            actual=text("{size:,} bytes", size=size_bytes),
        )


def _sha256(entry: Entry, passed: Passed) -> str:
    try:
        descriptor = open_for_reading(local(entry.path))
        try:
            return sha256_of(descriptor, what=str(entry.path), passed=passed)
        finally:
            let_go(descriptor)
    except (Damaged, Incomplete) as error:  # a file of this machine, not of a medium that a courier brought
        raise LocalStorage(error.message, subject=str(entry.path)) from error


def _compare(tool: Tool, sums_path: Path) -> None:
    """Compares the tool with the SHA256SUMS of its folder."""
    wanted = _parsed(sums_path)
    found = tool.sums
    hint = "make the folder again, with scripts/dist"
    for name in sorted(wanted.keys() | found.keys()):
        path = sums_path.with_name(name.rpartition("/")[2])
        if name not in found:
            raise Incomplete("listed in SHA256SUMS, and missing", subject=str(path), hint=hint)
        if name not in wanted:
            raise Misuse("not listed in the SHA256SUMS of its folder", subject=str(path), hint=hint)
        if found[name] != wanted[name]:
            raise Damaged(
                "not the file that SHA256SUMS lists",
                subject=str(path),
                expected=wanted[name],
                actual=found[name],
                hint=hint,
            )


def _parsed(sums_path: Path) -> Mapping[str, str]:
    """The entries of that file, under the names that the bundle gives to its files."""
    try:
        content = read_bounded(sums_path, SUMS_BYTES)
        return sums.parse_sums(content.replace(b"  ", f"  {roles.TOOL_FOLDER}/".encode()))
    except BundlerError as error:
        raise error.but(subject=str(sums_path)) from error
