"""The figures of a run, for ``--metrics``: a listener counts the events, and the result or the error adds its own."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bundler.core import metrics
from bundler.core.events import Answered, Event, Finished, PhaseBegan, PhaseEnded, Retrying
from bundler.core.metrics import Sample, sample
from bundler.core.moments import seconds_of
from bundler.errors import BundlerError, Damaged, Incomplete, Several, TagTaken
from bundler.system.files import Unreadable
from bundler.texts import as_text

if TYPE_CHECKING:
    from bundler.backups.request import BackupResult
    from bundler.bundle.findings import Finding
    from bundler.commands.add_parity import ParityResult
    from bundler.commands.repair import RepairResult
    from bundler.commands.verify import VerifyResult
    from bundler.copying.request import CopyResult
    from bundler.core.manifest import BundleManifest
    from bundler.core.outer_manifest import OuterManifest
    from bundler.exporting.result import ExportResult
    from bundler.importing.results import ImageResult, ImportResult, TargetResult
    from bundler.inventories.request import InventoryResult
    from bundler.pruning.request import PruneResult
    from bundler.scanning.request import ScanResult
    from bundler.standing.check_request import CheckResult
    from bundler.standing.request import StatusResult


_STATUSES = range(100, 600)
"""The statuses of HTTP. A server can send others, and each would be a value of a label."""


class Figures:
    """Counts the events of a run. Thread-safe; it does not change the run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._objects: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._phases: defaultdict[str, float] = defaultdict(float)
        self._phase: tuple[str, float] | None = None

    def take(self, event: Event) -> None:
        """Counts an event."""
        if not isinstance(event, (Finished, Retrying, Answered, PhaseBegan, PhaseEnded)):
            return  # the others are many
        with self._lock:
            match event:
                case Finished():
                    self._objects[event.outcome] += 1
                    self._bytes[event.outcome] += event.size_bytes
                case Retrying():
                    self._retries[event.error.kind] += 1
                case Answered():
                    self._answers[str(event.status) if event.status in _STATUSES else "other"] += 1
                case PhaseBegan():
                    self._end_phase()
                    self._phase = as_text(event.title).template.split(maxsplit=1)[0], self._clock()
                case PhaseEnded():
                    self._end_phase()

    def _end_phase(self) -> None:
        if self._phase is not None:
            title, began = self._phase
            self._phases[title] += self._clock() - began
            self._phase = None

    def samples(self) -> Iterator[Sample]:
        """The figures so far."""
        with self._lock:
            self._end_phase()
            yield sample(metrics.DURATION, self._clock() - self._began)
            counts: Mapping[metrics.Metric, tuple[str, Mapping[str, float]]] = {
                metrics.PHASE_DURATION: ("phase", self._phases),
                metrics.OBJECTS: ("outcome", self._objects),
                metrics.BYTES: ("outcome", self._bytes),
                metrics.RETRIES: ("kind", self._retries),
                metrics.RESPONSES: ("code", self._answers),
            }
            for metric, (label, counter) in counts.items():
                yield from (sample(metric, counter[key], **{label: key}) for key in sorted(counter))


def samples_of(outcome: object) -> Iterator[Sample]:
    """The figures of a result, or of the error that ended a run."""
    if isinstance(outcome, BundlerError):
        yield from _of_error(outcome)
    else:
        yield from _OF_RESULTS.get(type(outcome).__name__, _nothing)(outcome)


def successes_of(outcome: object, *, now: float) -> Iterator[Sample]:
    """The targets that have got all chosen images of a bundle by an import."""
    if type(outcome).__name__ == "RestoreResult":
        outcome = outcome.imported  # type: ignore[attr-defined]  # by its name: no other module is loaded for it
    if type(outcome).__name__ == "ImportResult":
        yield from _imported(outcome, now)  # type: ignore[arg-type]  # likewise


def _nothing(_result: object) -> Iterator[Sample]:
    yield from ()


def _of_error(error: BundlerError) -> Iterator[Sample]:
    errors = error.errors if isinstance(error, Several) else (error,)
    yield from _of_errors(errors)
    conflicts = sum(isinstance(each, TagTaken) for each in errors)
    if conflicts:
        yield sample(metrics.IMAGES, conflicts, state="conflict")
    if any(isinstance(each, (Damaged, Incomplete)) for each in errors):
        yield from _of_faults(errors)


def _of_errors(errors: Iterable[BundlerError]) -> Iterator[Sample]:
    kinds = Counter(each.kind for each in errors)
    yield from (sample(metrics.ERRORS, kinds[kind], kind=kind) for kind in sorted(kinds))


def _of_faults(errors: Iterable[BundlerError], files: Iterable[str] | None = None) -> Iterator[Sample]:
    """The damaged, missing and unreadable files; without their names each error counts as one file."""
    errors = list(errors)
    found: dict[metrics.Metric, set[str]] = {metrics.DAMAGED: set(), metrics.MISSING: set(), metrics.UNREADABLE: set()}
    for error, file in zip(errors, files or map(str, range(len(errors))), strict=True):
        if isinstance(error, Damaged):
            found[metrics.DAMAGED].add(file)
        if isinstance(error, Unreadable):
            found[metrics.UNREADABLE].add(file)
        if isinstance(error, Incomplete):
            found[metrics.MISSING].add(file)
    yield from (sample(metric, len(files)) for metric, files in found.items())


def _of_findings(findings: Iterable[Finding]) -> Iterator[Sample]:
    findings = tuple(findings)
    yield from _of_faults((each.error for each in findings), [each.file for each in findings])


def _of_bundle(manifest: BundleManifest | OuterManifest) -> Iterator[Sample]:
    yield sample(metrics.BUNDLE_SIZE, manifest.size_bytes, bundle=manifest.name)
    with suppress(ValueError):  # the builder wrote it, and nobody else needs it
        yield sample(metrics.BUNDLE_CREATED, seconds_of(manifest.created), bundle=manifest.name)


def _of_import(result: ImportResult) -> Iterator[Sample]:
    yield from _of_bundle(result.bundle.manifest)
    images = [each for target in result.targets for each in target.images]
    states = Counter(map(_state, images))
    yield from (sample(metrics.IMAGES, states[state], state=state) for state in sorted({*_STATES, *states}))
    yield from _of_findings(result.findings)
    ended = [result.error] if result.error is not None else []
    yield from _of_errors(
        [*ended, *(each.error for each in images if each.error), *(each.error for each in result.findings)]
    )


_STATES = frozenset({"pushed", "present", "failed", "conflict", "missing"})
"""The states that a dashboard shows also when no image has them."""


def _state(each: ImageResult) -> str:
    if isinstance(each.error, TagTaken):
        return "conflict"
    if isinstance(each.error, Incomplete):
        return "missing"
    return each.outcome.value if each.outcome is not None else "not tried"


def _imported(result: ImportResult, now: float) -> Iterator[Sample]:
    if result.is_dry_run or result.error is not None:
        return
    for target in result.targets:
        if _is_whole(target):
            yield sample(metrics.LAST_IMPORT, now, target=target.target, bundle=result.bundle.manifest.name)


def _is_whole(target: TargetResult) -> bool:
    return bool(target.images) and all(each.outcome is not None and each.outcome.is_done for each in target.images)


def _of_export(result: ExportResult) -> Iterator[Sample]:
    yield from _of_bundle(result.manifest)
    yield sample(metrics.IMAGES, len(result.manifest.images), state="carried")
    yield sample(metrics.IMAGES, len(result.manifest.missing), state="missing")


def _of_backup(result: BackupResult) -> Iterator[Sample]:
    yield from _of_export(result.export)
    yield sample(metrics.IMAGES, len(result.not_listed), state="not listed")


def _of_verification(result: VerifyResult) -> Iterator[Sample]:
    yield from _of_bundle(result.bundle.manifest)
    yield from _of_findings(result.findings)
    from bundler.core.policy import refused

    yield from _of_errors([*(each.error for each in result.findings), *refused(result.verdicts).values()])


def _of_repair(result: RepairResult) -> Iterator[Sample]:
    yield sample(metrics.OBJECTS, len(result.repaired), outcome="repaired")
    if result.verified is not None:
        yield from _of_verification(result.verified)


def _of_parity(result: ParityResult) -> Iterator[Sample]:
    if result.verified is not None:
        yield from _of_verification(result.verified)


def _of_copy(result: CopyResult) -> Iterator[Sample]:
    yield from _of_bundle(result.manifest)
    yield sample(metrics.MISSING, len(result.missing))


def _of_inventory(result: InventoryResult) -> Iterator[Sample]:
    yield sample(metrics.IMAGES, sum(len(each.tags) for each in result.inventory.repositories), state="listed")


def _of_prune(result: PruneResult) -> Iterator[Sample]:
    yield sample(metrics.IMAGES, len(result.having("removed", "gone")), state="removed")
    yield sample(metrics.IMAGES, len(result.having("skipped", "failed", "unfinished")), state="not removed")
    yield from _of_errors(result.errors)


def _of_scan(result: ScanResult) -> Iterator[Sample]:
    for scan in result.record.scans:
        name = scan.scanner.name
        yield from (
            sample(metrics.SCANNED, number, scanner=name, verdict=state.value) for state, number in scan.states.items()
        )
        yield sample(metrics.NOT_PASSED, len(result.refused.get(name, ())), scanner=name)
        with suppress(ValueError):  # the date is unknown
            yield sample(metrics.SCAN_DATABASE, seconds_of(scan.scanner.database_date), scanner=name)


def _of_check(result: CheckResult) -> Iterator[Sample]:
    yield from (sample(metrics.IMAGES, number, state=state) for state, number in result.counts.items())
    yield from _of_errors(fault.error for each in result.images for fault in each.faults)


def _of_status(result: StatusResult) -> Iterator[Sample]:
    found = result.standing
    for channel in found.channels:
        yield sample(metrics.NEWEST_BUNDLE, channel.first, target=found.place, channel=channel.channel)
    if not found.place:
        return
    figures = {
        metrics.REGISTRY_REPOSITORIES: len(found.repositories),
        metrics.REGISTRY_TAGS: found.tags,
        metrics.REGISTRY_BYTES: found.size_bytes,
        metrics.UNKNOWN_TAGS: found.unknown_tags,
        metrics.MOVED_TAGS: found.moved_tags,
        metrics.GONE_TAGS: found.gone_tags,
        metrics.UNNEEDED_BYTES: found.unneeded.there_bytes if found.unneeded else 0,
    }
    yield from (sample(metric, value, target=found.place) for metric, value in figures.items())


_OF_RESULTS: Mapping[str, Callable[[Any], Iterator[Sample]]] = {
    "ImportResult": _of_import,
    "ExportResult": _of_export,
    "BackupResult": _of_backup,
    "RestoreResult": lambda result: _of_import(result.imported),
    "VerifyResult": _of_verification,
    "RepairResult": _of_repair,
    "ParityResult": _of_parity,
    "CopyResult": _of_copy,
    "InventoryResult": _of_inventory,
    "PruneResult": _of_prune,
    "ScanResult": _of_scan,
    "StatusResult": _of_status,
    "CheckResult": _of_check,
}
"""The results that have figures of their own, by the names of their classes: no other module is loaded for that."""
