"""Gathered: the chunks that several hosts have made are in the partial bundle. Nothing of them is trusted yet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.bundle.held_media import Held
from bundler.bundle.writer import BundleWriter
from bundler.core import roles
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Incomplete, LocalStorage
from bundler.exporting.planned import Planned
from bundler.system.bundle_paths import local
from bundler.system.files import let_go, open_for_reading, pieces_of
from bundler.texts import some, text

_SHARD = lazy_pattern(r"\.shard-[0-9]+-of-[0-9]+")
"""The ending of the folder of a finished shard. An unfinished one ends with .partial."""


def gather(planned: Planned) -> None:
    """Brings the chunks into the partial bundle, from the folders of shards, or from the folders of the request.

    Only a file in the folder of a shard is moved. Another folder may be a bundle that is to stay: its chunks have the
    same names, and most of them the same size. A file on another file system, of another user, or on a read-only
    medium is copied too. The writer reads every byte afterwards, so what is here is not checked.

    Raises:
        Incomplete: A chunk is in none of the folders.
        LocalStorage: A chunk cannot be moved or copied.
    """
    session, run = planned.session, planned.session.run
    target = local(session.folder.path)
    chunks, missing = planned.manifest.chunks, []
    shards = tuple(_shards(session.request.seals, session.name))
    places = (*shards, *session.request.seals)
    run.listener(PhaseBegan("gathering chunks", len(chunks), in_bytes=False))
    try:
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        for chunk in chunks:
            run.cancellation.check()
            if not _is_chunk(target / chunk.file, chunk):
                found = next((place / chunk.file for place in places if _is_chunk(place / chunk.file, chunk)), None)
                if found is None:
                    missing.append(chunk.file)
                else:
                    _bring(found, target / chunk.file, chunk, is_moved=found.parent in shards)
            run.listener(Moved(1))
        for shard in shards:
            _remove_empty(shard)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(target)) from error
    run.listener(PhaseEnded("gathering chunks"))
    if missing:
        raise Incomplete(
            text("chunks are missing: {files}", files=some(missing, most=8)),
            subject=session.name,
            hint="run the shards that make them, and give their folders: --seal DIR",
        )


def refuse_other_bytes(writer: BundleWriter, manifest: BundleManifest, folder: Held) -> None:
    """Makes sure that the chunks have the bytes of the plan, which the writer has read and hashed.

    Raises:
        Damaged: Some have others; they are removed.
    """
    blobs = [blob for blob in manifest.blobs if not writer.has_blob(blob.descriptor)]
    wrong = sorted({piece.chunk for blob in blobs for piece in blob.stored.pieces})
    if wrong:
        files = [manifest.chunks[number - 1].file for number in wrong]
        for file in files:
            folder.remove(file)
        raise Damaged(
            text("the bytes of chunks differ from the plan; they were removed: {files}", files=some(files, most=8)),
            subject=manifest.name,
            hint="run the shards that make them again, then the same command",
        )


def _shards(given: Sequence[Path], name: str) -> Iterator[Path]:
    """The folders of shards in the given ones, or that were given. A link to one could lead to a bundle of the user."""
    for folder in given:
        found = (folder, *sorted(folder.glob(f"{name}.shard-*")))
        for each in found:
            is_named = each.name.startswith(name) and _SHARD.fullmatch(each.name, len(name))
            if is_named and each.is_dir() and not each.is_symlink():
                yield each


def _remove_empty(place: Path) -> None:
    """Removes the folder of a shard if all of its chunks were moved, so that the shard can be run again."""
    if not place.is_dir() or any(roles.is_chunk(each.name) for each in place.iterdir()):
        return
    with suppress(OSError):
        (place / roles.SUMS.file).unlink()
        place.rmdir()


def _is_chunk(path: Path, chunk: Chunk) -> bool:
    try:
        facts = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == chunk.size_bytes


def _bring(source: Path, target: Path, chunk: Chunk, *, is_moved: bool) -> None:
    if is_moved and source.lstat().st_uid == os.geteuid():
        with suppress(OSError):  # another file system, or one that is read-only
            os.rename(source, target)
            return
    descriptor = open_for_reading(source)  # no link that was put there since it was looked at
    try:
        target.unlink(missing_ok=True)
        with target.open("xb") as file:
            for piece in pieces_of(descriptor, 0, chunk.size_bytes, what=str(source)):
                file.write(piece)
    finally:
        let_go(descriptor)
