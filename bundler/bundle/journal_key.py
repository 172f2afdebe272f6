"""The secret that authenticates the journal of an export: a file in the builder's state folder, one per export.

It is created when the export starts and removed when it is finished. So a user who can write the medium can neither
forge a journal nor replay the journal of an earlier export of the same name.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from bundler.core.journal import KEY_BYTES
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.system.durable_files import remove, sync_folder, write_durably
from bundler.system.files import read_with_facts
from bundler.system.ownership import refuse_foreign
from bundler.texts import text


class JournalKey:
    """The secret of the export that writes one folder."""

    def __init__(self, folder: Path | None, place: Path) -> None:
        """Computes the path of the secret; does nothing else.

        Args:
            folder: The folder of all secrets; None if there is no such folder.
            place: The folder that the export writes.
        """
        name = hashlib.sha256(os.fsencode(os.path.realpath(place))).hexdigest()[:32]
        self._path = folder / f"{name}.key" if folder else None

    def read(self) -> bytes | None:
        """The secret; None if there is none, or if other users can read it."""
        if self._path is None:
            return None
        try:
            content, facts = read_with_facts(self._path, KEY_BYTES)
            refuse_foreign(facts, self._path)
        except BundlerError:
            return None
        is_secret = not stat.S_IMODE(facts.st_mode) & 0o077
        return content if is_secret and len(content) == KEY_BYTES else None

    def make(self) -> tuple[bytes, str | None]:
        """Creates a secret. Also returns the reason if it cannot be kept for the next run, None if it is kept."""
        key = secrets.token_bytes(KEY_BYTES)
        if self._path is None:
            return key, text("every folder for it is on the medium")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            remove(self._path)
            write_durably(self._path, [key], mode=0o600)
            sync_folder(self._path.parent)
        except OSError as error:
            return key, str(LocalStorage.unwritable(error, str(self._path)))
        except (LocalStorage, Misuse) as error:
            return key, str(error)
        return key, None

    def remove(self) -> None:
        """Removes the secret: from now on, no journal of this export is accepted.

        Raises:
            Misuse, LocalStorage: It cannot be removed.
        """
        if self._path is not None:
            remove(self._path)
