"""Signatures, SBOMs and attestations travel with their images: from registries, layouts and archives into bundles."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler.core import limits
from bundler.core.digest import Digest
from bundler.exporting import attached as search
from bundler.stores.hosts import NetworkOptions
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from tests.conftest import Ran
from tests.support import images
from tests.support.attachments import SPDX, cosign, dashed, fallback_index, push_all, referrer
from tests.support.parts import RealRegistry, shell
from tests.support.referrers import Referrers
from tests.support.servers import Front

SUBJECT = images.simple("subject")
WHERE = "team/app"
Export = Callable[..., Ran]


@pytest.fixture
def export(here: Callable[..., Ran], tmp_path: Path) -> Export:
    """Exports images without a signature."""

    def run(*arguments: object) -> Ran:
        return here("export", *arguments, "-o", tmp_path, "--name", "b", "--unsigned", "--json")

    return run


def attached(document: dict[str, Any], number: int = 0) -> list[tuple[str, str, str | None]]:
    """The attachments of one image of a document: kind, digest and tag."""
    return [(each["kind"], each["digest"], each["tag"]) for each in document["images"][number]["attachments"]]


def place(endpoint: Front | RealRegistry, tag: str = "1") -> str:
    return f"docker://{endpoint.host}/{WHERE}:{tag}"


def manifest_in(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "b/bundle.json").read_bytes())  # type: ignore[no-any-return]


def test_attachments_of_each_form_travel_and_are_counted(target, export, here, tmp_path):
    found = push_all(target, WHERE, SUBJECT)
    ran = export(place(target))
    assert ran.code == 0, ran.err
    expected = [
        ("signature", found["signature"].digest, dashed(SUBJECT, ".sig")),
        ("attestation", found["attestation"].digest, dashed(SUBJECT, ".att")),
        ("sbom", found["sbom"].digest, None),
    ]
    assert attached(ran.json) == expected
    stored = {blob["digest"] for blob in manifest_in(tmp_path)["blobs"]}
    for image in found.values():
        assert image.all_blobs().keys() <= stored
    assert here("verify", tmp_path / "b", "--insecure-no-signature").code == 0
    assert attached(here("inspect", tmp_path / "b", "--json").json) == expected
    shown = here("inspect", tmp_path / "b").out
    assert shown.count("1 signature, 1 SBOM, 1 attestation") == 2  # of the bundle, and of the image


def test_a_dry_run_counts_attachments_and_changes_nothing(target, here, tmp_path):
    push_all(target, WHERE, SUBJECT)
    ran = here("export", place(target), "-o", tmp_path / "out", "--name", "b", "--unsigned", "--dry-run")
    assert "1 signature, 1 SBOM, 1 attestation" in ran.out
    assert not (tmp_path / "out").exists()


def test_what_is_attached_to_platforms_and_to_attachments_travels(target, fronts, export):
    front = fronts(target, Referrers(page_size=1))
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    index = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64"))])
    index.push(front, WHERE, "1")
    on_index, on_arm, also_on_arm = referrer(index), referrer(arm), referrer(arm, content=b"[]")
    on_sbom = cosign(on_arm)
    signature_of_signature = referrer(on_sbom, "application/vnd.cncf.notary.signature")
    for each in (on_index, on_arm, also_on_arm, signature_of_signature):
        each.push(front, WHERE)
    on_sbom.push(front, WHERE, dashed(on_arm, ".sig"))
    ran = export(place(front))
    subjects = {each["digest"]: each["subject"] for each in ran.json["images"][0]["attachments"]}
    assert subjects == {
        on_index.digest: index.digest,
        on_arm.digest: arm.digest,
        also_on_arm.digest: arm.digest,
        on_sbom.digest: on_arm.digest,
        signature_of_signature.digest: on_sbom.digest,
    }


CHOICES = {
    "all": {"signature", "attestation", "sbom"},
    "signatures": {"signature"},
    "signatures,sboms": {"signature", "sbom"},
    "attestations": {"attestation"},
    SPDX: {"sbom"},
    "application/vnd.example": set(),
    "none": set(),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_is_carried_and_the_others_are_reported_once(target, export, choice):
    push_all(target, WHERE, SUBJECT)
    push_all(target, WHERE, images.simple("other"), tag="2")
    ran = export(place(target), place(target, "2"), "--attachments", choice, "--dry-run")
    for number in range(2):
        assert {kind for kind, _, _ in attached(ran.json, number)} == CHOICES[choice]
    left = {(each["reason"], each["kind"], each["count"]) for each in ran.json["notCarried"]}
    assert left == {("not-chosen", kind, 1) for kind in CHOICES["all"] - CHOICES[choice]}
    assert ran.err.count("--attachments") == bool(left)
    if choice == "none":
        assert "signatures: 2, SBOMs: 2, attestations: 2" in ran.err
        assert f"{target.host}/{WHERE}:1, {target.host}/{WHERE}:2" in ran.err


def test_a_list_chooses_for_all_and_for_one(target, export, tmp_path):
    push_all(target, WHERE, SUBJECT)
    push_all(target, WHERE, images.simple("other"), tag="2")
    list_file = tmp_path / "list.yaml"
    list_file.write_text(
        f"attachments: none\nimages:\n- {target.host}/{WHERE}:1\n"
        f"- image: {target.host}/{WHERE}:2\n  attachments: [signatures, sboms]\n"
    )
    ran = export(list_file, "--attachments", "attestations")
    assert attached(ran.json) == []
    assert {kind for kind, _, _ in attached(ran.json, 1)} == {"signature", "sbom"}


def test_signatures_of_an_index_cannot_apply_to_a_choice_of_platforms(target, fronts, export):
    front = fronts(target, Referrers())
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    marks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd.digest}
    unknown = {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": marks}
    buildx = images.artifact("attestation")
    index = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64")), (buildx, unknown)])
    index.push(front, WHERE, "1")
    cosign(index).push(front, WHERE, dashed(index, ".sig"))
    of_amd = referrer(amd)
    of_amd.push(front, WHERE)
    ran = export(place(front), "--platform", "linux/amd64")
    assert attached(ran.json) == [("sbom", of_amd.digest, None)]
    reference = f"{front.host}/{WHERE}:1"
    assert ran.json["notCarried"] == [
        {"reference": reference, "reason": "new-index", "kind": kind, "count": 1}
        for kind in ("attestation", "signature")
    ]
    assert "signatures: 1, attestations: 1" in ran.err


def test_an_attestation_of_an_index_that_names_its_subject_travels_with_one_platform(target, export):
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    buildx = referrer(amd, "application/vnd.in-toto+json")
    marks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd.digest}
    unknown = {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": marks}
    index = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64")), (buildx, unknown)])
    index.push(target, WHERE, "1")
    one = export(place(target), "--platform", "linux/amd64", "--dry-run").json
    assert (attached(one), one["notCarried"]) == ([("attestation", buildx.digest, None)], [])
    both = export(place(target), "--platform", "linux/amd64", "--platform", "linux/arm64", "--dry-run").json
    assert (attached(both), both["notCarried"]) == ([], [])  # it is a child of the index
    none = export(place(target), "--platform", "linux/amd64", "--attachments", "none", "--dry-run").json
    assert [(each["reason"], each["kind"]) for each in none["notCarried"]] == [("not-chosen", "attestation")]


def test_a_tag_that_a_list_names_is_carried_once(target, export, tmp_path):
    found = push_all(target, WHERE, SUBJECT)
    ran = export(place(target), place(target, dashed(SUBJECT, ".sig")))
    assert ran.code == 0, ran.err
    assert [image["digest"] for image in ran.json["images"]] == [SUBJECT.digest, found["signature"].digest]
    digests = [blob["digest"] for blob in manifest_in(tmp_path)["blobs"]]
    assert len(digests) == len(set(digests))


def test_a_referrer_of_another_subject_is_left_out_and_reported(target, export):
    other = images.simple("other")
    SUBJECT.push(target, WHERE, "1")
    stranger, nobody = referrer(other), images.artifact("nobody")
    for each in (stranger, nobody):
        each.push(target, WHERE)
    fallback_index(stranger, nobody).push(target, WHERE, dashed(SUBJECT))
    ran = export(place(target))
    assert (ran.code, attached(ran.json)) == (0, [])
    assert f"{stranger.digest} is listed as attached to {SUBJECT.digest}, but names {other.digest}" in ran.err
    assert f"{nobody.digest} is listed as attached to {SUBJECT.digest}, but names no subject" in ran.err


def test_tags_that_name_the_image_itself_attach_nothing(target, export):
    SUBJECT.push(target, WHERE, "1")
    for suffix in ("", ".sig"):
        SUBJECT.push(target, WHERE, dashed(SUBJECT, suffix))
    ran = export(place(target))
    assert (ran.code, attached(ran.json)) == (0, [])
    assert "names the image itself" in ran.err


def test_what_harbor_lists_as_a_referrer_and_has_a_tag_is_carried_with_its_tag(target, fronts, export):
    signature = cosign(SUBJECT)
    api = Referrers()
    front = fronts(target, api)
    SUBJECT.push(front, WHERE, "1")
    signature.push(front, WHERE, dashed(SUBJECT, ".sig"))
    api.listed[WHERE, SUBJECT.digest] = [signature.descriptor()]
    ran = export(place(front))
    assert attached(ran.json) == [("signature", signature.digest, dashed(SUBJECT, ".sig"))]
    assert "names no subject" not in ran.err


def test_an_attachment_that_is_gone_is_an_error_that_skip_missing_does_not_hide(target, fronts, export, tmp_path):
    api = Referrers()
    front = fronts(target, api)
    SUBJECT.push(front, WHERE, "1")
    images.simple("other").push(front, WHERE, "2")
    api.listed[WHERE, SUBJECT.digest] = [referrer(SUBJECT).descriptor()]
    ran = export(place(front), place(front, "2"), "--skip-missing")
    assert (ran.code, ran.json["error"]["errors"][0]["code"]) == (6, "attachment-missing")
    assert not (tmp_path / "b").exists()
    assert export(place(front), "--attachments", "none").code == 0


def test_attachments_may_be_nested_and_no_deeper_than_the_limit(target, fronts, export):
    front = fronts(target, Referrers())
    chain = [SUBJECT]
    SUBJECT.push(front, WHERE, "1")
    for _ in range(limits.ATTACHMENT_DEPTH):
        chain.append(referrer(chain[-1]))
        chain[-1].push(front, WHERE)
    assert [digest for _, digest, _ in attached(export(place(front), "--dry-run").json)] == [
        each.digest for each in chain[1:]
    ]
    referrer(chain[-1]).push(front, WHERE)
    ran = export(place(front), "--dry-run")
    assert (ran.code, ran.json["error"]["errors"][0]["expected"]) == (6, "at most 5 levels")


def test_an_endless_chain_is_refused_after_few_requests(target, fronts, export):
    """Each manifest is made when it is asked for: a chain of depth 1000 would end no earlier."""
    front = fronts(target, Referrers())
    SUBJECT.push(front, WHERE, "1")
    last = [SUBJECT]

    def grow(front: Front, request: Any) -> bool:
        if "/referrers/" in request.path:
            last.append(referrer(last[-1]))
            last[-1].push(front, WHERE)
        return False

    front.faults.insert(0, grow)
    front.requests.clear()
    ran = export(place(front), "--dry-run")
    assert ran.code == 6
    assert front.count("GET", "/referrers/") <= limits.ATTACHMENT_DEPTH + 1


@pytest.mark.parametrize("limit", ["ATTACHMENTS", "ATTACHMENT_MANIFESTS_BYTES"])
def test_number_and_size_of_attachments_are_bounded(target, export, monkeypatch, limit):
    monkeypatch.setattr(search, limit, 2)
    push_all(target, WHERE, SUBJECT)
    ran = export(place(target), "--dry-run")
    assert ran.code == 6
    assert "--attachments none" in ran.json["error"]["errors"][0]["hint"]


def test_a_source_that_does_not_tell_is_an_error_unless_nothing_is_wanted(target, fronts, export):
    def broken(front: Front, request: Any) -> bool:
        if "/referrers/" in request.path:
            front.send(request, 500, {}, b"")
        return "/referrers/" in request.path

    front = fronts(target, broken)
    SUBJECT.push(front, WHERE, "1")
    assert export(place(front), "--dry-run").code == 7
    ran = export(place(front), "--dry-run", "--attachments", "none")
    assert (ran.code, [each["reason"] for each in ran.json["notCarried"]]) == (0, ["not-asked"])
    assert "does not say" in ran.err


def test_few_requests_are_added_where_nothing_is_attached(target, fronts, export):
    """Without the API three for each repository; with it, two for each repository and one for each manifest."""
    children = [images.simple(f"child {number}", architecture=f"a{number}") for number in range(10)]
    index = images.index([(child, images.platform(f"a{number}")) for number, child in enumerate(children)])
    counts = {}
    for name, faults in (("no API", ()), ("API", (Referrers(),))):
        front = fronts(target, *faults)
        for tag in ("1", "2"):
            index.push(front, WHERE, tag)
        front.requests.clear()
        assert export(place(front), place(front, "2"), "--dry-run").code == 0
        counts[name] = [
            path for _, path in front.requests if "/referrers/" in path or "sha256-" in path or "/tags/" in path
        ]
    assert len(counts["no API"]) <= 4  # both images may find out at the same time
    assert len(counts["API"]) == 2 * 11 + 2


def test_a_resumed_export_keeps_the_attachments_of_its_start(target, fronts, here, tmp_path):
    found = push_all(target, WHERE, SUBJECT)
    broken = [True]

    def no_layers(front: Front, request: Any) -> bool:
        if broken[0] and max(SUBJECT.blobs, key=lambda digest: len(SUBJECT.blobs[digest])) in request.path:
            front.send(request, 404, {}, b"")
            return True
        return False

    front = fronts(target, no_layers)
    command = ("export", place(front), "-o", tmp_path, "--name", "b", "--unsigned", "--json")
    assert here(*command, "--attachments", "signatures,sboms").code == 6
    referrer(SUBJECT, content=b"new").push(target, WHERE)
    late = referrer(SUBJECT, content=b"late")
    late.push(target, WHERE)
    fallback_index(found["sbom"], late).push(target, WHERE, dashed(SUBJECT))
    list_file = tmp_path / "list.yaml"
    list_file.write_text(f"images: [{{image: '{front.host}/{WHERE}:1', attachments: none}}]")
    for flags in ((), ("--attachments", "signatures,sboms")):
        refused = here("export", list_file, *command[2:], *flags)
        assert (refused.code, "ttachments" in refused.json["error"]["message"]) == (2, True)
    broken[0] = False
    refused = here(*command)
    assert (refused.code, "--attachments" in refused.json["error"]["message"]) == (2, True)
    front.requests.clear()
    ran = here(*command, "--attachments", "sboms", "--attachments", "signatures")
    assert ran.code == 0, ran.err
    assert {digest for _, digest, _ in attached(ran.json)} == {found["signature"].digest, found["sbom"].digest}
    assert [(each["kind"], each["count"]) for each in ran.json["notCarried"]] == [("attestation", 1)]
    assert not front.count("GET", "/referrers/")
    again = here(*command, "--attachments", "sboms,signatures")
    assert again.code == 2  # the bundle that is there differs from the one that would be made now
    assert "other attachments" in again.json["error"]["message"]


# Layouts and archives.


def write_layout(folder: Path, *unnamed: images.Image, named: dict[str, images.Image]) -> None:
    """A layout with named images, and entries without a name."""
    for name, image in named.items():
        image.write_layout(folder, name)
    for image in unnamed:
        image.write_layout(folder, "")
    index = json.loads((folder / "index.json").read_text())
    for entry in index["manifests"]:
        if not entry["annotations"]["org.opencontainers.image.ref.name"]:
            del entry["annotations"]
    (folder / "index.json").write_text(json.dumps(index))


LAYOUT_FORMS = ["oci", "tar", "tar.gz"]


def source_of(folder: Path, form: str) -> str:
    if form == "oci":
        return f"oci:{folder}"
    shell(f"tar -caf {folder}.{form} -C {folder} .", cwd=folder)
    return f"oci-archive:{folder}.{form}"


@pytest.mark.parametrize("form", LAYOUT_FORMS)
def test_attachments_of_layouts_travel_and_are_no_images(export, tmp_path, form):
    sbom, signature = referrer(SUBJECT, content=random.Random(1).randbytes(70_000)), cosign(SUBJECT)
    listed = referrer(SUBJECT, "application/vnd.cncf.notary.signature")
    of_sbom = referrer(sbom, "application/vnd.cncf.notary.signature")
    named = {
        "example.com/app:1": SUBJECT,
        f"example.com/app:{dashed(SUBJECT, '.sig')}": signature,
        dashed(SUBJECT): fallback_index(listed),
    }
    write_layout(tmp_path / "layout", sbom, of_sbom, named=named)
    ran = export(source_of(tmp_path / "layout", form))
    assert ran.code == 0, ran.err
    assert [image["reference"] for image in ran.json["images"]] == ["example.com/app:1"]
    assert sorted(attached(ran.json)) == sorted(
        [
            ("signature", signature.digest, dashed(SUBJECT, ".sig")),
            ("signature", listed.digest, None),
            ("sbom", sbom.digest, None),
            ("signature", of_sbom.digest, None),
        ]
    )
    assert {each["found"] for each in ran.json["images"][0]["attachments"]} == {"layout"}


def test_an_attachment_of_a_layout_can_be_chosen_by_its_name(export, tmp_path):
    signature = cosign(SUBJECT)
    tag = f"example.com/app:{dashed(SUBJECT, '.sig')}"
    write_layout(tmp_path / "layout", named={"example.com/app:1": SUBJECT, tag: signature})
    ran = export(f"oci:{tmp_path}/layout:{tag}")
    assert [image["digest"] for image in ran.json["images"]] == [signature.digest]


def test_an_attachment_whose_subject_is_not_in_the_layout_stays_an_image(export, tmp_path):
    signature = cosign(images.simple("absent"))
    name = f"example.com/app:{dashed(images.simple('absent'), '.sig')}"
    write_layout(tmp_path / "layout", named={name: signature})
    ran = export(f"oci:{tmp_path}/layout")
    assert [image["reference"] for image in ran.json["images"]] == [name]


def test_a_bundle_restored_as_a_layout_gives_the_same_attachments(target, export, here, tmp_path):
    push_all(target, WHERE, SUBJECT)
    first = export(place(target))
    folder = tmp_path / "layout"
    folder.mkdir()
    shell(f"cat {tmp_path}/b/chunk-*.tar | tar -x -i -C {folder}", cwd=tmp_path)
    again = here("export", f"oci:{folder}", "-o", tmp_path / "2", "--name", "b", "--unsigned", "--json")
    assert again.code == 0, again.err
    assert [image["reference"] for image in again.json["images"]] == [
        image["reference"] for image in first.json["images"]
    ]
    assert sorted(attached(again.json)) == sorted(attached(first.json))


# To the other side.


def digests_listed(endpoint: Front | RealRegistry, repository: str, digest: str) -> set[str]:
    """The digests that a registry lists as attached to a manifest, and to its attachments."""
    store = Repository(Registry(endpoint.host, NetworkOptions()), repository)
    found: set[str] = set()
    left = [digest]
    while left:
        for each in store.attachments_of(Digest.parse(left.pop())):
            descriptor = each.descriptor or store.resolve(each.tag)
            assert Digest.of(store.read_manifest(descriptor)) == descriptor.digest
            if str(descriptor.digest) not in found:
                found.add(str(descriptor.digest))
                left.append(str(descriptor.digest))
    return found


@pytest.mark.parametrize("there", [(), (Referrers(),)], ids=["no API", "API"])
def test_what_the_source_lists_the_target_lists(new_registry, fronts, export, here, tmp_path, there):
    front = fronts(new_registry(), Referrers(page_size=1))
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    index = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64"))])
    found = push_all(front, WHERE, index)
    of_arm = referrer(arm, "application/vnd.cncf.notary.signature", annotations={"a": "b"})
    of_sbom = referrer(found["sbom"], "application/vnd.cncf.notary.signature")
    for each in (of_arm, of_sbom):
        each.push(front, WHERE)
    assert export(place(front)).code == 0
    target = fronts(new_registry(), *there)
    ran = here("import", tmp_path / "b", "--to", target.host, "--insecure-no-signature")
    assert ran.code == 0, ran.err
    for digest in (index.digest, amd.digest, arm.digest):
        listed = digests_listed(front, WHERE, digest)
        assert digests_listed(target, WHERE, digest) == listed
    assert digests_listed(target, WHERE, index.digest) == {image.digest for image in (*found.values(), of_sbom)}
    assert digests_listed(target, WHERE, arm.digest) == {of_arm.digest}
