"""Promise 4: every flip in any file of a bundle is found, named and located; nothing wrong reaches a registry.

Runs in one process, because thousands of bundles are checked. It is a small bundle with all that can be in one: a blob
that is cut, blobs that are shared, an index.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from bundler.commands.verify import VerifyRequest, verify
from bundler.core.events import nobody
from bundler.errors import BundlerError
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest
from bundler.run import Run
from bundler.transports.oci_layout import LayoutTarget
from bundler.workers import Cancellation
from tests.support import images, sweeps

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

SAMPLES = 1500


def run() -> Run:
    return Run(nobody, Cancellation(), jobs=1)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle and the key that is trusted; made once."""
    from bundler import cli

    folder = tmp_path_factory.mktemp("flips")
    layout = folder / "layout"
    big = images.image([images.gzip.compress(images.layer_tar("big", 1_200_000), mtime=0)])
    big.write_layout(layout, "example.org/a/big:1")
    images.simple("one").write_layout(layout, "example.org/a/one:1")
    images.every_kind()["team/multi:1"].write_layout(layout, "example.org/a/multi:1")
    names = ["example.org/a/big:1", "example.org/a/one:1", "example.org/a/multi:1"]
    listed = folder / "list.txt"
    listed.write_text("".join(f"oci:{layout}:{name}\n" for name in names))
    assert cli.run(["keygen", "flips", "-d", str(folder), "-q"]) == 0
    export = ["export", str(listed), "-o", str(folder), "--name", "flips", "--key", str(folder / "flips.key")]
    assert cli.run([*export, "--chunk-size", "1MiB", "-q"]) == 0
    return folder / "flips", folder / "flips.pub"


def positions(bundle: Path) -> list[tuple[str, int]]:
    """All bytes of the small files that trust rests on, and samples of everything else."""
    chosen: list[tuple[str, int]] = []
    chance = random.Random(20261123)
    for path in sorted(bundle.iterdir()):
        size = path.stat().st_size
        is_small = path.name.startswith("SHA256SUMS") or path.name == "bundle.json"
        whole = range(size)
        wanted = whole if is_small else chance.sample(whole, min(size, SAMPLES // 3))
        chosen += [(path.name, position) for position in wanted]
    # The framing of tar is a small part of the bytes: it gets samples of its own.
    for chunk in sorted(bundle.glob("chunk-*.tar")):
        size = chunk.stat().st_size
        chosen += [(chunk.name, position) for position in (0, 100, 124, 148, 156, 257, 511, size - 1024, size - 1)]
    return chosen


class Flipped:
    """A copy of the bundle in which one byte at a time is wrong."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.path = folder / bundle.name
        shutil.copytree(bundle, self.path)

    def __call__(self, name: str, position: int, mask: int) -> None:
        with open(self.path / name, "r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ mask]))


def code_of(action) -> int:
    try:
        return action().exit_code
    except BundlerError as error:
        return error.exit_code


def test_every_flip_is_found_by_verify_with_the_right_exit_code_and_file(sealed, tmp_path):
    bundle, key = sealed
    flip = Flipped(bundle, tmp_path)
    chance = random.Random(1)
    assert code_of(lambda: verify(VerifyRequest((flip.path,), (key,)), run())) == 0
    for name, position in sweeps.some(positions(bundle), every=2 * sweeps.EVERY):
        mask = 1 << chance.randrange(8)
        flip(name, position, mask)
        expected = 5 if name.startswith("SHA256SUMS") else 4
        try:
            result = verify(VerifyRequest((flip.path,), (key,)), run())
            code = result.exit_code
            assert {finding.file for finding in result.findings} == {name}, f"{name} at {position}"
        except BundlerError as error:
            code = error.exit_code
        assert code == expected, f"{name} at {position}, mask {mask}: exit {code}"
        flip(name, position, mask)


def test_no_flip_lets_anything_wrong_through_an_import(sealed, tmp_path):
    bundle, key = sealed
    flip = Flipped(bundle, tmp_path)
    good = tmp_path / "good"
    assert code_of(lambda: bring(flip.path, key, good)) == 0
    right = {path.name: path.read_bytes() for path in (good / "blobs/sha256").iterdir()}
    chance = random.Random(2)
    for name, position in sweeps.some(chance.sample(positions(bundle), 400), every=3):
        mask = 1 << chance.randrange(8)
        flip(name, position, mask)
        target = tmp_path / "target"
        code = code_of(lambda target=target: bring(flip.path, key, target))
        assert code == (5 if name.startswith("SHA256SUMS") else 4), f"{name} at {position}: exit {code}"
        for path in target.glob("blobs/sha256/*"):
            assert path.read_bytes() == right[path.name], f"{name} at {position} let {path.name} through"
        shutil.rmtree(target, ignore_errors=True)
        flip(name, position, mask)


def bring(bundle: Path, key: Path, target: Path):
    return import_bundle(ImportRequest((bundle,), (LayoutTarget(str(target)),), (key,)), run())
