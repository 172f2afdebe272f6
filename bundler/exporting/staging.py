"""Makes images ready whose blobs are not known before they were read.

These are the images of daemons, of ``docker save`` and of compressed files. Scratch files are freed while the bundle is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bundler import texts
from bundler.core.events import COPIED, FAILED, Began, Finished, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.image_list import Entry, ListEntry, ManyImages
from bundler.core.location import Location
from bundler.core.reference import Reference
from bundler.errors import Absent, BundlerError, Several
from bundler.run import Run, retrying
from bundler.stores.opened import Stores
from bundler.system.scratch import Scratch
from bundler.transfer import ask_all
from bundler.transports.transport import IndexedFile, Preparation, SourceLocation, source_of

if TYPE_CHECKING:
    from bundler.stores.archives import Ready
    from bundler.stores.image_file import Tap


def index_files(entries: Sequence[ListEntry], stores: Stores, run: Run) -> None:
    """Reads the index of each image file of a list.

    Raises:
        BundlerError: A file cannot be read, or is no image archive; with more than one, `Several`.
    """
    sources = [source_of(entry.source) for entry in entries if not isinstance(entry, ManyImages)]
    files = list(dict.fromkeys(file for source in sources if (file := source.indexed_file)))
    if not files:
        return
    total = sum(file.bytes_to_index(stores) for file in files)

    def index(file: IndexedFile) -> None:
        file.read_index(stores, lambda piece: run.listener(Moved(len(piece))))

    run.listener(PhaseBegan("indexing files", total, in_bytes=True))
    failed = ask_all(files, index, run, workers=run.jobs)
    run.listener(PhaseEnded("indexing files"))
    _raise_all([error for _, error in failed], texts.text("image files cannot be read"))


def make_ready(
    entries: Sequence[Entry], stores: Stores, scratch: Scratch, run: Run, *, layer_compression: str
) -> Mapping[Location, Absent]:
    """Makes all images ready that need it.

    Args:
        entries: All images of the export.
        stores: The stores that the images are in, and later the staged images too.
        scratch: The place for blobs that must be kept until the bundle is written.
        run: The run that this is part of.
        layer_compression: For uncompressed layers: gzip, zstd or none.

    Returns:
        The images that are missing at their source, each with its error.

    Raises:
        BundlerError: An image is damaged, or scratch cannot be written; with more than one error, `Several`.
    """
    tasks = _tasks(entries)
    if not tasks:
        return {}
    from bundler.stores.archives import Staging  # registries and layouts do not need them
    from bundler.stores.staging import StagingCache

    sizes = {task: _bytes_to_read(task, stores, run) for task in tasks}
    staging_cache = StagingCache()

    def work(task: Preparation) -> None:
        def stage(tap: Tap) -> Ready:
            staging = Staging(scratch, staging_cache, layer_compression, lambda text: run.listener(Noticed(text)), tap)
            return task.make_ready([source.asked_for for source in tasks[task]], stores, staging)

        stores.keep_ready(tasks[task], _reported(stage, str(task), sizes[task], run))

    run.listener(PhaseBegan("reading daemons and files", sum(sizes.values()), in_bytes=True))
    failed = ask_all(sorted(tasks, key=lambda task: -sizes[task]), work, run, workers=run.jobs)
    run.listener(PhaseEnded("reading daemons and files"))
    absent = {task: error for task, error in failed if isinstance(error, Absent) and len(tasks[task]) == 1}
    _raise_all([error for task, error in failed if task not in absent], texts.text("sources cannot be read"))
    return {tasks[task][0]: error for task, error in absent.items()}


def _reported(stage: Callable[[Tap], Ready], called: str, size_bytes: int, run: Run) -> Ready:
    """Makes something ready, with retries, and reports the bytes that it reads: each of them once."""
    seen_bytes = 0

    def tap(piece: bytes | memoryview) -> None:
        nonlocal seen_bytes
        run.cancellation.check()
        moved = min(len(piece), size_bytes - seen_bytes)
        seen_bytes += moved
        run.listener(Moved(moved))

    run.listener(Began(called, size_bytes))
    try:
        ready = retrying(lambda: stage(tap), run, subject=called)
    except BaseException:
        run.listener(Finished(called, FAILED, size_bytes=size_bytes))
        raise
    run.listener(Moved(size_bytes - seen_bytes))
    run.listener(Finished(called, COPIED, size_bytes=size_bytes))
    return ready


def notice_originals(entries: Sequence[Entry], stores: Stores, run: Run) -> None:
    """Reports images of a daemon that a registry still has in their original form, with their published digests."""

    def look(source: SourceLocation) -> None:
        for text in source.originals(stores):
            try:
                original = Reference.parse(text)
                stores.repository(original.registry, original.repository).resolve(original.target)
            except BundlerError:
                continue  # this is only a remark: its failure is not reported
            run.listener(
                Noticed(
                    texts.text(
                        "{source}: the registry has the original; docker://{original} keeps its digest",
                        source=source,
                        original=original,
                    )
                )
            )
        run.listener(Moved(1))

    sources = [source_of(entry.source) for entry in entries]
    repacked = [source for source in sources if source.has_originals and stores.is_repacked(source)]
    if repacked:
        run.listener(PhaseBegan("asking registries for the originals", len(repacked), in_bytes=False))
        ask_all(repacked, look, run)
        run.listener(PhaseEnded("asking"))


def _tasks(entries: Sequence[Entry]) -> dict[Preparation, tuple[SourceLocation, ...]]:
    """The files and images that must be read, each with the images that are made ready by it."""
    tasks: dict[Preparation, dict[SourceLocation, None]] = {}
    for entry in entries:
        source = source_of(entry.source)
        if source.preparation is not None:
            tasks.setdefault(source.preparation, {})[source] = None
    return {preparation: tuple(sources) for preparation, sources in tasks.items()}


def _bytes_to_read(task: Preparation, stores: Stores, run: Run) -> int:
    return retrying(lambda: task.bytes_to_read(stores), run, subject=str(task))


def _raise_all(errors: list[BundlerError], what: str) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Several(texts.text("{count} {what}; nothing was exported", count=len(errors), what=what), errors)
