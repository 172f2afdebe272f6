"""A signed bundle with a shared layer, a layer with the marker, and a chart that is no image; made once."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler import cli
from bundler.run import Run
from bundler.scanning.request import ScanRequest, ScanResult
from bundler.scanning.scan import scan
from tests.support import images
from tests.support.toy_scanner import MARKER, Toy, toy

CLEAN_IMAGE, EVIL_IMAGE, CHART = "example.org/team/clean:1", "example.org/team/evil:1", "example.org/team/chart:1"
BASE = gzip.compress(images.layer_tar("base", 40_000), mtime=0)
EVIL = gzip.compress(images.layer_tar("evil", 4_000) + MARKER, mtime=0)


def export(folder: Path, name: str, made: dict[str, images.Image], *more: object) -> Path:
    """A signed bundle of images."""
    layout = folder / f"layout-{name}"
    for reference, image in made.items():
        image.write_layout(layout, reference)
    sources = [f"oci:{layout}:{reference}" for reference in made]
    command = ["export", *sources, "-o", folder, "--name", name, "--key", folder / "builder.key", "-q", *more]
    assert cli.run(list(map(str, command))) == 0
    return folder / name


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scanned")
    for name in ("builder", "officer"):
        assert cli.run(["keygen", name, "-d", str(folder), "-q"]) == 0
    clean = images.image([BASE, gzip.compress(images.layer_tar("clean", 4_000), mtime=0)])
    export(folder, "clean", {CLEAN_IMAGE: clean})
    export(folder, "mixed", {CLEAN_IMAGE: clean, EVIL_IMAGE: images.image([BASE, EVIL])})
    export(folder, "chart", {CLEAN_IMAGE: clean, CHART: images.artifact("chart")})
    return folder


@pytest.fixture
def made(_made: Path, tmp_path: Path) -> Path:
    """A folder with the keys ``builder`` and ``officer``, and the bundles ``clean``, ``mixed`` and ``chart``."""
    shutil.copytree(_made, tmp_path / "made")
    return tmp_path / "made"


Scanning = Callable[..., ScanResult]


@pytest.fixture
def scanned(made: Path) -> Scanning:
    """Scans a bundle with a toy, and signs the record with the officer's key."""

    def scanning(
        name: str = "clean", *engines: Toy, output: str = "", run: Run | None = None, **more: Any
    ) -> ScanResult:
        request = ScanRequest(
            **{
                "paths": made / name,
                "scanners": engines or (toy(),),
                "output": made / (output or f"{name}.scan.json"),
                "trust": made / "builder.pub",
                "key_path": made / "officer.key",
                "now": lambda: "2026-11-29T08:00:00Z",
                **more,
            }
        )
        return scan(request, run)

    return scanning
