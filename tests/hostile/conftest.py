"""A good bundle to break, made once, and commands that run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler import cli
from tests.conftest import Ran
from tests.support.forge import Forged, make

Command = Callable[..., Ran]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Forged:
    """A good bundle. Nobody writes to it."""
    return make(tmp_path_factory.mktemp("forge"))


@pytest.fixture
def forged(good: Forged, tmp_path: Path) -> Forged:
    """A copy of it, to break."""
    return good.copy(tmp_path / "bundle")


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process, because a process for each of hundreds takes long."""

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        done = capfd.readouterr()
        assert "Traceback" not in done.err, done.err
        assert code not in (70, 141), done.err
        return Ran(code, done.out, done.err)

    return run


@pytest.fixture
def verified(command: Command, good: Forged) -> Command:
    """Verifies folders of the good bundle's key."""
    return lambda *paths: command("verify", *paths, "--trust", good.public, "--json", "-q")


@pytest.fixture
def imported(command: Command, good: Forged, tmp_path: Path) -> Command:
    """Imports them into an empty layout, and makes sure that nothing wrong is there afterwards."""

    def run(*paths: object) -> Ran:
        target = tmp_path / "target"
        done = command("import", *paths, "--trust", good.public, "--to", f"oci:{target}", "-q", "--json")
        for path in target.glob("blobs/*/*"):
            assert path.read_bytes() == good.blobs[f"{path.parent.name}:{path.name}"], f"{path.name} is not ours"
        entries = (
            json.loads((target / "index.json").read_text())["manifests"] if (target / "index.json").exists() else []
        )
        assert done.code or len(entries) == len(good.manifest["images"])
        return done

    return run
