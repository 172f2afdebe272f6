"""The text of metrics: what Prometheus reads, and what is kept of an earlier file."""

from __future__ import annotations

import re

import pytest

from bundler.core import metrics
from bundler.core.metrics import exposition, joined_successes, kept_successes, read_exposition, sample
from tests.support.tables import each_case

HOSTILE = 'a"b\\c\nd{x="y"} 1\n# TYPE evil counter'


def success(at: float, **labels: str) -> metrics.Sample:
    return sample(metrics.LAST_SUCCESS, at, task="t", **labels)


def arrived(at: float, target: str, bundle: str) -> metrics.Sample:
    return sample(metrics.LAST_IMPORT, at, task="t", target=target, bundle=bundle)


def test_the_text_is_the_one_of_the_format() -> None:
    text = exposition([success(1.5, command=HOSTILE), sample(metrics.EXIT_CODE, 5, task="t"), success(2, command="b")])
    assert text.decode() == (
        f"# HELP bundler_last_run_exit_code {metrics.EXIT_CODE.meaning}\n"
        "# TYPE bundler_last_run_exit_code gauge\n"
        'bundler_last_run_exit_code{task="t"} 5\n'
        f"# HELP bundler_last_success_timestamp_seconds {metrics.LAST_SUCCESS.meaning}\n"
        "# TYPE bundler_last_success_timestamp_seconds gauge\n"
        'bundler_last_success_timestamp_seconds{task="t",command="a\\"b\\\\c\\nd{x=\\"y\\"} 1\\n# TYPE evil counter"} 1.500\n'
        'bundler_last_success_timestamp_seconds{task="t",command="b"} 2\n'
    )


def test_what_is_written_is_read_again() -> None:
    written = [success(1700000000.25, command=HOSTILE), success(0, command=""), arrived(12, "oci:/ü", "b")]
    assert list(read_exposition(exposition(written))) == written


def test_bytes_that_are_no_text_and_long_values_do_no_harm() -> None:
    text = exposition([success(1, command="\udcff" + "x" * 10_000)])
    assert b'command="?' in text
    assert len(text) < 1000


def test_names_and_meanings_are_those_of_gauges() -> None:
    assert metrics.METRICS
    for name, metric in metrics.METRICS.items():
        assert re.fullmatch(r"bundler(_[a-z]+)+", name)
        assert not name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert "\n" not in metric.meaning
        assert metric.meaning.endswith(".")


@each_case(
    "content",
    [
        b"go_gc_duration_seconds 1\n",
        b"bundler_last_run_exit_code 1\n",
        b'bundler_last_run_exit_code{task="t"} 1',
        b'bundler_last_run_exit_code{task="t"} NaN\n',
        b'bundler_last_run_exit_code{task="t"} 1e999\n',
        b'bundler_last_run_exit_code{task="t"} 1 1700000000\n',
        b'bundler_last_run_exit_code{task="t",,} 1\n',
        b'bundler_last_run_exit_code{task="t} 1\n',
        b'bundler_last_run_exit_code{task="\\x"} 1\n',
        b"# EOF\n",
        b"\n",
        b"\xff\n",
    ],
)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="line|decode"):
        read_exposition(content)


def test_metrics_of_another_version_are_left_out() -> None:
    assert read_exposition(b'# HELP bundler_new x\nbundler_new{task="t"} 1\n') == ()


def test_the_newest_successes_are_kept_and_none_of_the_future() -> None:
    found = [success(3, command="a"), success(11, command="b"), success(5, command="c"), success(4, command="d")]
    found.append(sample(metrics.EXIT_CODE, 1, task="t"))
    kept = kept_successes(found, task="new", now=10, most=2)
    assert [(each.value, each.label("command"), each.label("task")) for each in kept] == [
        (5, "c", "new"),
        (4, "d", "new"),
    ]


def test_a_success_replaces_that_of_the_same_command_and_that_of_another_bundle_at_its_target() -> None:
    kept = [success(1, command="export"), success(1, command="import"), arrived(1, "a", "p-1"), arrived(1, "b", "p-1")]
    new = [success(2, command="import"), arrived(2, "a", "p-2")]
    assert joined_successes(new, kept) == (*new, kept[0], kept[3])
