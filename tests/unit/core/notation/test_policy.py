"""The verdict of a Notation trust policy on an image: one good envelope that is attached to it is enough."""

from __future__ import annotations

import json

from bundler.core.digest import Digest
from bundler.core.notation import trust_policy
from bundler.core.notation.judge import Circumstances
from bundler.core.notation.policy import NotationPolicy
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Descriptor
from bundler.core.policy import Attached, SignedImage
from bundler.core.reference import Reference
from bundler.errors import Incomplete, Untrusted
from bundler.keys import certificates
from bundler.keys.notation_store import tools
from tests.support.notation import (
    COSE,
    JWS,
    NOW,
    Envelope,
    ca,
    chain_of,
    ec_key,
    leaf,
    payload_for,
    policy_of,
    statement_of,
)
from tests.support.tables import each_case

REFERENCE = Reference.parse("registry.example.com/team/app:1.0")
CHAIN = chain_of(leaf(), ca())
EMPTY = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2}
NOTATION = "application/vnd.cncf.notary.signature"


class Documents(dict):
    """Documents by their digests; reading a missing one fails as a bundle without a chunk does."""

    def add(self, content: bytes, media_type: str) -> Descriptor:
        self[Digest.of(content)] = content
        return Descriptor(media_type, Digest.of(content), len(content))

    def read(self, descriptor):
        if descriptor.digest not in self:
            raise Incomplete("the chunk is not here", subject="chunk-0001.tar")
        return self[descriptor.digest]


def policy(**statement):
    parsed = trust_policy.parse(policy_of(statement_of(**statement)), origin="trustpolicy.json")
    store = {name: (certificates.load(CHAIN[-1], what="root"),) for name in parsed.stores}
    return NotationPolicy("trustpolicy.json", "0" * 64, (), parsed, Circumstances(store, NOW, tools()))


def image_with(
    *signatures, root_type=OCI_MANIFEST, root=b'{"schemaVersion":2}', made_from=None, artifact=NOTATION, config=EMPTY
):
    """An image with attached manifests, each with one layer: ``(content, media type)``, or with several."""
    documents = Documents()
    subject = documents.add(root, root_type)
    attached = []
    for layers in signatures:
        layers = layers(subject) if callable(layers) else layers
        listed = [documents.add(*layer).to_json() for layer in (layers if isinstance(layers, list) else [layers])]
        manifest = {
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact, "config": config, "layers": listed,
            "subject": subject.to_json(),
        }  # fmt: skip
        attached.append(Attached(subject.digest, documents.add(json.dumps(manifest).encode(), OCI_MANIFEST)))
    return SignedImage(REFERENCE, subject, tuple(attached), documents, made_from)


def signed(media_type=JWS, *, key=None, **changes):
    """A signature of the image that it is attached to."""

    def made(subject):
        envelope = Envelope(CHAIN, key or ec_key("signer"), payload=payload_for(subject), **changes)
        return envelope.of(media_type), media_type

    return made


@each_case("media_type", [JWS, COSE])
def test_a_signed_image_is_accepted(media_type):
    verdict = policy().judge(image_with(signed(media_type)))
    assert (verdict.result, verdict.rule, verdict.failure) == ("accepted", "notation all: strict", None)
    assert verdict.signers == (
        f"CN=signer,O=acme,ST=WA,C=US ({certificates.load(CHAIN[0], what='x').fingerprint[:16]})",
    )


@each_case(
    "signatures",
    [
        [],
        [signed(key=ec_key("stranger"))],
        [signed(protected={"example": "x"}, critical=["io.cncf.notary.signingScheme", "example"])],
        [(b"{}", JWS)],
        [(b"x" * (2 << 20), JWS)],
        [lambda subject: [signed()(subject), signed()(subject)]],
        [lambda subject: [signed()(subject), (b"more", "application/octet-stream")]],
        [(b"{}", "application/octet-stream")],
        [(Envelope(CHAIN, ec_key("signer")).jws(), JWS)],
    ],
    ids=["none", "key", "crit", "empty", "large", "two layers", "other layer", "other type", "other image"],
)
def test_other_images_are_refused_with_rule_and_reason(signatures):
    verdict = policy().judge(image_with(*signatures))
    assert not verdict.is_accepted
    failure = verdict.failure
    assert isinstance(failure, Untrusted)
    assert (failure.subject, failure.code) == (str(REFERENCE), "policy")
    assert failure.expected
    assert failure.actual


def test_one_good_signature_among_bad_ones_is_enough():
    bad = [signed(key=ec_key("stranger")), (b"{}", JWS)]
    assert policy().judge(image_with(*bad, signed(), *bad)).is_accepted


def test_the_older_form_names_its_type_in_the_config():
    config = {**EMPTY, "mediaType": NOTATION}
    assert policy().judge(image_with(signed(), artifact="", config=config)).is_accepted
    assert not policy().judge(image_with(signed(), artifact="")).is_accepted


def test_a_signature_of_another_kind_of_artifact_does_not_count():
    assert not policy().judge(image_with(signed(), artifact="application/vnd.example")).is_accepted


def test_a_signature_whose_field_names_another_subject_does_not_count():
    image = image_with(signed())
    moved = Attached(image.root.digest, image.attached[0].descriptor)
    other = image.documents.add(b'{"schemaVersion":2 }', OCI_MANIFEST)
    confused = SignedImage(REFERENCE, other, (Attached(other.digest, moved.descriptor),), image.documents)
    assert not policy().judge(confused).is_accepted


def test_a_signature_that_is_not_here_keeps_its_own_error():
    image = image_with(signed())
    del image.documents[image.attached[0].descriptor.digest]
    assert isinstance(policy().judge(image).failure, Incomplete)


def test_each_platform_of_a_chosen_index_needs_a_signature():
    documents = Documents()
    child = documents.add(b'{"schemaVersion":2,"child":1}', OCI_MANIFEST)
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child.to_json()]}).encode()
    made = image_with(root=index, root_type=OCI_INDEX, made_from=Digest.of(b"the whole index"))
    made.documents.update(documents)
    assert not policy().judge(made).is_accepted
    of_child = image_with(signed(), root=documents[child.digest])
    both = SignedImage(REFERENCE, made.root, of_child.attached, made.documents, made.made_from)
    made.documents.update(of_child.documents)
    assert policy().judge(both).is_accepted
    assert not policy().judge(SignedImage(REFERENCE, made.root, of_child.attached, made.documents)).is_accepted


def test_skip_accepts_and_an_image_without_a_statement_is_refused():
    skip = {"signatureVerification": {"level": "skip"}, "trustStores": None, "trustedIdentities": None}
    verdict = policy(registryScopes=["registry.example.com/team/app"], **skip).judge(image_with())
    assert (verdict.result, verdict.rule) == ("accepted", "notation all: skip")
    verdict = policy(registryScopes=["registry.example.com/team"]).judge(image_with(signed()))
    assert (verdict.result, verdict.rule) == ("refused", "notation")


def test_audit_accepts_an_unknown_signer_with_a_note_but_wants_a_signature():
    audit = policy(signatureVerification={"level": "audit"}, trustedIdentities=["x509.subject: C=US, ST=WA, O=other"])
    verdict = audit.judge(image_with(signed()))
    assert verdict.is_accepted
    assert verdict.found
    assert not audit.judge(image_with()).is_accepted


def test_a_thousand_signatures_are_checked_and_no_more(monkeypatch):
    monkeypatch.setattr("bundler.core.notation.policy.SIGNATURES_TRIED", 3)
    bad = [signed(key=ec_key("stranger"))] * 3
    assert not policy().judge(image_with(*bad, signed())).is_accepted
    assert policy().judge(image_with(*bad[:2], signed())).is_accepted
