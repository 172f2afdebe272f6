"""The channel of a bundle: refuses an older one than a target has accepted, and remembers what was accepted.

The memory of a channel at a target is a file in the user's state folder. It is locked from the check to the end, so
that two imports of one channel cannot overtake each other. Before the first tag moves it notes the bundle as started;
it counts as accepted when all tags are in place. So a killed import never makes way for an older bundle.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field, replace
from pathlib import Path

from bundler.core.advice import problem
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.limits import CHANNEL_MEMORY_BYTES, CHANNEL_RECEIPT_BYTES, CHANNEL_RECEIPTS
from bundler.core.location import Target
from bundler.core.manifest import Series
from bundler.core.series_memory import Accepted, Memory, judge, memory_by_receipts, parse_memory
from bundler.errors import BundlerError, LocalStorage
from bundler.importing.earlier import EarlierImports
from bundler.importing.opened import Opened
from bundler.importing.receipt_file import earlier_folders
from bundler.importing.results import TargetResult
from bundler.system import places
from bundler.system.clock import now
from bundler.system.durable_files import place_durably
from bundler.system.files import is_own, read_with_facts
from bundler.system.lock import Lock
from bundler.system.ownership import make_folder
from bundler.texts import text


@frozen
class ImportSeries:
    """The channel of an import, at each of its targets.

    Attributes:
        bundle: The bundle, as the memories will note it; None for a bundle without a channel.
        channel: The name of the channel.
        folder: The folder of the memories; None if nothing is remembered.
        memories: The memory of each target before the import, by the name of the target.
        overridden: The codes of the problems that the user overrode.
        remarks: Facts that people should know.
    """

    bundle: Accepted | None = None
    channel: str = ""
    folder: Path | None = None
    memories: Mapping[str, Memory] = field(default_factory=dict)
    overridden: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def begin(self, targets: Iterable[str]) -> None:
        """Notes the bundle as started at some targets, before the first tag moves there.

        Raises:
            LocalStorage: The memory cannot be written; no tag has moved.
        """
        for target in targets:
            if target in self.memories:
                self._write(replace(self.memories[target], started=self.bundle))

    def accept(self, results: Sequence[TargetResult]) -> None:
        """Notes the bundle as accepted at each target where every image is in place.

        Raises:
            LocalStorage: The memory cannot be written. The bundle is noted as started, so no older one is accepted.
        """
        done = {
            result.target
            for result in results
            if result.images and all(each.outcome is not None and each.outcome.is_done for each in result.images)
        }
        for target, memory in self.memories.items():
            if target in done:
                self._write(replace(memory, accepted=self.bundle, started=self.bundle))

    def _write(self, memory: Memory) -> None:
        if self.folder is not None:
            place_durably(_path(self.folder, self.channel, memory.target), memory.to_json(), mode=0o600)


NO_SERIES = ImportSeries()
"""An import of a bundle without a channel: nothing is checked and nothing is remembered."""


class _Remarks:
    """Collects the remarks of one check, and passes each on at once. Local to `checked_series`."""

    def __init__(self, opened: Opened) -> None:
        self._listener = opened.run.listener
        self.all: list[str] = []

    def __call__(self, remark: str) -> None:
        """Notes a remark."""
        self.all.append(remark)
        self._listener(Noticed(remark))


@contextmanager
def checked_series(opened: Opened) -> Iterator[ImportSeries]:
    """Judges the bundle by what its targets have accepted, and holds their memories until the import has ended.

    A dry run judges too, but locks and writes nothing.

    Raises:
        Untrusted: A target has accepted a newer bundle, or another one of this number; or its memory is damaged. The
            user has not allowed it.
        Unavailable: Another import of this channel into a target is running.
        LocalStorage: The memory cannot be locked.
    """
    series, request = opened.bundle.manifest.series, opened.request
    if series is None:
        yield NO_SERIES
        return
    remark = _Remarks(opened)
    if request.is_without_signature:
        remark(text("channel {channel}: nobody has signed its number, so it is not checked", channel=series.channel))
        yield ImportSeries(remarks=tuple(remark.all))
        return
    folder = _folder(series, remark)
    with ExitStack() as locks:
        if folder is not None and not request.is_dry_run:
            group = opened.bundle.id if request.shard is not None else ""
            _hold(folder, series.channel, request.targets, locks, group)
        judged = {str(target): _judged(opened, series, folder, target, remark) for target in request.targets}
        yield ImportSeries(
            Accepted(series.sequence, opened.bundle.id, opened.bundle.manifest.name, now()),
            series.channel,
            folder,
            {name: memory for name, (memory, _) in judged.items()},
            tuple(dict.fromkeys(code for _, codes in judged.values() for code in codes)),
            tuple(remark.all),
        )


def _judged(
    opened: Opened, series: Series, folder: Path | None, target: Target, remark: _Remarks
) -> tuple[Memory, tuple[str, ...]]:
    """The memory of a target, and the codes of the problems that the user has overridden.

    Raises:
        Untrusted: There is a problem, and the user has not overridden it.
    """
    overridden: list[str] = []

    def overrule(error: BundlerError) -> None:
        if not opened.request.allow_rollback:
            raise error
        overridden.append(error.code or "")
        reason = opened.request.allow_rollback
        remark(text("allowed ({reason}): {error}", reason=reason, error=error))

    memory: Memory | None = None
    try:
        memory = _remembered(opened, series, folder, target, remark)
    except BundlerError as error:
        overrule(error)
    judgement = judge(series, opened.bundle.id, memory, target=str(target))
    for each in judgement.remarks:
        remark(each)
    if judgement.problem is not None:
        overrule(judgement.problem)
    return memory or Memory(series.channel, target.identity), tuple(overridden)


def _remembered(opened: Opened, series: Series, folder: Path | None, target: Target, remark: _Remarks) -> Memory | None:
    """The memory of a target; None if no import of the channel is known.

    Raises:
        Untrusted: The file is damaged or not ours, and no receipt says what was accepted.
    """
    path = _path(folder, series.channel, target.identity) if folder else None
    damage: str | None = None
    if path is not None and os.path.lexists(path):
        try:
            content, facts = read_with_facts(path, CHANNEL_MEMORY_BYTES)
            if is_own(facts):
                return parse_memory(content, channel=series.channel, target=target.identity, what=str(path))
            damage = text("the file is of another user, or others may write it")
        except BundlerError as error:
            damage = error.message
    receipt = opened.request.receipt
    earlier = EarlierImports(earlier_folders(receipt.path if receipt else None))
    receipts = earlier.receipts(most=CHANNEL_RECEIPTS, limit_bytes=CHANNEL_RECEIPT_BYTES, is_unfinished_too=True)
    found = memory_by_receipts(
        receipts, channel=series.channel, target=target.identity, now=now(), spelling=str(target)
    )
    if found is None and damage is not None:
        raise problem("channel-memory", subject=str(path), said=damage)
    if found is not None:
        remark(
            text(
                "the memory of channel {channel} at {target} was made again from receipts: {damage}",
                channel=series.channel,
                target=target,
                damage=damage or text("the file is missing"),
            )
        )
    return found


def _folder(series: Series, remark: _Remarks) -> Path | None:
    """The folder of the memories. Without a home folder nothing is remembered, and that is said."""
    state = places.state_folder()
    if state is None:
        message = text(
            "channel {channel}: there is no home folder, so nothing is remembered, and an older bundle would not be "
            "noticed; set HOME",
            channel=series.channel,
        )
        remark(message)
        return None
    return state / "accepted"


def _hold(folder: Path, channel: str, targets: Iterable[Target], locks: ExitStack, group: str) -> None:
    """Locks the memories. The shards of one bundle hold them together."""
    try:
        make_folder(folder, mode=0o700)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    names = {target.identity: str(target) for target in targets}
    for identity in sorted(names):  # in one order, so that two imports cannot wait for each other
        lock = Lock(_path(folder, channel, identity).with_suffix(".lock"), group=group)
        lock.take(text("channel {channel} at {target}", channel=channel, target=names[identity]))
        locks.callback(lock.release)


def _path(folder: Path, channel: str, target: str) -> Path:
    """The file of a memory. Its name is computed, because a target is a text from the command line."""
    return folder / f"{channel}-{hashlib.sha256(target.encode()).hexdigest()[:16]}.json"
