"""What the target has in another repository is mounted from there, and not sent: repositories of images of the same
bundle, and of images that earlier imports brought. Against a real registry, which tells by its storage what was sent.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Bundler, Ran
from tests.support.images import Image, image, layer_tar
from tests.support.parts import RealRegistry
from tests.support.servers import Front

BASE = gzip.compress(layer_tar("base", 400_000), mtime=0)
"""A layer that all images share."""


def app(number: int) -> Image:
    return image([BASE, gzip.compress(layer_tar(f"app {number}"), mtime=0)])


APPS = {f"example.com/team/app{number}:1": app(number) for number in range(12)}
NEW = list(APPS)[10:]


@pytest.fixture
def make(bundler: Bundler, keys: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes a bundle of images, by their names."""

    def bundle(name: str, *wanted: str) -> Path:
        for each in wanted:
            APPS[each].write_layout(tmp_path / f"{name}.layout", each)
        export = ("export", f"oci:{tmp_path}/{name}.layout", "--name", name, "-o", tmp_path, "--key", keys[0])
        made = bundler(*export)
        assert made.code == 0, made.err
        return tmp_path / name

    return bundle


@pytest.fixture
def bring(bundler: Bundler, keys: tuple[Path, Path]) -> Callable[..., Ran]:
    def import_(bundle: Path, to: Front, *more: object) -> Ran:
        to.requests.clear()
        done = bundler("import", bundle, "--to", to.host, "--trust", keys[1], "--json", *more)
        assert done.code == 0, done.err
        return done

    return import_


@pytest.fixture
def front(target: RealRegistry, fronts: Callable[..., Front]) -> Front:
    return fronts(target)


def new_bytes(names: list[str]) -> int:
    """What must be sent of images whose base is there: all other blobs."""
    return sum(
        len(content)
        for name in names
        for digest, content in APPS[name].blobs.items()
        if content != BASE and digest != APPS[name].digest
    )


def sent(done: Ran) -> int:
    return int(done.json["targets"][0]["bytesSent"])


def test_layers_that_other_images_at_the_target_have_are_mounted_not_sent(make, bring, front, target):
    everything = make("all", *APPS)
    bring(everything, front, *(word for name in NEW for word in ("--except", name)))
    planned = bring(everything, front, "--dry-run")
    assert sent(planned) == new_bytes(NEW)
    done = bring(everything, front)
    assert sent(done) == new_bytes(NEW)
    assert len(target.tags) == 12
    assert front.count("PUT", "/blobs/uploads/") == 2 * len(NEW), "a config and a layer each"
