"""Delivered: every file is in its folders, as SHA256SUMS lists it, and each complete folder has its name.

Each byte of the source is read once, for all folders at once. A folder that fails stops no other one, and a damaged
file stops no other file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import field
from functools import partial

from bundler.bundle.medium import disks_of
from bundler.copying.placed import Delivery, Placed
from bundler.copying.request import CopiedFolder, CopyResult
from bundler.copying.source import SourceFile, pieces_of
from bundler.copying.target import OpenTarget, Target
from bundler.core.events import Began, Finished, Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import slotted
from bundler.errors import BundlerError, Damaged, Incomplete, Interrupted, LocalStorage, Several
from bundler.run import Run
from bundler.texts import text
from bundler.workers import pour, run_all

_COPIED, _FAILED = "copied", "failed"


@slotted
class _State:
    """The failures of a run: of files, and of targets, which get no more files then."""

    files: dict[str, BundlerError] = field(default_factory=dict)
    targets: dict[Target, BundlerError] = field(default_factory=dict)

    @property
    def errors(self) -> list[BundlerError]:
        return [*self.targets.values(), *self.files.values()]


def deliver(placed: Placed) -> CopyResult:
    """Copies all files to their folders. Bytes that are there already are read, compared and left.

    Raises:
        Misuse: Something in a folder does not belong to the bundle.
        Damaged, Incomplete: The bundle has no good copy of a file.
        LocalStorage: A medium cannot be written, or returns other bytes than were written. Other media are complete.
        Several: More than one of these.
    """
    opened, run = placed.opened, placed.opened.run
    if opened.request.is_dry_run:
        return _result(placed, {})
    for delivery in placed.deliveries:
        if delivery.is_complete:
            delivery.target.clear()
    state = _State()
    work = placed.open_deliveries
    targets: dict[Target, OpenTarget] = {}
    try:
        listed = {*opened.source.bundle.sealed.sums, *(name for name, _ in opened.source.unlisted)}
        placed_names = {file.name for delivery in placed.deliveries for file in delivery.files}
        for delivery in work:
            wanted = {file.name for file in delivery.files} | {name for name, _ in opened.source.unlisted}
            targets[delivery.target] = delivery.target.open(wanted, placed_names - wanted, listed)
        title = "copying, reading back" if opened.request.is_read_back else "copying"
        run.listener(PhaseBegan(title, _bytes_to_move(work), in_bytes=True))
        _copy_all(placed, work, targets, state)
        run.listener(PhaseEnded(title))
        for delivery in work:
            _finish(delivery, targets[delivery.target], placed, state)
    finally:
        for target in targets.values():
            target.close()
    if state.errors:
        raise _error(state.errors)
    return _result(placed, {target: opened.written_bytes for target, opened in targets.items()})


def _bytes_to_move(work: Sequence[Delivery]) -> int:
    read = {file.name: file.size_bytes for delivery in work for file in delivery.files}
    return sum(read.values()) + sum(delivery.size_bytes for delivery in work)


def _copy_all(
    placed: Placed, work: Sequence[Delivery], open_targets: Mapping[Target, OpenTarget], state: _State
) -> None:
    """Copies the files that one folder gets, folders on different disks at the same time; then those of all folders."""
    run = placed.opened.run
    takers: dict[str, list[OpenTarget]] = {}
    for delivery in work:
        for file in delivery.files:
            takers.setdefault(file.name, []).append(open_targets[delivery.target])
    by_disk: dict[object, list[SourceFile]] = {}
    shared: list[SourceFile] = []
    for file in placed.opened.source.files:
        targets = takers.get(file.name, [])
        if len(targets) == 1:
            by_disk.setdefault(disks_of(targets[0].target.final) or targets[0].target.final.parent, []).append(file)
        elif targets:
            shared.append(file)

    def copy_files(files: Iterable[SourceFile]) -> None:
        for file in files:
            _copy(placed, file, takers[file.name], state)

    queues = list(by_disk.values())
    if len(queues) > 1:
        workers = min(len(queues), run.jobs)
        failed = run_all(queues, copy_files, front_workers=workers, cancellation=run.cancellation)
        for _, error in failed:
            raise error
    elif queues:
        copy_files(queues[0])
    copy_files(shared)


def _copy(placed: Placed, file: SourceFile, targets: Sequence[OpenTarget], state: _State) -> None:
    """Copies a file from the first copy of it that is good."""
    opened, run = placed.opened, placed.opened.run
    problem: BundlerError | None = None
    for path in file.paths:
        alive = [each for each in targets if each.target not in state.targets]
        if not alive:
            return
        run.listener(Began(file.name, file.size_bytes))
        limit_bytes = opened.source.bundle.manifest.size_bytes
        moved = _Counter(run)
        poured = pour(
            pieces_of(file, path, limit_bytes, moved),
            [partial(_take, target, file, moved, opened.request.is_read_back) for target in alive],
        )
        _raise_unexpected([poured.source_error, *poured.failures])
        if poured.source_error is None:
            for target, failure in zip(alive, poured.failures, strict=True):
                if isinstance(failure, BundlerError):
                    state.targets[target.target] = failure
            outcome = _FAILED if any(poured.failures) else _COPIED
            run.listener(Finished(file.name, outcome, size_bytes=file.size_bytes))
            return
        for target, failure in zip(alive, poured.failures, strict=True):
            if isinstance(failure, LocalStorage) and failure is not poured.source_error:
                state.targets[target.target] = failure
        run.listener(Finished(file.name, _FAILED, size_bytes=file.size_bytes))
        moved.take_back()
        assert isinstance(poured.source_error, BundlerError)
        problem = problem or poured.source_error
        if len(file.paths) > 1:
            run.listener(Noticed(text("{path} is not used: {reason}", path=path, reason=poured.source_error.message)))
    if problem is not None:
        state.files[file.name] = problem


def _take(
    target: OpenTarget,
    file: SourceFile,
    passed: Callable[[int], object],
    is_read_back: bool,
    pieces: Generator[bytes | memoryview, None, None],
) -> None:
    target.write(file, pieces, passed, is_read_back=is_read_back)


class _Counter:
    """Reports moved bytes, and can take them back if they must be moved again. Stops if the user wants it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._moved_bytes = 0

    def __call__(self, amount: int) -> None:
        self._run.cancellation.check()
        self._moved_bytes += amount
        self._run.listener(Moved(amount))

    def take_back(self) -> None:
        """Takes back what was reported."""
        self._run.listener(Moved(-self._moved_bytes))
        self._moved_bytes = 0


def _raise_unexpected(errors: Iterable[BaseException | None]) -> None:
    """Raises an interruption, or an error that is a bug; other errors are kept for the end."""
    for error in errors:
        if error is not None and (isinstance(error, Interrupted) or not isinstance(error, BundlerError)):
            raise error


def _finish(delivery: Delivery, target: OpenTarget, placed: Placed, state: _State) -> None:
    """Gives a folder its name, if it has all of its files."""
    if delivery.target in state.targets or any(file.name in state.files for file in delivery.files):
        return
    try:
        for name, content in reversed(placed.opened.source.unlisted):  # SHA256SUMS last
            target.write_small(name, content)
        target.finish()
    except LocalStorage as error:
        state.targets[delivery.target] = error


def _error(errors: Sequence[BundlerError]) -> BundlerError:
    if len(errors) == 1:
        return errors[0]
    is_source = any(isinstance(error, (Damaged, Incomplete)) for error in errors)
    message = (
        text("{count} files or media failed", count=len(errors))
        if is_source
        else text("{count} media failed", count=len(errors))
    )
    return Several(message, errors, hint="run the same command again: it resumes")


def _result(placed: Placed, written_bytes: Mapping[Target, int]) -> CopyResult:
    opened, source = placed.opened, placed.opened.source
    bundle = source.bundle
    common_bytes = sum(len(content) for _, content in source.unlisted)
    return CopyResult(
        bundle_id=bundle.id,
        manifest=bundle.manifest,
        folders=tuple(
            CopiedFolder(
                each.target.final,
                tuple(file.name for file in each.files if not file.is_common),
                each.size_bytes + common_bytes,
                written_bytes.get(each.target, 0),
                each.is_complete,
            )
            for each in placed.deliveries
        ),
        missing=tuple(
            name for name in source.missing if not all(name in each.target.sizes() for each in placed.deliveries)
        ),
        is_part=source.is_whole_media,
        signers=bundle.sealed.signers,
        is_read_back=opened.request.is_read_back and not opened.request.is_dry_run,
        is_dry_run=opened.request.is_dry_run,
    )
