"""Coverage of bundler, with ``MEASURE=1`` in the environment. `scripts/covered.py` puts the files together that it leaves.

While lines are traced, all of Python runs at half its speed: pytest, libraries and tests too. So they are traced only
while a module of bundler is read, and in the tests and fixtures of `MEASURED`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

ROOT = Path(__file__).parents[2]
MEASURED = (
    "tests/contract/",
    "tests/hostile/",
    "tests/property/",
    "tests/unit/",
    "tests/vectors/",
    "tests/real/test_backup.py",
    "tests/real/test_parity.py",
    "tests/real/test_restore.py",
    "tests/real/test_s3.py",
    "tests/real/test_with_tool.py",
)
"""The tests that are measured, unless they have the mark ``no_cover``. Of tests/real they are those whose tests run code of
`bundler.bundle`, in their own process, that needs a real part: par2, a registry or S3. The time of the others is in other processes.
"""


class Measuring:
    """Measures the tests of one process, and keeps the result as a file of its own."""

    def __init__(self) -> None:
        self._coverage = Coverage(
            config_file=str(ROOT / "pyproject.toml"), data_file=str(ROOT / ".coverage"), data_suffix=True
        )
        self._depth = 0

    def read_all(self) -> Measuring:
        """Reads each module of bundler. The tests are to find them read, so that this has no part in what a test does."""
        with self._traced():
            import bundler

            for module in pkgutil.walk_packages(bundler.__path__, "bundler."):
                if not module.name.endswith("__main__"):
                    importlib.import_module(module.name)
        return self

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Iterator[None]:
        """Traces a test."""
        with self._traced_in(pyfuncitem.nodeid, pyfuncitem):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Iterator[None]:
        """Traces a fixture, by its own place: a test that is not measured may be the first to ask for it."""
        with self._traced_in(fixturedef.baseid, request.node):
            return (yield)

    def pytest_sessionfinish(self) -> None:
        self._coverage.save()

    def _traced_in(self, place: str, node: pytest.Item | pytest.Collector) -> contextlib.AbstractContextManager[None]:
        is_wanted = place.startswith(MEASURED) and not node.get_closest_marker("no_cover")
        return self._traced() if is_wanted else contextlib.nullcontext()

    @contextlib.contextmanager
    def _traced(self) -> Iterator[None]:
        """Traces this thread, and those that it starts. A fixture may ask for another one."""
        self._depth += 1
        if self._depth == 1:
            self._coverage.start()
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._coverage.stop()


MEASURING = Measuring().read_all() if os.environ.get("MEASURE") else None
