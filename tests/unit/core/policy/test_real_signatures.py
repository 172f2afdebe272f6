"""Signatures that skopeo and cosign made are accepted; with any bit of them changed they are refused."""

from __future__ import annotations

import json

import pytest

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.policy import Attached, Judgement
from bundler.core.policy.identity import DEFAULT_IDENTITY, MatchRepository
from bundler.core.policy.key_signed import KeySigned
from bundler.errors import Misuse
from bundler.keys.image_keys import load_image_key
from tests.support.signatures import DATA, Evidence, changed_bits
from tests.support.tables import each_case

SUBJECT = Digest.parse("sha256:1d979d388c6fc3dd1f179658d10a1dc8de6b42a77ab51769c4d599c73b92464b")
ROOT = Descriptor(oci.OCI_MANIFEST, SUBJECT, 417)

VECTORS = {
    "skopeo": ("sigman.json", "payload.json", "cosign.pub", "127.0.0.1:5917/team/app:v1", DEFAULT_IDENTITY),
    "cosign 2": ("c2man.json", "c2payload.json", "cosign3.pub", "127.0.0.1:5917/team/c2:any", MatchRepository()),
    "cosign 3": ("c3man.json", "c3bundle.json", "cosign3.pub", "127.0.0.1:5917/sig/img:1", DEFAULT_IDENTITY),
    "bundle": ("c3man.json", "kb.json", "kb.pub", "127.0.0.1:5917/sig/img:1", DEFAULT_IDENTITY),
}
"""For each tool: manifest, document, key, the name of the image, and the identity of the policy."""


def content(name: str) -> bytes:
    return (DATA / name).read_bytes()


def judged(tool: str, manifest: bytes, document: bytes, key: str | None = None) -> Judgement:
    """The judgement on an image with one signature. The attacker gets every digest right."""
    _, _, file, reference, identity = VECTORS[tool]
    evidence = Evidence(reference, root=ROOT)
    evidence.documents[Digest.of(document)] = document
    tag = "" if b'"subject"' in manifest else f"sha256-{SUBJECT.encoded}.sig"
    evidence.attached.append(Attached(SUBJECT, evidence.put(manifest, oci.OCI_MANIFEST), tag))
    judge = KeySigned((load_image_key(content(key or file), origin=file),), identity)
    return judge.judge(evidence.image)


def with_layer(manifest: bytes, document: bytes) -> bytes:
    """The manifest with the descriptor of another document in place of its layer."""
    parsed = json.loads(manifest)
    parsed["layers"][0] |= {"digest": str(Digest.of(document)), "size": len(document)}
    return json.dumps(parsed).encode()


@each_case("tool", VECTORS)
def test_a_signature_of_a_real_tool_is_accepted(tool):
    manifest, document = content(VECTORS[tool][0]), content(VECTORS[tool][1])
    judgement = judged(tool, with_layer(manifest, document), document)
    assert judgement.is_accepted, judgement
    assert judgement.signer.endswith(f"({VECTORS[tool][2]})")
    if tool != "bundle":
        assert judged(tool, manifest, document).is_accepted


@each_case(
    "tool, key", [("skopeo", "cosign3.pub"), ("cosign 2", "kb.pub"), ("cosign 3", "kb.pub"), ("bundle", "cosign.pub")]
)
def test_the_key_of_another_signer_is_refused(tool, key):
    document = content(VECTORS[tool][1])
    assert not judged(tool, with_layer(content(VECTORS[tool][0]), document), document, key).is_accepted


def meaning(document: bytes) -> object:
    """The content of a JSON document, without the hint, which is no part of what is signed; None if it is not JSON."""
    try:
        parsed = json.loads(document)
    except ValueError:
        return None
    if isinstance(parsed, dict) and "verificationMaterial" in parsed:
        parsed["verificationMaterial"] = "a remark"
    return parsed


@pytest.mark.no_cover  # thousands of rounds through what other tests run as well
@each_case("tool", VECTORS)
def test_every_changed_byte_of_a_document_is_refused(tool):
    manifest, document = content(VECTORS[tool][0]), content(VECTORS[tool][1])
    is_signed_whole = b"dsseEnvelope" not in document
    for changed in changed_bits(document):
        is_same = not is_signed_whole and meaning(changed) == meaning(document)
        assert judged(tool, with_layer(manifest, changed), changed).is_accepted <= is_same, changed


@each_case("tool", ["skopeo", "cosign 2"])
def test_every_changed_byte_of_a_signature_is_refused(tool):
    manifest, document = content(VECTORS[tool][0]), content(VECTORS[tool][1])
    text = json.loads(manifest)["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"].encode()
    for changed in changed_bits(text):
        if b'"' not in changed and b"\\" not in changed and changed.isascii():
            assert not judged(tool, manifest.replace(text, changed), document).is_accepted, changed


@each_case("tool", VECTORS)
def test_a_document_that_is_not_that_of_its_digest_is_never_judged(tool):
    manifest, document = with_layer(content(VECTORS[tool][0]), content(VECTORS[tool][1])), content(VECTORS[tool][1])
    evidence = Evidence(VECTORS[tool][3], root=ROOT)
    tag = f"sha256-{SUBJECT.encoded}.sig"
    evidence.attached.append(Attached(SUBJECT, evidence.put(manifest, oci.OCI_MANIFEST), tag))
    evidence.documents[Digest.of(document)] = document + b" "
    judge = KeySigned((load_image_key(content(VECTORS[tool][2]), origin="k"),), VECTORS[tool][4])
    judgement = judge.judge(evidence.image)
    assert not judgement.is_accepted
    assert judgement.error is not None
    assert judgement.error.exit_code == 4


@each_case("tool", VECTORS)
def test_a_changed_manifest_of_a_signature_is_never_judged(tool):
    """Its digest is in the signed bundle: only the attacker who signs bundles can change both."""
    manifest, document = with_layer(content(VECTORS[tool][0]), content(VECTORS[tool][1])), content(VECTORS[tool][1])
    judge = KeySigned((load_image_key(content(VECTORS[tool][2]), origin="k"),), VECTORS[tool][4])
    evidence = Evidence(VECTORS[tool][3], root=ROOT)
    evidence.documents[Digest.of(document)] = document
    descriptor = evidence.put(manifest, oci.OCI_MANIFEST)
    evidence.attached.append(Attached(SUBJECT, descriptor, "" if b'"subject"' in manifest else "x.sig"))
    assert judge.judge(evidence.image).is_accepted
    for changed in changed_bits(manifest):
        evidence.documents[descriptor.digest] = changed
        assert not judge.judge(evidence.image).is_accepted


@each_case("field", ["subject", "layers", "mediaType", "artifactType"])
def test_a_manifest_with_another_field_is_refused_where_the_field_matters(field):
    """The attacker gets every digest right. The artifact type is a remark: what is signed decides."""
    manifest, document = json.loads(content("c3man.json")), content("c3bundle.json")
    other = f"sha256:{'0' * 64}"
    match field:
        case "subject":
            manifest["subject"]["digest"] = other
        case "layers":
            manifest["layers"][0]["mediaType"] = "application/vnd.example"
        case "mediaType":
            manifest["mediaType"] = oci.OCI_INDEX
        case _:
            manifest["artifactType"] = "application/vnd.example"
    accepted = judged("cosign 3", json.dumps(manifest).encode(), document).is_accepted
    assert accepted is (field == "artifactType")


@each_case("key", ["cosign.pub", "cosign3.pub", "kb.pub"])
def test_no_changed_key_accepts(key):
    """A changed key is no key, or another one."""
    tool = next(tool for tool, vector in VECTORS.items() if vector[2] == key)
    manifest, document = content(VECTORS[tool][0]), content(VECTORS[tool][1])
    manifest = with_layer(manifest, document)
    pem = content(key)
    same = load_image_key(pem, origin=key).fingerprint
    for changed in changed_bits(pem):
        evidence = Evidence(VECTORS[tool][3], root=ROOT)
        evidence.documents[Digest.of(document)] = document
        tag = "" if b'"subject"' in manifest else f"sha256-{SUBJECT.encoded}.sig"
        evidence.attached.append(Attached(SUBJECT, evidence.put(manifest, oci.OCI_MANIFEST), tag))
        try:
            loaded = load_image_key(changed, origin=key)
        except Misuse:
            continue
        accepted = KeySigned((loaded,), VECTORS[tool][4]).judge(evidence.image).is_accepted
        assert accepted <= (loaded.fingerprint == same)
