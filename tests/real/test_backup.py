"""A backup has all that a registry names, by the digests of one reading, and says what it could not have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from bundler.core.manifest import BundleManifest, from_json
from tests.conftest import Ran
from tests.support import attachments, images, s3
from tests.support.documents import faults
from tests.support.large_registry import digests, fill, manifests, store
from tests.support.parts import RealRegistry, require
from tests.support.referrers import Referrers
from tests.support.registries import Harbor
from tests.support.servers import Front
from tests.support.steps import Steps
from tests.support.sweeps import IS_FULL

Command = Callable[..., Ran]


REPOSITORIES = 40 if IS_FULL else 8


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A registry with 200 images in 40 repositories, or with a fifth of that. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("large"))
    fill(registry, repositories=REPOSITORIES)
    yield registry.start()
    registry.stop()


@pytest.fixture
def small(new_registry: Callable[..., RealRegistry]) -> RealRegistry:
    """A registry with two repositories of two images."""
    registry = new_registry()
    for repository in ("team/one", "team/two"):
        for tag in ("1", "2"):
            store(registry, repository, images.simple(f"{repository}{tag}"), tag)
    return registry


def content(bundle: Path) -> BundleManifest:
    return from_json((bundle / "bundle.json").read_bytes(), what="bundle.json")


def names(bundle: Path) -> dict[str, str]:
    """The digest of each image of a bundle, by its name without the host."""
    return {str(image.reference).partition("/")[2]: str(image.root.digest) for image in content(bundle).images}


def refusing(part: str, status: int, code: str) -> Callable[[Front, BaseHTTPRequestHandler], bool]:
    def fault(front: Front, request: BaseHTTPRequestHandler) -> bool:
        if part not in request.path:
            return False
        document = {"errors": [{"code": code, "message": "not for you"}]}
        front.send(request, status, {"Content-Type": "application/json"}, json.dumps(document).encode())
        return True

    return fault


@pytest.fixture(scope="module")
def whole(large: RealRegistry, made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A backup of it, and what the command said. Tests only read from it."""
    folder = tmp_path_factory.mktemp("whole")
    made = Steps(
        ["backup", large.host, "-o", folder, "--key", made_keys / "tester.key", "--name", "all", "--json"]
    ).run()
    assert made.code == 0, made.err
    return folder / "all", made.json


def test_every_tag_is_in_the_bundle_with_its_attachments(large, whole):
    bundle, document = whole
    assert (document["repositories"], document["tags"], document["notListed"]) == (REPOSITORIES, 10 * REPOSITORIES, [])
    found = names(bundle)
    there = {
        f"{name}:{tag}": digest
        for name, tags in digests(large).items()
        for tag, digest in tags.items()
        if not tag.startswith("sha256-")
    }
    assert found == there
    assert len(set(found.values())) == 5 * REPOSITORIES
    carried = {str(blob.descriptor.digest) for blob in content(bundle).blobs}
    fallback = {digest for tags in digests(large).values() for tag, digest in tags.items() if len(tag) == 71}
    missed = {f"sha256:{each}" for each in set().union(*manifests(large).values())} - carried
    assert missed == fallback, "lists of referrers are made again"


def same_digests(one: RealRegistry, other: RealRegistry) -> None:
    """All tags name the same manifests. A fallback tag names a list, which must list the same ones."""
    ours, theirs = digests(one), digests(other)
    assert {name: set(tags) for name, tags in ours.items()} == {name: set(tags) for name, tags in theirs.items()}
    fallback = set()
    for name, tags in ours.items():
        for tag, digest in tags.items():
            if len(tag) == 71:
                fallback |= {digest, theirs[name][tag]}
                assert listed(one, name, digest) == listed(other, name, theirs[name][tag])
            else:
                assert digest == theirs[name][tag], f"{name}:{tag}"
    hexes = {digest.partition(":")[2] for digest in fallback}
    assert all(found - hexes == manifests(other)[name] - hexes for name, found in manifests(one).items())


def listed(registry: RealRegistry, repository: str, digest: str) -> list[str]:
    index = json.loads(registry.get(f"{repository}/manifests/{digest}") or b"{}")
    return [each["digest"] for each in index["manifests"]]


def test_all_digests_come_back_into_an_empty_registry(here, large, whole, keys, target, tmp_path):
    options = (whole[0], "--trust", keys[1], "--to", target.host)
    receipt = tmp_path / "receipt.json"
    ran = here("restore", *options, "--receipt", receipt, "--receipt-key", keys[0], "-q")
    assert ran.code == 0, ran.err
    same_digests(large, target)
    assert here("receipt", "verify", receipt, "--trust", keys[1]).code == 0
    after = here("restore", *options, "--dry-run", "--json").json["comparison"]
    assert {each["state"] for each in after["names"]} == {"same"}
    assert (after["extra"], after["otherRepositories"], after["notListed"]) == ([], [], [])


def lose(registry: RealRegistry, path: str) -> None:
    """Removes a part of a registry's storage, as a bad disk or a wrong command does."""
    found = registry.storage / "docker/registry/v2" / path
    assert found.exists()
    shutil.rmtree(found)


def blob(digest: str) -> str:
    encoded = digest.partition(":")[2]
    return f"blobs/sha256/{encoded[:2]}/{encoded}"


def states(ran: Ran) -> dict[str, str]:
    return {each["name"].partition("/")[2]: each["state"] for each in ran.json["comparison"]["names"]}


def test_only_what_a_registry_lost_is_sent_and_other_tags_are_named(here, small, keys, tmp_path):
    children = [(images.simple(f"child {name}"), images.platform(name)) for name in ("amd64", "arm64")]
    index, signed = images.index(children), images.simple("signed")
    store(small, "team/index", index, "1")
    store(small, "team/signed", signed, "1")
    store(small, "team/signed", attachments.cosign(signed), attachments.dashed(signed, ".sig"))
    assert here("backup", small.host, "-o", tmp_path, "--key", keys[0], "--name", "all").code == 0
    before = digests(small)
    lost = images.simple("team/one1")
    (layer,) = [digest for digest, content in lost.blobs.items() if content[:2] == b"\x1f\x8b"]
    lose(small, blob(layer))
    lose(small, "repositories/team/one/_manifests/tags/2")
    lose(small, "repositories/team/two")
    lose(small, f"repositories/team/index/_manifests/revisions/sha256/{children[1][0].digest[7:]}")
    lose(small, f"repositories/team/signed/_manifests/tags/{attachments.dashed(signed, '.sig')}")
    store(small, "team/one", images.simple("extra"), "extra")
    store(small, "other/app", images.simple("extra"), "1")
    options = (tmp_path / "all", "--trust", keys[1], "--to", small.host)
    plan = here("restore", *options, "--dry-run", "--json")
    assert plan.code == 0, plan.err
    assert states(plan) == {
        "team/index:1": "incomplete",
        "team/one:1": "incomplete",
        "team/one:2": "missing",
        "team/signed:1": "incomplete",
        "team/two:1": "missing",
        "team/two:2": "missing",
    }
    assert plan.json["comparison"]["extra"] == ["team/one:extra"]
    assert plan.json["comparison"]["otherRepositories"] == ["other/app"]
    shown = here("restore", *options, "--dry-run").out
    for words in ("incomplete", "team/one:extra", "other/app", "3 missing"):
        assert words in shown
    ran = here("restore", *options, "--json")
    assert ran.code == 0, ran.err
    gone = [lost.blobs[layer], *(blob for tag in "12" for blob in images.simple(f"team/two{tag}").blobs.values())]
    assert ran.json["targets"][0]["bytesSent"] == sum(map(len, gone))
    after = digests(small)
    assert all(after[name][tag] == digest for name, tags in before.items() for tag, digest in tags.items())
    assert set(states(here("restore", *options, "--dry-run", "--json")).values()) == {"same"}

    store(small, "team/one", images.simple("moved"), "1")
    refused = here("restore", *options)
    assert (refused.code, f"{small.host}/team/one:1" in refused.err) == (6, True)
    plan = here("restore", *options, "--dry-run", "--json")
    assert (plan.code, states(plan)["team/one:1"]) == (6, "moved")
    assert here("restore", *options, "--on-conflict", "skip").code == 0
    assert digests(small)["team/one"]["1"] == images.simple("moved").digest
    receipt = tmp_path / "moved.json"
    assert here("restore", *options, "--on-conflict", "replace", "--receipt", receipt).code == 0
    assert digests(small)["team/one"]["1"] == lost.digest
    assert here("undo", receipt, "--insecure-no-signature").code == 0
    assert digests(small)["team/one"]["1"] == images.simple("moved").digest


def test_what_cannot_be_read_is_named_and_the_rest_is_there(here, small, fronts, keys, tmp_path):
    store(small, "team/two", images.simple("broken"), "broken")
    hexes = images.simple("broken").digest.partition(":")[2]
    data = small.storage / f"docker/registry/v2/blobs/sha256/{hexes[:2]}/{hexes}/data"
    data.write_bytes(data.read_bytes()[:-1] + b" ")
    hollow, signed = images.simple("hollow"), images.simple("signed")
    store(small, "team/two", hollow, "hollow")
    (layer,) = [digest for digest, content in hollow.blobs.items() if content[:2] == b"\x1f\x8b"]
    lose(small, blob(layer))
    store(small, "team/two", signed, "signed")
    store(small, "team/two", attachments.cosign(signed), attachments.dashed(signed, ".sig"))
    lose(small, blob(next(iter(attachments.cosign(signed).blobs))))
    front = fronts(
        small,
        refusing("team/one/tags/list", 403, "DENIED"),
        refusing("team/two/manifests/2", 404, "MANIFEST_UNKNOWN"),
    )
    ran = here("backup", front.host, "-o", tmp_path, "--key", keys[0], "--name", "part", "--json")
    assert ran.code == 3, ran.err
    assert [each["name"] for each in ran.json["notListed"]] == [
        "team/one",
        "team/two:2",
        "team/two:broken",
        f"team/two:{attachments.dashed(signed, '.sig')}",
    ]
    assert names(tmp_path / "part") == {
        "team/two:1": images.simple("team/two1").digest,
        "team/two:signed": signed.digest,
    }
    assert [each["reference"] for each in ran.json["missing"]] == [f"{front.host}/team/two:hollow"]
    assert [(each["reason"], each["count"]) for each in ran.json["notCarried"]] == [("gone", 1)]
    shown = here("backup", front.host, "-o", tmp_path, "--key", keys[0], "--name", "part")
    assert "NOT IN THE BACKUP: 4" in shown.out
    assert f"{front.host}/team/one" in shown.out


def test_a_registry_without_a_catalog_or_without_images_is_refused(here, small, new_registry, fronts, keys, tmp_path):
    front = fronts(small, refusing("_catalog", 401, "UNAUTHORIZED"))
    options = ("-o", tmp_path, "--key", keys[0])
    assert here("backup", front.host, *options).code == 6
    ran = here("backup", front.host, *options, "--name", "one", "--repository", "team/one")
    assert ran.code == 0, ran.err
    assert sorted(names(tmp_path / "one")) == ["team/one:1", "team/one:2"]
    assert here("backup", f"{front.host}/other", *options, "--repository", "team/one").code == 2
    assert here("backup", new_registry().host, *options).code == 6
    assert here("backup", "docker-daemon:", *options).code == 2


def test_digests_without_tags_are_there_if_something_names_them(here, small, target, keys, tmp_path):
    gone, signed, listed = images.simple("gone"), images.simple("signed"), images.simple("listed")
    store(small, "team/one", signed)
    for subject in (gone, signed):
        store(small, "team/one", attachments.cosign(subject), attachments.dashed(subject, ".sig"))
    store(small, "team/one", listed)
    receipt = tmp_path / "receipt.json"
    document = _receipt(here, small, keys, tmp_path)
    for image, digest in zip(document["targets"][0]["images"], (listed.digest, gone.digest), strict=True):
        image.update(name=f"{small.host}/team/one@{digest}", digest=digest, blobs=[])
    receipt.write_text(json.dumps(document))
    options = ("-o", tmp_path, "--key", keys[0], "--name", "all", "--receipt", receipt, "--insecure-no-signature")
    ran = here("backup", f"{small.host}/team", *options, "--json")
    assert ran.code == 3, ran.err
    assert [each["name"] for each in ran.json["notListed"]] == [f"team/one@{gone.digest}"]
    found = names(tmp_path / "all")
    assert found.keys() - {f"team/{name}:{tag}" for name in ("one", "two") for tag in "12"} == {
        f"team/one@{signed.digest}",
        f"team/one@{listed.digest}",
        f"team/one:{attachments.dashed(gone, '.sig')}",
    }
    (carried,) = [image for image in content(tmp_path / "all").images if image.attachments]
    assert str(carried.root.digest) == signed.digest
    assert here("restore", tmp_path / "all", "--trust", keys[1], "--to", target.host, "-q").code == 0
    same_digests(small, target)
    assert listed.digest[7:] in manifests(target)["team/one"], "without a tag, as it was"


def _receipt(here: Command, registry: RealRegistry, keys: tuple[Path, Path], folder: Path) -> Any:
    """The receipt of an import of two images into a registry."""
    assert (
        here("backup", registry.host, "-o", folder, "--key", keys[0], "--only", "*/team/two:*", "--name", "two").code
        == 0
    )
    path = folder / "written.json"
    assert here("import", folder / "two", "--trust", keys[1], "--to", registry.host, "--receipt", path).code == 0
    return json.loads(path.read_bytes())


def test_an_attachment_that_is_listed_and_gone_costs_no_image(here, small, keys, tmp_path):
    subject = images.simple("team/one1")
    store(small, "team/one", attachments.fallback_index(attachments.referrer(subject)), attachments.dashed(subject))
    root = small.storage / "docker/registry/v2/repositories/team/one/_manifests/revisions/sha256"
    lost = attachments.referrer(subject).digest.partition(":")[2]
    (root / lost / "link").unlink()
    (root / lost).rmdir()
    ran = here("backup", small.host, "-o", tmp_path, "--key", keys[0], "--name", "all", "--json")
    assert ran.code == 3, ran.err
    assert [(each["reason"], each["count"]) for each in ran.json["notCarried"]] == [("gone", 1)]
    assert len(names(tmp_path / "all")) == 4


def test_attachments_that_only_the_api_lists_come_back(here, small, target, fronts, keys, tmp_path):
    origin, there = fronts(small, Referrers()), fronts(target, Referrers())
    subject = images.simple("team/one1")
    sbom = attachments.referrer(subject)
    signature = attachments.referrer(sbom, attachments.BUNDLE)
    for each in (sbom, signature):
        each.push(origin, "team/one")
    assert here("backup", origin.host, "-o", tmp_path, "--key", keys[0], "--name", "all").code == 0
    assert here("restore", tmp_path / "all", "--trust", keys[1], "--to", there.host).code == 0
    for subject_of, attached in ((subject, sbom), (sbom, signature)):
        found = json.loads(there.get(f"team/one/referrers/{subject_of.digest}") or b"{}")
        assert [each["digest"] for each in found["manifests"]] == [attached.digest]
    assert target.tags["team/one"] == ["1", "2"], "no list at a fallback tag is needed"


def test_a_killed_backup_goes_on_with_the_digests_that_it_started_with(small, keys, tmp_path):
    def steps(folder: str) -> Steps:
        return Steps(["backup", small.host, "-o", tmp_path / folder, "--key", keys[0], "--name", "all", "--json"])

    before = digests(small)
    assert steps("first").run().code == 0, "manifests that are kept are not written again"
    ended = steps("killed").kill_at(steps("counted").count() // 2)
    assert ended.was_killed
    store(small, "team/one", images.simple("moved"), "1")
    store(small, "team/new", images.simple("new"), "1")
    done = steps("killed").run()
    assert done.code == 3, done.err
    assert [each["name"] for each in done.json["notListed"]] == ["team/new"]
    there = {f"{name}:{tag}": digest for name, tags in before.items() for tag, digest in tags.items()}
    assert names(tmp_path / "killed/all") == there
    restarted = steps("killed").run()
    assert restarted.code == 2, "the registry has changed, and the bundle of this name is finished"


def test_a_later_backup_carries_what_is_new(here, small, target, keys, tmp_path):
    options = ("-o", tmp_path, "--key", keys[0])
    assert here("backup", small.host, *options, "--name", "full").code == 0
    again = here("backup", small.host, *options, "--name", "full")
    assert (again.code, "already complete" in again.out) == (0, True)
    store(small, "team/three", images.simple("three"), "1")
    since = ("--since", tmp_path / "full", "--trust", keys[1])
    assert here("backup", small.host, *options, *since, "--name", "next", "--dry-run").code == 0
    ran = here("backup", small.host, *options, *since, "--name", "next")
    assert ran.code == 0, ran.err
    assert len(names(tmp_path / "next")) == 5, "it says all that there is"
    left = {str(blob.descriptor.digest) for blob in content(tmp_path / "next").blobs if blob.is_left_out}
    earlier = [images.simple(f"team/{name}{tag}") for name in ("one", "two") for tag in "12"]
    assert left == {digest for image in earlier for digest in image.blobs}
    restoring = ("--trust", keys[1], "--to", target.host)
    assert here("restore", tmp_path / "next", *restoring).code == 9, "it needs the full one"
    both = (tmp_path / "next", tmp_path / "full")
    assert set(states(here("restore", *both, *restoring, "--dry-run", "--json")).values()) == {"missing"}
    assert not target.tags
    assert here("restore", *both, *restoring).code == 0
    same_digests(small, target)


def test_killed_backups_to_s3_and_killed_restores_end_with_the_same(weed, small, target, keys):
    environment = s3.environment(weed.host)
    place = f"s3://{s3.BUCKET}/backups"
    backing_up = ["backup", small.host, "-o", place, "--key", keys[0], "--name"]
    assert Steps([*backing_up, "counted"], environment).run().code == 0
    for number in (8, 14):
        assert Steps([*backing_up, "all"], environment).kill_at(number).was_killed
        assert "backups/all/SHA256SUMS" not in weed.objects("backups/all")
    done = Steps([*backing_up, "all"], environment).run()
    assert done.code == 0, done.err
    restoring = Steps(["restore", f"{place}/all", "--trust", keys[1], "--to", target.host], environment)
    for number in (6, 12, 20):
        assert restoring.kill_at(number).was_killed
    done = restoring.run()
    assert done.code == 0, done.err
    same_digests(small, target)


def test_the_timer_and_the_cron_line_make_whole_and_then_incremental_backups(small, target, here, keys, tmp_path):
    require("systemd-analyze")
    scripts = Path(__file__).parents[2] / "scripts/backup"
    installed = {"/usr/local/lib/bundler/backup": str(scripts / "backup"), "/etc/bundler": str(tmp_path)}

    def adapted(name: str) -> str:
        text = (scripts / name).read_text()
        for there, here in installed.items():
            text = text.replace(there, here)
        return text

    for unit in ("bundler-backup.service", "bundler-backup.timer"):
        (tmp_path / unit).write_text(adapted(unit))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--recursive-errors=no", tmp_path / unit], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), unit
    settings = adapted("backup.env").replace("registry.internal:5000", small.host)
    settings = settings.replace("/srv/backup", f"{tmp_path}/out").replace("/var/lib/node_exporter", str(tmp_path))
    (tmp_path / "backup.env").write_text(f"{settings}\nSTATE={tmp_path}/state\nBUNDLER='{sys.executable} -m bundler'\n")
    (tmp_path / "state").mkdir()
    shutil.copy(keys[0], tmp_path / "backup.key")
    shutil.copy(keys[1], tmp_path / "backup.pub")
    (line,) = [line for line in adapted("crontab").splitlines() if not line.startswith("#")]
    command = line.split(maxsplit=6)[6]

    def nightly() -> int:
        return subprocess.run(["sh", "-c", command], env=os.environ, timeout=100).returncode

    assert nightly() == 0
    (whole,) = (tmp_path / "out").iterdir()
    store(small, "team/three", images.simple("three"), "1")
    unfinished = tmp_path / "state/unfinished"
    unfinished.write_text(f"interrupted since 1 {whole}\n")
    assert nightly() == 0
    (later,) = set((tmp_path / "out").iterdir()) - {whole}
    assert later.name == "interrupted"
    assert any(blob.is_left_out for blob in content(later).blobs)
    assert not unfinished.exists()
    assert 'state="not listed"' in (tmp_path / "backup.prom").read_text()
    assert here("restore", whole, later, "--trust", keys[1], "--to", target.host, "-q").code == 0
    same_digests(small, target)


ADMIN = ("admin", "Harbor-password-1")
RULES = [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}]


def settings_of(untagged: images.Image) -> dict[str, Any]:
    """The answers of a Harbor with more than a page of labels, and with a secret where none belongs."""
    robot = {"id": 7, "name": "robot$team+ci", "description": "", "level": "project", "disable": False, "duration": 30}
    access = [{"resource": "repository", "action": "push"}, {"resource": "repository", "action": "pull"}]
    permissions = [{"kind": "project", "namespace": "team", "access": access}]
    retention = {"id": 3, "template": "latestPushedK", "params": {"latestPushedK": 10}, "tag_selectors": RULES}
    return {
        "projects": [{"project_id": 1, "name": "team", "metadata": {"public": "true", "retention_id": "5"}}],
        "quotas?reference=project&reference_id=1": [{"id": 1, "hard": {"storage": 5000}, "used": {"storage": 10}}],
        "retentions/5": {"id": 5, "algorithm": "or", "rules": [retention], "trigger": {"kind": "Schedule"}},
        "projects/team/immutabletagrules": [{"id": 2, "action": "immutable", "tag_selectors": RULES}],
        "robots?q=Level=project,ProjectID=1": [{**robot, "secret": "planted-secret", "permissions": permissions}],
        "labels?scope=p&project_id=1": [{"id": n, "name": f"label {n}", "color": "#fff"} for n in range(150)],
        "robots": [],
        "labels?scope=g": None,
        "projects/team/repositories/one/artifacts?q=tags=nil": [{"digest": untagged.digest, "tags": None}],
        "projects/team/repositories/two/artifacts?q=tags=nil": [],
    }


def test_the_settings_of_harbor_are_in_a_signed_record_without_secrets(here, small, target, fronts, keys, tmp_path):
    untagged = images.simple("untagged")
    store(small, "team/one", untagged)
    harbor = Harbor(projects={"team"}, users={"user": "secret"}, admin=ADMIN, settings=settings_of(untagged))
    front = fronts(small, harbor)
    admin = tmp_path / "admin"
    admin.write_text(":".join(ADMIN))
    options = ("-o", tmp_path, "--key", keys[0], "--repository", "team/one", "--repository", "team/two")
    ran = here("backup", front.host, *options, "--name", "all", "--admin-credentials", admin)
    assert ran.code == 0, ran.err
    assert "projects: 1, in record-registry.json" in ran.out
    bundle = tmp_path / "all"
    assert f"team/one@{untagged.digest}" in names(bundle), "Harbor lists what has no tag"
    written = (bundle / "record-registry.json").read_text()
    assert "record-registry.json" in (bundle / "SHA256SUMS").read_text()
    assert "planted" not in written
    assert faults(json.loads(written)) == []
    (project,) = json.loads(written)["harbor"]["projects"]
    assert project["metadata"] == {"public": "true"}
    assert project["quota"] == {"storage": 5000}
    assert project["retention"]["rules"][0]["params"] == {"latestPushedK": 10}
    assert project["immutableRules"][0]["tag_selectors"] == RULES
    assert project["robots"][0]["permissions"][0]["access"][0] == {"resource": "repository", "action": "push"}
    assert len(project["labels"]) == 150
    shown = here("restore", bundle, "--trust", keys[1], "--to", target.host)
    assert shown.code == 0, shown.err
    assert (
        "project team: public, quota of 5,000 bytes, retention rules: 1, immutability rules: 1, labels: 150"
        in shown.out
    )
    assert "robot robot$team+ci: repository push, repository pull" in shown.out
    with (bundle / "record-registry.json").open("a") as file:
        file.write(" ")
    assert here("verify", bundle, "--trust", keys[1]).code == 4

    few = here("backup", front.host, *options, "--name", "few", "--json")
    assert few.code == 0, few.err
    read = few.json["record"]["harbor"]
    assert read["projects"] == []
    named = {f"team/{name}: digests without a tag" for name in ("one", "two")}
    assert {each["what"] for each in read["notRead"]} == {"projects", "robots", "labels", *named}
    secret = tmp_path / "passphrase"
    secret.write_text("a passphrase of some length")
    hidden = ("--name", "hidden", "--encrypt", "--passphrase-file", secret)
    assert here("backup", front.host, *options, *hidden).code == 0
    assert not (tmp_path / "hidden/record-registry.json").exists()
