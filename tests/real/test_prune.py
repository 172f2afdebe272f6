"""A prune removes old images and nothing else: after the registry's own garbage collection, all that stays pulls whole."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest

import bundler
from bundler.pruning import prune as prune_module
from tests.conftest import Ran
from tests.support import attachments, images, sweeps
from tests.support.images import Image
from tests.support.parts import Endpoint, RealRegistry, skopeo_raw
from tests.support.referrers import Referrers
from tests.support.registries import Asked, Harbor, Quay, refused
from tests.support.servers import Front, digest_of
from tests.support.steps import Steps
from tests.support.tables import each_case
from tests.support.terminal import on_terminal

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


def planned_by(registry: Endpoint, **rules: Any) -> bundler.PlannedPrune:
    retention = bundler.retention_of(**rules)
    return bundler.plan_prune(bundler.PruneRequest(place=registry.host, retention=retention))


def test_without_a_terminal_it_wants_a_flag_and_asks_nobody(here, fronts, registry):
    front = fronts(registry)
    assert here("prune", front.host, "--keep-last", 1).code == 2
    assert front.requests == []


def test_at_a_terminal_it_removes_only_after_a_yes(new_registry):
    registry = new_registry()
    for version in ("1.0", "2.0"):
        images.simple(version).push(registry, "team/app", version)
    command = ("prune", registry.host, "--keep-last", 1)
    code, shown = on_terminal(*command, answers=[("type yes", "y")])
    assert (code, registry.tags["team/app"]) == (2, ["1.0", "2.0"])
    assert "team/app:1.0" in shown
    code, shown = on_terminal(*command, answers=[("type yes", "yes")])
    assert (code, registry.tags["team/app"]) == (0, ["2.0"])
    assert "never add -m" in shown
    assert re.search(r"bundler undo \S+json --insecure-no-signature", shown.replace("\r\n", ""))
    code, shown = on_terminal(*command, answers=[])
    assert (code, "nothing goes" in shown) == (0, True), "it says why nothing goes, also without a question"


@each_case("flags", [(), ("--tag", "x"), ("--keep-last", 1, "--rules", "r.yaml"), ("--keep-bundles", 0)])
def test_contradicting_rules_are_refused_before_anything_is_asked(here, registry, flags):
    assert here("prune", registry.host, *flags, "--yes").code == 2


def test_other_places_than_registries_are_refused(here, tmp_path):
    assert here("prune", f"oci:{tmp_path}", "--keep-last", 1, "--yes").code == 2


def test_a_registry_that_removes_nothing_is_refused_before_anything_is_changed(here, new_registry, monkeypatch):
    monkeypatch.setenv("REGISTRY_STORAGE_DELETE_ENABLED", "false")
    registry = new_registry()
    for version in ("1.0", "2.0"):
        images.simple(version).push(registry, "team/app", version)
    ran = here("prune", registry.host, "--keep-last", 1, "--yes", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (6, "deletion-disabled")
    assert "enabled: true" in ran.json["error"]["hint"]
    assert registry.tags["team/app"] == ["1.0", "2.0"]
    assert not list(Path(os.environ["HOME"]).rglob("prunes/*.json*"))


def test_the_images_of_the_newest_bundles_stay_whole_and_the_leftovers_of_older_ones_go(
    here, new_registry, origin, keys, tmp_path
):
    registry = new_registry()
    made = {}
    for month in (10, 11, 12):
        made[month] = {"stable": multi(f"month {month}"), f"{month}.0": images.simple(f"fixed {month}")}
        for tag, image in made[month].items():
            image.push(origin, "monthly/app", tag)
        listed = tmp_path / "list.yaml"
        listed.write_text(
            f"name: platform-2026.{month}\nimages:\n"
            + "".join(f"- {origin.host}/monthly/app:{tag}\n" for tag in made[month])
        )
        assert here("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
        bundle = tmp_path / f"platform-2026.{month}"
        done = here("import", bundle, "--trust", keys[1], "--to", registry.host, "--on-conflict", "replace")
        assert done.code == 0, done.err
    images.simple("mine").push(registry, "monthly/app", "mine")
    made[10]["10.0"].push(registry, "monthly/app", "pinned")
    ran = here("prune", registry.host, "--keep-bundles", 2, "--yes", "--json", "--receipt-key", keys[0])
    assert ran.code == 0, ran.err
    assert [each["name"] for each in ran.json["keptBundles"]] == ["platform-2026.12", "platform-2026.11"]
    assert registry.tags["monthly/app"] == ["11.0", "12.0", "mine", "pinned", "stable"]
    assert ran.json["repositories"][0]["onlyTags"] == ["10.0"]
    collect(registry)
    for month in (11, 12):  # the tag stable has moved on from the image of November, which stays by its digest
        assert all(whole(registry, "monthly/app", image) for image in made[month].values())
    assert whole(registry, "monthly/app", made[10]["10.0"])
    assert registry.get(f"monthly/app/manifests/{made[10]['stable'].digest}") is None
    receipt = ran.json["receipt"]
    assert here("undo", receipt, "--trust", keys[1], "--dry-run").code == 0
    Path(receipt).write_bytes(Path(receipt).read_bytes() + b" ")
    assert here("undo", receipt, "--trust", keys[1], "--dry-run").code == 5


def test_no_manifest_is_pushed_from_a_receipt_that_another_person_could_have_written(here, new_registry, tmp_path):
    registry = new_registry()
    images.simple("old").push(registry, "team/app", "1.0")
    images.simple("new").push(registry, "team/app", "2.0")
    own = Path(here("prune", registry.host, "--keep-last", 1, "--yes", "--json").json["receipt"])
    evil = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    document = json.loads(own.read_bytes())
    (document["manifests"][0]).update(
        mediaType="application/vnd.oci.image.index.v1+json",
        digest=f"sha256:{hashlib.sha256(evil).hexdigest()}",
        size=len(evil),
        content=base64.b64encode(evil).decode(),
    )
    given = tmp_path / "given.json"
    given.write_text(json.dumps(document))
    (own.parent / "linked.json").symlink_to(given)
    assert here("undo", given).code == 5
    assert here("undo", own.parent / "linked.json").code == 4
    assert registry.tags["team/app"] == ["2.0"]
    own.chmod(0o666)
    assert here("undo", own, "--dry-run").code == 5
    own.chmod(0o600)
    assert here("undo", own, "--dry-run").code == 0
    assert here("undo", given, "--insecure-no-signature").code == 0


def test_a_receipt_that_cannot_be_read_stops_it(here, registry):
    folder = Path(os.environ["HOME"]) / ".local/state/bundler/receipts"
    folder.mkdir(parents=True)
    (folder / "notes.json").write_text("{}")
    os.mkfifo(folder / "pipe.json")
    for damaged in ('{"document": "bundler.receipt/1"}', '{"docu\0ent": "bundler.receipt/1"}'):
        (folder / "20261101T000000Z-platform.json").write_text(damaged)
        assert here("prune", registry.host, "--keep-bundles", 1, "--dry-run").code == 4
    (folder / "20261101T000000Z-platform.json").unlink()
    assert here("prune", registry.host, "--keep-bundles", 1, "--dry-run").code == 0


def test_what_was_pushed_since_the_plan_stays_with_all_that_it_needs(new_registry):
    registry = new_registry()
    old = {name: images.simple(name) for name in ("1.0", "1.1", "1.2", "1.3")}
    for tag, image in old.items():
        image.push(registry, "team/app", tag)
    images.simple("new").push(registry, "team/app", "2.0")
    planned = planned_by(registry, keep_last=1)
    moved = images.simple("moved")
    moved.push(registry, "team/app", "1.0")  # a tag of the plan has another image
    old["1.1"].push(registry, "team/app", "golden")  # an image of the plan has another tag
    parent = images.index([(old["1.2"], images.platform("amd64"))])
    parent.push(registry, "team/app", "set")  # an index needs an image of the plan
    result = bundler.prune(planned)
    assert result.exit_code == 3
    assert result.receipt is not None
    outcomes = {tag: each.outcome for each in result.receipt.manifests for tag in each.tags}
    assert outcomes == {"1.0": "skipped", "1.1": "skipped", "1.2": "skipped", "1.3": "removed"}
    assert {tag: registry.get(f"team/app/manifests/{tag}") for tag in ("1.0", "golden", "set")} == {
        "1.0": moved.content,
        "golden": old["1.1"].content,
        "set": parent.content,
    }
    assert whole(registry, "team/app", parent)


def test_what_is_used_while_a_long_prune_runs_stays(new_registry, fronts, monkeypatch):
    monkeypatch.setattr(prune_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(prune_module, "LOOK_SHARE", 0.0)
    registry = new_registry()
    old = {name: images.simple(name) for name in ("1.0", "1.1", "1.2")}
    for tag, image in old.items():
        image.push(registry, "team/app", tag)
    gone = multi("gone")
    attachments.push_all(registry, "team/app", gone, tag="0.9")
    images.simple("new").push(registry, "team/app", "2.0")
    front = fronts(registry)
    planned = planned_by(front, keep_last=1)
    first = planned.plan.changed[0].manifests[0].digest
    used = [image for image in old.values() if str(image.digest) != str(first)][-2:]
    parent = images.index([(used[1], images.platform("amd64"))])

    def use_after_the_first(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if request.command == "DELETE" and request.path.endswith(str(first)):
            used[0].push(registry, "team/app", "golden")
            parent.push(registry, "team/app", "set")
        return False

    front.faults.append(use_after_the_first)
    result = bundler.prune(planned)
    assert result.exit_code == 3
    assert registry.get("team/app/manifests/golden") == used[0].content
    assert whole(registry, "team/app", parent)
    assert result.receipt is not None
    skipped = {str(each.descriptor.digest) for each in result.having("skipped")}
    assert skipped == {str(image.digest) for image in used}
    assert {each.outcome for each in result.receipt.manifests} == {"skipped", "removed"}
    assert not any(tag.startswith("sha256-") for tag in registry.tags["team/app"])


def test_a_tag_that_moves_at_the_last_moment_stays(new_registry, fronts):
    registry = new_registry()
    old, moved = multi("old"), images.simple("moved")
    old.push(registry, "team/app", "1.0")
    images.simple("new").push(registry, "team/app", "2.0")
    front = fronts(registry)
    planned = planned_by(front, keep_last=1)
    asked: list[str] = []

    def push_before_the_last_look(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if request.command == "HEAD" and request.path.endswith("/manifests/1.0"):
            asked.append(request.path)
            if len(asked) == 2:  # the first one reads the repository again
                moved.push(registry, "team/app", "1.0")
        return False

    front.faults.append(push_before_the_last_look)
    result = bundler.prune(planned)
    assert (result.exit_code, len(asked)) == (3, 2)
    assert registry.get("team/app/manifests/1.0") == moved.content
    assert whole(registry, "team/app", old)
    assert "was moved" in result.having("skipped")[0].reason


def test_nothing_goes_in_a_repository_that_cannot_be_read_whole(here, new_registry, fronts):
    registry = new_registry()
    for repository in ("team/app", "team/secret"):
        for version in ("1.0", "2.0"):
            images.simple(version).push(registry, repository, version)

    def denied(front: Front, request: BaseHTTPRequestHandler) -> bool:
        is_denied = request.path.endswith("/team/secret/manifests/2.0")
        if is_denied:
            front.send(request, 403, {"Content-Type": "application/json"}, b'{"errors":[{"code":"DENIED"}]}')
        return is_denied

    front = fronts(registry, denied)
    ran = here("prune", front.host, "--keep-last", 0, "--yes", "--json")
    assert (ran.code, [each["repository"] for each in ran.json["unread"]]) == (3, ["team/secret"])
    assert registry.tags == {"team/app": [], "team/secret": ["1.0", "2.0"]}


def test_attachments_of_the_referrers_api_go_with_their_image_and_stay_with_others(here, new_registry, fronts):
    registry = new_registry()
    front = fronts(registry, Referrers())
    old, new = multi("old"), multi("new")
    attached = {}
    for version, image in (("1.0", old), ("2.0", new)):
        image.push(front, "team/app", version)
        sbom = attachments.referrer(image, content=version.encode())
        signature = attachments.referrer(sbom, attachments.NOTATION, content=version.encode())
        of_platform = attachments.referrer(image.children[0], content=f"{version} amd64".encode())
        attached[version] = (sbom, signature, of_platform)
        for each in attached[version]:
            each.push(front, "team/app")
    ran = here("prune", front.host, "--keep-last", 1, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert all(registry.get(f"team/app/manifests/{each.digest}") is None for each in attached["1.0"])
    collect(registry)
    assert whole(registry, "team/app", new)
    assert all(whole(registry, "team/app", each) for each in attached["2.0"])


def test_nothing_goes_where_a_list_of_attachments_cannot_be_read(here, new_registry, fronts):
    registry = new_registry()
    for version in ("1.0", "2.0"):
        images.simple(version).push(registry, "team/app", version)

    def broken(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if "/referrers/" in request.path:
            front.send(request, 200, {"Content-Type": images.OCI_INDEX}, b"[]")
        return "/referrers/" in request.path

    front = fronts(registry, broken)
    ran = here("prune", front.host, "--keep-last", 0, "--yes", "--json")
    assert (ran.code, len(ran.json["unread"])) == (3, 1)
    assert registry.tags["team/app"] == ["1.0", "2.0"]


def remove_tag(registry: RealRegistry, repository: str, tag: str) -> None:
    shutil.rmtree(registry.storage / f"docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}")


def untagging(front: Front, request: BaseHTTPRequestHandler) -> bool:
    """distribution since 3.0 removes a tag alone: registry/handlers/manifests.go, DeleteManifest, ``tagService.Untag``, 202."""
    found = re.fullmatch(r"/v2/(.+)/manifests/([^:]+)", request.path)
    if request.command != "DELETE" or found is None:
        return False
    remove_tag(front.registry, found[1], found[2])
    front.send(request, 202, {}, b"")
    return True


def test_distribution_3_removes_a_tag_without_any_push(here, new_registry, fronts):
    registry = new_registry()
    image = multi("shared")
    for tag in ("1.0", "stable"):
        image.push(registry, "team/app", tag)
    front = fronts(registry, untagging)
    ran = here("prune", front.host, "--keep-last", 0, "--yes", "--json")
    assert (ran.code, registry.tags["team/app"]) == (0, ["stable"]), ran.err
    assert front.count("PUT", "") == 0
    assert whole(registry, "team/app", image)


def test_an_image_that_a_registry_removes_together_with_its_tag_comes_back_at_once(here, new_registry, fronts):
    registry = new_registry()
    image = multi("shared")
    for tag in ("1.0", "stable"):
        image.push(registry, "team/app", tag)

    def too_much(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if request.command == "DELETE" and request.path.endswith("/manifests/1.0"):
            request.path = f"/v2/team/app/manifests/{image.digest}"
        return False

    front = fronts(registry, too_much)
    ran = here("prune", front.host, "--keep-last", 0, "--yes", "--json")
    assert (ran.code, ran.json["notRemoved"][0]["code"]) == (6, "image-removed-too")
    assert registry.tags["team/app"] == ["stable"]
    assert whole(registry, "team/app", image)


def test_a_marker_that_cannot_be_removed_leaves_the_tag_as_it_was(here, new_registry, fronts):
    registry = new_registry()
    image = multi("shared")
    for tag in ("1.0", "stable"):
        image.push(registry, "team/app", tag)

    def kept(front: Front, request: BaseHTTPRequestHandler) -> bool:
        is_marker = (
            request.command == "DELETE"
            and ":" in request.path.rpartition("/")[2]
            and front.count("PUT", "/manifests/1.0")
        )
        if is_marker:
            front.send(request, 403, {"Content-Type": "application/json"}, b'{"errors":[{"code":"DENIED"}]}')
        return bool(is_marker)

    front = fronts(registry, kept)
    ran = here("prune", front.host, "--keep-last", 0, "--yes", "--json")
    assert (ran.code, ran.json["notRemoved"][0]["outcome"]) == (6, "failed")
    assert registry.get("team/app/manifests/1.0") == image.content


class PruningHarbor(Harbor):
    """Harbor, with what a prune asks. Paths are goharbor/harbor's."""

    def api(self, front: Front, request: BaseHTTPRequestHandler, path: str, content: bytes) -> None:
        # api/v2.0/swagger.yaml: DELETE …/artifacts/{reference}/tags/{tag_name}; src/controller/tag/controller.go: an
        # immutable tag is refused with 412.
        found = re.fullmatch(r"/api/v2.0/projects/([^/]+)/repositories/([^/]+)/artifacts/[^/]+/tags/([^/]+)", path)
        if request.command != "DELETE" or found is None:
            return super().api(front, request, path, content)
        repository, tag = f"{found[1]}/{unquote(unquote(found[2]))}", found[3]
        if self.user(request.headers.get("Authorization", "")) != self.admin[0]:
            raise refused(403, "FORBIDDEN", "forbidden")
        if f"{repository}:{tag}" in self.immutable:
            raise refused(412, "PRECONDITION", f"the tag {tag} is immutable, cannot be deleted")
        remove_tag(front.registry, repository, tag)
        front.send(request, 200, {}, b"")
        return None

    def _protect(self, front: Front, asked: Asked) -> None:
        # src/server/registry/manifest.go, deleteManifest: by digest only. src/controller/artifact/controller.go,
        # deleteDeeply: 412 if one of its tags is immutable.
        if asked.method == "DELETE" and ":" not in asked.reference:
            raise refused(405, "UNSUPPORTED", f"unsupported digest {asked.reference}")
        tags = [each.rpartition(":")[2] for each in self.immutable if each.startswith(f"{asked.name}:")]
        named = [
            tag
            for tag in tags
            if asked.reference == digest_of(front.registry.get(f"{asked.name}/manifests/{tag}") or b"")
        ]
        if asked.method == "DELETE" and named:
            raise refused(412, "PRECONDITION", f"the artifact has immutable tags, cannot be deleted: {named[0]}")
        super()._protect(front, asked)


def test_harbor_removes_tags_by_its_api_and_immutable_ones_are_named(here, new_registry, fronts, monkeypatch):
    registry = new_registry()
    shared, fixed = multi("shared"), multi("fixed")
    for tag in ("1.0", "stable"):
        shared.push(registry, "team/sub/app", tag)
    fixed.push(registry, "team/sub/app", "1.1")
    images.simple("old").push(registry, "team/sub/app", "0.9")
    images.simple("new").push(registry, "team/sub/app", "2.0")
    harbor = PruningHarbor({"team"}, {}, ("admin", "secret"), immutable={"team/sub/app:1.1"})
    front = fronts(registry, harbor)
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    login = ("--username", "admin", "--password-stdin", "--repository", "team/sub/app")
    ran = here("prune", front.host, "--keep-last", 1, "--yes", "--json", *login)
    assert (ran.code, ran.json["kind"]) == (3, "harbor"), ran.err
    assert [(each["name"], each["code"]) for each in ran.json["notRemoved"] if each["code"]] == [
        ("team/sub/app:1.1", "tag-immutable")
    ]
    assert registry.tags["team/sub/app"] == ["1.1", "2.0", "stable"]
    assert whole(registry, "team/sub/app", fixed)  # its platforms too
    assert whole(registry, "team/sub/app", shared)
    assert front.count("PUT", "") == 0


def test_quay_gets_no_request_for_a_right_that_it_does_not_know(here, new_registry, fronts, monkeypatch):
    registry = new_registry()
    for version in ("1.0", "2.0"):
        images.simple(version).push(registry, "team/app", version)
    front = fronts(registry, Quay({"team"}, users={"robot": "secret"}))
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    login = ("--username", "robot", "--password-stdin", "--repository", "team/app")
    ran = here("prune", front.host, "--keep-last", 1, "--yes", "--json", *login)
    assert (ran.code, ran.json["kind"]) == (0, "quay"), ran.err
    assert registry.tags["team/app"] == ["2.0"]
    assert ran.json["free"]["never"] is None


def test_a_kill_at_any_step_leaves_no_broken_tag_and_the_next_run_goes_on(registry, tmp_path):
    old, shared, new = multi("old"), multi("shared image"), multi("new")
    keeping = {"stable": shared, "2.0": new}
    state = Path(os.environ["HOME"]) / ".local/state/bundler/prunes"
    command = Steps(["prune", registry.host, "--repository", "killed/app", "--keep-last", 1, "--yes", "--json"])
    for number in sweeps.steps():
        attached = attachments.push_all(registry, "killed/app", old, tag="1.0")
        for tag, image in (("1.1", shared), *keeping.items()):
            image.push(registry, "killed/app", tag)
        signature = attachments.cosign(new)
        signature.push(registry, "killed/app", attachments.dashed(new, ".sig"))
        ended = command.kill_at(number)
        for tag in registry.tags["killed/app"]:
            content = registry.get(f"killed/app/manifests/{tag}")
            assert content is not None, f"step {number}, {ended.last}: {tag} is broken"
            assert all(
                registry.get(f"killed/app/manifests/{each['digest']}")
                for each in json.loads(content).get("manifests", ())
            )
        again = command.run() if ended.was_killed else ended
        assert again.code == 0, f"step {number}, {ended.last}: {again.err}"
        assert registry.tags["killed/app"] == sorted([*keeping, attachments.dashed(new, ".sig")])
        assert all(whole(registry, "killed/app", image) for image in (*keeping.values(), signature))
        for image in (old, old.children[0], *attached.values()):
            assert registry.get(f"killed/app/manifests/{image.digest}") is None, f"step {number}, {ended.last}"
        assert not list(state.glob("*.unfinished"))
        for receipt in sorted(state.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
            back = Steps(["undo", receipt]).run()
            assert back.code == 0, f"step {number}, {ended.last}: {back.err}"
        assert {"1.0", "1.1", *keeping} <= set(registry.tags["killed/app"]), f"step {number}, {ended.last}"
        assert all(whole(registry, "killed/app", image) for image in (old, shared, *attached.values()))
        shutil.rmtree(state)
        if not ended.was_killed:
            break


def test_a_run_that_was_stopped_goes_on_and_says_in_its_metrics_what_went(here, new_registry, fronts, tmp_path):
    registry = new_registry()
    olds = [images.simple(f"old {number}") for number in range(4)]
    for number, old in enumerate(olds):
        old.push(registry, "team/app", f"1.{number}")
    images.simple("new").push(registry, "team/app", "2.0")
    front = fronts(registry)
    planned = planned_by(front, keep_last=1)
    run = bundler.Run()

    def stop(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if front.count("DELETE", "/manifests/") == 3:  # the first one asks if the registry removes anything
            run.cancellation.set()
        return False

    front.faults.append(stop)
    with pytest.raises(bundler.Interrupted):
        bundler.prune(planned, run)
    front.faults.clear()
    state = Path(os.environ["HOME"]) / ".local/state/bundler/prunes"
    (unfinished,) = state.glob("*.unfinished")
    assert {
        each.outcome for each in bundler.read_prune_receipt(unfinished, demand=bundler.Demand.IGNORED).receipt.manifests
    } == {
        "removed",
        "unfinished",
    }
    ran = here("prune", front.host, "--keep-last", 1, "--yes", "--json", "--metrics", tmp_path / "run.prom")
    assert (ran.code, registry.tags["team/app"]) == (0, ["2.0"])
    assert ran.json["completed"] == [str(unfinished.with_suffix(""))]
    metrics = (tmp_path / "run.prom").read_text()
    assert 'bundler_last_run_images{task="run",command="prune",state="removed"} 2' in metrics
    for receipt in state.glob("*.json"):
        assert here("undo", receipt).code == 0
    assert all(whole(registry, "team/app", old) for old in olds)


def test_random_histories_on_a_real_registry_pull_whole_after_its_garbage_collection(here, new_registry):
    registry = new_registry()
    pool = [images.simple(f"pool {number}") for number in range(3)]
    pool += [
        images.index([(pool[one], images.platform("amd64")), (pool[two], images.platform("arm64"))])
        for one, two in ((0, 1), (1, 2), (0, 2))
    ]
    tags = ("1.0", "1.1", "2.0-rc1", "2.0", "latest")
    pulled: dict[str, dict[str, bytes]] = {}
    for seed in range(20 if sweeps.IS_FULL else 4):
        chance, repository = Random(seed), f"random/{seed}"
        for _ in range(chance.randint(3, 8)):
            image = chance.choice(pool)
            image.push(registry, repository, chance.choice(tags))
            if chance.random() < 0.6:
                subject = chance.choice([image, *image.children])
                sbom = attachments.referrer(subject)
                kind = chance.choice(("cosign", "fallback"))
                if kind == "cosign":
                    attachments.cosign(subject).push(registry, repository, attachments.dashed(subject, ".sig"))
                else:
                    attachments.fallback_index(sbom).push(registry, repository, attachments.dashed(subject))
        pulled |= {f"{repository}:{tag}": content_of(registry, repository, tag) for tag in registry.tags[repository]}
    planned = here("prune", registry.host, "--keep-last", 1, "--yes", "--json")
    assert planned.code == 0, planned.err
    collect(registry)
    stay = [name for name in pulled if name.rpartition(":")[2] in registry.tags[name.rpartition(":")[0]]]
    assert 0 < len(stay) < len(pulled)
    for name in stay:
        repository, _, tag = name.rpartition(":")
        assert content_of(registry, repository, tag) == pulled[name], name
    for each in planned.json["repositories"]:
        assert not {tag["tag"] for tag in each["tags"]} & set(registry.tags[each["name"]])


def content_of(registry: RealRegistry, repository: str, tag: str) -> dict[str, bytes]:
    """All that a client gets for a tag: manifests, blobs, and what the tags for attachments name."""
    found: dict[str, bytes] = {}
    left = [tag]
    while left:
        name = left.pop()
        content = registry.get(f"{repository}/manifests/{name}")
        assert content is not None, f"{repository}: {name}"
        digest = digest_of(content)
        if digest in found:
            continue
        found[digest] = content
        document = json.loads(content)
        left += [each["digest"] for each in document.get("manifests", ())]
        left += [each for each in registry.tags[repository] if each.split(".")[0] == digest.replace(":", "-")]
        for each in (*document.get("layers", ()), *([document["config"]] if "config" in document else ())):
            blob = registry.get(f"{repository}/blobs/{each['digest']}")
            assert blob is not None
            found[each["digest"]] = blob
    return found


def test_patterns_that_match_nothing_are_named_and_the_others_still_count(here, new_registry, tmp_path):
    registry = new_registry()
    for version in ("1.0.0", "2.0.0"):
        images.simple(version).push(registry, "idle/app", version)
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "repositories: idle/*\nrules:\n- repositories: [idle/ap]\n  keep: all\n- tags: ['1.*', 'v1.*']\n  keep-last: 0\n"
    )
    planned = here("prune", registry.host, "--rules", rules, "--dry-run", "--json")
    assert (planned.code, planned.json["tags"]) == (0, {"kept": 0, "removed": 1, "untouched": 1}), planned.err
    assert f"{rules}:3: no repository matches idle/ap" in planned.err
    assert f"{rules}:5: no tag matches v1.*" in planned.err
    flags = here("prune", registry.host, "--keep-last", 1, "--tag", "v*", "--repository", "idle/*", "--dry-run")
    assert "--keep-last: no tag matches v*" in flags.err
    assert "idle/*" not in flags.err
