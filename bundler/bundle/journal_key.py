"""The secret that authenticates the journal of an export: a file in the builder's state folder, one per export.

It is created when the export starts and removed when it is finished. So a user who can write the medium can neither
forge a journal nor replay the journal of an earlier export of the same name.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from bundler.system.secret_file import SecretFile


class JournalKey(SecretFile):
    """The secret of the export that writes one folder."""

    def __init__(self, folder: Path | None, place: Path) -> None:
        """Computes the path of the secret; does nothing else.

        Args:
            folder: The folder of all secrets; None if there is no such folder.
            place: The folder that the export writes.
        """
        name = hashlib.sha256(os.fsencode(os.path.realpath(place))).hexdigest()[:32]
        super().__init__(folder / f"{name}.key" if folder else None)
