"""Compiles the tests, each once, as pytest does: with what explains failed asserts. Else each worker does, at the same time.

pytest has no door for this. If its inside changes, this fails, and workers compile as before: `scripts/test` goes on.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.assertion.rewrite import PYC_TAIL, _read_pyc, _rewrite_test, _write_pyc, get_cache_dir
from _pytest.config import get_config

TESTS = Path(__file__).parents[1]


def main() -> None:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_test, [*TESTS.rglob("test_*.py"), *TESTS.rglob("conftest.py")], chunksize=20))


def compile_test(source: Path, config: pytest.Config | None = None) -> None:
    """Writes the file that pytest looks for, unless it is there."""
    compiled = get_cache_dir(source) / f"{source.stem}{PYC_TAIL}"
    if _read_pyc(source, compiled) is None:
        digest, code = _rewrite_test(source, config or get_config())
        compiled.parent.mkdir(exist_ok=True)
        state: Any = SimpleNamespace(trace=print)
        assert _write_pyc(state, code, digest, compiled)


if __name__ == "__main__":
    main()
