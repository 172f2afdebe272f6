"""Finds the whole chunks and parity files of a bundle, under any name, by their SHA-256 alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.parity import Facts, parity_names
from bundler.bundle.reader import Bundle
from bundler.core.events import Listener, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.limits import OTHER_FILES_BYTES
from bundler.core.protocols import Passed
from bundler.errors import Damaged, Incomplete, LocalStorage
from bundler.system.bundle_paths import locals_of
from bundler.system.files import let_go, open_for_reading, sha256_of
from bundler.texts import text
from bundler.workers import Cancellation, run_all

_TITLE = text("looking for whole files")


@frozen
class WholeFiles:
    """The whole files of a bundle.

    Attributes:
        chunks: A whole copy of each chunk that has one, by the name of the chunk.
        facts: The chunks that have none, and the parity files.
    """

    chunks: Mapping[str, Path]
    facts: Facts

    @property
    def misnamed(self) -> dict[str, Path]:
        """The whole chunks under other names than their own, in capitals or not."""
        return {name: path for name, path in self.chunks.items() if path.name.lower() != name}


def find_whole_files(
    bundle: Bundle | LockedBundle, *, jobs: int, listener: Listener, cancellation: Cancellation
) -> WholeFiles:
    """Reads all chunks and parity files.

    Raises:
        Interrupted: The user stopped it.
    """
    sums, limit_bytes = bundle.sealed.sums, bundle.manifest.size_bytes + OTHER_FILES_BYTES
    parity = parity_names(bundle)
    named = {state.chunk.file: locals_of(state.paths) for state in bundle.chunks}
    named.update({name: locals_of(bundle.sealed.found_copies(name)) for name in parity})
    listener(PhaseBegan(_TITLE, bundle.manifest.size_bytes, in_bytes=True))
    by_digest: dict[str, Path] = {}
    whole: dict[str, Path] = {}

    def passed(amount: int) -> None:
        cancellation.check()
        listener(Moved(amount))

    def look(name: str) -> None:
        for path in named[name]:
            try:
                digest = _sha256(path, limit_bytes, passed)
            except (Damaged, Incomplete, LocalStorage) as error:
                listener(Noticed(text("{path} is not used: {reason}", path=path, reason=error.message)))
                continue
            by_digest.setdefault(digest, path)
            if digest == sums[name]:
                whole[name] = path
                return

    broken = run_all(sorted(named), look, front_workers=jobs, cancellation=cancellation)
    assert not broken, "a file that cannot be read is not whole"
    listener(PhaseEnded(_TITLE))
    for state in bundle.chunks:  # chunks may have each other's names
        path = by_digest.get(sums[state.chunk.file])
        if path is not None:
            whole.setdefault(state.chunk.file, path)
    files = [state.chunk.file for state in bundle.chunks]
    return WholeFiles(
        {name: whole[name] for name in files if name in whole},
        Facts(
            frozenset(name for name in files if name not in whole),
            {name: whole[name] for name in parity if name in whole},
            {name: named[name] for name in parity if name not in whole and named[name]},
        ),
    )


def _sha256(path: Path, limit_bytes: int, passed: Passed) -> str:
    descriptor = open_for_reading(path)
    try:
        return sha256_of(descriptor, what=str(path), limit_bytes=limit_bytes, passed=passed)
    finally:
        let_go(descriptor)
