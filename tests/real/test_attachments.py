"""Signatures, SBOMs and attestations arrive with their images: before a tag moves, listed, unchanged, and not twice."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.attached_bundles import TRUSTED, To, write_bundle
from tests.support.attachments import cosign, dashed, fallback_index, referrer
from tests.support.images import OCI_INDEX, Image, index, platform, simple
from tests.support.referrers import Referrers
from tests.support.servers import Endpoint, Front
from tests.support.tables import each_case

APP = simple("signed")
SBOM = referrer(APP, annotations={"org.example.made": "here"})
SIGNED = cosign(APP)
OF_SBOM = referrer(SBOM, "application/vnd.dev.sigstore.bundle.v0.3+json", b'{"mediaType":""}')
ATTACHED = (To(APP, SBOM), To(APP, SIGNED, ".sig", "signature"), To(SBOM, OF_SBOM, kind="signature"))
NAME = "example.com/team/app:1"
ENTRY = SBOM.descriptor(artifactType="application/spdx+json", annotations={"org.example.made": "here"})
FOREIGN = referrer(APP, "application/sarif+json", b"foreign", annotations={"by": "a stranger"})
CHANGING = {"PUT", "POST", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("made"), {NAME: (APP, ATTACHED)})


@pytest.fixture
def bring(here, made):
    """Imports the bundle, or another one."""

    def run(to: object, *flags: object, bundle: Path = made):
        return here("import", bundle, "--trust", TRUSTED, "--to", to, *flags, "--json", "-q")

    return run


def listed(registry: Endpoint, subject: Image, repository: str = "team/app") -> list[dict[str, Any]]:
    """The entries of the fallback index of an image."""
    content = registry.get(f"{repository}/manifests/{dashed(subject)}")
    return json.loads(content)["manifests"] if content else []  # type: ignore[no-any-return]


def outcomes(ran, target: int = 0) -> list[str]:
    image = ran.json["targets"][target]["images"][0]
    return [image["outcome"], *(each["outcome"] for each in image["attached"])]


def error_of(ran) -> dict[str, Any]:
    return ran.json["targets"][0]["images"][0]["error"]  # type: ignore[no-any-return]


def changes(front: Front) -> list[tuple[str, str]]:
    return [(method, path) for method, path in front.requests if method in CHANGING]


# Registries with and without the API


def test_a_registry_without_the_api_gets_them_and_an_index_that_lists_them(bring, target):
    ran = bring(target.host)
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 4), ran.err
    for image in (APP, SBOM, SIGNED, OF_SBOM):
        assert target.get(f"team/app/manifests/{image.digest}") == image.content
    assert listed(target, APP) == [ENTRY]
    assert [entry["digest"] for entry in listed(target, SBOM)] == [OF_SBOM.digest]
    assert target.get(f"team/app/manifests/{dashed(APP, '.sig')}") == SIGNED.content


def test_the_tag_of_the_image_is_the_last_of_all(bring, target, fronts):
    front = fronts(target)
    assert bring(front.host).code == 0
    pushed = [path.rpartition("/")[2] for method, path in front.requests if method == "PUT" and "/manifests/" in path]
    manifests = [APP.digest, SBOM.digest, SIGNED.digest, OF_SBOM.digest]
    assert pushed == [*manifests, dashed(SBOM), dashed(APP), dashed(APP, ".sig"), "1"], (
        "attachments of attachments first"
    )


def test_a_registry_with_the_api_lists_them_and_gets_no_index(bring, target, fronts):
    api = Referrers(page_size=1)
    ran = bring(fronts(target, api).host)
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 4), ran.err
    assert api.listed["team/app", APP.digest] == [ENTRY]
    assert api.digests("team/app", SBOM.digest) == [OF_SBOM.digest]
    assert target.tags["team/app"] == ["1", dashed(APP, ".sig")]


LIES = {
    "OCI-Subject without the API": Referrers(has_api=False, names_subject=True),
    "an empty list without support": Referrers(lists=False),
    "an empty list without support or header": Referrers(lists=False, names_subject=False),
    "401 for the API": Referrers(has_api=False, denial=401),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_only_a_list_that_has_them_is_believed(lie, bring, target, fronts):
    ran = bring(fronts(target, lie).host)
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 4), ran.err
    assert listed(target, APP) == [ENTRY]


def test_a_registry_that_reads_the_fallback_tag_as_a_digest_cannot_list_them(bring, target, fronts):
    front = fronts(target, Referrers(has_api=False, resolves_dashes=True))
    ran = bring(front.host)
    assert (ran.code, error_of(ran)["code"]) == (6, "attachment-unlisted")
    assert target.tags.get("team/app", []) == [], "neither the image nor a useless index"
    without = bring(front.host, "--attachments", "none")
    assert (without.code, outcomes(without)) == (0, ["pushed", *["left out"] * 3])
    assert target.tags["team/app"] == ["1"]


@each_case("status", [400, 405], ids=str)
def test_a_refused_attachment_holds_its_image_back(status, bring, target, fronts):
    ran = bring(fronts(target, Referrers(has_api=False, refuses_subject=status)).host)
    error = error_of(ran)
    assert (ran.code, error["code"]) == (6, "attachment-refused")
    assert SBOM.digest in error["subject"]
    assert str(status) in error["said"]
    assert target.tags.get("team/app", []) == []


OTHERS = {
    "an image": simple("other"),
    "a list of Docker's": index([(simple("d", docker=True), platform("amd64"))], docker=True),
    "an index with a subject": fallback_index(subject=APP.descriptor()),
}


@each_case("other", OTHERS.values(), ids=OTHERS)
def test_a_fallback_tag_of_something_else_is_not_replaced(other, bring, target):
    other.push(target, "team/app", dashed(APP))
    ran = bring(target.host)
    assert (ran.code, error_of(ran)["code"]) == (6, "attachment-list-taken")
    assert target.get(f"team/app/manifests/{dashed(APP)}") == other.content
    assert "1" not in target.tags["team/app"]


# Attachments that are there already


def test_entries_of_others_stay_as_they_are(bring, target):
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")
    entry = FOREIGN.descriptor(artifactType="application/sarif+json", annotations={"by": "x"}, platform={"os": "?"})
    there = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry], "annotations": {"kept": "yes"}}
    target.put(f"team/app/manifests/{dashed(APP)}", json.dumps(there).encode(), OCI_INDEX)
    assert bring(target.host).code == 0
    assert json.loads(target.get(f"team/app/manifests/{dashed(APP)}")) == {**there, "manifests": [entry, ENTRY]}


def test_a_second_import_changes_nothing(bring, target, fronts):
    front = fronts(target, Referrers(has_api=False))
    assert bring(front.host).code == 0
    front.requests.clear()
    again = bring(front.host)
    assert (again.code, outcomes(again)) == (0, ["present"] * 4)
    assert changes(front) == []


def test_an_image_that_came_without_them_gets_them_later(bring, target, fronts):
    front = fronts(target, Referrers(has_api=False))
    assert bring(front.host, "--attachments", "none").code == 0
    front.requests.clear()
    again = bring(front.host)
    assert (again.code, outcomes(again)) == (0, ["present", *["pushed"] * 3])
    assert listed(target, APP) == [ENTRY]
    assert not [path for _, path in changes(front) if APP.digest in path or path.endswith("/1")], "only attachments"


def test_an_entry_whose_manifest_is_gone_is_sent_again(bring, target):
    assert bring(target.host).code == 0
    revision = target.storage / "docker/registry/v2/repositories/team/app/_manifests/revisions/sha256"
    (revision / SBOM.digest.removeprefix("sha256:") / "link").unlink()
    again = bring(target.host)
    assert outcomes(again) == ["present", "pushed", "present", "present"]
    assert target.get(f"team/app/manifests/{SBOM.digest}") == SBOM.content


def test_a_lost_entry_of_another_client_does_not_stop_the_list(bring, target):
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")
    fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
    revision = target.storage / "docker/registry/v2/repositories/team/app/_manifests/revisions/sha256"
    (revision / FOREIGN.digest.removeprefix("sha256:") / "link").unlink()
    assert bring(target.host).code == 0
    assert listed(target, APP) == [ENTRY]


def test_two_imports_at_the_same_time_lose_no_entry(bundler, target, tmp_path):
    """Each brings attachments of its own for one image; the last one to write must not lose those of the other."""
    own = [[referrer(APP, content=b"%d %d" % (run, number)) for number in range(4)] for run in range(2)]
    folders = [
        write_bundle(
            tmp_path, {f"example.com/team/app:{run}": (APP, [To(APP, each) for each in own[run]])}, name=f"b{run}"
        )
        for run in range(2)
    ]
    ran: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda folder=folder: ran.append(
                bundler("import", folder, "--trust", TRUSTED, "--to", target.host, "-q")
            )
        )
        for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.code for each in ran] == [0, 0], [each.err for each in ran]
    assert {entry["digest"] for entry in listed(target, APP)} == {each.digest for run in own for each in run}


def test_a_write_between_our_read_and_our_write_is_joined(bring, target, fronts):
    """Another client replaces the index right after ours was written, and again at the next time."""
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")
    path, left = f"/v2/team/app/manifests/{dashed(APP)}", [2]

    def replace_after_put(front: Front, request: Any) -> bool:
        if request.command != "PUT" or request.path != path or not left[0]:
            return False
        left[0] -= 1
        front.forward(request)
        fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
        return True

    assert bring(fronts(target, replace_after_put).host).code == 0
    assert {entry["digest"] for entry in listed(target, APP)} == {FOREIGN.digest, SBOM.digest}


def test_an_index_that_another_client_has_just_made_is_joined(bring, target, fronts):
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")

    def made_after_we_looked(front: Front, request: Any) -> bool:
        if request.command == "HEAD" and request.path.endswith(dashed(APP)):
            fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
        return False

    assert bring(fronts(target, made_after_we_looked).host).code == 0
    assert {entry["digest"] for entry in listed(target, APP)} == {FOREIGN.digest, SBOM.digest}


def test_an_index_that_is_replaced_every_time_ends_the_attempts(bring, target, fronts):
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")
    path = f"/v2/team/app/manifests/{dashed(APP)}"

    def replaced(front: Front, request: Any) -> bool:
        if request.command != "PUT" or request.path != path:
            return False
        front.forward(request)
        fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
        return True

    front = fronts(target, replaced)
    ran = bring(front.host)
    assert (ran.code, error_of(ran)["code"]) == (6, "attachment-unlisted")
    assert front.count("PUT", path) == 5
    assert "1" not in target.tags["team/app"]


def test_an_index_that_is_replaced_before_the_end_is_joined_again(bring, target, fronts):
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")

    def replaced_with_the_tag(front: Front, request: Any) -> bool:
        if request.command == "PUT" and request.path == "/v2/team/app/manifests/1":
            fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
        return False

    assert bring(fronts(target, replaced_with_the_tag).host).code == 0
    assert {entry["digest"] for entry in listed(target, APP)} == {FOREIGN.digest, SBOM.digest}


# Taken tags


def more_signed() -> Image:
    """The manifest at cosign's tag after another signature was added at the target."""
    document = json.loads(SIGNED.content)
    added = cosign(APP, "application/vnd.dsse.envelope.v1+json")
    document["layers"] += json.loads(added.content)["layers"]
    return Image(SIGNED.media_type, json.dumps(document).encode(), {**SIGNED.blobs, **added.blobs})


OTHER_SIGNATURE = cosign(simple("another"))


@pytest.mark.parametrize(
    ("policy", "code", "signature", "outcome"),
    [
        ("fail", 6, OTHER_SIGNATURE, None),
        ("suffix", 6, OTHER_SIGNATURE, None),
        ("skip", 0, OTHER_SIGNATURE, "skipped"),
        ("replace", 0, SIGNED, "pushed"),
    ],
)
def test_on_conflict_decides_about_tags_of_attachments(policy, code, signature, outcome, bring, target, fronts):
    OTHER_SIGNATURE.push(target, "team/app", dashed(APP, ".sig"))
    front = fronts(target)
    ran = bring(front.host, "--on-conflict", policy)
    assert ran.code == code
    assert target.get(f"team/app/manifests/{dashed(APP, '.sig')}") == signature.content
    if outcome is None:
        assert ran.json["error"]["errors"][0]["code"] == "tag-taken", "before a byte moves"
        assert changes(front) == []
    else:
        assert ran.json["targets"][0]["images"][0]["attached"][1]["outcome"] == outcome


def test_an_image_that_is_skipped_brings_no_attachments(bring, target, fronts):
    simple("other").push(target, "team/app", "1")
    front = fronts(target)
    ran = bring(front.host, "--on-conflict", "skip")
    assert (ran.code, outcomes(ran), changes(front)) == (0, ["skipped"] * 4, [])


def test_more_signatures_at_the_target_are_no_conflict(bring, target):
    more = more_signed()
    more.push(target, "team/app", dashed(APP, ".sig"))
    ran = bring(target.host)
    assert (ran.code, outcomes(ran)) == (0, ["pushed", "pushed", "kept", "pushed"])
    assert target.get(f"team/app/manifests/{dashed(APP, '.sig')}") == more.content
    assert outcomes(bring(target.host, "--verify-target"))[2] == "kept"


def test_more_signatures_in_the_bundle_are_no_conflict_either(bring, here, target, tmp_path):
    assert bring(target.host).code == 0
    more = more_signed()
    bundle = write_bundle(tmp_path, {NAME: (APP, [To(APP, more, ".sig", "signature")])})
    skipped = bring(target.host, "--on-conflict", "skip", bundle=bundle)
    assert (skipped.code, outcomes(skipped)) == (0, ["present", "skipped"])
    ran = bring(target.host, "--receipt", tmp_path / "r.json", bundle=bundle)
    assert (ran.code, outcomes(ran)) == (0, ["present", "pushed"])
    assert target.get(f"team/app/manifests/{dashed(APP, '.sig')}") == more.content
    (attached,) = json.loads((tmp_path / "r.json").read_text())["targets"][0]["images"][0]["attached"]
    assert attached["replaced"] == SIGNED.digest


def test_a_tag_that_moves_during_the_import_is_noticed(bring, target, fronts):
    def signed_at_the_same_time(front: Front, request: Any) -> bool:
        if request.command == "PUT" and request.path.endswith(APP.digest):
            OTHER_SIGNATURE.push(target, "team/app", dashed(APP, ".sig"))
        return False

    ran = bring(fronts(target, signed_at_the_same_time).host)
    assert (ran.code, error_of(ran)["code"]) == (6, "tag-taken")
    assert "1" not in target.tags["team/app"]


# Other choices


def test_a_dry_run_counts_and_changes_nothing(bring, target, fronts):
    front = fronts(target)
    ran = bring(front.host, "--dry-run")
    assert (ran.code, outcomes(ran)) == (0, ["would push"] * 4)
    sizes = {digest: len(blob) for each in (APP, SBOM, SIGNED, OF_SBOM) for digest, blob in each.blobs.items()}
    assert ran.json["targets"][0]["bytesSent"] == sum(sizes.values())
    assert not [path for method, path in changes(front) if method != "PUT" or "manifests/sha256:e3b0" not in path]


def test_a_layout_lists_them_without_names(bring, tmp_path):
    layout = tmp_path / "layout"
    bundle = write_bundle(
        tmp_path, {NAME: (APP, (To(APP, NAMED), *ATTACHED)), "example.com/team/victim:1": (simple("victim"), ())}
    )
    ran = bring(f"oci:{layout}", bundle=bundle)
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 5)
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    names = {
        entry["digest"]: entry.get("annotations", {}).get("org.opencontainers.image.ref.name") for entry in entries
    }
    assert names == {
        NAMED.digest: None,
        SBOM.digest: None,
        OF_SBOM.digest: None,
        SIGNED.digest: f"example.com/team/app:{dashed(APP, '.sig')}",
        APP.digest: NAME,
        simple("victim").digest: "example.com/team/victim:1",
    }
    assert (layout / "blobs/sha256" / SBOM.digest.partition(":")[2]).read_bytes() == SBOM.content
    assert outcomes(bring(f"oci:{layout}", bundle=bundle)) == ["present"] * 5


NAMED = referrer(APP, "application/x", annotations={"org.opencontainers.image.ref.name": "example.com/team/victim:1"})
"""An attachment that would take the name of another image, if its annotations came into an index.json."""


def test_an_export_of_the_layout_carries_them_again(bring, here, tmp_path):
    assert bring(f"oci:{tmp_path / 'layout'}").code == 0
    exported = here(
        "export", f"oci:{tmp_path / 'layout'}:{NAME}", "-o", tmp_path, "--name", "again", "--unsigned", "-q"
    )
    assert exported.code == 0, exported.err
    (image,) = here("inspect", tmp_path / "again", "--json").json["images"]
    assert {each["digest"] for each in image["attachments"]} == {each.image.digest for each in ATTACHED}


def test_an_archive_lists_them_too(bring, tmp_path):
    ran = bring(f"oci-archive:{tmp_path / 'image.tar'}")
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 4)
    assert outcomes(bring(f"oci-archive:{tmp_path / 'image.tar'}")) == ["present"] * 4


ARM = simple("arm", architecture="arm64")
MULTI = index([(APP, platform("amd64")), (ARM, platform("arm64"))])


def test_a_choice_of_platforms_keeps_the_attachments_of_what_it_keeps(here, target, tmp_path):
    of_index, of_arm = referrer(MULTI), referrer(ARM)
    attached = (
        To(MULTI, of_index),
        To(MULTI, cosign(MULTI), ".sig"),
        To(ARM, of_arm),
        To(APP, SBOM),
        To(SBOM, OF_SBOM),
    )
    bundle = write_bundle(tmp_path, {"example.com/team/multi:1": (MULTI, attached)})
    run = ("import", bundle, "--trust", TRUSTED, "--to", target.host, "--json")
    ran = here(*run, "--platform", "linux/amd64")
    assert (ran.code, outcomes(ran)) == (0, ["pushed"] * 3)
    index_name, arm_name = (each.digest.partition(":")[2][:12] for each in (MULTI, ARM))
    assert f"sbom of {index_name}, sbom of {index_name}, sbom of {arm_name}" in ran.err
    assert listed(target, APP, "team/multi") == [ENTRY]
    assert dashed(MULTI, ".sig") not in target.tags["team/multi"]
    whole = here(*run, "--on-conflict", "replace")
    assert outcomes(whole) == ["pushed"] * 6
    assert [entry["digest"] for entry in listed(target, MULTI, "team/multi")] == [of_index.digest]


def test_names_that_rules_change_take_them_along(here, target, tmp_path, made):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- from: example.com/team/app\n  to: moved/there\n  tag: 'new-{tag}'\n")
    ran = here("import", made, "--trust", TRUSTED, "--to", target.host, "--rules", rules, "-q")
    assert ran.code == 0, ran.err
    assert target.tags == {"moved/there": ["new-1", *sorted([dashed(APP), dashed(SBOM), dashed(APP, ".sig")])]}


def test_all_or_nothing_moves_no_tag_of_an_attachment(here, target, tmp_path):
    broken = simple("broken")
    bundle = write_bundle(tmp_path, {NAME: (APP, ATTACHED), "example.com/team/broken:1": (broken, ())})
    simple("there").push(target, "team/broken", "1")
    ran = here("import", bundle, "--trust", TRUSTED, "--to", target.host, "--all-or-nothing", "--json", "-q")
    assert ran.code == 6
    assert target.tags.get("team/app", []) == []


def test_read_back_covers_them(bring, target):
    assert bring(target.host).code == 0
    digits = next(iter(SBOM.blobs)).removeprefix("sha256:")
    (target.storage / f"docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data").write_bytes(b"[]")
    ran = bring(target.host, "--verify-target")
    assert (ran.code, error_of(ran)["code"]) == (6, "damaged-at-target")


# Receipts and undo


@pytest.fixture
def receipt(tmp_path) -> Path:
    return tmp_path / "receipt.json"


def test_undo_takes_back_what_the_import_added(bring, here, target, receipt):
    earlier = simple("earlier")
    earlier.push(target, "team/app", "1")
    APP.push(target, "team/app")
    FOREIGN.push(target, "team/app")
    fallback_index(FOREIGN).push(target, "team/app", dashed(APP))
    OTHER_SIGNATURE.push(target, "team/app", dashed(APP, ".sig"))
    assert bring(target.host, "--on-conflict", "replace", "--receipt", receipt).code == 0
    assert len(listed(target, APP)) == 2
    dry = here("undo", receipt, "--json", "--dry-run")
    assert [each["outcome"] for each in dry.json["lists"]] == ["would remove"] * 2
    undone = here("undo", receipt, "--json")
    assert undone.code == 0, undone.out
    assert target.get("team/app/manifests/1") == earlier.content
    assert target.get(f"team/app/manifests/{dashed(APP, '.sig')}") == OTHER_SIGNATURE.content
    assert [entry["digest"] for entry in listed(target, APP)] == [FOREIGN.digest]
    assert listed(target, SBOM) == []
    again = here("undo", receipt, "--json")
    assert again.code == 0
    assert {each["outcome"] for each in again.json["tags"]} == {"as before"}


def test_undo_removes_new_tags_and_lists_where_a_registry_removes_tags(bring, here, target, fronts, receipt):
    def removes_tags(front: Front, request: Any) -> bool:
        """As distribution from 3.0 on: DELETE of a tag removes the tag alone, 202."""
        if request.command != "DELETE" or ":" in request.path:
            return False
        tag = request.path.rpartition("/")[2]
        shutil.rmtree(target.storage / f"docker/registry/v2/repositories/team/app/_manifests/tags/{tag}")
        front.send(request, 202, {}, b"")
        return True

    host = fronts(target, removes_tags).host
    assert bring(host, "--receipt", receipt).code == 0
    assert len(target.tags["team/app"]) == 4
    undone = here("undo", receipt, "--json")
    assert (undone.code, target.tags["team/app"]) == (0, []), undone.out
    assert [each["outcome"] for each in (*undone.json["tags"], *undone.json["lists"])] == ["removed"] * 4
    assert here("undo", receipt).code == 0, "again, nothing is left"


def test_undo_leaves_the_attachments_of_a_tag_that_stays(bring, here, target, receipt):
    assert bring(target.host, "--attachments", "none").code == 0
    assert bring(target.host, "--receipt", receipt).code == 0
    assert here("undo", receipt).code == 0
    assert listed(target, APP) == [ENTRY]
    assert dashed(APP, ".sig") in target.tags["team/app"]


def test_undo_leaves_the_attachments_of_an_image_that_another_tag_has(bring, here, target, receipt):
    simple("earlier").push(target, "team/app", "1")
    assert bring(target.host, "--on-conflict", "replace", "--receipt", receipt).code == 0
    APP.push(target, "team/app", "stable")
    dry = here("undo", receipt, "--json", "--dry-run")
    undone = here("undo", receipt, "--json")
    assert (undone.code, [each["outcome"] for each in undone.json["tags"]]) == (0, ["put back"])
    assert (dry.json["lists"], undone.json["lists"]) == ([], [])
    assert listed(target, APP) == [ENTRY]
    assert dashed(APP, ".sig") in target.tags["team/app"]


def test_undo_leaves_attachments_where_a_registry_lists_no_tags(bring, here, target, fronts, receipt):
    simple("earlier").push(target, "team/app", "1")

    def no_list(front: Front, request: Any) -> bool:
        is_refused = "/tags/list" in request.path
        if is_refused:
            front.send(request, 403, {}, b"")
        return is_refused

    refusing = fronts(target, no_list)
    assert bring(refusing.host, "--on-conflict", "replace", "--receipt", receipt).code == 0
    undone = here("undo", receipt, "--json")
    assert [each["outcome"] for each in undone.json["tags"]] == ["put back"]
    assert listed(target, APP) == [ENTRY]


def test_undo_leaves_the_attachments_of_a_new_tag_that_the_registry_cannot_remove(bring, here, target, receipt):
    assert bring(target.host, "--receipt", receipt).code == 0
    undone = here("undo", receipt, "--json")
    assert (undone.code, undone.json["lists"], len(undone.json["tags"])) == (3, [], 1)
    assert listed(target, APP) == [ENTRY]


def test_the_receipt_and_the_report_count_them(here, made, target, receipt):
    ran = here("import", made, "--trust", TRUSTED, "--to", target.host, "--receipt", receipt)
    assert "pushed: 2 signatures, 1 SBOM" in ran.out
    document = json.loads(receipt.read_text())
    assert [each["inFallbackIndex"] for each in document["targets"][0]["images"][0]["attached"]] == [True, False, True]
    assert "pushed: 2 signatures, 1 SBOM" in here("receipt", "show", receipt).out
    none = here("import", made, "--trust", TRUSTED, "--to", f"{target.host}/x", "--attachments", "none")
    assert "left out: 2 signatures, 1 SBOM" in none.out


# Bundles that lie


LYING = {
    "a subject that the manifest does not name": To(APP, referrer(simple("another"))),
    "no subject in the manifest": To(APP, cosign(APP)),
}


@each_case("attached", LYING.values(), ids=LYING)
def test_an_attachment_of_another_subject_is_refused(attached, here, target, tmp_path_factory):
    bundle = write_bundle(tmp_path_factory.mktemp("lying"), {NAME: (APP, [attached])})
    ran = here("import", bundle, "--trust", TRUSTED, "--to", target.host, "--json", "-q")
    error = error_of(ran)
    assert (ran.code, error["kind"], error["subject"]) == (4, "integrity", attached.image.digest)
    assert error["expected"] == APP.digest
    assert "team/app" not in target.tags
    alone = here("import", bundle, "--trust", TRUSTED, "--to", f"{target.host}/x", "--attachments", "none", "-q")
    assert alone.code == 0


def test_an_attachment_that_one_target_has_is_checked_for_the_others(here, target, new_registry, tmp_path):
    lying, other = referrer(simple("another")), new_registry()
    for image in (APP, lying):
        image.push(other, "team/app")
    APP.push(other, "team/app", "1")
    fallback_index(lying).push(other, "team/app", dashed(APP))
    bundle = write_bundle(tmp_path, {NAME: (APP, [To(APP, lying), To(APP, SIGNED, ".sig")])})
    ran = here("import", bundle, "--trust", TRUSTED, "--to", other.host, "--to", target.host, "--json", "-q")
    assert (ran.code, ran.json["targets"][1]["images"][0]["error"]["subject"]) == (4, lying.digest)
    assert target.tags == {}


MALFORMED = {
    "a subject that is not in the image": To(simple("another"), referrer(simple("another"))),
    "the tag of an image": To(APP, SIGNED, tag="1"),
    "the tag for another subject": To(APP, SIGNED, tag=dashed(simple("another"), ".sig")),
}


@each_case("attached", MALFORMED.values(), ids=MALFORMED)
def test_a_bundle_with_attachments_of_other_images_is_refused(attached, here, target, tmp_path_factory):
    bundle = write_bundle(tmp_path_factory.mktemp("malformed"), {NAME: (APP, [attached])})
    ran = here("import", bundle, "--trust", TRUSTED, "--to", target.host, "--json", "-q")
    assert (ran.code, ran.json["error"]["kind"]) == (4, "integrity")


def test_two_attachments_with_one_tag_are_refused(here, target, tmp_path):
    attached = [To(APP, SIGNED, ".sig"), To(APP, OTHER_SIGNATURE, ".sig")]
    bundle = write_bundle(tmp_path, {NAME: (APP, attached)})
    ran = here("import", bundle, "--trust", TRUSTED, "--to", target.host, "--json", "-q")
    assert (ran.code, ran.json["error"]["kind"]) == (4, "integrity")


# There and back


def push_all(registry: Endpoint) -> None:
    """Pushes the image with all that is attached to it, and to its platforms; a registry without the API gets indexes."""
    for image in (MULTI, SBOM, OF_SBOM, FOREIGN):
        image.push(registry, "team/multi")
    MULTI.push(registry, "team/multi", "1")
    fallback_index(SBOM, FOREIGN).push(registry, "team/multi", dashed(APP))
    fallback_index(OF_SBOM).push(registry, "team/multi", dashed(SBOM))
    cosign(MULTI).push(registry, "team/multi", dashed(MULTI, ".sig"))
    cosign(ARM, "application/vnd.dsse.envelope.v1+json").push(registry, "team/multi", dashed(ARM, ".att"))


def attached_at(registry: Endpoint, api: Referrers | None) -> dict[str, list[str]]:
    """The registry's list for each manifest, and the target of each tag."""
    found = {}
    for subject in (MULTI, APP, ARM, SBOM, OF_SBOM):
        by_api = api.digests("team/multi", subject.digest) if api else []
        index = [entry["digest"] for entry in listed(registry, subject, "team/multi")]
        tags = [registry.get(f"team/multi/manifests/{dashed(subject, each)}") for each in (".sig", ".att", ".sbom")]
        found[subject.digest] = [*sorted({*by_api, *index}), *(tag.decode() for tag in tags if tag)]
    return found


@pytest.mark.parametrize("has_api", [(False, True), (True, False)], ids=["into the API", "out of the API"])
def test_what_a_registry_lists_another_one_lists_after_the_journey(
    has_api, here, target, new_registry, fronts, tmp_path
):
    apis = [Referrers() if each else None for each in has_api]
    ends = [fronts(real, *([api] if api else [])) for real, api in zip((new_registry(), target), apis, strict=True)]
    push_all(ends[0])
    assert here("keygen", "tester", "-d", tmp_path).code == 0
    exported = here(
        "export",
        f"docker://{ends[0].host}/team/multi:1",
        "-o",
        tmp_path,
        "--name",
        "there",
        "--key",
        tmp_path / "tester.key",
        "-q",
    )
    assert exported.code == 0, exported.err
    ran = here("import", tmp_path / "there", "--trust", tmp_path / "tester.pub", "--to", ends[1].host, "-q")
    assert ran.code == 0, ran.err
    before = attached_at(ends[0], apis[0])
    assert sum(map(len, before.values())) == 5
    assert attached_at(ends[1], apis[1]) == before
    for image in (SBOM, OF_SBOM, FOREIGN):
        assert target.get(f"team/multi/manifests/{image.digest}") == image.content
