"""The folder of a bundle until it is sealed: ``NAME.partial``, locked by one export, finished by one rename.

What all writers share: FORMAT.md, section 10.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.files import check_space, sync_folder, write_durably
from bundler.bundle.signing import PrivateKey
from bundler.errors import LocalStorage, Misuse, Unavailable

_OWN_FILES = re.compile(r"chunk-\d{4,}\.(tar|7z)|content\.7z|bundle\.json|README\.txt|SHA256SUMS(\.[0-9a-f]{16}\.sig)?")


class PartialFolder:
    """The folder that a bundle is made in. For one thread."""

    def __init__(self, parent: Path, name: str) -> None:
        self.final_path = parent / name
        self.path = parent / (name + sums.PARTIAL)
        self._parent = parent
        self._lock_descriptor = -1

    def begin(self, size_bytes: int) -> None:
        """Makes the folder. What an earlier run that was not finished left there is removed.

        Args:
            size_bytes: The room that the bundle will need.

        Raises:
            Misuse: A finished bundle of this name exists.
            Unavailable: Another process is writing the same bundle.
            LocalStorage: There is not enough space, or the folder cannot be written.
        """
        self.refuse_finished()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._remove_leftovers()
            check_space(self.path, size_bytes)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error

    def refuse_finished(self) -> None:
        """Makes sure that there is no finished bundle of this name.

        Raises:
            Misuse: There is one.
        """
        if self.final_path.exists():
            raise Misuse(
                "a bundle of this name is there already",
                subject=str(self.final_path),
                hint="remove it, or choose another -o DIR or --name",
            )

    def seal(self, files: Mapping[str, bytes], digests: Mapping[str, str], key: PrivateKey | None) -> str:
        """Finishes the bundle: small files, checksums, signature, one rename.

        Args:
            files: README.txt and bundle.json.
            digests: SHA-256 in hex of the files that are on the device already, by name.
            key: Signs; None for a bundle that is said to be unsigned.

        Returns:
            The bundle's id.

        Raises:
            LocalStorage: Something could not be written; the bundle stays partial.
        """
        listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        sums_content = sums.format_sums({**listed, **digests})
        written = {**files, sums.FILE: sums_content}
        if key:
            written[sums.signature_file(key.id)] = key.sign(sums_content)
        for name, content in written.items():
            write_durably(self.path / name, content)
        sync_folder(self.path)
        try:
            os.rename(self.path, self.final_path)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.final_path)) from error
        sync_folder(self._parent)
        return sums.bundle_id(sums_content)

    def close(self) -> None:
        """Gives the lock back. Idempotent."""
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1

    def _remove_leftovers(self) -> None:
        left = list(self.path.iterdir())
        for path in left:
            if not _OWN_FILES.fullmatch(path.name) or path.is_dir():
                raise Misuse("this is not of an export", subject=str(path), hint=f"move it out of {self.path}")
        for path in left:
            path.unlink()

    def _take_lock(self) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._lock_descriptor = os.open(self.path, flags)
        except NotADirectoryError as error:
            raise Misuse("a link or file where a folder should be", subject=str(self.path)) from error
        try:
            fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                "another export is writing this bundle", subject=str(self.path), hint="wait until it is done"
            ) from error
        except OSError:
            return  # a file system without locks; two exports at once are then the user's care
