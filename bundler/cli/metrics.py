"""``--metrics``, for every command that has the option: the file is written when the run ends, whatever its end is.

A `RunMetrics` is the object of click's context, so that commands do not pass it around: `bundler.cli.program` tells it
the events and the results, and `bundler.cli` the exit code. Nothing that happens to the file changes the run.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from bundler import __version__
from bundler.errors import BundlerError, LocalStorage
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import Event, Listener
    from bundler.views.metrics import Figures
    from bundler.views.metrics_file import MetricsFile

_META = "bundler.metrics"


def _remember(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    context.meta[_META] = value


metrics_option = click.option(
    "--metrics",
    metavar="FILE",
    expose_value=False,
    callback=_remember,
    help="Write figures of this run to FILE.prom, for node_exporter and Prometheus, also if the run fails. See "
    "docs/monitoring.md.",
)


class RunMetrics:
    """The metrics of one run of the program. Without ``--metrics`` it does nothing."""

    def __init__(self) -> None:
        self._file: MetricsFile | None = None
        self._figures: Figures | None = None
        self._command = ""
        self._outcome: object = None

    def start(self, context: click.Context) -> None:
        """Checks the file of ``--metrics``, if it is given. A file that cannot be written is reported and left out."""
        given = context.meta.get(_META)
        if given is None:
            return
        from pathlib import Path

        from bundler.views.languages import said
        from bundler.views.metrics import Figures
        from bundler.views.metrics_file import open_metrics

        if context.params.get("dry_run"):
            _warn(said("note: --metrics writes no file in a dry run"))
            return
        self._command = context.info_name or ""
        try:
            self._file = open_metrics(Path(given), now=time.time())
        except BundlerError as error:
            _warn_of(error)
        else:
            self._figures = Figures()

    def note(self, outcome: object) -> None:
        """Notes a result, or the error that ends the run."""
        self._outcome = outcome

    def heard_by(self, listener: Listener) -> Listener:
        """A listener that also counts the events."""
        figures = self._figures
        if figures is None:
            return listener

        def heard(event: Event) -> None:
            figures.take(event)
            listener(event)

        return heard

    def end(self, exit_code: int) -> None:
        """Writes the file. Raises nothing: the run is over, and its exit code must not change."""
        if self._file is None or self._figures is None:
            return
        file, now = self._file, time.time()
        try:
            from bundler.views.metrics import samples_of, successes_of
            from bundler.views.metrics_file import EndedRun, write_metrics

            write_metrics(
                file,
                EndedRun(self._command, exit_code, __version__),
                (*self._figures.samples(), *samples_of(self._outcome)),
                successes_of(self._outcome, now=now),
                now=now,
            )
        except BundlerError as error:
            _warn_of(error)
        except Exception as error:  # a bug in these lines must not turn a good import into a failed one
            _warn_of(LocalStorage(text("a bug in bundler: {name}", name=type(error).__name__), subject=str(file.path)))


def _warn_of(error: BundlerError) -> None:
    from bundler.views.languages import hint_of, said, worded
    from bundler.views.words import escaped

    hint = hint_of(error)
    _warn(said("warning: no metrics are written: {reason}", reason=escaped(worded(error))))
    if hint:
        _warn(f"  -> {escaped(hint)}")


def _warn(line: str) -> None:
    from bundler.views import errors

    with suppress(OSError, LocalStorage):  # a full log
        errors.show([line], on_stderr=True)
