"""Tables of cheap cases as one test each: thousands of tests cost more to start than to run.

``each_case`` takes what ``pytest.mark.parametrize`` takes, and runs all cases in one test, one after the other. All of them
run, and each one that fails is named. The cases share the fixtures of the test, so it is for checks that leave nothing.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

Check = Callable[..., None]
Namer = Callable[[Any], object]
Case = tuple[str, dict[str, Any]]
"""Its name, and the arguments that it gives."""


def each_case(
    names: str | Sequence[str], cases: Iterable[Any], *, ids: Iterable[str] | Namer | None = None
) -> Callable[[Check], Check]:
    """Makes one test of a check: it runs the check for every case, and fails with the name of each that failed.

    Two of them, one above the other, make every case of the one meet every case of the other.

    Args:
        names: The arguments that a case gives, as for ``pytest.mark.parametrize``.
        cases: Of each case the value, or the values where there are several names, or a ``pytest.param``.
        ids: The names of the cases, or a function that names a value; what a case shows of itself if not given.
    """
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    own = list(_named(wanted, cases, ids))
    assert own, f"no case for {wanted}"

    def decorate(check: Check) -> Check:
        inner = getattr(check, "cases", None)
        table = own if inner is None else [_joined(*pair) for pair in itertools.product(own, inner)]
        plain = check if inner is None else inspect.unwrap(check)

        @functools.wraps(plain)
        def run(**fixtures: Any) -> None:
            failed = []
            for name, values in table:
                try:
                    plain(**fixtures, **values)
                except (Exception, pytest.fail.Exception) as error:
                    error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
                    failed.append(f"[{name}]\n{''.join(traceback.format_exception(error))}")
            if failed:
                pytest.fail(f"{len(failed)} of {len(table)} cases failed:\n" + "\n".join(failed), pytrace=False)

        signature = inspect.signature(check)
        kept = [parameter for name, parameter in signature.parameters.items() if name not in wanted]
        run.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]  # pytest asks it for fixtures
        run.cases = table  # type: ignore[attr-defined]
        return run

    return decorate


def _joined(one: Case, other: Case) -> Case:
    return f"{one[0]}, {other[0]}", {**one[1], **other[1]}


def _named(wanted: Sequence[str], cases: Iterable[Any], ids: Iterable[str] | Namer | None) -> Iterator[Case]:
    given = None if ids is None or callable(ids) else iter(ids)
    show = ids if callable(ids) else repr
    for case in cases:
        name = next(given) if given else None
        if hasattr(case, "marks"):  # a pytest.param
            assert not case.marks, "a case of a table has no marks of its own"
            name, case = case.id or name, case.values if len(wanted) > 1 else case.values[0]
        values = dict(zip(wanted, case if len(wanted) > 1 else [case], strict=True))
        yield name or ", ".join(str(show(value))[:100] for value in values.values()), values
    assert given is None or next(given, None) is None, "more names than cases"
