"""The secret that an export's journal is authenticated with: a file in the builder's state folder, one per export.

It is made when the export begins and removed when it is finished. So a user who can write the medium cannot write a
journal that is believed, nor bring back the journal of an earlier export of the same name.
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
    """The secret of the export that makes one folder."""

    def __init__(self, folder: Path | None, place: Path) -> None:
        """Nothing is done yet.

        Args:
            folder: Where secrets are kept; None if there is no such place.
            place: The folder that the export makes.
        """
        name = hashlib.sha256(os.fsencode(os.path.realpath(place))).hexdigest()[:32]
        self._path = folder / f"{name}.key" if folder else None

    def read(self) -> bytes | None:
        """The secret; None if there is none that nobody else may know."""
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
        """A new secret, and why it cannot be kept for the next run; None if it is kept."""
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
        """Removes it: no journal is believed from now on.

        Raises:
            Misuse, LocalStorage: It cannot be removed.
        """
        if self._path is not None:
            remove(self._path)
