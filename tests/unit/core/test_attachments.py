"""Attachments as sources list them. Manifests and lists of real tools are in tests/vectors/signatures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bundler.core import attachments, oci
from bundler.core.attachments import ATTESTATION, OTHER, SBOM, SIGNATURE
from bundler.core.digest import Digest
from bundler.core.limits import ATTACHMENTS
from bundler.core.oci import Descriptor
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case

VECTORS = Path(__file__).parents[2] / "vectors/signatures"
SUBJECT = Digest.parse("sha256:1d979d388c6fc3dd1f179658d10a1dc8de6b42a77ab51769c4d599c73b92464b")
LONG = Digest("sha512", "ab" * 64)
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def entry(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"mediaType": oci.OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 9, **more}


def listed(*entries: object, **more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": list(entries), **more}).encode()


def index_of(content: bytes) -> Descriptor:
    return Descriptor(oci.OCI_INDEX, Digest.of(content), len(content))


def test_the_fallback_tag_is_cut_as_the_specification_says():
    assert attachments.fallback_tag(SUBJECT) == f"sha256-{SUBJECT.encoded}"
    assert attachments.fallback_tag(LONG) == f"sha512-{'ab' * 32}"


@each_case(
    "tag, found",
    [
        (f"sha256-{SUBJECT.encoded}.sig", (SUBJECT, ".sig")),
        (f"sha256-{SUBJECT.encoded}", (SUBJECT, "")),
        (f"sha256-{SUBJECT.encoded}.other", (SUBJECT, ".other")),
        (f"sha256-{SUBJECT.encoded.upper()}.sig", None),
        (f"sha256-{SUBJECT.encoded}.sig.sig", None),
        (f"sha256-{SUBJECT.encoded[1:]}.sig", None),
        ("1.27", None),
    ],
)
def test_the_subject_is_in_the_tag(tag, found):
    assert attachments.subject_of_tag(tag) == found


@each_case(
    "artifact_type, kind",
    [
        ("application/vnd.cncf.notary.signature", SIGNATURE),
        ("application/vnd.dev.cosign.artifact.sig.v1+json", SIGNATURE),
        ("application/vnd.dev.cosign.simplesigning.v1+json", SIGNATURE),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", SIGNATURE),
        ("application/vnd.dev.sigstore.bundle+json;version=0.2", SIGNATURE),
        ("application/vnd.in-toto+json", ATTESTATION),
        ("application/vnd.dsse.envelope.v1+json", ATTESTATION),
        ("application/spdx+json", SBOM),
        ("text/spdx", SBOM),
        ("text/spdx+json", SBOM),
        ("application/vnd.cyclonedx+json", SBOM),
        ("application/vnd.cyclonedx", SBOM),
        ("application/vnd.syft+json", SBOM),
        ("application/vnd.goharbor.harbor.sbom.v1", SBOM),
        ("application/sarif+json", OTHER),
        ("application/vnd.openvex+json", OTHER),
        ("application/vnd.example.spdx", OTHER),
        ("", OTHER),
    ],
)
def test_the_type_of_an_artifact_shows_its_kind(artifact_type, kind):
    assert attachments.kind_of(artifact_type) == kind


@each_case(
    "annotations, kind",
    [
        ({"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}, SIGNATURE),
        ({"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}, ATTESTATION),
        (
            {
                "dev.sigstore.bundle.content": "message-signature",
                "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
            },
            SIGNATURE,
        ),
        ({"dev.sigstore.bundle.content": "dsse-envelope"}, SIGNATURE),
    ],
)
def test_annotations_tell_signatures_from_attestations_in_the_bundles_of_sigstore(annotations, kind):
    assert attachments.kind_of(BUNDLE, annotations=annotations) == kind
    (found,) = attachments.parse_referrers(
        listed(entry(artifactType=BUNDLE, annotations=annotations)), subject=SUBJECT, what="a list"
    )
    assert found.kind == kind


@each_case(
    "file, tag, kind, artifact_type, subject",
    [
        ("sigman.json", ".sig", SIGNATURE, oci.OCI_CONFIG, None),
        ("c2man.json", ".sig", SIGNATURE, oci.OCI_CONFIG, None),
        ("c2man.json", "", SIGNATURE, oci.OCI_CONFIG, None),
        ("c3man.json", "", SIGNATURE, BUNDLE, SUBJECT),
    ],
)
def test_manifests_of_real_tools_are_understood(file, tag, kind, artifact_type, subject):
    content = (VECTORS / file).read_bytes()
    oci.parse_manifest(content, oci.OCI_MANIFEST, what=file)
    facts = attachments.facts_of(content, tag and f"sha256-{SUBJECT.encoded}{tag}", what=file)
    assert (facts.kind, facts.artifact_type, facts.subject) == (kind, artifact_type, subject)


def test_the_fallback_index_of_real_cosign_is_understood():
    content = (VECTORS / "c3idx.json").read_bytes()
    found = attachments.parse_fallback_index(content, index_of(content), subject=SUBJECT, what="an index")
    assert found is not None
    (only,) = found.referrers
    assert only.descriptor.digest == Digest.of((VECTORS / "c3man.json").read_bytes())
    assert (only.kind, only.artifact_type) == (SIGNATURE, BUNDLE)


@each_case(
    "manifest, artifact_type",
    [
        ({"artifactType": "a/b", "config": {"mediaType": "c/d"}}, "a/b"),
        ({"config": {"mediaType": "c/d"}}, "c/d"),
        ({"artifactType": "", "config": {"mediaType": "c/d"}}, "c/d"),
        ({"artifactType": 7, "config": 8}, ""),
        ({"artifactType": "a\nb"}, ""),
        ([], ""),
    ],
)
def test_the_type_of_a_manifest_is_that_of_its_config_if_it_gives_none(manifest, artifact_type):
    facts = attachments.facts_of(json.dumps(manifest).encode(), "", what="a manifest")
    assert facts.artifact_type == artifact_type


def test_a_subject_that_is_no_descriptor_is_refused():
    with raises(Damaged, subject="a manifest: subject"):
        attachments.facts_of(b'{"subject": {"digest": "sha256:12"}}', "", what="a manifest")


@each_case("content", [b"{}", b"[]", b'"text"', b"<html>", b'{"manifests": {}}', b'{"manifests": [{}]}', b""])
def test_an_answer_that_is_no_list_is_refused(content):
    with raises(Damaged):
        attachments.parse_referrers(content, subject=SUBJECT, what="a list")


def test_an_empty_list_may_be_null():
    assert attachments.parse_referrers(b'{"manifests": null}', subject=SUBJECT, what="a list") == ()


def test_a_manifest_is_no_referrer_of_itself():
    content = listed(entry(), entry(digest=str(SUBJECT)))
    assert len(attachments.parse_referrers(content, subject=SUBJECT, what="a list")) == 1


def test_the_number_of_referrers_is_bounded_over_all_pages():
    content = listed(*(entry(number) for number in range(3)))
    assert len(attachments.parse_referrers(content, subject=SUBJECT, what="a list", before=ATTACHMENTS - 3)) == 3
    with raises(Refused, subject="a list"):
        attachments.parse_referrers(content, subject=SUBJECT, what="a list", before=ATTACHMENTS - 2)


@each_case(
    "content, descriptor",
    [
        (listed(entry()), Descriptor(oci.OCI_MANIFEST, Digest("sha256", "1" * 64), 9)),
        (listed(entry()), Descriptor(oci.DOCKER_INDEX, Digest("sha256", "1" * 64), 9)),
        (listed(entry()), Descriptor(oci.OCI_INDEX, SUBJECT, 9)),
        (listed(entry(), subject=entry()), Descriptor(oci.OCI_INDEX, Digest("sha256", "1" * 64), 9)),
    ],
    ids=["a manifest", "an index of Docker", "the subject itself", "an index that is attached itself"],
)
def test_what_is_not_an_index_of_referrers_is_ignored(content, descriptor):
    assert attachments.parse_fallback_index(content, descriptor, subject=SUBJECT, what="an index") is None
