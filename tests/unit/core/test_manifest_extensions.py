"""The optional parts of bundle.json: attachments, verdicts, series, bases and media. FORMAT.md, sections 5.11 to 5.14."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.archive_kind import SEVEN_ZIP
from bundler.core.manifest import (
    Base,
    BundleManifest,
    InBase,
    Medium,
    Series,
    Verdict,
    from_json,
    to_json,
)
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.core.plan import Plan, ResolvedAttachment, ResolvedImage
from bundler.errors import Damaged, Refused
from tests.support.tables import each_case
from tests.unit.values import MIB, digest, image_manifest, layer, plan_with, planned, resolved

Document = dict[str, Any]


def extended() -> BundleManifest:
    """The same with everything that is optional: attachments of each form, verdicts, a series, bases and media."""
    first, second = (
        ResolvedImage(
            image.reference,
            image.source,
            tuple(image_manifest(f"{image.reference}", *layers) for _ in range(1)),
            (),
        )
        for image, layers in (
            (resolved("nginx:1.27"), [layer("shared", 1000), layer("large", 3 * MIB)]),
            (resolved("quay.io/b:2"), [layer("shared", 1000), layer("old", 2000)]),
        )
    )
    subject = first.root.digest
    sbom = image_manifest("sbom", layer("packages", 300))
    signature = image_manifest("signature", layer("payload", 200))
    of_sbom = image_manifest("signature of the sbom", layer("bundle", 100))
    described = replace(
        first,
        attachments=(
            ResolvedAttachment(subject, "sbom", "referrers", (sbom,), "application/spdx+json"),
            ResolvedAttachment(subject, "signature", "tag", (signature,), tag=f"sha256-{subject.encoded}.sig"),
            ResolvedAttachment(sbom.descriptor.digest, "signature", "fallback-tag", (of_sbom,), "application/x"),
        ),
        verdicts=(
            Verdict(digest("policy").encoded, "docker.io/library: sigstoreSigned", "accepted", "the builder"),
            Verdict(digest("other policy").encoded, "default: reject", "refused", reason="no signature"),
        ),
    )
    bases = (
        Base(digest("earlier").encoded, "bundle", "test-0.9", "2026-10-23T00:00:00Z", SEVEN_ZIP),
        Base(digest("receipt").encoded, "receipt", "registry.example.com/team"),
        Base(digest("nobody").encoded, "inventory", "a base that nothing is left out for"),
    )
    places = (InBase(0, (3, 4)), InBase(1, (), ("library/nginx", "b")))
    plan = plan_with(
        [described, second],
        name="test-1.0",
        created="2026-11-23T00:00:00Z",
        tool="bundler test",
        signed=True,
        chunk_size_bytes=MIB,
        series=Series("stable", 12, digest("before").encoded),
        completes=digest("other").encoded,
        bases=bases,
        left_out={digest("old"): places, first.root.digest: places},
    )
    numbers = range(1, len(plan.manifest.chunks) + 1)
    media = (
        Medium(tuple(numbers[:2]), ("parity-01.vol000+52.par2", "tool/x.whl"), 64 * MIB),
        Medium(tuple(numbers[2:])),
    )
    return replace(plan.manifest, media=media)


EXTENDED = to_json(extended())


def changed(change: Callable[[Document], object]) -> bytes:
    document = copy.deepcopy(json.loads(EXTENDED))
    change(document)
    return json.dumps(document).encode()


def left_out(document: Document) -> Document:
    """The blob of the extended document that a base has."""
    return blob_of(document, "old")


def blob_of(document: Document, word: str) -> Document:
    found: Document = next(blob for blob in document["blobs"] if blob["digest"] == str(digest(word)))
    return found


def attached(document: Document) -> list[Document]:
    """The attachments of its first image."""
    found: list[Document] = document["images"][0]["attachments"]
    return found


CONTRADICTIONS: dict[str, tuple[Callable[[Document], object], str]] = {
    "a blob that is left out, and no base": (lambda d: left_out(d).pop("in"), "'pieces'"),
    "a blob in no base": (lambda d: left_out(d).update({"in": []}), "no base has it"),
    "a blob in a base and with pieces": (
        lambda d: left_out(d).update(pieces=[[1, 512, 31]]),
        "has pieces",
    ),
    "a manifest in a base": (
        lambda d: (d["blobs"][0].pop("pieces"), d["blobs"][0].update({"in": [{"base": 0, "chunks": [1]}]})),
        "is a manifest",
    ),
    "a base that is not listed": (lambda d: left_out(d)["in"][0].update(base=2), "base that is not listed"),
    "a negative base": (lambda d: left_out(d)["in"][0].update(base=-1), "number out of range"),
    "a blob in a base twice": (lambda d: left_out(d)["in"].append(left_out(d)["in"][0]), "is in a base twice"),
    "a blob in a bundle, in no chunk of it": (
        lambda d: left_out(d)["in"][0].pop("chunks"),
        "kind of its base",
    ),
    "a blob in chunk 0 of a base": (lambda d: left_out(d)["in"][0].update(chunks=[0]), "not consecutive"),
    "chunks of a base with a gap": (lambda d: left_out(d)["in"][0].update(chunks=[3, 5]), "not consecutive"),
    "a blob in a chunk of a receipt": (
        lambda d: left_out(d)["in"][1].update(chunks=[1]),
        "kind of its base",
    ),
    "a repository of a bundle": (
        lambda d: left_out(d)["in"][0].update(repositories=["a"]),
        "kind of its base",
    ),
    "a repository that is a path": (
        lambda d: left_out(d)["in"][1].update(repositories=["../a"]),
        "not a repository",
    ),
    "17 repositories": (lambda d: left_out(d)["in"][1].update(repositories=["a"] * 17), "more than 16 repositories"),
    "a base twice": (lambda d: d["bases"].append(d["bases"][0]), "a base that is listed twice"),
    "a base that nothing is in": (
        lambda d: d["bases"].append({"id": "0" * 64, "kind": "inventory", "name": "x"}),
        "a base that no blob",
    ),
    "a base of an unknown kind": (lambda d: d["bases"][0].update(kind="hearsay"), "unknown kind of base"),
    "a base without an id": (lambda d: d["bases"][0].update(id="x"), "not an id"),
    "a base with an id in capitals": (lambda d: d["bases"][0].update(id="A" * 64), "not an id"),
    "a bundle as a base with a path as its name": (lambda d: d["bases"][0].update(name="../x"), "not a bundle name"),
    "a receipt without a name": (lambda d: d["bases"][1].update(name=""), "the name of a base has 0 characters"),
    "a receipt with a long name": (lambda d: d["bases"][1].update(name="x" * 513), "has 513 characters"),
    "a receipt with chunks": (lambda d: d["bases"][1].update(archive="7z"), "has an archive"),
    "101 bases": (lambda d: d.update(bases=d["bases"] * 51), "more than 100 bases"),
    "bases in a bundle that says to be whole": (lambda d: d.update(format="bundler/1"), "bundles without them"),
    "a whole bundle that says to have bases": (
        lambda d: (d.pop("bases"), left_out(d).pop("in"), left_out(d).update(pieces=[])),
        "bundles with bases",
    ),
    "a negative sequence": (lambda d: d["series"].update(sequence=-1), "number out of range"),
    "a sequence of 0": (lambda d: d["series"].update(sequence=0), "has the number 1"),
    "a sequence with a fraction": (lambda d: d["series"].update(sequence="7"), "number out of range"),
    "a first bundle that follows another": (lambda d: d["series"].update(sequence=1), "follows another one"),
    "a channel that is a path": (lambda d: d["series"].update(channel="../x"), "not the name of a channel"),
    "a previous bundle that is none": (lambda d: d["series"].update(previous="7"), "not an id"),
    "a bundle to complete that is none": (lambda d: d.update(completes="7"), "not an id"),
    "a series that is a text": (lambda d: d.update(series="7"), "contradicts its format"),
    "a medium with an unknown chunk": (
        lambda d: d["media"][0]["chunks"].append(99),
        "has chunk 99",
    ),
    "a medium with chunk 0": (lambda d: d["media"][0]["chunks"].append(0), "has chunk 0"),
    "a chunk on two media": (lambda d: d["media"][1]["chunks"].append(1), "planned for two media"),
    "a chunk on no medium": (lambda d: d["media"][0]["chunks"].remove(1), "planned for no medium"),
    "a medium of a negative size": (lambda d: d["media"][0].update(size=-1), "number out of range"),
    "a medium with a file that all have": (lambda d: d["media"][0].update(files=["README.txt"]), "not a file of one"),
    "a medium with a chunk by its name": (
        lambda d: d["media"][0].update(files=["chunk-0001.tar"]),
        "not a file of one",
    ),
    "a medium with a file elsewhere": (lambda d: d["media"][0].update(files=["tool/../x"]), "not a file of one medium"),
    "a file on two media": (
        lambda d: [medium.update(files=["parity-01.par2"]) for medium in d["media"]],
        "a file is planned for two media",
    ),
    "100,001 media": (lambda d: d.update(media=[{"chunks": []}] * 100_001), "more than 100,000 media"),
    "an attachment of a stranger": (
        lambda d: attached(d)[0].update(subject=str(digest("stranger"))),
        "has an attachment of",
    ),
    "an attachment before its subject": (
        lambda d: attached(d).reverse(),
        "has an attachment of",
    ),
    "an attachment twice": (lambda d: attached(d).append(attached(d)[0]), "has an attachment twice"),
    "an image attached to itself": (
        lambda d: attached(d)[0].update(manifests=d["images"][0]["manifests"]),
        "manifests attached",
    ),
    "an attachment without a manifest": (lambda d: attached(d)[0].update(manifests=[]), "a blob that is not listed"),
    "an attachment that is not listed": (lambda d: attached(d)[0].update(manifests=[99]), "a blob that is not listed"),
    "an attachment that is a layer": (lambda d: attached(d)[0].update(manifests=[9]), "has a manifest of another kind"),
    "a manifest among the layers of an attachment": (
        lambda d: attached(d)[0]["blobs"].append(0),
        "has a manifest among its layers",
    ),
    "an attachment that needs a blob twice": (
        lambda d: attached(d)[0]["blobs"].append(attached(d)[0]["blobs"][0]),
        "needs a blob twice",
    ),
    "an attachment with the tag of an image": (lambda d: attached(d)[0].update(tag="latest"), "is not one for attach"),
    "an attachment with the tag of another": (
        lambda d: attached(d)[0].update(tag=f"sha256-{digest('other').encoded}.sig"),
        "is not one for attachments of",
    ),
    "two attachments with one tag": (
        lambda d: attached(d)[0].update(tag=attached(d)[1]["tag"]),
        "has two attachments with the tag",
    ),
    "an attachment with an empty tag": (lambda d: attached(d)[0].update(tag=""), "is not one for attachments of"),
    "an attachment of two kinds": (lambda d: attached(d)[0].update(kind="signature, sbom"), "not one word"),
    "an attachment that was found by magic": (lambda d: attached(d)[0].update(found="\x1b[2J"), "not one word"),
    "an attachment with a type that no header takes": (
        lambda d: attached(d)[0].update(artifactType="a\nb"),
        "not a media type",
    ),
    "10,001 attachments": (
        lambda d: d["images"][0].update(attachments=[{}] * 10_001),
        "more than 10,000 attachments",
    ),
    "a verdict by no policy": (lambda d: d["images"][0]["verdicts"][0].update(policy="all"), "not a digest"),
    "a verdict that is a number": (lambda d: d["images"][0]["verdicts"][0].update(result=1), "a text is expected"),
    "101 verdicts": (
        lambda d: d["images"][0].update(verdicts=d["images"][0]["verdicts"] * 101),
        "more than 100 verdicts",
    ),
}


def test_what_is_written_is_read_again() -> None:
    assert from_json(EXTENDED, what="bundle.json") == extended()
    assert to_json(from_json(EXTENDED, what="bundle.json")) == EXTENDED


@each_case(("change", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_bundle_manifest_that_contradicts_itself_is_damage(
    change: Callable[[Document], object], message: str
) -> None:
    with pytest.raises(Damaged, match=message) as caught:
        from_json(changed(change), what="bundle.json")
    assert (caught.value.exit_code, caught.value.subject) == (4, "bundle.json")


def test_unknown_fields_are_ignored() -> None:
    def extend(document: Document) -> None:
        for part in (document["series"], document["bases"][0], document["media"][0], attached(document)[0]):
            part["later"] = {"a": [1]}
        left_out(document)["in"][0]["later"] = 1
        document["images"][0]["verdicts"][0]["later"] = None

    assert from_json(changed(extend), what="bundle.json") == extended()


def test_kinds_of_attachments_that_come_later_are_kept() -> None:
    content = changed(lambda d: attached(d)[0].update(kind="vex", found="mirror"))
    read = from_json(content, what="bundle.json").images[0].attachments[0]
    assert (read.kind, read.found) == ("vex", "mirror")


def test_a_bundle_that_leaves_blobs_out_has_another_format() -> None:
    document = json.loads(EXTENDED)
    assert document["format"] == "bundler/1+base"
    assert left_out(document) == {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": str(digest("old")),
        "size": 2000,
        "kind": "layer",
        "in": [{"base": 0, "chunks": [3, 4]}, {"base": 1, "repositories": ["library/nginx", "b"]}],
    }


def test_what_is_left_out_lies_in_no_chunk() -> None:
    made = extended()
    assert [blob.descriptor.digest for blob in made.left_out] == [digest("old")]
    assert digest("old") not in {stored.digest for stored in made.stored()}


def test_no_manifest_is_left_out_and_no_base_is_listed_for_nothing() -> None:
    made = extended()
    assert made.blobs[0].stored.pieces
    assert [base.name for base in made.bases] == ["test-0.9", "registry.example.com/team"]


def test_the_chunks_of_a_base_have_the_names_that_its_kind_of_archive_gives_them() -> None:
    assert extended().bases[0].chunk_file(3) == "chunk-0003.7z"


def test_what_is_attached_is_carried_and_hurts_the_image_that_it_is_attached_to() -> None:
    made = extended()
    (image,) = (image for image in made.images if image.attachments)
    needed = {made.blobs[number].descriptor.digest for each in image.attachments for number in each.needs}
    assert {digest("packages"), digest("payload"), digest("bundle")} <= needed
    assert made.users()[digest("payload")] == [str(image.reference)]
    assert not needed & {made.blobs[number].descriptor.digest for number in image.needs}
    assert made.size_of(image) == sum(made.blobs[number].descriptor.size_bytes for number in image.needs)


def index_of(plan: Plan) -> list[Document]:
    (content,) = (content for content in plan.contents.values() if b"org.opencontainers.image.ref.name" in content)
    entries: list[Document] = json.loads(content)["manifests"]
    return entries


def test_the_index_of_the_layout_lists_attachments_after_the_images() -> None:
    image = resolved("quay.io/app:1", layer("one", 1000))
    subject, signed = image.root.digest, image_manifest("signed", layer("payload", 200))
    sbom = image_manifest("sbom", layer("packages", 300))
    tag = f"sha256-{subject.encoded}.sig"
    carried = replace(
        image,
        attachments=(
            ResolvedAttachment(subject, "signature", "tag", (signed,), tag=tag),
            ResolvedAttachment(subject, "sbom", "referrers", (sbom,), "application/spdx+json"),
        ),
    )
    again = replace(carried, reference=replace(image.reference, tag="2"))
    entries = index_of(planned(carried, again))
    assert [entry["digest"] for entry in entries[2:]] == [str(each.descriptor.digest) for each in (signed, sbom)]
    assert entries[2]["annotations"] == {"org.opencontainers.image.ref.name": f"quay.io/app:{tag}"}
    assert (entries[3]["artifactType"], "annotations" in entries[3]) == ("application/spdx+json", False)


def encrypted() -> BundleManifest:
    made = extended()
    plan = plan_with(
        [resolved("quay.io/b:2", layer("old", 2000), layer("new", 10))],
        name=made.name,
        created=made.created,
        tool=made.tool,
        signed=True,
        chunk_size_bytes=MIB,
        archive=SEVEN_ZIP,
        bases=made.bases,
        left_out={digest("old"): (InBase(0, (3,)),)},
    )
    return replace(plan.manifest, media=(Medium((1,), size_bytes=MIB),))


def test_an_encrypted_bundle_says_outside_that_it_leaves_something_out_and_not_what() -> None:
    outer = OuterManifest.of(encrypted())
    document = json.loads(outer.to_json())
    assert (document["format"], document["media"]) == ("bundler/1+base", [{"size": MIB, "chunks": [1]}])
    assert not {"series", "bases", "images", "blobs"} & set(document)
    assert read_manifest(outer.to_json(), what="test") == outer


def test_an_encrypted_bundle_is_compared_with_what_it_says_outside() -> None:
    outer = OuterManifest.of(encrypted())
    assert outer != replace(outer, is_whole=True)
    assert outer != replace(outer, media=())


@pytest.mark.parametrize("written", ["bundler/1+bases", "bundler/1+", "bundler/2+base", "bundler/1+base "])
def test_other_formats_are_refused(written: str) -> None:
    with pytest.raises(Refused) as caught:
        from_json(changed(lambda d: d.update(format=written)), what="bundle.json")
    assert caught.value.actual == written
