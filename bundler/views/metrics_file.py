"""The file of ``--metrics``: checked when a run starts, and replaced when it ends, whatever its end is.

The textfile collector of node_exporter reads all files ``*.prom`` of its folder, at any moment and as another user. So
the file is replaced by one rename, and everybody may read it. Times of former successes are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bundler.core import metrics
from bundler.core.frozen import frozen
from bundler.core.limits import METRICS_BYTES, METRICS_SUCCESSES
from bundler.core.metrics import Sample, exposition, joined_successes, kept_successes, read_exposition, sample
from bundler.errors import Incomplete, LocalStorage, Misuse
from bundler.system.durable_files import place_durably
from bundler.system.files import read_with_facts
from bundler.system.ownership import refuse_foreign
from bundler.texts import text

_SUFFIX = ".prom"
_MODE = 0o644
_DONE = (0, 1)
"""The exit codes of success; 1 is that of ``diff`` for two sides that differ."""


@frozen
class MetricsFile:
    """A file that can be written, and the times of successes in the one that it replaces."""

    path: Path
    kept: tuple[Sample, ...]

    @property
    def task(self) -> str:
        """The name of the task: that of the file. So no two files of a folder have the same sample."""
        return self.path.name.removesuffix(_SUFFIX)


@frozen
class EndedRun:
    """A run of a command, and the version of bundler."""

    command: str
    exit_code: int
    version: str


def open_metrics(path: Path, *, now: float) -> MetricsFile:
    """Checks that the file can be written, and reads the one of an earlier run. Writes nothing.

    Raises:
        Misuse: node_exporter would not read a file of this name, or the file is not ours.
        Damaged: The file is no file of metrics that bundler has written, so it is not replaced.
        LocalStorage: Its folder does not exist, or is not writable.
    """
    if not path.name.endswith(_SUFFIX) or path.name.startswith("."):
        raise Misuse("node_exporter reads only files NAME.prom", subject=str(path), hint="for example: bundler.prom")
    if not path.parent.is_dir():
        raise LocalStorage(
            "there is no such folder", subject=str(path.parent), hint="make the folder first, or choose another one"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise LocalStorage("the folder is not writable", subject=str(path.parent))
    file = MetricsFile(path, ())
    return MetricsFile(path, kept_successes(_former(path), task=file.task, now=now, most=METRICS_SUCCESSES))


def _former(path: Path) -> tuple[Sample, ...]:
    try:
        content, facts = read_with_facts(path, METRICS_BYTES)
    except Incomplete:
        return ()
    refuse_foreign(facts, path)
    try:
        return read_exposition(content)
    except ValueError as error:
        raise Misuse(
            text("no metrics of bundler: {error}", error=error),
            subject=str(path),
            hint="choose another name, or remove the file",
        ) from error


def write_metrics(
    file: MetricsFile, ended: EndedRun, figures: Iterable[Sample], successes: Iterable[Sample], *, now: float
) -> None:
    """Replaces the file by the figures of the run that ends now.

    Raises:
        Misuse, LocalStorage: It cannot be written. The file of the earlier run is still there.
    """
    done = [sample(metrics.LAST_SUCCESS, now, command=ended.command)] if ended.exit_code in _DONE else []
    new = [each.with_labels(task=file.task) for each in (*done, *successes)]
    run = [sample(metrics.LAST_RUN, now), sample(metrics.EXIT_CODE, ended.exit_code), *figures]
    samples = [
        sample(metrics.VERSION, 1, task=file.task, version=ended.version),
        *(each.with_labels(task=file.task, command=ended.command) for each in run),
        *joined_successes(new, file.kept),
    ]
    place_durably(file.path, exposition(samples), mode=_MODE, is_mode_exact=True)
