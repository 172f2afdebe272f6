"""A blob that a base should have, and that is nowhere, comes in a supplement, and the bundle is imported with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support import attachments, images
from tests.support.months import image, layer
from tests.support.parts import RealRegistry

FIRST = {"team/a": ["base", "a1"], "team/b": ["base", "b1"], "team/c": ["c1"]}
SECOND = {"team/a": ["base", "a1", "a2"], "team/b": ["base", "b2"], "team/c": ["c2"], "team/d": ["c1", "d2"]}


class Months:
    """Two months of a registry: the second bundle leaves out what the first one has."""

    def __init__(self, here: Callable[..., Ran], folder: Path, keys: tuple[Path, Path], source: RealRegistry) -> None:
        self.here, self.folder, (self.key, self.pub), self.source = here, folder, keys, source
        self.need = folder / "need.json"
        self.export("first", FIRST)
        self.export("second", SECOND, "--since", folder / "first", "--trust", self.pub)
        self.kept = folder / "kept"
        shutil.copytree(folder / "second", self.kept, ignore=shutil.ignore_patterns("chunk-*"))

    def export(self, name: str, month: dict[str, list[str]], *flags: object) -> None:
        for repository, layers in month.items():
            attachments.push_all(self.source, repository, image(layers))
        listed = self.folder / f"{name}.txt"
        listed.write_text("".join(f"{self.source.host}/{repository}:1\n" for repository in month))
        done = self.here("export", listed, "-o", self.folder, "--key", self.key, *flags)
        assert done.code == 0, done.err

    def bring(self, target: RealRegistry, *names: object, flags: tuple[object, ...] = ()) -> Ran:
        paths = [self.folder / name for name in names]
        return self.here("import", *paths, "--trust", self.pub, "--to", target.host, *flags)

    def ask(self, target: RealRegistry) -> None:
        done = self.bring(target, "second", flags=("--need", self.need))
        assert done.code == 9, done.err
        assert f"bundler fulfil {self.need.name}" in done.err

    def fulfil(self, *flags: object, need: object = None) -> Ran:
        trusted = ("--trust", self.pub, "--from", self.kept)
        return self.here("fulfil", need or self.need, "-o", self.folder, *trusted, *flags)

    @property
    def supplement(self) -> Path:
        (found,) = self.folder.glob("second-need-*")
        return found


@pytest.fixture
def months(here, keys, tmp_path, new_registry) -> Months:
    return Months(here, tmp_path, keys, new_registry())


def check_second(target: RealRegistry) -> None:
    for repository, layers in SECOND.items():
        assert target.get(f"{repository}/manifests/1") == image(layers).content
        for digest, content in image(layers).blobs.items():
            assert target.get(f"{repository}/blobs/{digest}") == content


@pytest.mark.parametrize("order", [1, -1])
def test_the_bundle_is_imported_with_the_supplement_that_its_need_list_asked_for(months, target, order):
    months.ask(target)
    need = json.loads(months.need.read_text())
    assert {each["digest"] for each in need["blobs"]} == {images.sha256(layer(name)) for name in ("base", "a1", "c1")}
    assert {tuple(each["bases"]) for each in need["blobs"]} == {("first",)}
    images.simple("moved").push(months.source, "team/a", "1")
    done = months.fulfil("--key", months.key, "--json")
    assert done.code == 0, done.err
    assert "--attachments" not in done.err
    assert done.json["path"] is None
    assert done.json["supplement"]["path"] == str(months.supplement)
    manifest = json.loads((months.supplement / "bundle.json").read_text())
    carried = {each["digest"] for each in manifest["blobs"] if each["kind"] == "layer" and each.get("pieces")}
    assert carried == {each["digest"] for each in need["blobs"]}
    assert len(manifest["images"]) == 3
    assert months.here("verify", months.supplement, "--trust", months.pub).code == 0
    done = months.bring(target, *["second", months.supplement][::order], flags=("--json",))
    assert done.code == 0, done.err
    assert done.json["name"] == "second"
    check_second(target)


def test_what_the_target_has_is_not_asked_for(months, target):
    image(["base"]).push(target, "team/a", "old")
    months.ask(target)
    need = json.loads(months.need.read_text())
    assert {each["digest"] for each in need["blobs"]} == {images.sha256(layer(name)) for name in ("a1", "c1")}
    assert months.fulfil("--key", months.key).code == 0
    assert months.bring(target, "second", months.supplement).code == 0
    check_second(target)


def test_a_supplement_is_signed_planned_and_made_once(months, target):
    months.ask(target)
    assert months.fulfil().code == 2
    done = months.fulfil("--key", months.key, "--dry-run", "--json")
    assert (done.code, done.json["supplement"]["dryRun"], done.json["supplement"]["bundleId"]) == (0, True, None)
    assert not list(months.folder.glob("*-need-*"))
    line = json.loads(months.need.read_text())["line"]
    assert months.fulfil("--key", months.key, need=line).code == 0
    done = months.fulfil("--key", months.key, "--json")
    assert (done.code, done.json["supplement"]["completeAlready"]) == (0, True)


def test_blobs_that_the_source_has_lost_make_no_supplement(months, target):
    months.ask(target)
    shutil.rmtree(months.source.storage)
    done = months.fulfil("--key", months.key)
    assert done.code == 6, done.err
    assert f"{months.source.host}/team/a:1" in done.err
    assert not list(months.folder.glob("*-need-????????"))
