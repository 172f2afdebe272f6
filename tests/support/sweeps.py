"""Which steps a sweep visits: every third one, from a start that the commit decides, so that all are visited in turn.

``FULL=1 scripts/test`` visits every step, and kills as often at random times as releases are tried with.
"""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

Case = TypeVar("Case")

IS_FULL = bool(os.environ.get("FULL"))
EVERY = 1 if IS_FULL else 3
RANDOM_KILLS = 100 if IS_FULL else 10
"""How many runs are killed at random times, each way."""


def steps(*, every: int = 1) -> Iterator[int]:
    """The numbers of the steps, from 1, without an end. With ``every``, only each so many-th of those."""
    return itertools.count(1 + _start() * every, EVERY * every)


def some(cases: Iterable[Case]) -> Iterator[Case]:
    """Those of many cases that this run visits."""
    return itertools.islice(cases, _start(), None, EVERY)


@functools.cache
def _start() -> int:
    """From 0: how many steps the first one that is visited comes after the first of all."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return int(commit.stdout[:8] or "0", 16) % EVERY
