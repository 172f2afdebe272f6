"""Makes images ready whose blobs are not known before they were read: those of daemons, of ``docker save``, of
compressed files. What that needs in scratch is freed again as the bundle is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundler import texts
from bundler.commands.open_stores import Stores
from bundler.core.events import Began, Finished, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry, HeldImages
from bundler.core.location import ArchiveImage, DaemonImage
from bundler.core.reference import Reference
from bundler.errors import Absent, BundlerError, Several
from bundler.run import Run, retrying
from bundler.stores.archives import Staging
from bundler.stores.staging import StagingCache
from bundler.system.scratch import Scratch
from bundler.transfer import COPIED, FAILED, ask_all

Location = ArchiveImage | DaemonImage


@dataclass(frozen=True, slots=True)
class _Task:
    """Images that are made ready in one go: those of one archive, or one of a daemon."""

    locations: tuple[ArchiveImage, ...] | tuple[DaemonImage, ...]

    @property
    def called(self) -> str:
        first = self.locations[0]
        return str(first) if isinstance(first, DaemonImage) else f"{first.transport}:{first.path}"


def index_files(entries: Sequence[Entry | HeldImages], stores: Stores, run: Run) -> None:
    """Reads what members all image files have that are named.

    Raises:
        BundlerError: A file cannot be read, or is no image archive; with more than one, `Several`.
    """
    archives = {(s.transport, s.path): s for entry in entries if isinstance(s := entry.source, ArchiveImage)}
    if not archives:
        return
    total = sum(_bytes_to_index(location, stores) for location in archives.values())

    def index(location: ArchiveImage) -> None:
        stores.archive(location, lambda piece: run.listener(Moved(len(piece))))

    run.listener(PhaseBegan("indexing files", total, in_bytes=True))
    failed = ask_all(tuple(archives.values()), index, run, workers=run.jobs)
    run.listener(PhaseEnded("indexing files"))
    _raise_all([error for _, error in failed], texts.text("image files cannot be read"))


def make_ready(
    entries: Sequence[Entry], stores: Stores, scratch: Scratch, run: Run, *, layer_compression: str
) -> dict[Location, Absent]:
    """Makes all images ready that need it.

    Args:
        entries: All images of the export.
        stores: Where they are, and where they are ready then.
        scratch: What they need meanwhile.
        run: The run that this is part of.
        layer_compression: What uncompressed layers are compressed with: gzip, zstd or none.

    Returns:
        The images that are not there, and why.

    Raises:
        BundlerError: An image is damaged, or cannot be put down; with more than one error, `Several`.
    """
    tasks = _tasks(entries)
    if not tasks:
        return {}
    sizes = {task: _bytes_to_read(task, stores, run) for task in tasks}
    staging_cache = StagingCache()

    def work(task: _Task) -> None:
        size = sizes[task]
        run.listener(Began(task.called, size))
        seen = 0

        def tap(piece: bytes | memoryview) -> None:
            nonlocal seen
            run.cancellation.check()
            moved = min(len(piece), size - seen)
            seen += moved
            run.listener(Moved(moved))

        staging = Staging(scratch, staging_cache, layer_compression, lambda text: run.listener(Noticed(text)), tap)
        try:
            retrying(lambda: stores.make_ready(task.locations, staging), run, subject=task.called)
        except BaseException:
            run.listener(Finished(task.called, FAILED))
            raise
        run.listener(Moved(size - seen))
        run.listener(Finished(task.called, COPIED))

    run.listener(PhaseBegan("reading daemons and files", sum(sizes.values()), in_bytes=True))
    failed = ask_all(sorted(tasks, key=lambda task: -sizes[task]), work, run, workers=run.jobs)
    run.listener(PhaseEnded("reading daemons and files"))
    absent: dict[Location, Absent] = {}
    errors: list[BundlerError] = []
    for task, error in failed:
        if isinstance(error, Absent) and len(task.locations) == 1:
            absent[task.locations[0]] = error
        else:
            errors.append(error)
    _raise_all(errors, texts.text("sources cannot be read"))
    return absent


def notice_originals(entries: Sequence[Entry], stores: Stores, run: Run) -> None:
    """Tells of images of a daemon that a registry still has as they were, with the digests that everybody knows."""

    def look(entry: Entry) -> None:
        assert isinstance(entry.source, DaemonImage)
        found = stores.daemon.find(entry.source.name)
        for text in found.repo_digests if found else ():
            try:
                original = Reference.parse(text)
                stores.repository(original.registry, original.repository).resolve(original.target)
            except BundlerError:
                continue  # nobody asked for it, so nobody needs to know why
            run.listener(
                Noticed(
                    texts.text(
                        "{source}: the registry has the original; docker://{original} keeps its digest",
                        source=entry.source,
                        original=original,
                    )
                )
            )
        run.listener(Moved(1))

    repacked = [
        entry for entry in entries if isinstance(entry.source, DaemonImage) and stores.is_repacked(entry.source)
    ]
    if repacked:
        run.listener(PhaseBegan("asking registries for the originals", len(repacked), in_bytes=False))
        ask_all(repacked, look, run)
        run.listener(PhaseEnded("asking"))


def _tasks(entries: Sequence[Entry]) -> list[_Task]:
    archives: dict[tuple[str, str], dict[ArchiveImage, None]] = {}
    daemons: dict[DaemonImage, None] = {}
    for entry in entries:
        if isinstance(entry.source, ArchiveImage):
            archives.setdefault((entry.source.transport, entry.source.path), {})[entry.source] = None
        elif isinstance(entry.source, DaemonImage):
            daemons[entry.source] = None
    return [*(_Task(tuple(locations)) for locations in archives.values()), *(_Task((image,)) for image in daemons)]


def _bytes_to_index(location: ArchiveImage, stores: Stores) -> int:
    file = stores.image_file(location)
    return 0 if file.is_plain else file.size_bytes


def _bytes_to_read(task: _Task, stores: Stores, run: Run) -> int:
    first = task.locations[0]
    if isinstance(first, ArchiveImage):
        return stores.image_file(first).size_bytes
    name = first.name
    found = retrying(lambda: stores.daemon.find(name), run, subject=task.called)
    return found.size_bytes if found else 0


def _raise_all(errors: list[BundlerError], what: str) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Several(texts.text("{count} {what}; nothing was exported", count=len(errors), what=what), errors)
