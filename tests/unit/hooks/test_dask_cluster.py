"""Progress of workers adds up, also if a worker dies or is late; a request is never printed. No cluster is needed."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from types import SimpleNamespace
from typing import Any

import pytest

from bundler.core.events import ImagesDone, Moved, Noticed, Retrying
from bundler.hooks import dask_cluster
from bundler.hooks.dask_cluster import Done, Heard, Task, performed


def task(number: int = 1, **changed: Any) -> Task[str]:
    return Task(number, str, changed.pop("request", None), 100, 2, **{"version": "0", "jobs": 1, **changed})


def heard_by(*news: tuple[Any, ...] | Done[Any]) -> list[Any]:
    events: list[Any] = []
    heard = Heard(events.append)
    for each in news:
        heard.end(each) if isinstance(each, Done) else heard.take(*each)
    return events


def moved(events: list[Any]) -> int:
    return sum(event.amount for event in events if isinstance(event, Moved))


def test_a_shard_that_has_ended_counts_with_all_its_bytes_also_those_that_were_there():
    events = heard_by((1, "a", "moved", 30), Done(task(), "result"))
    assert (moved(events), events[-1]) == (100, ImagesDone(2))


def test_bytes_of_a_worker_that_died_do_not_count_twice():
    events = heard_by((1, "a", "moved", 30), (1, "b", "moved", 10), (1, "b", "moved", 5))
    assert moved(events) == 15
    assert moved(heard_by((1, "a", "moved", 30), (1, "b", "moved", 10), Done(task(), "result"))) == 100


def test_news_that_come_after_the_end_of_a_shard_are_not_counted():
    assert moved(heard_by((1, "a", "moved", 30), Done(task(), "result"), (1, "a", "moved", 70))) == 100


def test_a_shard_without_a_result_has_no_images():
    events = heard_by(Done(task(), None, "gone"))
    assert (moved(events), [event for event in events if isinstance(event, ImagesDone)]) == (100, [])


def test_notices_name_the_worker_and_retries_the_peer():
    notice, retry = heard_by((1, "w:1", "noticed", "slow"), (1, "w:1", "retrying", ["image", "why", 2, 0.5, "host"]))
    assert isinstance(notice, Noticed)
    assert str(notice.text) == "w:1: slow"
    assert isinstance(retry, Retrying)
    assert (retry.subject, str(retry.error), retry.attempt, retry.peer) == ("image", "why", 2, "host")


def test_another_version_does_nothing_and_says_so():
    result, reason = performed(task(version="other"), "topic")
    assert result is None
    assert "and the host that asked other" in reason


def test_what_dask_prints_of_a_task_has_no_request():
    assert repr(task(7, request="s3cret")) == "shard 7"


@pytest.mark.parametrize("error", [asyncio.TimeoutError(), CancelledError(), OSError("gone")])
@pytest.mark.parametrize("state", ["finished", "error"])
def test_a_result_that_is_gone_with_its_worker_is_not_waited_for(state: str, error: Exception):
    """Dask waits for it without an end, if no time is given."""

    def fetch(*, timeout: float) -> Any:
        assert timeout > 0
        raise error

    future = SimpleNamespace(status=state, result=fetch, exception=fetch)
    done = dask_cluster._ended(future, task())
    assert (done.result, done.reason) == (None, "the scheduler or its workers are gone")
