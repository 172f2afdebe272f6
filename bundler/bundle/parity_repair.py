"""Makes lost chunks of one group again, through ``par2`` in a process with bounds. FORMAT.md, section 2.1.

``par2`` works in a scratch folder of links: to the whole chunks, to the names of the lost ones, and to the folders of
parity files and damaged chunks. It can write only new files, in folders of their own, whatever a damaged parity file
makes it do. A new file is one of the bundle only when its SHA-256 is the signed one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.bundle.parity import GroupState
from bundler.bundle.parity_maker import Progress
from bundler.core.events import Listener
from bundler.core.frozen import frozen
from bundler.core.limits import PARITY_FILES
from bundler.core.par2 import ProtectedFile
from bundler.errors import LocalStorage
from bundler.system import par2_program
from bundler.system.bundle_paths import local, locals_of
from bundler.system.durable_files import remove
from bundler.system.files import let_go, open_for_reading, sha256_of
from bundler.workers import Cancellation


@frozen
class Pieces:
    """The files that a group is repaired from.

    Attributes:
        whole: A whole copy of each chunk that has one, by the name of the chunk.
        damaged: Files that may have blocks of the lost ones: damaged copies, and files with unknown names.
    """

    whole: Mapping[str, Path]
    damaged: tuple[Path, ...]


def repair_group(
    group: GroupState,
    pieces: Pieces,
    outputs: Mapping[str, Path],
    sums: Mapping[str, str],
    *,
    scratch: Path,
    jobs: int,
    listener: Listener,
    cancellation: Cancellation,
) -> dict[str, Path]:
    """Makes the lost chunks of a group again; returns the new files by their names, or nothing if too much is lost.

    Args:
        group: The group.
        pieces: The files that it is repaired from.
        outputs: The folder for each lost chunk; it exists, and its files may be replaced.
        sums: The signed SHA-256 of each chunk, in hex.
        scratch: The folder for links.
        jobs: The number of processors to use.
        listener: Receives the progress, in bytes of the group.
        cancellation: Stops it.

    Returns:
        Files with the signed bytes, which are on the device.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: ``par2`` fails, or the files cannot be written.
        Interrupted: The user stopped it.
    """
    good, doubtful = locals_of(group.good.values()), locals_of(p for paths in group.damaged.values() for p in paths)
    for more in ((), doubtful) if doubtful else ((),):
        made = _Attempt(group, pieces, outputs, scratch).run([*good[1:], *more], jobs, listener, cancellation)
        if made and all(_is_right(path, sums[name], cancellation) for name, path in made.items()):
            return made
        for path in made.values():
            remove(path)
    return {}


@frozen
class _Attempt:
    """One run of ``par2``."""

    group: GroupState
    pieces: Pieces
    outputs: Mapping[str, Path]
    scratch: Path

    def run(self, parity: Sequence[Path], jobs: int, listener: Listener, cancellation: Cancellation) -> dict[str, Path]:
        """Runs it with some parity files besides the first good one."""
        made = {name: self.outputs[name].absolute() / name for name in self.group.lost}
        for path in made.values():
            remove(path)
        size_bytes = sum(file.size_bytes for file in self.group.files)
        moved = Progress(size_bytes, listener)
        try:
            folder = Path(tempfile.mkdtemp(prefix="bundler-repair-", dir=self.scratch)).resolve()
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.scratch)) from error
        try:
            index = self._link(folder, made)
            others = _below(folder, (*parity, *self.pieces.damaged))
            is_done = par2_program.repair(
                folder,
                index,
                others,
                tuple(dict.fromkeys(path.parent for path in made.values())),
                threads=jobs,
                size_bytes=size_bytes,
                largest_bytes=max(file.size_bytes for file in self.group.files),
                moved=moved,
                check=cancellation.check,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return made if is_done else {}

    def _link(self, folder: Path, made: Mapping[str, Path]) -> Path:
        """Makes the links of the group; returns that of its first good parity file."""
        name, path = next(iter(self.group.good.items()))
        targets = {file.name: _target(file, self.pieces.whole, made) for file in self.group.files}
        for link, target in {**targets, name: local(path).absolute()}.items():
            os.symlink(target, folder / link)
        return folder / name


def _target(file: ProtectedFile, whole: Mapping[str, Path], made: Mapping[str, Path]) -> Path:
    return made[file.name] if file.name in made else whole[file.name].absolute()


def _below(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """The paths below a folder, by way of links to their folders: ``par2`` takes no links to files, and none outside.

    Its patterns would find other files: names with their signs are left out.
    """
    links: dict[Path, Path] = {}
    found = []
    for path in paths:
        if set("*?") & set(path.name):
            continue
        parent = path.absolute().parent
        if parent not in links:
            links[parent] = folder / f"m{len(links)}"
            os.symlink(parent, links[parent])
        found.append(links[parent] / path.name)
    return found


def _is_right(path: Path, sha256: str, cancellation: Cancellation) -> bool:
    """True if a new file is on the device and has the signed bytes."""
    try:
        descriptor = open_for_reading(path)
        try:
            os.fsync(descriptor)
            return sha256_of(descriptor, what=str(path), passed=lambda _: cancellation.check()) == sha256
        finally:
            let_go(descriptor)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error


def unknown_files(folders: Iterable[Path], known: Iterable[Path], block_bytes: int, most_bytes: int) -> list[Path]:
    """The files with unknown names in some folders that may have blocks of chunks, the largest first.

    Files with names of parity are not among them: no parity file is used that SHA256SUMS does not list.
    """
    names = {path.absolute() for path in known}
    found: list[tuple[int, Path]] = []
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path).absolute()
                if path in names or path.suffix.lower() == ".par2" or not entry.is_file(follow_symlinks=False):
                    continue
                size = entry.stat(follow_symlinks=False).st_size
                if block_bytes <= size <= most_bytes:
                    found.append((size, path))
    return [path for _, path in sorted(found, key=lambda each: (-each[0], str(each[1])))[:PARITY_FILES]]
