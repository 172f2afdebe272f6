"""Each way to pass a wrong signature off as a right one is refused, and the verdict says what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.limits import SIGNATURE_DOCUMENT_BYTES, SIGNATURES_TRIED
from bundler.core.oci import Descriptor
from bundler.core.policy import Attached, ContainersPolicy, Judgement
from bundler.core.policy.base64_text import exact_base64
from bundler.core.policy.identity import DEFAULT_IDENTITY, MatchExact, MatchRepoDigestOrExact, MatchRepository
from bundler.core.policy.image_policy import Anything, Nothing
from bundler.core.policy.key_signed import KeySigned
from bundler.core.policy.simple_signing import MEDIA_TYPE as SIMPLE_SIGNING
from bundler.core.policy.verdict import Unfit, refused
from bundler.core.reference import Reference
from bundler.errors import Damaged, Incomplete, Untrusted
from tests.support.signatures import (
    BUNDLE,
    EMPTY,
    SIGNATURE,
    Evidence,
    base64_of,
    bundle_document,
    dsse_bundle,
    envelope,
    manifest_of,
    message_bundle,
    signer,
    simple_payload,
    statement,
)
from tests.support.tables import each_case

US, THEM = signer(), signer("P-256", 1)
KINDS = ("P-256", "P-384", "P-521", "RSA", "Ed25519")
OTHER = Digest.of(b"another manifest")


def judged(evidence: Evidence, *, by=US, identity=DEFAULT_IDENTITY) -> Judgement:
    return KeySigned((by.public,), identity).judge(evidence.image)


def simply(payload: bytes, *, by=US, signature: str | None = None) -> Evidence:
    """An image whose signature is this payload."""
    return Evidence().simple((payload, {SIGNATURE: base64_of(by.sign(payload)) if signature is None else signature}))


def bundled(**changes: object) -> Evidence:
    """An image with a bundle that has these fields changed."""
    evidence = Evidence()
    return evidence.bundle({**dsse_bundle(US, evidence.digest), **changes})


def enveloped(payload: bytes | None = None, **changes: object) -> Evidence:
    """An image with an envelope around this payload, with these fields changed."""
    evidence = Evidence()
    return evidence.bundle(
        bundle_document(US, dsseEnvelope={**envelope(US, payload or statement(evidence.digest)), **changes})
    )


@each_case("kind", KINDS)
def test_a_signature_of_each_kind_of_key_is_accepted_in_each_format(kind):
    by = signer(kind)
    for evidence in (
        Evidence().signed_simply(by),
        Evidence().bundle(dsse_bundle(by, Evidence().digest)),
        Evidence().bundle(message_bundle(by, Evidence().manifest)),
    ):
        judgement = judged(evidence, by=by)
        assert judgement.is_accepted, judgement
        assert judgement.signer == f"{by.public.fingerprint[:16]} (signer.pub)"
        assert not judged(evidence, by=signer(kind, 7)).is_accepted


@each_case("kind", KINDS)
def test_a_key_of_another_kind_is_refused(kind):
    by = signer("RSA" if kind == "P-256" else "P-256")
    assert not judged(Evidence().signed_simply(signer(kind)), by=by).is_accepted
    assert not judged(Evidence().bundle(dsse_bundle(signer(kind), Evidence().digest)), by=by).is_accepted


def test_one_of_several_keys_is_enough():
    judge = KeySigned((THEM.public, US.public), DEFAULT_IDENTITY)
    assert judge.judge(Evidence().signed_simply(US).image).is_accepted


NAME = Evidence().reference
DIGEST = Evidence().digest

ATTACKS = {
    "no signature": Evidence(),
    "another key": Evidence().signed_simply(THEM),
    "another key in a bundle": Evidence().bundle(dsse_bundle(THEM, DIGEST)),
    "another digest under the right tag": simply(simple_payload(OTHER, NAME)),
    "an upper-case digest": simply(simple_payload(f"sha256:{DIGEST.encoded.upper()}", NAME)),
    "another name": Evidence().signed_simply(US, "registry.example.com/team/other:1.0"),
    "another tag": Evidence().signed_simply(US, "registry.example.com/team/app:2.0"),
    "a name without a tag": Evidence().signed_simply(US, "registry.example.com/team/app"),
    "another payload type": simply(simple_payload(DIGEST, NAME, type="atomic container signature")),
    "no payload type": simply(simple_payload(DIGEST, NAME, type=None)),
    "a field more in the payload": simply(simple_payload(DIGEST, NAME, extra=1)),
    "a list as the payload": simply(b"[]"),
    "a payload that is no JSON": simply(b"sha256"),
    "a duplicate key in the payload": simply(
        simple_payload(DIGEST, NAME).replace(b'"type"', b'"type": "x", "type"'),
    ),
    "a deep payload": simply(b"[" * 5000),
    "an empty signature": simply(simple_payload(DIGEST, NAME), signature=""),
    "no signature annotation": Evidence().simple((simple_payload(DIGEST, NAME), {})),
    "a signature that is not base64": simply(simple_payload(DIGEST, NAME), signature="!!!!"),
    "a signature with a line break": simply(
        simple_payload(DIGEST, NAME), signature=base64_of(US.sign(simple_payload(DIGEST, NAME))) + "\n"
    ),
    "two layers without a good one": Evidence().simple(
        (simple_payload(DIGEST, NAME), {SIGNATURE: base64_of(b"x")}),
        (simple_payload(OTHER, NAME), {SIGNATURE: base64_of(US.sign(simple_payload(OTHER, NAME)))}),
    ),
    "no signature in a bundle": enveloped(signatures=[]),
    "two good signatures in a bundle": enveloped(
        signatures=envelope(US, statement(Evidence().digest))["signatures"] * 2
    ),
    "a good and a bad signature in a bundle": enveloped(
        signatures=[*envelope(US, statement(Evidence().digest))["signatures"], {"sig": "AAAA"}]
    ),
    "a right message signature with another digest": Evidence().bundle(
        bundle_document(
            US,
            messageSignature={
                **message_bundle(US, Evidence().manifest)["messageSignature"],
                "messageDigest": message_bundle(US, b"other bytes")["messageSignature"]["messageDigest"],
            },
        )
    ),
    "signatures that are no list": enveloped(signatures={"sig": "AAAA"}),
    "an empty signature in a bundle": enveloped(signatures=[{"sig": ""}]),
    "another payload type in a bundle": enveloped(payloadType="application/json"),
    "another payload type that is signed": Evidence().bundle(
        bundle_document(US, dsseEnvelope=envelope(US, statement(DIGEST), "application/vnd.in-toto"))
    ),
    "a statement of another manifest": enveloped(statement(OTHER)),
    "a statement with an upper-case digest": enveloped(
        statement(DIGEST, subject=[{"digest": {"sha256": DIGEST.encoded.upper()}}])
    ),
    "a statement with the digest under another algorithm": enveloped(
        statement(DIGEST, subject=[{"digest": {"sha512": DIGEST.encoded}}])
    ),
    "a statement without a subject": enveloped(statement(DIGEST, subject=[])),
    "a statement whose subject is a text": enveloped(statement(DIGEST, subject=DIGEST.encoded)),
    "a statement of another version": enveloped(statement(DIGEST, _type="https://in-toto.io/Statement/v0.1")),
    "an attestation": enveloped(statement(DIGEST, predicateType="https://spdx.dev/Document")),
    "a statement that is no JSON": enveloped(b"{"),
    "a statement with a duplicate key": enveloped(statement(DIGEST).replace(b'"_type"', b'"_type": "x", "_type"')),
    "another version of bundles": bundled(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"),
    "an unknown field in a bundle": bundled(unknown=1),
    "no verification material": bundled(verificationMaterial=None),
    "the hint of another key": bundled(verificationMaterial={"publicKey": {"hint": base64_of(b"x" * 32)}}),
    "both kinds of content": bundled(messageSignature={}),
    "no content": Evidence().bundle(bundle_document(US)),
    "a bundle that is no JSON": Evidence().bundle(b"{"),
    "a duplicate key in a bundle": Evidence().bundle(
        json.dumps(dsse_bundle(US, DIGEST)).replace('"mediaType"', '"mediaType": "", "mediaType"').encode()
    ),
    "a bomb of brackets": Evidence().bundle(b"[" * 100_000),
    "a bomb of lists": Evidence().bundle(b"[" + b"[]," * 200_000 + b"[]]"),
    "a message signature of other bytes": Evidence().bundle(message_bundle(US, b"other bytes")),
    "a message signature with the digest exchanged": Evidence().bundle(
        bundle_document(
            US,
            messageSignature={
                **message_bundle(US, b"other bytes")["messageSignature"],
                "messageDigest": message_bundle(US, Evidence().manifest)["messageSignature"]["messageDigest"],
            },
        )
    ),
    "a message digest of another kind": Evidence().bundle(
        bundle_document(
            US,
            messageSignature={
                **message_bundle(US, Evidence().manifest)["messageSignature"],
                "messageDigest": {"algorithm": "SHA2_512", "digest": ""},
            },
        )
    ),
    "a referrer that states another subject": Evidence().bundle(dsse_bundle(US, DIGEST), stated=OTHER),
    "a referrer of another manifest": Evidence().bundle(dsse_bundle(US, DIGEST), subject=OTHER),
}  # fmt: skip


@each_case("name", ATTACKS)
def test_a_wrong_signature_is_refused(name):
    judgement = judged(ATTACKS[name])
    assert not judgement.is_accepted
    assert judgement.error is None
    assert judgement.found
    assert US.public.fingerprint[:16] in judgement.wanted


@each_case(
    "value, expected",
    [("QQ==", b"A"), ("", b""), ("QR==", None), ("QQ=", None), ("QQ", None), ("QQ==\n", None), (" QQ==", None), ("Q-_=", None), (1, None), (None, None)],
)  # fmt: skip
def test_each_value_has_one_text_in_base64(value, expected):
    """Python's decoder ignores the last bits of a text: two texts would be one signature."""
    if expected is None:
        with pytest.raises(Unfit):
            exact_base64(value, what="it")
    else:
        assert exact_base64(value, what="it") == expected


def test_the_attacks_are_distinguished():
    """Most of them have words of their own, so that an operator knows what to ask for."""
    assert len({str(judged(evidence).found) for evidence in ATTACKS.values()}) > 25


def test_a_good_signature_next_to_bad_ones_is_accepted():
    payload = simple_payload(DIGEST, NAME)
    evidence = Evidence().simple(
        (payload, {SIGNATURE: base64_of(b"bad")}), (payload, {SIGNATURE: base64_of(US.sign(payload))})
    )
    assert judged(evidence).is_accepted
    assert judged(Evidence().signed_simply(THEM).bundle(b"{").signed_simply(US)).is_accepted


def test_nothing_unsigned_is_parsed():
    """The payload of a wrong signature never reaches the parser: it is refused for its signature, whatever it says."""
    for payload in (b"[" * 5000, b"\xff", b'{"a":1,"a":2}'):
        evidence = Evidence().simple((payload, {SIGNATURE: base64_of(THEM.sign(payload))}))
        assert judged(evidence).found == judged(Evidence().signed_simply(THEM)).found


def test_a_signature_in_an_artifact_manifest_of_oci_is_found():
    """Its list is ``blobs``. A list ``layers`` next to it is nothing, and must not lend its annotations."""
    evidence = Evidence()
    payload = simple_payload(DIGEST, NAME)
    blob = {**evidence.put(payload, SIMPLE_SIGNING).to_json(), "annotations": {SIGNATURE: base64_of(US.sign(payload))}}
    document = {
        "mediaType": oci.OCI_ARTIFACT,
        "artifactType": "application/vnd.example",
        "blobs": [blob],
        "layers": [{**blob, "annotations": {}}],
        "subject": Descriptor(oci.OCI_MANIFEST, DIGEST, 1).to_json(),
    }
    evidence.attached.append(Attached(DIGEST, evidence.put_json(document, oci.OCI_ARTIFACT)))
    assert judged(evidence).is_accepted


def test_the_signature_of_an_attachment_is_none_of_the_image():
    evidence = Evidence()
    sbom = evidence.attach(
        {**manifest_of(evidence.put(b"{}", EMPTY)), "subject": Descriptor("x", evidence.digest, 1).to_json()}
    )
    evidence.signed_simply(US, subject=sbom.digest)
    assert not judged(evidence).is_accepted


def test_a_manifest_is_no_attachment_of_itself():
    evidence = Evidence()
    evidence.attached.append(Attached(evidence.digest, evidence.root, f"sha256-{evidence.digest.encoded}.sig"))
    assert judged(evidence).found == judged(Evidence()).found
    assert not evidence.asked


@each_case(
    "attached",
    [
        b"",
        b"{}",
        b"[]",
        json.dumps({"schemaVersion": 2, "manifests": []}).encode(),
        json.dumps({"schemaVersion": 2, "config": {}, "layers": {}}).encode(),
        json.dumps({"schemaVersion": 2, "config": None, "layers": [1]}).encode(),
        b'{"schemaVersion": 2, "schemaVersion": 2}',
    ],
)
def test_what_is_no_manifest_is_no_signature(attached):
    evidence = Evidence()
    evidence.attach(attached, tag=f"sha256-{evidence.digest.encoded}.sig")
    judgement = judged(evidence)
    assert not judgement.is_accepted
    assert judgement.error is None


@each_case("media_type", [SIMPLE_SIGNING, BUNDLE])
def test_a_huge_document_is_not_read(media_type):
    evidence = Evidence()
    layer = {**Descriptor(media_type, OTHER, 1 << 30).to_json(), "annotations": {SIGNATURE: "AAAA"}}
    evidence.attach(manifest_of(evidence.put(b"{}", EMPTY), layer), tag=f"sha256-{evidence.digest.encoded}.sig")
    judgement = judged(evidence)
    assert not judgement.is_accepted
    assert judgement.error is None
    assert all(asked.size_bytes <= SIGNATURE_DOCUMENT_BYTES for asked in evidence.asked)


def test_a_huge_manifest_is_not_read():
    evidence = Evidence()
    evidence.attached.append(Attached(evidence.digest, Descriptor(oci.OCI_MANIFEST, OTHER, 1 << 30), "x"))
    assert not judged(evidence).is_accepted
    assert not evidence.asked


def test_of_a_hundred_thousand_referrers_only_some_are_read():
    evidence = Evidence().signed_simply(THEM)
    evidence.attached = [evidence.attached[0]] * 100_000
    judgement = judged(evidence)
    assert not judgement.is_accepted
    assert f"{SIGNATURES_TRIED:,}" in judgement.found
    assert len(evidence.asked) <= 2 * SIGNATURES_TRIED + 1


def test_of_a_hundred_thousand_signatures_in_one_manifest_only_some_are_read():
    evidence = Evidence()
    payload = simple_payload(OTHER, NAME)
    layer = {**evidence.put(payload, SIMPLE_SIGNING).to_json(), "annotations": {SIGNATURE: "AAAA"}}
    evidence.attach(manifest_of(evidence.put(b"{}", EMPTY), *[layer] * 12_000), tag=f"sha256-{DIGEST.encoded}.sig")
    assert not judged(evidence).is_accepted
    assert len(evidence.asked) <= SIGNATURES_TRIED + 1


def test_evidence_that_cannot_be_read_keeps_its_own_error():
    class Missing(Evidence):
        def read(self, descriptor):
            raise Incomplete("a chunk is missing", subject="chunk-0002.tar")

    evidence = Missing().signed_simply(US)
    verdict = policy(default=(KeySigned((US.public,), DEFAULT_IDENTITY),)).judge(evidence.image)
    assert not verdict.is_accepted
    assert isinstance(verdict.failure, Incomplete)
    assert not judged(Evidence()).error


@each_case("identity", [MatchRepository(), MatchExact(), MatchRepoDigestOrExact()])
def test_a_signature_without_a_name_satisfies_no_stated_identity(identity):
    evidence = Evidence().bundle(dsse_bundle(US, DIGEST))
    assert judged(evidence).is_accepted
    assert not judged(evidence, identity=identity).is_accepted


def index_of(evidence: Evidence, *children: Descriptor, last: Mapping[str, object] | None = None) -> Descriptor:
    """An index of some manifests, whose last entry has more fields."""
    listed = [child.to_json() for child in children]
    listed[-1] |= last or {}
    return evidence.put_json({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": listed}, oci.OCI_INDEX)


def multi_platform(*, made: bool) -> tuple[Evidence, list[Descriptor]]:
    evidence = Evidence()
    children = [
        evidence.put_json({**manifest_of(evidence.put(b"{}", oci.OCI_CONFIG)), "n": n}, oci.OCI_MANIFEST)
        for n in range(2)
    ]
    evidence.root = index_of(evidence, *children)
    evidence.made_from = OTHER if made else None
    return evidence, children


NOWHERE, AMD64 = ({"os": each, "architecture": other} for each, other in (("unknown", "unknown"), ("linux", "amd64")))
OCI_LAYER, IN_TOTO = "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.in-toto+json"


def marked(*layers: str, platform: Mapping[str, str] | None = NOWHERE, is_index: bool = False) -> Evidence:
    """A made index of a signed image, and of another manifest that is marked as the attestation of that image."""
    evidence = Evidence(made_from=OTHER)
    config, signed = evidence.put(b"{}", oci.OCI_CONFIG), evidence.root
    assert signed is not None
    blobs = [evidence.put(kind.encode(), kind).to_json() for kind in layers]
    other = evidence.put_json({**manifest_of(config, *blobs), "marked": True}, oci.OCI_MANIFEST)
    evidence.signed_simply(US)
    marks = {"annotations": {"vnd.docker.reference.digest": str(signed.digest)}}
    other = index_of(evidence, other) if is_index else other
    evidence.root = index_of(evidence, signed, other, last=marks | ({"platform": platform} if platform else {}))
    return evidence


def test_the_signature_of_an_index_covers_its_children():
    evidence, children = multi_platform(made=False)
    assert not judged(evidence).is_accepted
    for child in children:
        evidence.signed_simply(US, subject=child.digest)
    assert not judged(evidence).is_accepted, "the children are signed, but the index is not"
    assert judged(evidence.signed_simply(US)).is_accepted


def test_each_child_of_a_made_index_needs_a_signature():
    evidence, (one, two) = multi_platform(made=True)
    evidence.signed_simply(US, subject=one.digest)
    judgement = judged(evidence)
    assert not judgement.is_accepted
    assert str(two.digest) in judgement.found
    assert judged(evidence.signed_simply(US, subject=two.digest)).is_accepted


def test_an_attestation_in_a_made_index_needs_no_signature():
    for platform in (NOWHERE, None):
        assert judged(marked(IN_TOTO, IN_TOTO, platform=platform)).is_accepted


DISGUISES = {
    "an image for a platform": marked(OCI_LAYER, platform=AMD64),
    "statements for a platform": marked(IN_TOTO, platform=AMD64),
    "an image for no platform, of which daemons get the config's": marked(OCI_LAYER),
    "an image without a platform, of which runtimes read the config's": marked(OCI_LAYER, platform=None),
    "an image with a statement as one layer": marked(OCI_LAYER, IN_TOTO, platform=None),
    "an image without layers": marked(platform=None),
    "an index of images": marked(OCI_LAYER, is_index=True),
}


@each_case("evidence", DISGUISES.values(), ids=DISGUISES)
def test_an_image_that_is_marked_as_an_attestation_needs_a_signature(evidence):
    judgement = judged(evidence)
    assert not judgement.is_accepted
    assert "no signature" in judgement.found


REJECT = (Nothing(),)


def policy(default=REJECT, **scopes) -> ContainersPolicy:
    return ContainersPolicy(
        "policy.json", "ab" * 32, default, {name.replace("_", "."): judges for name, judges in scopes.items()}
    )


SIGNED = KeySigned((US.public,), DEFAULT_IDENTITY)


@each_case(
    "policy_, is_accepted, rule",
    [
        (policy(), False, "default: reject"),
        (policy((Anything(),)), True, "default: insecureAcceptAnything"),
        (policy((SIGNED,)), True, "default: sigstoreSigned"),
        (policy((SIGNED, Nothing())), False, "default: sigstoreSigned + reject"),
        (policy((Anything(), SIGNED, KeySigned((THEM.public,), DEFAULT_IDENTITY))), False, "default: insecureAcceptAnything + sigstoreSigned"),
        (policy((Anything(),), registry_example_com=(Nothing(),)), False, "docker registry.example.com: reject"),
        (ContainersPolicy("p", "ab" * 32, (Nothing(),), {"": (SIGNED,)}), True, 'docker "": sigstoreSigned'),
    ],
)  # fmt: skip
def test_the_rule_of_an_image_decides_with_all_its_requirements(policy_, is_accepted, rule):
    verdict = policy_.judge(Evidence().signed_simply(US).image)
    assert (verdict.is_accepted, verdict.rule) == (is_accepted, rule)
    assert bool(verdict.failure) is not is_accepted


def test_a_refused_image_is_an_error_with_the_rule_and_what_was_found():
    verdict = policy((SIGNED,)).judge(Evidence().signed_simply(THEM).image)
    failure = verdict.failure
    assert isinstance(failure, Untrusted)
    assert (failure.code, failure.subject, failure.exit_code) == ("policy", NAME, 5)
    assert failure.expected == verdict.wanted != ""
    assert failure.actual == verdict.found != ""
    assert refused([verdict]) == {Reference.parse(NAME): failure} or list(refused([verdict])) == [Reference.parse(NAME)]
    recorded = verdict.recorded()
    assert (recorded.policy, recorded.result, recorded.signer) == ("ab" * 32, "refused", "")


def test_a_verdict_names_every_signer():
    both = (SIGNED, KeySigned((THEM.public,), DEFAULT_IDENTITY))
    verdict = policy(both).judge(Evidence().signed_simply(US).signed_simply(THEM).image)
    assert verdict.is_accepted
    assert len(verdict.signers) == 2
    assert verdict.recorded().signer == ", ".join(verdict.signers)


def test_an_index_that_cannot_be_read_is_no_pass():
    evidence, _ = multi_platform(made=True)
    del evidence.documents[evidence.digest]
    verdict = policy((SIGNED,)).judge(evidence.image)
    assert isinstance(verdict.failure, Damaged)


@given(
    st.sampled_from(KINDS), st.sampled_from(["payload", "signature", "statement", "message"]), st.integers(0, 1 << 20)
)
def test_no_flipped_bit_passes(kind, what, place):
    by = signer(kind)
    payload = simple_payload(DIGEST, NAME)
    signed = {
        "payload": payload,
        "signature": by.sign(payload),
        "statement": statement(DIGEST),
        "message": Evidence().manifest,
    }
    bit = place % (len(signed[what]) * 8)
    changed = bytearray(signed[what])
    changed[bit // 8] ^= 1 << (bit % 8)
    match what:
        case "payload":
            evidence = Evidence().simple((bytes(changed), {SIGNATURE: base64_of(signed["signature"])}))
        case "signature":
            evidence = Evidence().simple((payload, {SIGNATURE: base64_of(bytes(changed))}))
        case "statement":
            good = envelope(by, signed["statement"])
            evidence = Evidence().bundle(
                bundle_document(by, dsseEnvelope={**good, "payload": base64_of(bytes(changed))})
            )
        case _:
            document = message_bundle(by, signed["message"])
            document["messageSignature"]["signature"] = base64_of(by.sign(bytes(changed)))
            evidence = Evidence().bundle(document)
    assert not judged(evidence, by=by).is_accepted


def test_a_remark_of_the_bundle_decides_nothing():
    """A descriptor of an attachment may say anything about its type; only what is signed counts."""
    evidence = Evidence().signed_simply(US)
    evidence.attached = [replace(evidence.attached[0], tag="anything.sig")]
    assert judged(evidence).is_accepted


@each_case("identity", [DEFAULT_IDENTITY, MatchExact()])
def test_a_signature_of_cosign_is_refused_with_the_identity_that_accepts_it(identity):
    evidence = Evidence().signed_simply(US, "registry.example.com/team/app")
    assert "matchRepository" in KeySigned((US.public,), identity).judge(evidence.image).found
    assert KeySigned((US.public,), MatchRepository()).judge(evidence.image).is_accepted
    other = Evidence().signed_simply(US, "registry.example.com/team/other")
    assert "matchRepository" not in KeySigned((US.public,), identity).judge(other.image).found
