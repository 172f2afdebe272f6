"""Keyless signatures are judged by the log's time, the authority and the identity of the policy, without a network."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.signer import CryptoSigner

from bundler.core.digest import Digest
from bundler.core.policy.identity import DEFAULT_IDENTITY, MatchRepository
from bundler.core.policy.key_signed import KeySigned
from bundler.core.policy.keyless import FulcioTrust, KeylessSigned
from bundler.core.policy.verdict import Unfit
from bundler.errors import Misuse
from bundler.keys.certificates import load_pem
from bundler.keys.image_keys import load_image_key
from bundler.keys.image_policy import read_policy
from bundler.keys.keyless import keyless_tools, trusted_bundles
from tests.support.errors import raises
from tests.support.keyless import (
    EMAIL,
    ISSUER,
    NOW,
    ROOTS,
    WORKFLOW,
    Log,
    identity,
    keyless,
    pem_of,
    unknown,
)
from tests.support.notation import ca, chain_of, ec_key
from tests.support.signatures import (
    SIGNATURE,
    Evidence,
    base64_of,
    dsse_bundle,
    signer,
    simple_payload,
    statement,
)
from tests.support.tables import each_case

DATA = Path(__file__).parents[3] / "vectors" / "keyless"
LOG, OTHER_LOG = Log(signer("P-256", 10)), Log(signer("P-256", 11))
GOOD = keyless()
KEY_ITSELF = {"verifier": base64_of(GOOD.signer.pem)}


def trust(**changes):
    roots = load_pem(pem_of(ROOTS[1]).encode() + pem_of(ROOTS[0]).encode(), what="roots")
    return FulcioTrust(**{"roots": roots, "oidc_issuer": ISSUER, "subject_email": EMAIL, **changes})


def judged(evidence, *, logs=(LOG.key,), name=DEFAULT_IDENTITY, **changes):
    judge = KeylessSigned(trust(**changes), tuple(logs), name, keyless_tools(None))
    return judge.judge(evidence.image)


def simple(by=GOOD, log=LOG, **changes):
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    return evidence.simple((payload, by.annotations(log, payload, **changes)))


def bundled(by=GOOD, log=LOG, **changes):
    evidence = Evidence()
    return evidence.bundle(by.bundle(log, statement(evidence.digest), **changes))


def messaged(by=GOOD, log=LOG):
    evidence = Evidence()
    return evidence.bundle(by.message_bundle(log, evidence.manifest))


def set_in(*path, value):
    def change(body):
        place = body
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


FORMS = [simple, bundled, messaged]


@each_case("form", FORMS)
def test_a_good_signature_is_accepted_with_its_identity(form):
    found = judged(form())
    assert (found.is_accepted, found.signer) == (True, f"{EMAIL} ({ISSUER})")


@each_case("form", FORMS)
@each_case(
    "by, changes",
    [
        (keyless("expired", ends=NOW - 1, begins=NOW - 600), {}),
        (keyless("early", begins=NOW + 1), {}),
        (keyless("email", extensions=identity(email="other@acme.example")), {}),
        (keyless("issuer", extensions=identity(issuer="https://other.example")), {}),
        (keyless("none", extensions=()), {}),
        (
            keyless(
                "contradiction",
                extensions=(
                    *identity()[:1],
                    unknown("1.3.6.1.4.1.57264.1.1", ISSUER.encode()),
                    unknown("1.3.6.1.4.1.57264.1.8", b"\x0c\x05other"),
                ),
            ),
            {},
        ),
        (
            keyless(
                "old contradiction",
                extensions=(
                    *identity()[:1],
                    unknown("1.3.6.1.4.1.57264.1.1", b"https://other.example"),
                    *identity()[2:],
                ),
            ),
            {},
        ),
        (keyless("critical", critical=[unknown("1.2.3.4", b"x")]), {}),
        (keyless("purpose", purposes=[ExtendedKeyUsageOID.SERVER_AUTH]), {}),
        (keyless("no purpose", purposes=None), {}),
        (keyless("authority", issuer=ca("stranger")), {}),
        (keyless("fulcio", issuer=ca("fulcio", key=ec_key("another key"))), {}),
        (GOOD, {"logs": (OTHER_LOG.key,)}),
        (GOOD, {"roots": load_pem(pem_of(*chain_of(ca("fulcio root", key=ec_key("x")))).encode(), what="r")}),
        (GOOD, {"oidc_issuer": "https://issuer.example/"}),
        (GOOD, {"subject_email": EMAIL.upper()}),
        (GOOD, {"subject_email": "", "build_signer_uri": "https://other"}),
        (GOOD, {"name": MatchRepository(), "subject_email": "x"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_another_time_identity_authority_or_log_is_refused(form, by, changes):
    found = judged(form(by), **changes)
    assert not found.is_accepted
    assert found.found


def test_the_workflow_that_signs_can_be_the_identity():
    assert judged(bundled(), subject_email="", build_signer_uri=WORKFLOW).signer == f"{WORKFLOW} ({ISSUER})"
    assert judged(bundled(), build_signer_uri=WORKFLOW).is_accepted


def test_an_intermediate_authority_comes_from_the_signature_or_from_the_policy():
    only_root = load_pem(pem_of(ROOTS[1]).encode(), what="root")
    assert judged(simple(), roots=only_root).is_accepted
    assert not judged(bundled(), roots=only_root).is_accepted  # this bundle carries the leaf alone
    chained = GOOD.bundle(LOG, statement(Evidence().digest))
    material = chained["verificationMaterial"]
    del material["certificate"]
    material["x509CertificateChain"] = {"certificates": [{"rawBytes": base64_of(each)} for each in GOOD.chain]}
    assert judged(Evidence().bundle(chained), roots=only_root).is_accepted


@each_case(
    "change",
    [
        set_in("kind", value="intoto"),
        set_in("spec", "payloadHash", "value", value="0" * 64),
        set_in("spec", "payloadHash", "algorithm", value="sha512"),
        set_in("spec", "signatures", value=[]),
        set_in("spec", "signatures", 0, "signature", value=base64_of(b"another")),
        set_in("spec", "signatures", 0, "verifier", value=base64_of(pem_of(ROOTS[0]).encode())),
        set_in("more", value=1),
    ],
)
def test_an_entry_for_another_envelope_is_refused(change):
    assert not judged(Evidence().bundle(GOOD.bundle(LOG, statement(Evidence().digest), change=change))).is_accepted


def test_a_signature_by_another_key_than_that_of_its_certificate_is_refused():
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    signature = signer("P-256", 13).sign(payload)
    assert not judged(evidence.simple((payload, GOOD.annotations(LOG, payload, signature=signature)))).is_accepted


def test_an_authority_that_may_have_no_other_below_it_is_refused():
    sub = ca("sub")
    by = keyless("below", issuer=sub)
    chain = chain_of(sub, ca("fulcio"))
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    for top, is_accepted in ((ca("fulcio", path_length=0), False), (ca("fulcio", path_length=1), True)):
        others = pem_of(chain[0], *chain_of(top, ca("fulcio root")))
        notes = by.annotations(LOG, payload, **{"dev.sigstore.cosign/chain": others})
        only_root = load_pem(pem_of(ROOTS[1]).encode(), what="root")
        assert judged(Evidence().simple((payload, notes)), roots=only_root).is_accepted is is_accepted


@each_case(
    "intermediate",
    [
        ca("fulcio", is_ca=False),
        ca("fulcio", usage=("crl_sign",)),
        ca("fulcio", ends=NOW - 1),
        ca("fulcio", purposes=[ExtendedKeyUsageOID.TIME_STAMPING]),
        ca("fulcio", extensions=[x509.NameConstraints([x509.DNSName("a.example")], None)]),
        ca("fulcio", critical=[x509.NameConstraints([x509.DNSName("a.example")], None)]),
    ],
    ids=lambda recipe: str(recipe)[30:90],
)
def test_an_authority_that_may_not_issue_is_refused(intermediate):
    only_root = load_pem(pem_of(ROOTS[1]).encode(), what="root")
    chain = chain_of(intermediate, ca("fulcio root"))
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    notes = GOOD.annotations(LOG, payload, **{"dev.sigstore.cosign/chain": pem_of(chain[0])})
    accepted = judged(evidence.simple((payload, notes)), roots=only_root).is_accepted
    assert accepted is bool(intermediate.extensions)  # a constraint that is not critical binds nobody


def test_copies_of_an_authority_are_tried_once_each():
    stranger = ca("fulcio", key=ec_key("fulcio"))
    copies = pem_of(*(chain_of(stranger)[0] for _ in range(15)))
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    notes = GOOD.annotations(LOG, payload, **{"dev.sigstore.cosign/chain": copies})
    assert not judged(
        evidence.simple((payload, notes)), roots=load_pem(pem_of(ROOTS[1]).encode(), what="root")
    ).is_accepted


def changed_entry(change):
    """A good signature whose log entry was changed before the log signed it."""
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    signature = GOOD.signer.sign(payload)
    body = GOOD.body(payload, signature)
    change(body)
    return evidence.simple((payload, GOOD.annotations(LOG, payload, body=body, signature=signature)))


@each_case(
    "change",
    [
        set_in("kind", value="rekord"),
        set_in("apiVersion", value="0.0.2"),
        set_in("spec", value={}),
        set_in("spec", "data", "hash", "value", value="0" * 64),
        set_in("spec", "data", "hash", "algorithm", value="sha512"),
        set_in("spec", "signature", "content", value=base64_of(b"another")),
        set_in("spec", "signature", "publicKey", "content", value=base64_of(pem_of(ROOTS[0]).encode())),
        set_in("spec", "signature", "publicKey", "content", value=base64_of(b"no certificate")),
        set_in("spec", "signature", "publicKey", "content", value="%"),
        set_in("more", value=1),
    ],
)
def test_an_entry_for_something_else_is_refused(change):
    assert not judged(changed_entry(change)).is_accepted
    assert judged(changed_entry(lambda body: None)).is_accepted


@each_case(
    "notes",
    [
        {"dev.sigstore.cosign/bundle": None},
        {"dev.sigstore.cosign/bundle": "{}"},
        {"dev.sigstore.cosign/bundle": '{"SignedEntryTimestamp":"","Payload":{}}'},
        {"dev.sigstore.cosign/certificate": None},
        {"dev.sigstore.cosign/certificate": "no certificate"},
        {"dev.sigstore.cosign/certificate": pem_of(*GOOD.chain)},
        {"dev.sigstore.cosign/chain": "no certificate"},
        {SIGNATURE: None},
        {SIGNATURE: base64_of(b"another")},
        {SIGNATURE: base64_of(signer("P-256", 12).sign(b"x"))},
    ],
    ids=str,
)
def test_an_incomplete_or_changed_signature_is_refused(notes):
    assert not judged(simple(**notes)).is_accepted


@each_case(
    "field, value",
    [
        ("integratedTime", str(NOW + 1)),
        ("integratedTime", "-1"),
        ("integratedTime", None),
        ("logIndex", "8"),
        ("logId", {"keyId": base64_of(b"x" * 32)}),
        ("logId", None),
        ("inclusionPromise", None),
        ("inclusionPromise", {"signedEntryTimestamp": base64_of(b"x")}),
        ("canonicalizedBody", base64_of(b"{}")),
    ],
)
def test_each_field_of_an_entry_is_signed(field, value):
    document = GOOD.bundle(LOG, statement(Evidence().digest))
    document["verificationMaterial"]["tlogEntries"][0][field] = value
    assert not judged(Evidence().bundle(document)).is_accepted


def test_a_bundle_has_exactly_one_entry_and_one_certificate():
    for change in (
        {"tlogEntries": []},
        {"tlogEntries": GOOD.bundle(LOG, b"")["verificationMaterial"]["tlogEntries"] * 2},
        {"certificate": {}},
        {"certificate": {"rawBytes": base64_of(b"x")}},
        {"x509CertificateChain": {"certificates": []}},
        {"x509CertificateChain": {"certificates": [{}] * 17}},
    ):
        document = GOOD.bundle(LOG, statement(Evidence().digest))
        document["verificationMaterial"] |= change
        assert not judged(Evidence().bundle(document)).is_accepted, change


def test_a_statement_about_something_else_is_refused():
    for payload in (
        statement(Digest.of(b"another")),
        statement(Evidence().digest, predicateType="https://slsa.dev/provenance/v1"),
    ):
        assert not judged(Evidence().bundle(GOOD.bundle(LOG, payload))).is_accepted
    foreign = GOOD.bundle(LOG, statement(Evidence().digest), kind="application/json")
    assert not judged(Evidence().bundle(foreign)).is_accepted


def test_a_key_can_need_an_entry_of_a_log_too():
    by = signer("P-256", 20)
    judge = KeySigned((by.public,), DEFAULT_IDENTITY, (LOG.key,))
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    assert not judge.judge(Evidence().signed_simply(by).image).is_accepted
    signature = by.sign(payload)
    body = GOOD.body(payload, signature)
    body["spec"]["signature"]["publicKey"]["content"] = base64_of(by.pem)
    notes = {SIGNATURE: base64_of(signature), "dev.sigstore.cosign/bundle": json.dumps(LOG.entry(body))}
    assert judge.judge(evidence.simple((payload, notes)).image).is_accepted
    assert not judge.judge(Evidence().bundle(dsse_bundle(by, Evidence().digest)).image).is_accepted


def test_bundles_with_a_key_can_need_an_entry_of_a_log_too():
    """The signer of a keyless bundle serves as the key; the log has an entry with that key in each form."""
    judge = KeySigned((GOOD.signer.public,), DEFAULT_IDENTITY, (LOG.key,))
    evidence = Evidence()
    for document, key_in in (
        (
            GOOD.bundle(
                LOG, statement(evidence.digest), change=lambda body: body["spec"]["signatures"][0].update(KEY_ITSELF)
            ),
            True,
        ),
        (GOOD.bundle(LOG, statement(evidence.digest)), False),
        (GOOD.message_bundle(LOG, evidence.manifest), False),
    ):
        document["verificationMaterial"].pop("certificate")
        document["verificationMaterial"]["publicKey"] = {}
        assert judge.judge(Evidence().bundle(document).image).is_accepted is key_in


def test_a_signature_of_the_public_instance_is_accepted_years_later(tmp_path):
    """cosign, Fulcio and Rekor of sigstore.dev, December 2022: test data of containers/image."""
    payload = (DATA / "rekor-payload").read_bytes()
    notes = {
        SIGNATURE: (DATA / "rekor-sig").read_text(),
        "dev.sigstore.cosign/certificate": (DATA / "fulcio-cert.pem").read_text(),
        "dev.sigstore.cosign/chain": (DATA / "fulcio-chain.pem").read_text(),
        "dev.sigstore.cosign/bundle": (DATA / "rekor-set").read_text(),
    }
    stated = json.loads(payload)["critical"]["image"]["docker-manifest-digest"]
    log = load_image_key((DATA / "rekor.pub").read_bytes(), origin="rekor.pub")
    roots = load_pem((DATA / "fulcio-chain.pem").read_bytes(), what="roots")[1:]
    fulcio = FulcioTrust(roots, "https://github.com/login/oauth", "mitr@redhat.com")
    judge = KeylessSigned(fulcio, (log,), MatchRepository(), keyless_tools(None))

    from bundler.core.policy.evidence import SignatureLayer

    evidence = Evidence()
    layer = SignatureLayer(evidence.put(payload, "x/y"), notes)
    good = judge.prove_payload(layer, payload)
    assert (good.content, good.signer) == (payload, "mitr@redhat.com (https://github.com/login/oauth)")
    assert stated.startswith("sha256:")
    with pytest.raises(Unfit):
        judge.prove_payload(layer, payload + b" ")
    for name, value in notes.items():
        if name != "dev.sigstore.cosign/chain":
            at = len(value) // 2
            other = "A" if value[at] != "A" else "B"
            with pytest.raises(Unfit):
                judge.prove_payload(
                    SignatureLayer(layer.descriptor, {**notes, name: value[:at] + other + value[at + 1 :]}), payload
                )


def test_another_maker_of_envelopes_is_understood():
    """securesystemslib signs, as python-tuf and in-toto do; its envelope in a bundle is accepted as ours is."""
    maker = CryptoSigner.generate_ecdsa()
    made = OtherEnvelope(statement(Evidence().digest), "application/vnd.in-toto+json", {})
    made.sign(maker)
    [signature] = made.signatures.values()
    document = made.to_dict()
    document["signatures"] = [{"sig": base64.b64encode(bytes.fromhex(signature.signature)).decode()}]
    if isinstance(document["payload"], str):
        payload = base64.b64decode(document["payload"])
        document["payload"] = base64_of(payload)
    key = load_image_key(maker.public_key.keyval["public"].encode(), origin="maker.pub")
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {}},
        "dsseEnvelope": document,
    }
    assert KeySigned((key,), DEFAULT_IDENTITY).judge(Evidence().bundle(bundle).image).is_accepted


def staging_root():
    sigstore = pytest.importorskip("sigstore")
    return str(next(Path(sigstore.__file__).parent.rglob("*sigstage.dev/trusted_root.json")))


def test_the_library_judges_bundles_without_a_signed_time_by_a_trusted_root():
    content = (DATA / "staging-rekor-v2.txt.sigstore.json").read_bytes()
    message = (DATA / "staging-rekor-v2.txt").read_bytes()
    github = "https://github.com/login/oauth"
    bundles = trusted_bundles(staging_root())
    assert bundles.statement_of(content, message, FulcioTrust((), github, "jku@goto.fi")) == b""
    for changed, signed, fulcio in (
        (content, message + b" ", FulcioTrust((), github, "jku@goto.fi")),
        (content, message, FulcioTrust((), github, "other@goto.fi")),
        (content, message, FulcioTrust((), "https://other.example", "jku@goto.fi")),
        (content, message, FulcioTrust((), github, "jku@goto.fi", WORKFLOW)),
        (content, None, FulcioTrust((), github, "jku@goto.fi")),
        (b"{}", message, FulcioTrust((), github, "jku@goto.fi")),
        (content.replace(b"MEUCIAZ6", b"MEUCIAZ7"), message, FulcioTrust((), github, "jku@goto.fi")),
    ):
        with pytest.raises(Unfit):
            bundles.statement_of(changed, signed, fulcio)


def policy_with(folder, **fields):
    (folder / "fulcio.pem").write_text(pem_of(ROOTS[1]))
    (folder / "rekor.pub").write_bytes(LOG.signer.pem)
    fulcio = {"caPath": "fulcio.pem", "oidcIssuer": ISSUER, "subjectEmail": EMAIL}
    requirement = {"type": "sigstoreSigned", "fulcio": fulcio, "rekorPublicKeyPath": "rekor.pub", **fields}
    (folder / "policy.json").write_text(json.dumps({"default": [requirement]}))
    return str(folder / "policy.json")


def test_a_policy_with_fulcio_is_read_and_judges(tmp_path):
    verdict = read_policy(policy_with(tmp_path)).judge(simple().image)
    assert (verdict.is_accepted, verdict.signers) == (True, (f"{EMAIL} ({ISSUER})",))
    unsigned = read_policy(policy_with(tmp_path)).judge(Evidence().image)
    assert not unsigned.is_accepted
    assert EMAIL in unsigned.wanted


def test_with_a_trusted_root_bundles_are_judged_by_it_alone(tmp_path):
    policy = read_policy(policy_with(tmp_path), trusted_root=staging_root())
    assert staging_root() in policy.files
    assert policy.judge(simple().image).is_accepted
    assert not policy.judge(bundled().image).is_accepted  # its authority is not one of the trusted root


def test_what_cannot_be_used_is_an_error_of_the_policy(tmp_path, monkeypatch):
    path = policy_with(tmp_path)
    (tmp_path / "fulcio.pem").write_text("no certificate")
    with raises(Misuse, code="bad-policy"):
        read_policy(path)
    path = policy_with(tmp_path)
    (tmp_path / "root.json").write_text("{}")
    with raises(Misuse, code="bad-policy"):
        read_policy(path, trusted_root=str(tmp_path / "root.json"))
    with raises(Misuse):
        read_policy(path, trusted_root=str(tmp_path / "missing.json"))
    for name in [each for each in sys.modules if each == "sigstore" or each.startswith("sigstore.")]:
        monkeypatch.setitem(sys.modules, name, None)
    with raises(Misuse, code="package-missing"):
        read_policy(path, trusted_root=str(tmp_path / "root.json"))
