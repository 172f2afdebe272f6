"""A shard: part i of n of the work, as ``--shard`` names it.

Engines that run the same command many times number its runs. ``auto`` takes the number from where they put it:

- a Kubernetes Job with ``completionMode: Indexed`` in ``JOB_COMPLETION_INDEX``, from 0. It does not name the count.
- a Slurm array in ``SLURM_ARRAY_TASK_ID``. Only an array ``1-n`` names the count, in ``SLURM_ARRAY_TASK_COUNT``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

MOST_SHARDS = 10_000
"""More than there are hosts. A typing error would otherwise make shards of nothing."""

_FORM = lazy_pattern(r"(?:(auto)|([0-9]{1,5}))(?:/([0-9]{1,5}))?", re.ASCII)
_NUMBER = lazy_pattern(r"[0-9]{1,5}", re.ASCII)
_JOB, _TASK = "JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID"


@frozen
class Shard:
    """Part ``number`` of ``count`` parts, counted from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            Misuse: There is no such part.
        """
        if not 1 <= self.count <= MOST_SHARDS or not 1 <= self.number <= self.count:
            raise Misuse(
                "there is no such shard",
                subject=f"{self.number}/{self.count}",
                expected=text("1/n to n/n, with n at most {most}", most=MOST_SHARDS),
                hint="write I/N: --shard 2/8 is the second part of eight",
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def index(self) -> int:
        """Its place, counted from 0."""
        return self.number - 1

    @property
    def is_first(self) -> bool:
        """True for the shard that does what only one of them has to do."""
        return self.number == 1

    @classmethod
    def parse(cls, given: str, environment: Mapping[str, str]) -> Shard:
        """Reads ``i/n``, ``auto/n`` or ``auto``.

        Args:
            given: The text.
            environment: The variables in which engines put the number of a run.

        Raises:
            Misuse: The text has another form, or the variables do not name a shard.
        """
        found = _FORM.fullmatch(given.strip())
        if found is None or not (found[1] or found[3]):
            forms = text("2/8, auto/8 or auto")
            raise Misuse("not a shard", subject=repr(given[:40]), expected=forms)
        if found[1]:
            return _numbered_by_engine(int(found[3]) if found[3] else None, environment)
        return cls(int(found[2]), int(found[3]))


def _numbered_by_engine(count: int | None, environment: Mapping[str, str]) -> Shard:
    named = [name for name in (_JOB, _TASK) if environment.get(name)]
    if len(named) != 1:
        raise Misuse(
            "the environment does not number this shard" if not named else "the environment numbers this shard twice",
            subject="--shard auto",
            expected=text("one of {names}", names=f"{_JOB}, {_TASK}"),
            hint="write the number: --shard 2/8",
        )
    if named[0] == _JOB:
        if count is None:
            raise Misuse(
                "a Kubernetes Job does not name the number of its pods",
                subject="--shard auto",
                hint="write it: --shard auto/8",
            )
        return Shard(_value(_JOB, environment) + 1, count)
    return Shard(_value(_TASK, environment), count or _size_of_array(environment))


def _size_of_array(environment: Mapping[str, str]) -> int:
    """The number of tasks of a whole Slurm array. A part of an array, as in a second try, does not name it."""
    names = ("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
    if all(environment.get(name) for name in names):
        first, last, count = (_value(name, environment) for name in names)
        if first == 1 and last == count:
            return count
    raise Misuse(
        "the Slurm array is not 1-n, so it does not name the number of shards",
        subject="--shard auto",
        hint="write it: --shard auto/8, with --array=1-8",
    )


def _value(name: str, environment: Mapping[str, str]) -> int:
    value = environment[name].strip()
    if not _NUMBER.fullmatch(value):
        raise Misuse("the variable is not a number", subject=name, actual=value[:40])
    return int(value)
