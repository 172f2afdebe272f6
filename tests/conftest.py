"""Fixtures that all tests share: real registries, images in them, keys, and the command itself."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.measuring import MEASURING  # before any other: it reads bundler itself

# isort: split
from bundler.system.signals import ENDING
from tests.support import documents, images, known_keys
from tests.support.parts import RealDaemon, RealRegistry
from tests.support.steps import Steps
from tests.support.sweeps import IS_FULL

settings.register_profile("bundler", max_examples=100 if IS_FULL else 25, deadline=None, database=None)
settings.load_profile("bundler")
"""No deadline: how long an example takes is not what is tested."""


@dataclass(frozen=True)
class Ran:
    """The result of a run of the command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The document of --json, which is as docs/json.md promises: every test that reads one is a test of the page."""
        document: dict[str, Any] = json.loads(self.out)
        if len(self.out) < documents.MANY_BYTES and "document" in document:
            assert not documents.faults(document), document["document"]
        return document


Bundler = Callable[..., Ran]

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
"""More than the folders of all tests have at any time."""

GO_GARBAGE_PERCENT = "500"
"""The registry takes 4 MiB for each blob that it reads, and with Go's default it looks for garbage each time: twice the work."""


def pytest_configure(config: pytest.Config) -> None:
    """Puts the folders of the tests into memory where there is room; the disk is the slowest part of most tests.

    Those of a test that passed are removed at once (``tmp_path_retention_policy``), so little is there at a time.
    Signals that were ignored before the tests began get their usual meaning.
    """
    if room_in_memory_bytes() >= ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    os.environ.setdefault("GOGC", GO_GARBAGE_PERCENT)
    if MEASURING:
        config.pluginmanager.register(MEASURING)
    for number in ENDING:  # a shell starts jobs in the background with SIGINT ignored, and nohup does so with SIGHUP
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Gives signals back the meaning that they had before a test.

    A command that runs in the process of the tests handles those that end a run, and ignores them once it is
    interrupted. All processes that later tests start would ignore them too, registries as well.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        return (yield)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def pytest_collection_finish() -> None:
    """Takes all that was collected out of later searches for garbage: thousands of tests, and modules that stay."""
    gc.freeze()
    gc.enable()


def room_in_memory_bytes() -> int:
    if not os.access(MEMORY, os.W_OK):
        return 0
    found = os.statvfs(MEMORY)
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return min(found.f_bavail * found.f_frsize, int(available[1]) << 10 if available else 0)


@contextmanager
def on_disk() -> Iterator[Path]:
    """A folder on a disk, while this lasts."""
    with tempfile.TemporaryDirectory(prefix="bundler-test-", dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A folder on a disk, for files that are too large for memory and for what only a disk does."""
    with on_disk() as folder:
        yield folder


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture
def _home(_homes: Iterator[Path], tmp_path: Path) -> Iterator[Path]:
    """An empty home. It and ``tmp_path`` are there before ``monkeypatch``, so they are removed with the functions of os."""
    home = next(_homes)
    home.mkdir()
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def _own_home(_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's credentials, trust, certificates or proxies."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in (
        "DOCKER_CONFIG",
        "DOCKER_CONTEXT",
        "DOCKER_HOST",
        "DOCKER_CERT_PATH",
        "DOCKER_TLS_VERIFY",
        "SOURCE_DATE_EPOCH",
        "SSL_CERT_FILE",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
        "LANGUAGE",
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(_home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(_home / ".config"))


@pytest.fixture(scope="session", autouse=True)
def _known_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    known_keys.remember(tmp_path_factory.mktemp("known"))


@pytest.fixture
def bundler() -> Bundler:
    """Runs the real command in a process of its own: a fork, unless its environment says how Python is to start."""

    def run(*arguments: object, stdin: str = "", environment: Mapping[str, str] | None = None) -> Ran:
        environment = environment or {}
        if any(name.startswith(("LANG", "LC_", "PYTHON", "_BUNDLER")) for name in environment):
            return start(*arguments, stdin=stdin, environment=environment)
        ended = Steps(arguments, environment, stdin).kill_after_seconds(300)
        assert not ended.was_killed
        return Ran(ended.code, ended.out, ended.err)

    def start(*arguments: object, stdin: str, environment: Mapping[str, str]) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "bundler", *map(str, arguments)],
            text=True,
            capture_output=True,
            timeout=300,
            input=stdin,
            env={**os.environ, **environment},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a private and a public key. Tests only read from it."""
    folder = tmp_path_factory.mktemp("made") / "keys"
    made = Steps(["keygen", "tester", "-d", folder]).run()
    assert made.code == 0, made.err
    return folder


@pytest.fixture
def keys(made_keys: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key, the same for all tests, in a folder of the test's own."""
    folder = shutil.copytree(made_keys, tmp_path / "keys")
    return folder / "tester.key", folder / "tester.pub"


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry that holds an image of every kind. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("origin")).start()
    for name, image in images.every_kind().items():
        repository, _, tag = name.partition(":")
        image.push(registry, repository, tag)
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def _exported(
    origin: RealRegistry, made_keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[tuple[object, ...], tuple[str, ...]], Path]:
    """Exports images of the origin, each choice once."""

    @functools.cache
    def export(options: tuple[object, ...], names: tuple[str, ...]) -> Path:
        folder = tmp_path_factory.mktemp("exported")
        listed = write_list(folder / "list.yaml", origin, names)
        made = Steps(["export", listed, "-o", folder, "--key", made_keys / "tester.key", *options]).run()
        assert made.code == 0, made.err
        return folder / "test"

    return export


@pytest.fixture
def exported(_exported: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Gives a bundle of images of the origin, signed with the key of all tests, in a folder of the test's own."""

    def copy(*names: str, options: tuple[object, ...] = ()) -> Path:
        return shutil.copytree(_exported(options, names), tmp_path / "test")

    return copy


@pytest.fixture
def new_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RealRegistry]]:
    """Starts empty registries, with whatever configuration."""
    started: list[RealRegistry] = []

    def start(**options: Any) -> RealRegistry:
        registry = RealRegistry(tmp_path_factory.mktemp("registry"), **options)
        started.append(registry)
        return registry.start()

    yield start
    for registry in started:
        registry.stop()
        shutil.rmtree(registry.folder, ignore_errors=True)


@pytest.fixture
def target(new_registry: Callable[..., RealRegistry]) -> RealRegistry:
    """An empty registry."""
    return new_registry()


@pytest.fixture(scope="session")
def daemon() -> Iterator[RealDaemon]:
    """A Docker daemon."""
    with on_disk() as folder:
        daemon = RealDaemon(folder).start()
        yield daemon
        daemon.stop()


@pytest.fixture(scope="session")
def other_daemon() -> Iterator[RealDaemon]:
    """A Docker daemon on the other side."""
    with on_disk() as folder:
        daemon = RealDaemon(folder).start()
        yield daemon
        daemon.stop()


@pytest.fixture
def image_list(tmp_path: Path) -> Callable[..., Path]:
    """Writes an image list of references in a registry."""

    def write(registry: RealRegistry, *names: str, name: str = "test") -> Path:
        return write_list(tmp_path / "list.yaml", registry, names, name=name)

    return write


def write_list(path: Path, registry: RealRegistry, names: Iterable[str], *, name: str = "test") -> Path:
    path.write_text(f"name: {name}\nimages:\n" + "".join(f"- {registry.host}/{each}\n" for each in names))
    return path
