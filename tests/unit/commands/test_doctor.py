"""The judgement of findings: the search for the largest body, file systems by their lines, and the exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.commands.checks import Check, State, ok
from bundler.commands.doctor import DoctorResult, judged_files, judged_space
from bundler.commands.registry_checks import Found, Known, LargestBody, alone, checks_of, knowing, largest_body
from bundler.core.advice import problem
from bundler.core.mount import Mount
from bundler.errors import Unavailable
from bundler.stores.probe import Room
from tests.support.tables import each_case

MIB, GIB = 1 << 20, 1 << 30


def limit(size_bytes):
    asked: list[int] = []

    def passes(wanted):
        asked.append(wanted)
        return wanted <= size_bytes

    return passes, asked


@each_case(
    ("at", "expected"),
    [
        (0, 0),
        (1, 1),
        (64_000, 64_000),
        (MIB - 1, MIB - 1),
        (MIB, MIB),
        (MIB + 1, MIB + 1),
        (10 * MIB - 1, 10 * MIB - 1),
        (10 * MIB, 10 * MIB),
        (10 * MIB + 5, 10 * MIB),
        (100 * MIB, 100 * MIB),
        (500_000_000, 476 * MIB),
        (2 * GIB - 1, 2047 * MIB),
        (20 * GIB - 1, 20 * GIB - MIB),
    ],
)
def test_the_limit_is_found_to_the_byte_below_10_mib_and_to_the_mib_above(at, expected):
    passes, asked = limit(at)
    found = largest_body(passes)
    assert found.passes_bytes == expected
    assert found.refused_bytes is not None
    assert found.passes_bytes <= at < found.refused_bytes
    assert found.is_certain
    assert len(asked) < 32


def test_where_all_passes_one_question_is_enough():
    passes, asked = limit(1 << 60)
    assert largest_body(passes) == LargestBody(20 * GIB, None)
    assert asked == [20 * GIB]


@pytest.mark.parametrize(
    ("silent_from", "expected"),
    [
        (0, LargestBody(0, MIB, is_certain=False)),
        (5 * MIB, LargestBody(MIB, 10 * MIB, is_certain=False)),
        (6 * GIB, LargestBody(5 * GIB, 12 * GIB + 512 * MIB, is_certain=False)),
    ],
)
def test_a_size_that_nothing_answers_ends_the_search_and_is_not_called_refused(silent_from, expected):
    asked = []

    def passes(size):
        asked.append(size)
        return None if size > silent_from else True

    assert largest_body(passes) == expected
    assert len(asked) <= 8


def test_what_passes_between_silences_is_not_guessed_to_be_more():
    found = largest_body(lambda size: {MIB: True, 10 * MIB: False}.get(size))
    assert found == LargestBody(MIB, MIB + (9 * MIB) // 2, is_certain=False)


def room(
    *,
    free: int = 10 * GIB,
    kind: str = "ext4",
    read_only: bool = False,
    writable: bool = True,
    ulimit: int | None = None,
) -> Room:
    return Room(free, 16 * GIB, writable, Mount("/media/stick", kind, "/dev/sdb1", read_only), ulimit)


@each_case(
    ("given", "is_bundle", "is_scratch", "state", "words"),
    [
        (room(), False, False, State.OK, "10 GiB free of 16 GiB"),
        (room(free=MIB), False, False, State.WARN, "less than one chunk"),
        (room(free=MIB), True, False, State.OK, "there is a bundle"),
        (room(free=0), False, False, State.FAIL, ""),
        (room(free=0, read_only=True), False, False, State.OK, "good for import, not for export"),
        (room(writable=False), False, False, State.OK, "no permission"),
        (room(read_only=True), False, True, State.FAIL, ""),
        (room(free=0), False, True, State.FAIL, ""),
    ],
)
def test_room_is_judged_by_what_the_folder_is_for(given, is_bundle, is_scratch, state, words):
    check = judged_space("/media/stick", given, is_bundle=is_bundle, is_scratch=is_scratch)
    assert check.state is state
    assert words in check.found
    assert (check.error is not None) == (state is not State.OK)
    assert DoctorResult((check,)).exit_code == (8 if state is State.FAIL else 0)


@pytest.mark.parametrize("kind", ["vfat", "msdos"])
def test_fat_is_reported_with_what_fits(kind):
    check = judged_files("/media/stick", room(kind=kind))
    assert check.state is State.WARN
    assert f"{kind} on /media/stick, no file of 4 GiB or more" in check.found
    assert check.error
    assert check.error.hint
    assert "--chunk-size fat32" in check.error.hint


@pytest.mark.parametrize(
    ("ulimit", "state"), [(None, State.OK), (3_000_000_000, State.WARN), (1_000_000_000, State.FAIL)]
)
def test_a_limit_of_this_process_counts_too(ulimit, state):
    check = judged_files("/media/stick", room(ulimit=ulimit))
    assert check.state is state


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], 0),
        ([(State.OK, None), (State.SKIPPED, None), (State.WARN, "body-too-large")], 0),
        ([(State.FAIL, "unauthorized"), (State.WARN, "no-space")], 6),
        ([(State.FAIL, "connection-refused"), (State.FAIL, "unauthorized")], 6),
        ([(State.FAIL, "connection-refused")], 7),
        ([(State.FAIL, "denied"), (State.FAIL, "no-space")], 8),
    ],
)
def test_the_worst_failure_decides_the_exit_code_and_warnings_do_not(states, expected):
    words = {"host": "h", "repository": "r"}
    checks = [Check("x", state, "", problem(code, subject="h", **words) if code else None) for state, code in states]
    assert DoctorResult(tuple(checks)).exit_code == expected


def test_a_question_gets_what_those_before_it_have_found():
    def asks(known: Known) -> Found:
        return Found(ok("registry", "asks"), replace(known, is_asking_who=True))

    def fails(known: Known) -> Found:
        raise Unavailable("gone")

    steps = (
        ("before", knowing(lambda known: ok("before", str(known.is_asking_who))), ""),
        ("registry", asks, ""),
        ("pull", fails, "registry"),
        ("after", knowing(lambda known: ok("after", str(known.is_asking_who))), "registry"),
        ("limit", alone(lambda: ok("limit", "")), "pull"),
    )
    found = list(checks_of(steps))
    assert [(each.name, each.state) for each in found] == [
        ("before", State.OK),
        ("registry", State.OK),
        ("pull", State.FAIL),
        ("after", State.OK),
        ("limit", State.SKIPPED),
    ]
    assert (found[0].found, found[3].found) == ("False", "True")
