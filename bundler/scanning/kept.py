"""Keeps verdicts in the user's cache folder, so that the scan of a delta looks only at what is new.

There is a file for each scanner with each database. An update of the database begins a new file, and old files go. The
lines have codes by a secret in the user's state folder: `bundler.core.scan.kept`. A scan that was stopped goes on where
it was.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.limits import KEPT_SECONDS, SCAN_KEPT_BYTES, SCAN_KEPT_FILES
from bundler.core.scan.kept import can_be_kept, is_kept, kept_line, name_of, parse_kept
from bundler.core.scan.verdict import Scanner, Verdict
from bundler.errors import BundlerError
from bundler.system.files import read_with_facts
from bundler.system.ownership import make_folder, refuse_foreign
from bundler.system.places import cache_folder, state_folder
from bundler.system.secret_file import SecretFile

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_ENDING = ".kept"


class KeptVerdicts:
    """The verdicts of one scanner with one database. Thread-safe. After a failure of the cache, nothing is kept."""

    def __init__(self, folder: Path | None, secret: bytes | None, scanner: Scanner) -> None:
        """Reads nothing yet.

        Args:
            folder: The folder of all such files; None to keep nothing.
            secret: The secret of this user; None to keep nothing.
            scanner: The scanner.
        """
        is_possible = folder is not None and secret is not None and can_be_kept(scanner)
        self._path = folder / f"{name_of(scanner)}{_ENDING}" if folder and is_possible else None
        self._secret = secret or b""
        self._scanner = scanner
        self._lock = threading.Lock()

    def read(self) -> Mapping[Digest, Verdict]:
        """The verdicts of earlier scans."""
        if self._path is None:
            return {}
        try:
            content, facts = read_with_facts(self._path, SCAN_KEPT_BYTES)
            refuse_foreign(facts, self._path)
        except BundlerError:
            return {}
        return parse_kept(content, self._secret, self._scanner)

    def keep(self, digest: Digest, verdict: Verdict) -> None:
        """Adds a verdict. Ignores failures."""
        if self._path is None or not is_kept(verdict):
            return
        line = kept_line(self._secret, self._scanner, digest, verdict)
        with self._lock, suppress(OSError):
            make_folder(self._path.parent, mode=0o700)
            descriptor = os.open(self._path, _APPEND, 0o600)
            try:
                if os.fstat(descriptor).st_size + len(line) <= SCAN_KEPT_BYTES:
                    os.write(descriptor, line)  # one write: another process may append at the same time
            finally:
                os.close(descriptor)


def kept_verdicts(scanner: Scanner) -> KeptVerdicts:
    """The verdicts that this user keeps of a scanner. Makes the secret if there is none."""
    cache, state = cache_folder(), state_folder()
    if cache is None or state is None or not can_be_kept(scanner):
        return KeptVerdicts(None, None, scanner)
    file = SecretFile(state / "scans.key")
    secret = file.read() or file.make()[0]
    return KeptVerdicts(cache / "scans", secret, scanner)


def prune() -> None:
    """Removes the files of old databases, the oldest first. Ignores failures."""
    cache = cache_folder()
    if cache is None:
        return
    with suppress(OSError):
        files = [each for each in os.scandir(cache / "scans") if each.name.endswith(_ENDING)]
        newest_first = sorted(files, key=lambda each: each.stat(follow_symlinks=False).st_mtime, reverse=True)
        oldest = time.time() - KEPT_SECONDS
        for number, each in enumerate(newest_first):
            if number >= SCAN_KEPT_FILES or each.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(each.path)
