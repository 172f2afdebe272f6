"""The folder of a database of ClamAV: its version and its date, by its files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from bundler.core.limits import DATABASE_FILES, SIGNATURES_BYTES
from bundler.core.moments import shown
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.hooks.clamav_words import HEADER_BYTES, header_of
from bundler.system import files
from bundler.system.given_files import read_beginning
from bundler.texts import text

_SIGNATURES = lazy_pattern(
    r"\.(?:c[bdr]b|cbc|cfg|cud|cld|cvd|s?fp|ftm|gdb|h[ds][bu]|idb|imp|info|ld[bu]|m[ds][bu]|nd[bu]|pdb|pwdb|wdb|yara?|ign2?|cat)"
)
"""The endings of its files (libclamav/readdb.h, CLI_DBEXT)."""
_DIGITS = 32
"""The digits of a digest that are shown: nobody forges the database of this machine."""


def read_database(folder: Path) -> tuple[str, str]:
    """The version and the date of a database, as RFC 3339 has it.

    The version names ClamAV's own files with theirs, and all others by one digest. The date is that of the newest file.

    Raises:
        Misuse: There is no such folder, no file of a database in it, or too many; or one cannot be read.
        LocalStorage, Damaged: One of them cannot be read.
    """
    names, others, newest = [], [], 0
    for path in _files_of(folder):
        header = header_of(read_beginning(path, HEADER_BYTES))
        if header is None:
            others.append(f"{path.name}:{_digest(path)}\n")
        else:
            names.append(f"{path.stem} {header[0]}")
        newest = max(newest, header[1] if header else int(path.stat().st_mtime))
    if others:
        names.append(f"sha256:{hashlib.sha256(''.join(others).encode()).hexdigest()[:_DIGITS]}")
    return ", ".join(names), shown(newest)


def _files_of(folder: Path) -> Sequence[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if _SIGNATURES.fullmatch(path.suffix))
    except OSError as error:
        raise Misuse(
            text("cannot be read: {reason}", reason=error.strerror), subject=os.fspath(folder), code="scanner-database"
        ) from error
    if len(found) > DATABASE_FILES:
        raise Misuse(
            text("more than {count} files of a database", count=DATABASE_FILES),
            subject=os.fspath(folder),
            code="scanner-database",
        )
    if not found:
        raise Misuse(
            "no database of ClamAV in this folder",
            subject=os.fspath(folder),
            hint="copy main.cvd, daily.cvd and bytecode.cvd into it; freshclam fetches them on a machine with internet",
            code="scanner-database",
        )
    return found


def _digest(path: Path) -> str:
    with files.opened(path) as descriptor:
        return files.sha256_of(descriptor, what=str(path), limit_bytes=SIGNATURES_BYTES)
