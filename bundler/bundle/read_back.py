"""Reads a bundle back from its medium before it is sealed, to find bytes that the medium changed.

The page cache of the files is dropped first. Chunks are compared with SHA256SUMS and with the digests of their blobs,
because their SHA-256 may have been taken from the medium already, if the page cache did not hold them long enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bundler.bundle.check import check
from bundler.bundle.findings import Finding
from bundler.bundle.listing import list_folder
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import UncheckedBundle, load
from bundler.bundle.reader import Bundle
from bundler.core.events import Listener
from bundler.errors import BundlerError
from bundler.system.bundle_paths import local
from bundler.system.files import forget_cached, let_go, open_for_reading, sha256_of
from bundler.workers import Cancellation


class ReadingBack:
    """A `ReadBack` with its workers, listener and cancellation."""

    def __init__(self, *, jobs: int, listener: Listener, cancellation: Cancellation) -> None:
        self._jobs = jobs
        self._listener = listener
        self._cancellation = cancellation

    def __call__(self, folders: Sequence[Path], sums_content: bytes, small: Mapping[str, str]) -> list[str]:
        """Returns the names of the files that differ from what was written.

        Args:
            folders: The folders of the bundle, one on each medium.
            sums_content: The bytes of SHA256SUMS.
            small: SHA-256 in hex of the files that were written last, by name.

        Raises:
            Interrupted: The user stopped it.
        """
        listings = tuple(map(list_folder, folders))
        files = [
            (name, local(each.path)) for one in listings for name, each in one.entries.items() if not each.is_folder
        ]
        files += [(name, folders[0] / name) for name in small if "/" in name]  # the tool, in a folder of its own
        wrong = [name for name, path in files if not _forgotten(path)]
        for name, sha256 in small.items():
            copies = folders[:1] if "/" in name else folders
            wrong += [] if all(_holds(folder / name, sha256) for folder in copies) else [name]
        if wrong:
            return list(dict.fromkeys(wrong))
        bundle = load(UncheckedBundle(listings, sums_content).taken_as_it_is())
        checked = check(bundle, jobs=self._jobs, listener=self._listener, cancellation=self._cancellation)
        return sorted({file for finding in checked.findings for file in _suspects(bundle, finding)})


def _suspects(bundle: Bundle | LockedBundle, finding: Finding) -> set[str]:
    """The files that may have the fault: for a cut blob, the chunks of all its parts."""
    if isinstance(bundle, LockedBundle) or finding.digest is None:
        return {finding.file}
    chunks = bundle.manifest.chunks
    places = (stored.pieces for stored in bundle.manifest.stored() if stored.digest == finding.digest)
    return {chunks[piece.chunk - 1].file for pieces in places for piece in pieces}


def _forgotten(path: Path) -> bool:
    """Drops a file from the page cache; False if the medium did not even take the bytes in the cache."""
    try:
        descriptor = open_for_reading(path)
        try:
            forget_cached(descriptor)
        finally:
            let_go(descriptor)
    except (BundlerError, OSError):
        return False
    return True


def _holds(path: Path, digest: str) -> bool:
    try:
        descriptor = open_for_reading(path)
        try:
            return sha256_of(descriptor, what=str(path)) == digest
        finally:
            let_go(descriptor)
    except BundlerError:
        return False
