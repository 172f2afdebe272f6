"""The steps or bytes that a sweep visits: every seventh one, from a start that the commit decides, so that all are visited in turn.
A power cut that takes nothing leaves what a kill leaves, so one sweep has both; of these states, and of flipped bytes, it visits every fourteenth. Seven has no divisor in common with the cases that follow each other in turn.

``FULL=1 scripts/test`` visits every step, and kills as often at random times as releases are tried with.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.support import power_cut
from tests.support.fault_fs import FaultFs
from tests.support.power_cut import KILLED, VARIANTS
from tests.support.steps import Steps

Case = TypeVar("Case")

IS_FULL = bool(os.environ.get("FULL"))
EVERY = 1 if IS_FULL else 7
RANDOM_KILLS = 100 if IS_FULL else 10
"""The number of runs that are killed at random times, each way."""


def steps(*, every: int = 1) -> Iterator[int]:
    """The numbers of the steps, from 1, without an end. With ``every``, only each so many-th of those."""
    return itertools.count(1 + _start() * every, EVERY * every)


def some(cases: Iterable[Case], *, every: int = EVERY) -> Iterator[Case]:
    """Those of many cases that this run visits: all of them in turn, each so many-th at a time."""
    every = 1 if IS_FULL else every
    return itertools.islice(cases, _commit() % every, None, every)


def crashes(fs: FaultFs, command: Steps) -> Iterator[str]:
    """The states in which a kill or a power cut at any moment of a run leaves its files; says how each came to be.

    The run is recorded once. Each state is put where the run was, so that the same command may go on with it.

    Args:
        fs: A file system that records; it has what was there before the run.
        command: The run. It has all its files there.
    """
    with fs.mount():
        since = len(fs.journal())
        ended = command.run()
        assert ended.code == 0, ended.err
    for where, remains in some(fs.journal().cuts(variants=(*VARIANTS, KILLED), since=since), every=2 * EVERY):
        shutil.rmtree(fs.path)
        power_cut.write(remains, fs.path)
        yield where


def _start() -> int:
    """From 0: how many steps the first one that is visited comes after the first of all."""
    return _commit() % EVERY


@functools.cache
def _commit() -> int:
    """A number that each commit has another of."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return int(commit.stdout[:8] or "0", 16)
