"""A secret of this user in a file: random bytes that authenticate what the program writes for its next run."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.system.durable_files import remove, sync_folder, write_durably
from bundler.system.files import read_with_facts
from bundler.system.ownership import make_folder, refuse_foreign
from bundler.texts import text

SECRET_BYTES = 32


class SecretFile:
    """A secret that only this user can read."""

    def __init__(self, path: Path | None) -> None:
        """Does nothing yet.

        Args:
            path: Its file; None if there is no folder for it.
        """
        self._path = path

    def read(self) -> bytes | None:
        """The secret; None if there is none, or if other users can read it."""
        if self._path is None:
            return None
        try:
            content, facts = read_with_facts(self._path, SECRET_BYTES)
            refuse_foreign(facts, self._path)
        except BundlerError:
            return None
        is_secret = not stat.S_IMODE(facts.st_mode) & 0o077
        return content if is_secret and len(content) == SECRET_BYTES else None

    def make(self) -> tuple[bytes, str | None]:
        """Creates a secret. Also returns the reason if it cannot be kept for the next run, None if it is kept."""
        key = secrets.token_bytes(SECRET_BYTES)
        if self._path is None:
            return key, text("every folder for it is on the medium")
        try:
            make_folder(self._path.parent, mode=0o700)
            remove(self._path)
            write_durably(self._path, [key], mode=0o600)
            sync_folder(self._path.parent)
        except OSError as error:
            return key, str(LocalStorage.unwritable(error, str(self._path)))
        except (LocalStorage, Misuse) as error:
            return key, str(error)
        return key, None

    def remove(self) -> None:
        """Removes the secret: from now on, nothing that it authenticates is accepted.

        Raises:
            Misuse, LocalStorage: It cannot be removed.
        """
        if self._path is not None:
            remove(self._path)
