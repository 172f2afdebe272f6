"""The roles of the files in a bundle's folder, and the role of each name. FORMAT.md, section 2.

All code that recognises a file by its name uses this module. A name proves nothing: the content of a file is checked by
its digest in SHA256SUMS, and SHA256SUMS by its signatures. No file of a bundle is ever executed.

Media change names: FAT and ISO 9660 have capitals only, or eight letters and three. So this module also has the forms
that they make of the most important names.
"""

from __future__ import annotations

import re

from bundler.core.frozen import frozen
from bundler.core.limits import (
    BUNDLE_MANIFEST_BYTES,
    CONTENT_BYTES,
    RECORD_BYTES,
    RESTORE_SCRIPT_BYTES,
    SIGNATURE_BYTES,
    SUMS_BYTES,
)
from bundler.core.patterns import lazy_pattern


@frozen
class Role:
    """The purpose of a file of the folder.

    Attributes:
        name: The name of the role in documents and messages.
        form: The pattern of the names of its files.
        file: The file name, if only one is possible; else empty.
        is_listed: True if SHA256SUMS lists such a file.
        is_required: True if every bundle has such a file.
        is_on_every_medium: True if each medium of a bundle has such a file; else only one medium has it.
        limit_bytes: The largest size; None if the role has no limit of its own.
        short_form: The pattern of its names on FAT and ISO 9660 without long names, in small letters.
    """

    name: str
    form: re.Pattern[str]
    file: str = ""
    is_listed: bool = True
    is_required: bool = False
    is_on_every_medium: bool = True
    limit_bytes: int | None = None
    short_form: re.Pattern[str] | None = None


def _named(file: str) -> re.Pattern[str]:
    return lazy_pattern(re.escape(file))


README = Role("readme", _named("README.txt"), "README.txt", is_required=True, limit_bytes=SUMS_BYTES)
"""A text for people. The program never reads it."""
SUMS = Role(
    "sums",
    _named("SHA256SUMS"),
    "SHA256SUMS",
    is_listed=False,
    is_required=True,
    limit_bytes=SUMS_BYTES,
    short_form=lazy_pattern(r"sha256(?:su|~\d{1,6})\.?"),
)
"""The list of digests, whose signatures are the root of trust."""
SIGNATURE = Role(
    "signature",
    lazy_pattern(r"SHA256SUMS\.([0-9a-f]{16})\.sig"),
    is_listed=False,
    limit_bytes=SIGNATURE_BYTES,
    short_form=lazy_pattern(r"sha256(?:su|~\d{1,6})\.sig"),
)
"""A signature over SHA256SUMS, by the key whose id is in the name."""
MANIFEST = Role(
    "manifest",
    _named("bundle.json"),
    "bundle.json",
    is_required=True,
    limit_bytes=BUNDLE_MANIFEST_BYTES,
    short_form=lazy_pattern(r"bundle(?:~\d{1,6})?\.jso"),
)
"""The images of the bundle, and the place of each byte."""
CONTENT = Role("content", _named("content.7z"), "content.7z", limit_bytes=CONTENT_BYTES)
"""The encrypted bundle manifest. Every encrypted bundle has this file; other bundles do not have it."""
RESTORE = Role("restore", _named("restore.py"), "restore.py", limit_bytes=RESTORE_SCRIPT_BYTES)
"""Restores the bundle with Python alone."""
CHUNK = Role("chunk", lazy_pattern(r"chunk-(\d{4,})\.(?:tar|7z)"), is_required=True, is_on_every_medium=False)
"""An archive with blobs of the images."""
PARITY = Role("parity", lazy_pattern(r"parity-\d{2,}(?:\.vol\d+\+\d+)?\.par2"), is_on_every_medium=False)
"""Recovery data for lost and damaged chunks."""
TOOL_FOLDER = "tool"
"""The only folder in a bundle's folder that this version writes."""
TOOL = Role("tool", lazy_pattern(rf"{TOOL_FOLDER}/.+"), is_on_every_medium=False)
"""The program that imports the bundle, for receivers who do not have it."""
RECORD = Role("record", lazy_pattern(r"record-[a-z0-9][a-z0-9._-]*\.json"), limit_bytes=RECORD_BYTES)
"""A finding or decision from the time of the export: a scan, or the settings of a registry."""
UNKNOWN = Role("unknown", lazy_pattern(r".*", re.DOTALL), is_on_every_medium=False)
"""A file without a role that this version knows."""

ROLES = (README, SUMS, SIGNATURE, MANIFEST, CONTENT, RESTORE, CHUNK, PARITY, TOOL, RECORD)
"""The roles that this version knows."""

LISTABLE = r"README\.txt|[a-z0-9][a-z0-9._+-]{0,63}|[a-z0-9][a-z0-9._-]{0,31}/[a-z0-9][a-z0-9._+-]{0,127}"
"""The names that SHA256SUMS can list: files in the bundle's folder, or one folder below. None leads out of it."""
_LISTABLE = lazy_pattern(LISTABLE)
_SIGNATURE_ON_MEDIA = lazy_pattern(r"sha256sums[._]([0-9a-f]{16})\.sig")
_RESERVED = lazy_pattern(r"chunk-\d+\.(tar|7z)|parity-.*|record-.*|tool|sha256sums(\..*)?")


def role_of(name: str) -> Role:
    """The role of the file with a name that is relative to the bundle's folder."""
    return next((role for role in ROLES if role.form.fullmatch(name)), UNKNOWN)


def is_listable(name: str) -> bool:
    """True if SHA256SUMS can list this name."""
    return _LISTABLE.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """True if a file system that ignores case may confuse a name with that of a bundle's file or folder."""
    files = (role.file.lower() for role in ROLES)
    return _RESERVED.fullmatch(name) is not None or name in files


def is_chunk(name: str) -> bool:
    """True if a name is that of a chunk, in capitals or not."""
    return role_of(name.lower()) is CHUNK


def chunk_file(number: int, archive: str) -> str:
    """The name of a chunk.

    Args:
        number: The number of the chunk, from 1.
        archive: The name of the kind of archive.
    """
    return f"chunk-{number:04d}.{archive}"


def chunk_number(name: str) -> int | None:
    """The number in a chunk's name; None for other names."""
    match = CHUNK.form.fullmatch(name)
    return int(match[1]) if match else None


def signature_file(key_id: str) -> str:
    """The name of the file with a key's signature."""
    return f"{SUMS.file}.{key_id}.sig"


def signer_of(name: str) -> str | None:
    """The key id that a signature file's name claims; None for other files."""
    match = SIGNATURE.form.fullmatch(name)
    return match[1] if match else None


def signature_name(name: str) -> tuple[bool, str | None]:
    """True if a name is that of a signature, also in a form that media change it to; and the key id that it claims.

    Media write the name in capitals, without its first dot (ISO 9660), or cut to eight letters and three. The last form
    has no key id.
    """
    folded = name.lower()
    match = _SIGNATURE_ON_MEDIA.fullmatch(folded)
    if match:
        return True, match[1]
    assert SIGNATURE.short_form is not None
    return SIGNATURE.short_form.fullmatch(folded) is not None, None


def is_called(name: str, wanted: str) -> bool:
    """True if a name is the wanted one, or a form of it that media make."""
    short_form = role_of(wanted).short_form
    return name.lower() == wanted.lower() or (short_form is not None and bool(short_form.fullmatch(name.lower())))
