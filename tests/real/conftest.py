"""Fixtures for tests with real parts: fronts, and the command in this process, so that pauses need not be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from bundler import cli
from bundler.workers import Cancellation
from tests.conftest import Ran
from tests.support.parts import RealRegistry
from tests.support.s3 import RealS3
from tests.support.servers import Fault, Front


@pytest.fixture
def fronts() -> Iterator[Callable[..., Front]]:
    """Starts proxies before registries."""
    started: list[Front] = []

    def start(registry: RealRegistry, *faults: Fault) -> Front:
        started.append(Front(registry, faults=list(faults)).start())
        return started[-1]

    yield start
    for front in started:
        front.stop()


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Lets faults that hang end with the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """Pauses, which are noted and not waited for."""
    noted: list[float] = []
    monkeypatch.setattr(Cancellation, "wait", lambda self, seconds: noted.append(seconds))
    return noted


@pytest.fixture
def here(capsys, waits) -> Callable[..., Ran]:
    """Runs a command in this process."""

    def run(*arguments: object) -> Ran:
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealS3]:
    """An S3 server."""
    server = RealS3(tmp_path_factory.mktemp("weed")).start()
    server.wait()
    yield server
    server.stop()
