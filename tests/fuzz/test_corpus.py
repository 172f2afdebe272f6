"""Inputs that were once hard for a parser stay in the corpus, and every parser gets them again: typed errors only.

How it grows: scripts/fuzz.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS, attempt
from tests.support.tables import each_case
from tests.support.watching import within

CORPUS = Path(__file__).parent / "corpus"
SECONDS_AT_MOST = 60
MEMORY_BYTES = 320 << 20
"""Of data, the interpreter and its libraries included; what a zstd window takes is the most."""


def inputs(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


def test_every_target_has_a_corpus_and_no_corpus_is_without_target():
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert all(inputs(target) for target in TARGETS)


@each_case("target", TARGETS)
def test_nothing_in_the_corpus_is_a_bug(target):
    for path in inputs(target):
        with within(SECONDS_AT_MOST):
            try:
                attempt(target, path.read_bytes())
            except BaseException as error:
                error.add_note(f"given {path}") if hasattr(error, "add_note") else None
                raise


def test_each_corpus_has_something_that_its_parser_takes_and_something_that_it_refuses():
    """Else a target could be broken in a way that nobody notices."""
    from bundler.errors import BundlerError

    def outcomes(target: str) -> set[bool]:
        found = set()
        for path in inputs(target):
            try:
                TARGETS[target](path.read_bytes())
                found.add(True)
            except BundlerError:
                found.add(False)
        return found

    without_refusals = {"address", "challenge", "image-file", "docker-config", "docker-manifest", "layout-index"}
    without_refusals |= {"registry-answer", "seven-zip-frame", "signature", "signature-name", "compressed"}
    without_refusals.add("attached-manifest")
    for target in TARGETS:
        assert outcomes(target) >= ({True} if target in without_refusals else {True, False}), target


def test_the_whole_corpus_takes_little_memory():
    script = (
        "import faulthandler, resource\n"
        f"faulthandler.dump_traceback_later({10 * SECONDS_AT_MOST}, exit=True)\n"
        "from tests.fuzz.test_corpus import TARGETS, attempt, inputs\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({MEMORY_BYTES}, {MEMORY_BYTES}))\n"
        "for target in TARGETS:\n"
        "    for path in inputs(target):\n"
        "        attempt(target, path.read_bytes())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=CORPUS.parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
