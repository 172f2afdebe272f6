"""A blob that the target has in another repository is mounted from there, and not sent: repositories of images of the same
bundle, and of images that earlier imports brought. Against a real registry, which tells by its storage what was sent.
"""

from __future__ import annotations

import gzip
import shutil
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
    """The blobs that must be sent of images whose base is there: all others."""
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


def test_layers_that_an_earlier_import_brought_are_mounted_not_sent(make, bring, front, target):
    names = list(APPS)
    first, second = make("first", *names[:1]), make("second", *names[1:2])
    bring(first, front)
    assert sent(bring(second, front, "--dry-run")) == new_bytes(names[1:2])
    done = bring(second, front)
    assert sent(done) == new_bytes(names[1:2])
    assert [image["outcome"] for image in done.json["targets"][0]["images"]] == ["pushed"]


def test_a_receipt_that_is_wrong_about_what_is_there_costs_nothing(make, bring, front, target, new_registry):
    """If the repository that it names is gone, or at another registry, or the receipt is broken, the layer is sent."""
    names = list(APPS)
    first, second = make("first", *names[:1]), make("second", *names[1:2])
    receipt = bring(first, front).json["receipt"]
    Path(receipt).with_name("99991231T000000Z-broken.json").write_text("{")
    shutil.rmtree(target.storage / "docker/registry/v2/repositories/team/app0")
    done = bring(second, front)
    assert sent(done) == new_bytes(names[1:2]) + len(BASE)
    assert target.tags == {"team/app1": ["1"]}
