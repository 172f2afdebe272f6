"""A prune removes old images and nothing else: after the registry's own garbage collection, all that stays pulls whole."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Ran
from tests.support import attachments, images
from tests.support.images import Image
from tests.support.parts import RealRegistry, skopeo_raw

Command = Callable[..., Ran]


def multi(name: str, **more: str) -> Image:
    """An image for two platforms; one of them is the same in all of them."""
    own = images.simple(name, labels={"name": name}, **more)
    shared = images.simple("shared", architecture="arm64")
    return images.index([(own, images.platform("amd64")), (shared, images.platform("arm64"))])


def whole(registry: RealRegistry, repository: str, image: Image) -> bool:
    """True if the registry gives each manifest and blob of an image, byte for byte."""
    for content in (image, *image.children):
        if registry.get(f"{repository}/manifests/{content.digest}") != content.content:
            return False
        if any(registry.get(f"{repository}/blobs/{digest}") != blob for digest, blob in content.blobs.items()):
            return False
    return True


def collect(registry: RealRegistry) -> None:
    """Runs the registry's garbage collection as the result of a prune says: stopped, and without -m."""
    registry.stop()
    command = ["docker-registry", "garbage-collect", str(registry.folder / "config.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    registry.start()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry for tests that each use repositories of their own."""
    made = RealRegistry(tmp_path_factory.mktemp("pruned")).start()
    yield made
    made.stop()


def test_the_oldest_versions_go_and_the_others_pull_whole_after_garbage_collection(here, new_registry, tmp_path):
    registry = new_registry()
    made = {version: multi(version) for version in ("1.0.0", "1.1.0", "2.0.0-rc1", "2.0.0")}
    attached = {}
    for version, image in made.items():
        attached[version] = attachments.push_all(registry, "team/app", image, tag=version)
    made["2.0.0"].push(registry, "team/app", "latest")
    made["1.0.0"].push(registry, "team/app", "production")  # no version, so no rule covers it
    blobs = len(registry.blobs)
    command = ("prune", registry.host, "--keep-last", 1)
    planned = here(*command, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    assert planned.json["tags"] == {"kept": 1, "removed": 3, "untouched": 2}
    assert len(registry.tags["team/app"]) == 4 + 2 + 3 * 4
    ran = here(*command, "--yes", "--json")
    assert (ran.code, ran.json["notRemoved"]) == (0, []), ran.err
    assert [tag for tag in registry.tags["team/app"] if not tag.startswith("sha256-")] == [
        "2.0.0",
        "latest",
        "production",
    ]
    collect(registry)
    for version in ("2.0.0", "1.0.0"):
        assert whole(registry, "team/app", made[version])
        assert all(whole(registry, "team/app", each) for each in attached[version].values())
        assert registry.get(f"team/app/manifests/{attachments.dashed(made[version])}") is not None
    assert skopeo_raw(f"{registry.host}/team/app:production") == made["1.0.0"].content
    gone = [made[version] for version in ("1.1.0", "2.0.0-rc1")]
    for image in (*gone, *(each for version in ("1.1.0", "2.0.0-rc1") for each in attached[version].values())):
        assert registry.get(f"team/app/manifests/{image.digest}") is None
    own = {digest for image in gone for digest in image.children[0].blobs}
    assert not {digest.removeprefix("sha256:") for digest in own} & registry.blobs
    assert len(registry.blobs) < blobs
    again = here(*command, "--yes", "--json")
    assert (again.code, again.json["removed"], again.json["receipt"]) == (0, 0, None)


def test_undo_puts_back_all_that_went_until_the_registry_collects_garbage(here, new_registry):
    registry = new_registry()
    old, new = multi("old"), multi("new")
    attached = attachments.push_all(registry, "team/app", old, tag="1.0")
    old.push(registry, "team/app", "1")
    new.push(registry, "team/app", "2.0")
    before = {tag: registry.get(f"team/app/manifests/{tag}") for tag in registry.tags["team/app"]}
    ran = here("prune", registry.host, "--keep-last", 1, "--yes", "--json")
    receipt = ran.json["receipt"]
    assert registry.tags["team/app"] == ["2.0"]
    dry = here("undo", receipt, "--dry-run", "--json")
    assert {each["outcome"] for each in dry.json["tags"]} == {"would put back"}
    assert registry.tags["team/app"] == ["2.0"]
    images.simple("other").push(registry, "team/app", "1")
    back = here("undo", receipt, "--json")
    assert back.code == 0, back.err
    assert {each["name"].rpartition(":")[2]: each["outcome"] for each in back.json["tags"]} == {
        **dict.fromkeys((*(tag for tag in before if tag.startswith("sha256-")), "1.0"), "put back"),
        "1": "moved on",
    }
    for tag, content in before.items():
        assert tag == "1" or registry.get(f"team/app/manifests/{tag}") == content
    assert whole(registry, "team/app", old)
    assert all(whole(registry, "team/app", each) for each in attached.values())
    assert {each["outcome"] for each in here("undo", receipt, "--json").json["tags"]} == {"as before", "moved on"}


def test_undo_after_the_garbage_collection_names_what_is_lost(here, new_registry):
    registry = new_registry()
    images.simple("old").push(registry, "team/app", "1.0")
    images.simple("new").push(registry, "team/app", "2.0")
    receipt = here("prune", registry.host, "--keep-last", 1, "--yes", "--json").json["receipt"]
    collect(registry)
    back = here("undo", receipt, "--json")
    assert (back.code, [each["outcome"] for each in back.json["tags"]]) == (6, ["lost"])
    assert "blobs are gone" in back.json["tags"][0]["error"]["hint"]


def test_a_tag_that_shares_its_image_goes_alone(here, registry):
    image = multi("shared image")
    for tag in ("ci-1", "stable"):
        image.push(registry, "alone/app", tag)
    attachments.cosign(image).push(registry, "alone/app", attachments.dashed(image, ".sig"))
    rules = ("prune", registry.host, "--keep-last", 0, "--by", "created", "--tag", "ci-*", "--repository", "alone/app")
    ran = here(*rules, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["repositories"][0]["onlyTags"] == ["ci-1"]
    assert registry.tags["alone/app"] == [attachments.dashed(image, ".sig"), "stable"]
    assert whole(registry, "alone/app", image)
    back = here("undo", ran.json["receipt"], "--json")
    assert [each["outcome"] for each in back.json["tags"]] == ["put back"]
    assert registry.get("alone/app/manifests/ci-1") == image.content
