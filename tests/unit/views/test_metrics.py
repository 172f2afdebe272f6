"""The figures of a run: what events and results add."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import bundler
from bundler import texts
from bundler.core import metrics
from bundler.core.events import Answered, Began, Finished, Moved, PhaseBegan, PhaseEnded, Retrying
from bundler.errors import Damaged, Incomplete, LocalStorage, Several, TagTaken, Unavailable
from bundler.system.files import Unreadable
from bundler.views.metrics import _OF_RESULTS, Figures, samples_of, successes_of


def figures(samples: Iterable[metrics.Sample]) -> dict[str, float]:
    return {"/".join([each.metric.name, *(value for _, value in each.labels)]): each.value for each in samples}


def test_events_are_counted_by_outcome_kind_and_phase() -> None:
    times = iter([0.0, 1.0, 3.0, 4.0, 9.5, 10.0])
    counted = Figures(lambda: next(times))
    for event in (
        PhaseBegan(texts.text("sending to {where}", where="registry.internal/secret"), 10, in_bytes=True),
        Began("registry/app:1", 7),
        Moved(7),
        Finished("registry/app:1", "copied", "d", 7),
        Finished("registry/app:2", "copied", "e", 5),
        Finished("registry/app:3", "failed", "f", 2),
        Retrying("registry/app:1", Unavailable("x"), 1, 1.0),
        Answered("registry", 200),
        Answered("registry", 200),
        Answered("registry", 99_999),
        PhaseEnded("sending"),
        PhaseBegan("sending", 1, in_bytes=True),  # ends with the run
    ):
        counted.take(event)
    assert figures(counted.samples()) == {
        "bundler_last_run_duration_seconds": 10.0,
        "bundler_last_run_phase_duration_seconds/sending": 2.0 + 5.5,
        "bundler_last_run_objects/copied": 2,
        "bundler_last_run_objects/failed": 1,
        "bundler_last_run_bytes/copied": 12,
        "bundler_last_run_bytes/failed": 2,
        "bundler_last_run_retries/unavailable": 1,
        "bundler_registry_responses/200": 2,
        "bundler_registry_responses/other": 1,
    }


def test_errors_are_counted_by_kind_and_conflicts_and_faults_by_themselves() -> None:
    conflict = Several("conflicts", [TagTaken("a", subject="r/app:1"), TagTaken("b", subject="r/app:2")])
    assert figures(samples_of(conflict)) == {
        "bundler_last_run_errors/refused": 2,
        "bundler_last_run_images/conflict": 2,
    }
    faults = Several("faults", [Damaged("x"), Unreadable("x"), Incomplete("y"), LocalStorage("z")])
    assert figures(samples_of(faults)) == {
        "bundler_last_run_errors/incomplete": 1,
        "bundler_last_run_errors/integrity": 2,
        "bundler_last_run_errors/storage": 1,
        "bundler_verify_damaged_files": 2,
        "bundler_verify_missing_files": 1,
        "bundler_medium_read_errors": 1,
    }
    assert figures(samples_of(Unavailable("x"))) == {"bundler_last_run_errors/unavailable": 1}


def test_results_are_known_by_the_names_of_the_public_api() -> None:
    for name in _OF_RESULTS:
        assert inspect.isclass(getattr(bundler, name))


def test_an_unknown_result_adds_nothing() -> None:
    assert [*samples_of(object()), *samples_of(None), *successes_of(None, now=1)] == []
