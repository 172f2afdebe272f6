"""The operator's import: names, selection, conflicts, plan, what fails and why, receipt and undo, against real registries."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.images import every_kind, simple
from tests.support.parts import free_port, shell, skopeo_raw
from tests.support.registries import Artifactory, GitLab, Harbor, Nexus, Quay
from tests.support.servers import digest_of

KINDS = every_kind()
CANARY = "c4nary-s3cret"


@pytest.fixture
def bundle(exported) -> Path:
    return exported("library/oci:1", "team/other/shares:1", "library/docker:1")


@pytest.fixture
def bring(bundler, bundle, keys):
    """Imports the bundle."""

    def run(host: str, *flags: object, **options: object):
        return bundler("import", bundle, "--trust", keys[1], "--to", host, *flags, **options)

    return run


def digest_at(host: str, name: str) -> str:
    return digest_of(skopeo_raw(f"{host}/{name}"))


# Names and selection


def test_rules_name_repositories_and_tags_and_an_import_again_finds_them(bring, bundler, target, tmp_path, origin):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"rules:\n- {{from: {origin.host}/library/*, to: platform/base/*, tag: '{{tag}}-{{bundle}}-{{digest12}}'}}\n"
        f"- {{from: {origin.host}/*, to: others/*}}\n- {{from: '*', tag: '{{tag}}-{{date}}'}}\n"
    )
    done = bring(target.host, "--rules", rules)
    assert done.code == 0, done.out + done.err
    short = KINDS["library/oci:1"].digest.removeprefix("sha256:")[:12]
    assert digest_at(target.host, f"platform/base/oci:1-test-{short}") == KINDS["library/oci:1"].digest
    (tag,) = target.tags["others/team/other/shares"]
    assert len(tag) == len("1-20261123")
    assert "3 present" in bring(target.host, "--rules", rules).out


def test_flatten_makes_one_part_and_a_collision_is_found_before_a_byte_moves(
    bring, bundler, keys, new_registry, tmp_path
):
    one, two, target = new_registry(), new_registry(), new_registry()
    simple("one").push(one, "a/b", "1")
    simple("two").push(two, "a/b", "1")
    listed = tmp_path / "two.txt"
    listed.write_text(f"{one.host}/a/b:1\n{two.host}/a/b:1\n")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    run = ["import", tmp_path / "two", "--trust", keys[1], "--to", f"{target.host}/mirror"]
    collided = bundler(*run, "--map", "flatten")
    assert collided.code == 2
    assert "gets the same name" in collided.err
    assert "--rules" in collided.err
    assert target.blobs == set()
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"rules: [{{from: {two.host}/*, to: second/*}}]\n")
    done = bundler(*run, "--map", "flatten", "--rules", rules)
    assert done.code == 0, done.err
    assert target.tags == {"mirror/a-b": ["1"], "mirror/second/a/b": ["1"]}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("rules:\n- {from: a/*, too: b/*}\n", 2, "did you mean 'to'?"),
        ("rules:\n- {from: a/*, tag: '{day}'}\n", 2, "unknown field {day}"),
        ("rules:\n- {from: a/b, to: c/*}\n", 2, "no match"),
        ("rules:\n- {from: a/*, to: B/*}\n", 2, "not a repository"),
        ("rules:\n- {from: a/*, on-conflict: overwrite}\n", 2, "unknown policy"),
        ("rules:\n- {from: a/*, to: b/*}\n- {from: a/*, to: c/*}\n", 3, "a second rule"),
        ("nonsense\n", 1, "mapping"),
    ],
)
def test_wrong_rules_are_reported_with_their_line(bring, target, tmp_path, text, line, expected):
    rules = tmp_path / "rules.yaml"
    rules.write_text(text)
    done = bring(target.host, "--rules", rules)
    assert done.code == 2
    assert f"{rules}:{line}" in done.err
    assert expected in done.err


def test_only_what_was_chosen_is_imported_and_exported(bring, bundler, origin, target, keys, image_list, tmp_path):
    assert bring(target.host, "--only", "*/library/*", "--except", "*docker*").code == 0
    assert target.tags == {"library/oci": ["1"]}
    nothing = bring(target.host, "--only", "quay.io/*")
    assert nothing.code == 2
    assert "no image matches this pattern" in nothing.err
    idle = bring(target.host, "--except", "*nginx*")
    assert "--except *nginx* matches no image" in idle.err
    listed = image_list(origin, "library/oci:1", "team/multi:1", name="less")
    made = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--except", "*multi*", "--json")
    assert [image["reference"] for image in made.json["images"]] == [f"{origin.host}/library/oci:1"]


def test_one_platform_is_imported_byte_for_byte(bundler, origin, target, keys, image_list, tmp_path):
    listed = image_list(origin, "team/multi:1", "charts/artifact:1")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    run = ["import", tmp_path / "test", "--trust", keys[1], "--to", target.host]
    done = bundler(*run, "--platform", "linux/arm64", "--json")
    assert done.code == 0, done.err
    index = json.loads(skopeo_raw(f"{origin.host}/team/multi:1"))
    wanted = next(m["digest"] for m in index["manifests"] if m["platform"]["architecture"] == "arm64")
    assert digest_at(target.host, "team/multi:1") == wanted
    assert digest_at(target.host, "charts/artifact:1") == KINDS["charts/artifact:1"].digest
    absent = bundler(*run, "--platform", "windows/amd64", "--on-conflict", "skip")
    assert absent.code == 3
    assert "for this platform" in absent.out


# Conflicts


def test_a_taken_tag_is_left_and_the_image_is_pushed_under_another(bring, target):
    other = simple("other")
    other.push(target, "library/oci", "1")
    done = bring(target.host, "--on-conflict", "suffix", "--json")
    assert done.code == 0, done.err
    suffixed = f"1-{KINDS['library/oci:1'].digest[7:19]}"
    assert target.tags["library/oci"] == sorted(["1", suffixed])
    assert digest_at(target.host, "library/oci:1") == other.digest
    assert digest_at(target.host, f"library/oci:{suffixed}") == KINDS["library/oci:1"].digest
    again = bring(target.host, "--on-conflict", "suffix", "--json").json["targets"][0]
    assert {image["outcome"] for image in again["images"]} == {"present"}


def test_a_rule_decides_for_its_part_of_the_registry(bring, target, tmp_path, origin):
    kept, moved = simple("kept"), simple("moved")
    kept.push(target, "library/oci", "1")
    moved.push(target, "library/docker", "1")
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"rules: [{{from: {origin.host}/library/docker, on-conflict: replace}}]\n")
    done = bring(target.host, "--rules", rules, "--on-conflict", "skip", "--json")
    outcomes = {image["target"]: image["outcome"] for image in done.json["targets"][0]["images"]}
    assert outcomes[f"{target.host}/library/oci:1"] == "skipped"
    assert outcomes[f"{target.host}/library/docker:1"] == "pushed"
    assert digest_at(target.host, "library/oci:1") == kept.digest


def test_latest_is_warned_of(bundler, origin, target, keys, image_list, tmp_path):
    simple("moving").push(target, "a/b", "latest")
    listed = image_list(target, "a/b:latest")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", f"{target.host}/x", "--dry-run")
    assert "latest does not name a version" in done.err


# The plan


def test_the_plan_asks_and_changes_nothing(bring, bundler, new_registry, fronts):
    registry = new_registry()
    simple("other").push(registry, "library/oci", "1")
    front = fronts(registry)
    before = sorted(registry.storage.rglob("*"))
    done = bring(front.host, "--dry-run", "--json", "--on-conflict", "replace")
    assert done.code == 0, done.err
    plan = done.json["targets"][0]["plan"]
    assert plan["kind"] == "distribution"
    assert plan["newRepositories"] == ["library/docker", "team/other/shares"]
    assert plan["pushRefused"] == []
    assert sorted(registry.storage.rglob("*")) == before
    planned = done.json["targets"][0]["bytesSent"]
    real = bring(front.host, "--on-conflict", "replace", "--json")
    assert real.json["targets"][0]["bytesSent"] == planned > 0
    assert bring(front.host, "--dry-run", "--json").json["targets"][0]["bytesSent"] == 0
    shown = bring(front.host, "--dry-run").out
    assert "repositories all there" not in shown, "nobody asks for what is done"


def test_the_plan_tells_that_nothing_may_be_pushed(bring, new_registry):
    registry = new_registry(storage_extra=", maintenance: {readonly: {enabled: true}}")
    done = bring(registry.host, "--dry-run")
    assert done.code == 6
    assert "read-only" in done.out
    assert "REFUSED" in done.out
    real = bring(registry.host)
    assert real.code == 6
    assert "registry-read-only" in real.out


# Failures, and the files that they leave


def _deny(part: str, status: int, code: str, message: str, method: str = "PUT", place: str = "/manifests/"):
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()

    def fault(front, request) -> bool:
        if request.command != method or part not in request.path or place not in request.path:
            return False
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        front.send(request, status, {"Content-Type": "application/json"}, body)
        return True

    return fault


@pytest.fixture
def twenty(bundler, new_registry, keys, tmp_path) -> Path:
    source = new_registry()
    names = [f"a/image{number:02}" for number in range(20)]
    for name in names:
        simple(name).push(source, name, "1")
    listed = tmp_path / "twenty.txt"
    listed.write_text("".join(f"{source.host}/{name}:1\n" for name in names))
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    return tmp_path / "twenty"


def test_three_of_twenty_fail_for_different_reasons_and_are_tried_again_alone(bundler, twenty, target, fronts, keys):
    faults = [
        _deny("image03", 403, "DENIED", "requested access to the resource is denied"),
        _deny("image07", 412, "PRECONDITION", "configured as immutable, cannot be updated"),
        _deny("image11", 403, "DENIED", "Quota exceeded when processing the request"),
    ]
    front = fronts(target, *faults)
    run = ["import", twenty, "--trust", keys[1], "--to", front.host]
    done = bundler(*run, "--json")
    assert done.code == 3
    results = done.json["targets"][0]["images"]
    failed = {image["target"].rpartition("/")[2]: image["error"]["code"] for image in results if image["error"]}
    assert failed == {"image03:1": "denied", "image07:1": "tag-immutable", "image11:1": "quota-exceeded"}
    assert sum(image["outcome"] == "pushed" for image in results) == 17
    assert len(target.tags) == 17
    listed = Path(done.json["failedList"])
    assert sum(not line.startswith("#") for line in listed.read_text().splitlines()) == 3
    assert "immutable" in listed.read_text()
    shown = bundler(*run).out
    for words in ("holds back", "bundler explain quota-exceeded", "raise the quota", "--retry-failed", "NOT complete"):
        assert words in shown
    front.faults.clear()
    front.requests.clear()
    mended = bundler(*run, "--retry-failed", listed)
    assert mended.code == 0, mended.err
    assert len(target.tags) == 20
    assert front.count("HEAD", "image00") == 0, "only the failed ones are tried"


def test_fail_fast_begins_nothing_after_the_first_failure(bundler, twenty, target, fronts, keys):
    front = fronts(target, _deny("/", 403, "DENIED", "no", "POST", "/blobs/uploads/"))
    done = bundler("import", twenty, "--trust", keys[1], "--to", front.host, "--fail-fast", "--jobs", 1, "--json")
    outcomes = [image["outcome"] for image in done.json["targets"][0]["images"]]
    assert done.code == 6
    assert set(outcomes) == {"failed", "not tried"}
    assert front.count("POST", "/blobs/uploads/") < 20, "others would have been tried"


def test_all_or_nothing_moves_no_tag_unless_every_image_is_there(bundler, twenty, target, fronts, keys):
    front = fronts(target, _deny("image05", 403, "DENIED", "no"))
    run = ["import", twenty, "--trust", keys[1], "--to", front.host, "--all-or-nothing"]
    done = bundler(*run, "--json")
    assert done.code == 6
    outcomes = [image["outcome"] for image in done.json["targets"][0]["images"]]
    assert sorted(set(outcomes)) == ["failed", "held back"]
    assert not any(target.tags.values())
    front.faults.clear()
    assert bundler(*run).code == 0
    assert len(target.tags) == 20


def test_a_full_disk_of_the_target_is_reported(bundler, new_registry, tmp_path_factory, keys, image_list, tmp_path):
    if os.geteuid():
        pytest.skip("mounting needs root")
    source, target = new_registry(), new_registry()
    simple("large", 6_000_000).push(source, "a/large", "1")
    assert bundler("export", image_list(source, "a/large:1"), "-o", tmp_path, "--key", keys[0]).code == 0
    shell(f"mount -t tmpfs -o size=3m none {target.storage}", cwd=tmp_path)
    try:
        done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", target.host, "--json")
    finally:
        target.stop()
        shell(f"umount {target.storage}", cwd=tmp_path)
    error = done.json["targets"][0]["images"][0]["error"]
    assert (done.code, error["code"]) == (7, "target-disk-full")
    assert "no space left" in error["said"]


# Kinds of registries, by fakes that answer as their sources say


def test_harbor_gets_its_projects_and_says_what_it_refuses(bring, target, fronts, tmp_path):
    harbor = Harbor(projects={"library"}, users={"robot$ci": CANARY}, admin=("admin", "Harbor12345"))
    front = fronts(target, harbor)
    login = ["--username", "robot$ci", "--password-stdin"]
    admin = tmp_path / "admin"
    admin.write_text("admin:Harbor12345\n")
    plan = bring(front.host, *login, "--dry-run", stdin=CANARY)
    assert plan.code == 6
    assert "team: missing" in plan.out
    assert f"http://{front.host}/api/v2.0/projects" in plan.out
    wrong = bring(front.host, "--username", "robot", "--password-stdin", stdin=CANARY)
    assert wrong.code == 6
    assert "single quotes" in wrong.out + wrong.err
    partly = bring(front.host, *login, stdin=CANARY)
    assert partly.code == 3
    assert "project-missing" in partly.out
    whole = bring(front.host, *login, "--admin-credentials", admin, stdin=CANARY)
    assert whole.code == 0, whole.out + whole.err
    assert harbor.created == ["team"]
    assert digest_at(target.host, "team/other/shares:1") == KINDS["team/other/shares:1"].digest
    for ran in (plan, partly, whole, wrong):
        assert CANARY not in ran.out + ran.err
        assert "Harbor12345" not in ran.out + ran.err
    flat = bring(f"{front.host}", "--map", "flatten", *login, stdin=CANARY)
    assert flat.code == 2
    assert "Harbor needs a project" in flat.err


def test_harbors_quota_and_immutable_tags_are_understood(bring, target, fronts):
    simple("old").push(target, "library/oci", "1")
    harbor = Harbor(
        projects={"library", "team"},
        users={"ci": CANARY},
        admin=("admin", "x"),
        quota_bytes={"team": 10},
        immutable={"library/oci:1"},
    )
    front = fronts(target, harbor)
    login = ["--username", "ci", "--password-stdin", "--on-conflict", "replace"]
    plan = bring(front.host, *login, "--dry-run", stdin=CANARY)
    assert "NOT ENOUGH" in plan.out
    done = bring(front.host, *login, "--json", stdin=CANARY)
    codes = {
        image["target"].partition("/")[2]: (image["error"] or {}).get("code")
        for image in done.json["targets"][0]["images"]
    }
    assert codes == {
        "library/oci:1": "tag-immutable",
        "library/docker:1": None,
        "team/other/shares:1": "quota-exceeded",
    }
    assert done.code == 3


def test_nexus_is_reached_below_a_path_and_gets_children_before_indexes(
    bundler, origin, target, fronts, keys, image_list, tmp_path
):
    assert bundler("export", image_list(origin, "team/multi:1"), "-o", tmp_path, "--key", keys[0]).code == 0
    nexus = Nexus(base_path="/repository/docker-hosted", allow_redeploy=False)
    front = fronts(target, nexus)
    run = ["import", tmp_path / "test", "--trust", keys[1], "--to", front.host]
    page = bundler(*run)
    assert page.code in (6, 7)
    assert "--base-path" in page.err + bundler("explain", "proxy-page").out
    done = bundler(*run, "--base-path", "/repository/docker-hosted", "--json", "--dry-run")
    assert done.json["targets"][0]["plan"]["kind"] == "nexus"
    assert bundler(*run, "--base-path", "/repository/docker-hosted").code == 0
    assert digest_at(target.host, "team/multi:1") == KINDS["team/multi:1"].digest
    simple("newer").push(target, "team/multi", "1")
    refused = bundler(*run, "--base-path", "/repository/docker-hosted", "--on-conflict", "replace", "--json")
    assert refused.json["targets"][0]["images"][0]["error"]["code"] == "tag-immutable"


def test_gitlab_and_quay_and_artifactory_have_rules_for_names(bring, target, fronts):
    gitlab = fronts(target, GitLab(projects={"group/app"}, users={"ci": CANARY}))
    login = ["--username", "ci", "--password-stdin"]
    deep = bring(f"{gitlab.host}/group/app", *login, stdin=CANARY)
    assert deep.code == 2
    assert "GitLab allows at most 2 path parts below group/app" in deep.err
    done = bring(f"{gitlab.host}/group/app", "--map", "flatten", *login, stdin=CANARY)
    assert done.code == 0, done.out + done.err
    elsewhere = bring(f"{gitlab.host}/group/none", "--map", "flatten", *login, stdin=CANARY)
    assert elsewhere.code == 6
    assert "denied" in elsewhere.out + elsewhere.err
    quay = fronts(target, Quay(organisations={"org"}, extended_names=False, users={"org+ci": CANARY}))
    robot = ["--username", "org+ci", "--password-stdin"]
    nested = bring(f"{quay.host}/org", *robot, "--dry-run", stdin=CANARY)
    assert nested.code == 6
    assert "--map flatten" in nested.out + nested.err
    assert bring(f"{quay.host}/org", "--map", "flatten", *robot, stdin=CANARY).code == 0
    jfrog = fronts(target, Artifactory(keys={"docker-local"}))
    assert bring(f"{jfrog.host}/docker-local").code == 0
    unknown = bring(f"{jfrog.host}/nowhere", "--dry-run")
    assert unknown.code == 6


def test_a_kind_that_is_given_has_its_rules_whatever_the_registry_says(bring, target):
    deep = bring(f"{target.host}/group/app", "--map", "scoped", "--target", "gitlab")
    assert deep.code == 2
    assert "GitLab allows at most 2 path parts" in deep.err
    assert bring(f"{target.host}/group/app", "--map", "scoped", "--target", "distribution").code == 0


def test_what_a_policy_hides_is_left_alone_and_the_rest_is_done(bring, target, fronts):
    old = simple("old")
    old.push(target, "library/oci", "1")
    harbor = Harbor(projects={"library", "team"}, users={"ci": CANARY}, admin=("admin", "x"), blocked={"library/oci:1"})
    login = ["--username", "ci", "--password-stdin", "--on-conflict", "replace"]
    done = bring(fronts(target, harbor).host, *login, "--json", stdin=CANARY)
    images = done.json["targets"][0]["images"]
    codes = {image["target"].partition("/")[2]: (image["error"] or {}).get("code") for image in images}
    assert codes == {"library/oci:1": "blocked-by-policy", "library/docker:1": None, "team/other/shares:1": None}
    assert digest_at(target.host, "library/oci:1") == old.digest


def test_an_artifact_that_quay_does_not_know_keeps_back_no_image(
    bundler, origin, target, fronts, keys, image_list, tmp_path
):
    listed = image_list(origin, "charts/artifact:1", "library/docker:1")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    front = fronts(target, Quay(organisations={"org"}, users={"org+ci": CANARY}, config_types=()))
    run = ["import", tmp_path / "test", "--trust", keys[1], "--to", f"{front.host}/org", "--map", "flatten"]
    done = bundler(*run, "--username", "org+ci", "--password-stdin", "--json", stdin=CANARY)
    assert done.code == 3
    images = {image["target"].rpartition("/")[2]: image for image in done.json["targets"][0]["images"]}
    assert images["charts-artifact:1"]["error"]["code"] == "manifest-refused"
    assert images["library-docker:1"]["outcome"] == "pushed"


# Receipt and undo


def test_every_import_leaves_a_receipt_also_one_that_failed(bring, bundler, keys, target, tmp_path):
    simple("other").push(target, "library/oci", "1")
    states = Path(os.environ["HOME"]) / ".local/state/bundler/receipts"
    assert bring(target.host, "--dry-run").code == 6
    assert not states.exists()
    assert bring(target.host).code == 6
    (failed,) = states.glob("*.json")
    reported = json.loads(failed.read_text())
    assert (reported["exitCode"], reported["bundle"]["name"]) == (6, "test")
    assert "1 tag points to another image" in reported["error"]
    mine = tmp_path / "r.json"
    done = bring(target.host, "--on-conflict", "replace", "--receipt", mine, "--receipt-key", keys[0])
    assert done.code == 0, done.err
    reported = json.loads(mine.read_text())
    first = next(image for image in reported["targets"][0]["images"] if image["name"].endswith("library/oci:1"))
    assert first["replaced"] == simple("other").digest
    assert first["readBack"] == first["digest"] == KINDS["library/oci:1"].digest
    assert reported["signers"]
    assert (reported["trust"], reported["weakened"]) == ([str(keys[1])], [])
    again = bring(target.host, "--receipt", mine)
    assert again.code == 2
    assert "never overwritten" in again.err
    shell(
        f"openssl pkeyutl -verify -rawin -pubin -inkey {keys[1]} -in {mine} -sigfile {next(tmp_path.glob('r.json.*.sig'))}",
        cwd=tmp_path,
    )
    assert bundler("receipt", "verify", mine, "--trust", keys[1]).code == 0
    mine.write_bytes(mine.read_bytes().replace(b'"present"', b'"pushed" '))
    mine.write_bytes(mine.read_bytes().replace(b'"exitCode": 0', b'"exitCode": 3'))
    assert bundler("receipt", "verify", mine, "--trust", keys[1]).code == 5


def test_what_weakens_an_import_is_in_its_receipt(bundler, bundle, target, tmp_path):
    mine = tmp_path / "r.json"
    run = [
        "import",
        bundle,
        "--insecure-no-signature",
        "--to",
        target.host,
        "--plain-http",
        target.host,
        "--receipt",
        mine,
    ]
    assert bundler(*run).code == 0
    reported = json.loads(mine.read_text())
    assert reported["weakened"] == ["--insecure-no-signature", f"--plain-http {target.host}"]
    assert reported["signers"] == reported["trust"] == []
    assert "NOT CHECKED" in bundler("receipt", "show", mine).out


def test_a_receipt_that_cannot_be_written_is_reported_before_anything_is_sent(bring, target):
    done = bring(target.host, "--receipt", "/proc/receipt.json")
    assert done.code == 8
    assert "--receipt" in done.err
    assert target.blobs == set()


def test_undo_puts_back_what_is_still_there_and_leaves_what_moved_on(bring, bundler, target, tmp_path):
    before, later = simple("before"), simple("later")
    before.push(target, "library/oci", "1")
    simple("two").push(target, "library/docker", "1")
    mine = tmp_path / "r.json"
    assert bring(target.host, "--on-conflict", "replace", "--receipt", mine).code == 0
    later.push(target, "library/docker", "1")
    dry = bundler("undo", mine, "--dry-run", "--json")
    assert {tag["outcome"] for tag in dry.json["tags"]} == {"would put back", "moved on", "would remove"}
    assert digest_at(target.host, "library/oci:1") == KINDS["library/oci:1"].digest
    done = bundler("undo", mine, "--json")
    outcomes = {tag["name"].partition("/")[2]: tag["outcome"] for tag in done.json["tags"]}
    assert outcomes == {"library/oci:1": "put back", "library/docker:1": "moved on", "team/other/shares:1": "left"}
    assert done.code == 3, "distribution 2.8 removes no tags, and that is said"
    assert digest_at(target.host, "library/oci:1") == before.digest
    assert digest_at(target.host, "library/docker:1") == later.digest
    again = bundler("undo", mine, "--json")
    assert "as before" in {tag["outcome"] for tag in again.json["tags"]}


def test_a_run_that_was_cut_off_leaves_what_undo_needs(bring, bundler, bundle, keys, target, fronts, tmp_path):
    """A power cut after the first tag moved: no receipt at the end, and the one from the beginning is enough."""
    before = simple("before")
    before.push(target, "library/oci", "1")
    front = fronts(target)
    mine = tmp_path / "r.json"
    run = ["import", bundle, "--trust", keys[1], "--to", front.host, "--on-conflict", "replace", "--receipt", mine]
    process = subprocess.Popen([sys.executable, "-m", "bundler", *map(str, run)], stderr=subprocess.DEVNULL)

    def die_when_it_moved(front, request) -> bool:
        if request.command == "HEAD" and "oci/manifests/1" in request.path and front.count("PUT", "oci/manifests/1"):
            process.kill()
        return False

    front.faults.append(die_when_it_moved)
    assert process.wait(60) == -9
    assert not mine.exists()
    assert digest_at(target.host, "library/oci:1") == KINDS["library/oci:1"].digest
    done = bundler("undo", f"{mine}.unfinished", "--json")
    found = [(tag["outcome"], tag["before"]) for tag in done.json["tags"]]
    assert found.count(("put back", before.digest)) == 1
    assert set(found) - {("put back", before.digest)} <= {("doubtful", None)}, "new tags that came with their manifests"
    assert digest_at(target.host, "library/oci:1") == before.digest


@pytest.mark.parametrize("is_named", [True, False], ids=["--receipt", "the state folder"])
def test_an_unfinished_receipt_goes_into_that_of_the_import_that_finishes_it(
    bring, bundler, bundle, keys, target, fronts, tmp_path, is_named
):
    before = simple("before")
    before.push(target, "library/oci", "1")
    front = fronts(target)
    states = tmp_path if is_named else Path(os.environ["HOME"]) / ".local/state/bundler/receipts"
    named = ["--receipt", tmp_path / "one.json"] if is_named else []
    run = ["import", bundle, "--trust", keys[1], "--to", front.host, "--on-conflict", "replace", *named]
    process = subprocess.Popen([sys.executable, "-m", "bundler", *map(str, run)], stderr=subprocess.DEVNULL)

    def die_when_it_moved(front, request) -> bool:
        if request.command == "HEAD" and "oci/manifests/1" in request.path and front.count("PUT", "oci/manifests/1"):
            process.kill()
        return False

    front.faults.append(die_when_it_moved)
    assert process.wait(60) == -9
    (unfinished,) = states.glob("*.unfinished")
    assert "UNFINISHED" in bundler("receipt", "show", unfinished).out
    assert bundler("receipt", "show", unfinished, "--json").json["finished"] is False
    front.faults.clear()
    again = ["--receipt", tmp_path / "two.json"] if is_named else []
    done = bundler(*run[:8], *again)
    assert done.code == 0, done.err
    assert "the unfinished receipt was removed" in done.err
    assert not list(states.glob("*.unfinished*"))
    (receipt,) = states.glob("t*.json") if is_named else states.glob("*.json")
    undone = bundler("undo", receipt, "--json")
    assert (before.digest, "put back") in [(tag["before"], tag["outcome"]) for tag in undone.json["tags"]]
    assert digest_at(target.host, "library/oci:1") == before.digest


def test_the_unfinished_receipt_of_an_import_that_runs_is_left_alone(bring, target, tmp_path):
    assert bring(target.host, "--receipt", tmp_path / "one.json").code == 0
    reported = json.loads((tmp_path / "one.json").read_text())
    for image in reported["targets"][0]["images"]:
        image["outcome"] = "unfinished"
    running, lock = tmp_path / "r.json.unfinished", tmp_path / "r.json.lock"
    running.write_text(json.dumps(reported))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert bring(target.host, "--receipt", tmp_path / "two.json").code == 0
        assert running.exists()
    running.chmod(0o666)
    assert bring(target.host, "--receipt", tmp_path / "three.json").code == 0
    assert running.exists(), "what others may write decides nothing"
    running.chmod(0o644)
    assert bring(target.host, "--receipt", tmp_path / "four.json").code == 0
    assert not running.exists()


def test_an_import_that_never_had_a_bundle_leaves_no_receipt_and_tells_of_none(bundler, bundle, keys, target, tmp_path):
    states = Path(os.environ["HOME"]) / ".local/state/bundler/receipts"
    (tmp_path / "unsealed.partial").mkdir()
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "chunk-0001.tar").touch()
    assert bundler("keygen", "other", "-d", tmp_path).code == 0
    for path, trusted, code in [
        (tmp_path / "nowhere", keys[1], 2),
        (tmp_path / "unsealed.partial", keys[1], 9),
        (parts, keys[1], 9),
        (bundle, tmp_path / "other.pub", 5),
    ]:
        done = bundler("import", path, "--trust", trusted, "--to", target.host)
        assert done.code == code
        assert "receipt" not in done.err
        named = bundler("import", path, "--trust", trusted, "--to", target.host, "--receipt", tmp_path / "r.json")
        assert (named.code, list(tmp_path.glob("r.json*"))) == (code, [])
    assert not list(states.glob("*"))


def test_the_summary_has_failures_conflicts_and_counts_and_the_rest_with_verbose(bring, target):
    done = bring(target.host)
    assert done.code == 0
    assert "complete: 3 pushed" in done.out
    assert "library/oci" not in done.out
    assert "library/oci:1" in bring(target.host, "-v").out
    simple("other").push(target, "library/oci", "1")
    conflict = bring(target.host, "--on-conflict", "replace")
    rows = [line.split()[:2] for line in conflict.out.splitlines() if target.host in line and "to " not in line]
    assert rows == [["pushed", f"{target.host}/library/oci:1"]], "tags that were replaced are named, and nothing else"
    assert "(was " in conflict.out
    assert "complete: 1 pushed, 2 present" in conflict.out


def test_undo_takes_no_receipt_that_was_changed_or_points_elsewhere(bring, bundler, keys, target, tmp_path):
    simple("before").push(target, "library/oci", "1")
    mine = tmp_path / "r.json"
    assert bring(target.host, "--on-conflict", "replace", "--receipt", mine, "--receipt-key", keys[0]).code == 0
    trusted = Path(os.environ["HOME"]) / ".config/bundler/trust"
    trusted.mkdir(parents=True)
    (trusted / "k.pub").write_bytes(keys[1].read_bytes())
    assert "signature good" in bundler("undo", mine, "--dry-run").out
    good = mine.read_text()
    mine.write_text(good.replace('"operator": "', '"operator": "x'))
    assert bundler("undo", mine).code == 5
    assert "NOT CHECKED" not in bundler("receipt", "show", mine).out
    for changed in (
        good.replace(f'"name": "{target.host}/', '"name": "elsewhere.example.com/'),
        good.replace('"outcome": "pushed"', '"outcome": "\\u001b[2Jpushed"'),
        good.replace(f'"name": "{target.host}/library/oci:1"', '"name": "oci:1"'),
    ):
        other = tmp_path / "other.json"
        other.write_text(changed)
        assert bundler("undo", other).code == 5
        done = bundler("undo", other, "--insecure-no-signature")
        assert done.code == 4, done.out
        assert "\x1b" not in done.out + done.err
    assert digest_at(target.host, "library/oci:1") == KINDS["library/oci:1"].digest


def test_a6_undo_moves_no_tag_for_a_receipt_whose_signature_was_removed(bring, bundler, keys, target, tmp_path):
    before = simple("before")
    before.push(target, "library/oci", "1")
    mine = tmp_path / "r.json"
    assert bring(target.host, "--on-conflict", "replace", "--receipt", mine, "--receipt-key", keys[0]).code == 0
    trusted = Path(os.environ["HOME"]) / ".config/bundler/trust"
    trusted.mkdir(parents=True)
    (trusted / "k.pub").write_bytes(keys[1].read_bytes())
    (signature,) = tmp_path.glob("r.json.*.sig")
    signature.unlink()
    for more in ([], ["--dry-run"], ["--json"]):
        done = bundler("undo", mine, *more)
        assert (done.code, "no trusted key has signed this receipt" in done.err) == (5, True), done.err
    assert digest_at(target.host, "library/oci:1") == KINDS["library/oci:1"].digest
    done = bundler("undo", mine, "--insecure-no-signature")
    assert "NOT CHECKED" in done.out
    assert digest_at(target.host, "library/oci:1") == before.digest


def test_a6_an_unfinished_receipt_of_a_stranger_gets_into_no_signed_one(bring, keys, target, tmp_path):
    assert bring(target.host, "--receipt", tmp_path / "first.json").code == 0
    planted = json.loads((tmp_path / "first.json").read_text())
    for image in planted["targets"][0]["images"]:
        image |= {"outcome": "unfinished", "replaced": f"sha256:{'ab' * 32}"}
    unfinished = tmp_path / "planted.json.unfinished"
    unfinished.write_text(json.dumps(planted))
    signed = tmp_path / "signed.json"
    assert bring(target.host, "--receipt", signed, "--receipt-key", keys[0]).code == 0
    assert (json.loads(signed.read_text())["merged"], unfinished.exists()) == ([], True)
    assert bring(target.host, "--receipt", tmp_path / "unsigned.json").code == 0
    assert not unfinished.exists(), "one without a signature takes it up"


def test_one_target_that_is_down_keeps_back_no_other(bring, bundler, bundle, keys, target):
    run = ["import", bundle, "--trust", keys[1], "--to", f"127.0.0.1:{free_port()}", "--to", target.host]
    done = bundler(*run)
    assert done.code == 3
    assert "3 pushed" in done.out
    assert "no connection" in done.out
    assert bundler(*run[:4], "--to", target.host, "--to", target.host).code == 2


def test_receipts_of_one_bundle_are_merged_and_of_two_are_not(
    bring, bundler, keys, origin, target, image_list, tmp_path
):
    one, two, whole = (tmp_path / f"{name}.json" for name in ("one", "two", "whole"))
    assert bring(target.host, "--only", "*oci*", "--receipt", one).code == 0
    assert bring(target.host, "--except", "*oci*", "--receipt", two).code == 0
    made = bundler("receipt", "merge", two, one, "-o", whole, "--receipt-key", keys[0], "--json")
    assert (made.code, made.json["images"], made.json["done"]) == (0, 3, 3)
    assert bundler("receipt", "verify", whole, "--trust", keys[1]).code == 0
    assert "receipt merge, no key is trusted" in json.loads(whole.read_text())["weakened"]
    assert (
        bundler("export", image_list(origin, "library/oci:1", name="other"), "-o", tmp_path, "--key", keys[0]).code == 0
    )
    strange = tmp_path / "strange.json"
    assert (
        bundler("import", tmp_path / "other", "--trust", keys[1], "--to", target.host, "--receipt", strange).code == 0
    )
    assert bundler("receipt", "merge", one, strange, "-o", tmp_path / "no.json").code == 2


# Secrets


def test_no_secret_appears_anywhere(bring, bundler, target, fronts, tmp_path):
    """Wrong and right passwords, in every way they can be given; a server that repeats what it received."""
    harbor = Harbor(projects={"library", "team"}, users={"ci": CANARY}, admin=("admin", CANARY))
    front = fronts(target, harbor)
    admin = tmp_path / "admin"
    admin.write_text(f"admin:{CANARY}\n")
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {front.host: {"username": "ci", "auth": "Y2k6YzRuYXJ5LXMzY3JldA=="}}}))
    runs = [
        bring(front.host, "--username", "ci", "--password-stdin", stdin=CANARY + "x"),
        bring(front.host, "--username", "ci", "--password-stdin", stdin=CANARY, environment={"LANG": "C"}),
        bring(front.host, "--admin-credentials", admin, "--username", "ci", "--password-stdin", stdin=CANARY),
        bring(front.host, environment={"REGISTRY_AUTH_FILE": str(auth)}),
        bring(f"ci:{CANARY}@{front.host}"),
        bring(front.host, "--admin-credentials", f"admin:{CANARY}", "--json"),
        bring(front.host, "--receipt-key", f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n"),
        bring(front.host, "--key-passphrase-file", CANARY),
        bring(front.host, "--username", f"ci:{CANARY}", "--password-stdin", stdin=CANARY),
        bring(front.host, environment={"REGISTRY_AUTH_FILE": auth.read_text()}),
        bring("docker-daemon:", environment={"DOCKER_HOST": f"tcp://ci:{CANARY}@127.0.0.1:9"}),
    ]
    assert runs[3].code == 0, runs[3].out + runs[3].err
    written = "".join(path.read_text() for path in Path(os.environ["HOME"]).rglob("*") if path.is_file())
    for text in [written, *(ran.out + ran.err for ran in runs)]:
        assert CANARY not in text
        assert "Y2k6YzRuYXJ5" not in text
