"""Signatures with certificates of one's own authority are judged by the policy's roots, subject and the time of now."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bundler.core.policy.identity import DEFAULT_IDENTITY
from bundler.core.policy.pki_signed import PkiSigned, PkiTrust, check_chain, check_subject
from bundler.core.policy.verdict import Unfit
from bundler.errors import Misuse
from bundler.keys.certificates import load, load_pem
from bundler.keys.image_policy import read_policy
from bundler.keys.keyless import keyless_tools
from tests.support.errors import raises
from tests.support.keyless import EMAIL, NOW, Keyless, pem_of, unknown
from tests.support.notation import HOUR, ca, chain_of, ec_key, issue, leaf, rsa_key
from tests.support.signatures import (
    SIGNATURE,
    Evidence,
    Signer,
    base64_of,
    envelope,
    message_bundle,
    signer,
    simple_payload,
    statement,
)
from tests.support.tables import each_case

DATA = Path(__file__).parents[3] / "vectors" / "pki"
HOST = "build.acme.example"
ROOT, INTERMEDIATE = ca("pki root"), ca("pki", path_length=0)
MIDDLE, TOP = chain_of(INTERMEDIATE, ROOT)
CHAIN, CERTIFICATE = "dev.sigstore.cosign/chain", "dev.sigstore.cosign/certificate"


def names(*found: x509.GeneralName) -> tuple[x509.ExtensionType, ...]:
    return (x509.SubjectAlternativeName(found),)


SUBJECT = names(x509.RFC822Name("a@acme.example"), x509.RFC822Name(EMAIL), x509.DNSName("x"), x509.DNSName(HOST))


def certified(name="pki signer", *, issuer=INTERMEDIATE, **changes) -> Keyless:
    recipe = leaf(name, **{"extensions": SUBJECT, **changes})
    return Keyless((issue(recipe, issuer).public_bytes(Encoding.DER), MIDDLE, TOP), Signer(recipe.key))


GOOD = certified()


def loaded(*ders):
    return load_pem(pem_of(*ders).encode(), what="x") if ders else ()


def trust(**changes):
    return PkiTrust(**{"roots": loaded(TOP), "subject_email": EMAIL, "subject_hostname": HOST, **changes})


def judged(evidence, *, name=DEFAULT_IDENTITY, now=NOW, **changes):
    return PkiSigned(trust(**changes), name, now, keyless_tools(None)).judge(evidence.image)


def simple(by=GOOD, **changes):
    evidence = Evidence()
    payload = simple_payload(evidence.digest, evidence.reference)
    notes = {
        SIGNATURE: base64_of(by.signer.sign(payload)),
        CERTIFICATE: pem_of(by.chain[0]),
        CHAIN: pem_of(*by.chain[1:]),
        **changes,
    }
    return evidence.simple((payload, {key: value for key, value in notes.items() if value is not None}))


def with_certificates(document, ders):
    document["verificationMaterial"] = {"x509CertificateChain": {"certificates": [{"rawBytes": base64_of(each)} for each in ders]}}  # fmt: skip
    return Evidence().bundle(document)


def bundled(by=GOOD):
    document = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "dsseEnvelope": envelope(by.signer, statement(Evidence().digest)),
    }
    return with_certificates(document, by.chain)


def messaged(by=GOOD):
    return with_certificates(message_bundle(by.signer, Evidence().manifest), by.chain)


FORMS = [simple, bundled, messaged]


@each_case("form", FORMS)
def test_a_good_signature_is_accepted_with_its_subject(form):
    found = judged(form())
    fingerprint = load(GOOD.chain[0], what="x").fingerprint[:16]
    assert (found.is_accepted, found.signer) == (True, f"{EMAIL} {HOST} ({fingerprint})")
    assert HOST in judged(Evidence()).wanted


@each_case("form", FORMS)
@each_case(
    "by, changes",
    [
        (GOOD, {"subject_hostname": ""}),
        (GOOD, {"subject_email": ""}),
        (certified(purposes=None), {}),
        (certified(purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), {}),
        (certified(usage=None), {}),
        (certified("pki rsa", key=rsa_key("pki rsa")), {}),
        (GOOD, {"now": NOW - HOUR}),
        (GOOD, {"now": NOW + HOUR}),
    ],
)
def test_what_go_accepts_is_accepted(form, by, changes):
    assert judged(form(by), **changes).is_accepted


@each_case("form", FORMS)
@each_case(
    "by, changes",
    [
        (GOOD, {"now": NOW - HOUR - 1}),
        (GOOD, {"now": NOW + HOUR + 1}),
        (certified(ends=NOW - 1), {}),
        (certified(begins=NOW + 1), {}),
        (certified(purposes=[ExtendedKeyUsageOID.SERVER_AUTH]), {}),
        (certified(critical=[unknown("1.2.3.4", b"x")]), {}),
        (certified(issuer=ca("stranger")), {}),
        (certified(issuer=ca("pki", key=ec_key("another pki"))), {}),
        (GOOD, {"roots": loaded(*chain_of(ca("pki root", key=ec_key("x"))))}),
        (GOOD, {"subject_email": "other@acme.example"}),
        (GOOD, {"subject_email": EMAIL.upper()}),
        (GOOD, {"subject_hostname": "other.acme.example"}),
        (certified(extensions=names(x509.RFC822Name(EMAIL))), {}),
        (certified(extensions=names(x509.DNSName(HOST))), {}),
        (certified(extensions=(), attributes=[(NameOID.COMMON_NAME, HOST), (NameOID.EMAIL_ADDRESS, EMAIL)]), {}),
        (replace(GOOD, signer=signer("P-256", 30)), {}),
    ],
)
def test_another_signer_is_refused(form, by, changes):
    assert not judged(form(by), **changes).is_accepted


@each_case(
    "notes",
    [
        {CERTIFICATE: None},
        {CERTIFICATE: "no certificate"},
        {CERTIFICATE: pem_of(*GOOD.chain)},
        {CERTIFICATE: pem_of(GOOD.chain[0]) * 2},
        {CHAIN: "no certificate"},
        {CHAIN: None},
        {CHAIN: pem_of(MIDDLE)},
        {CHAIN: pem_of(TOP, MIDDLE)},
        {SIGNATURE: None},
        {SIGNATURE: base64_of(b"another")},
        {SIGNATURE: base64_of(signer("P-256", 31).sign(b"x"))},
    ],
    ids=str,
)
def test_an_incomplete_or_changed_signature_is_refused(notes):
    assert not judged(simple(**notes)).is_accepted


def test_intermediates_come_from_the_signature_or_the_policy():
    """The last certificate of a chain is taken for the root and counts nothing, as in containers/image."""
    assert not judged(simple(**{CHAIN: None})).is_accepted
    assert judged(simple(**{CHAIN: None}), intermediates=loaded(MIDDLE)).is_accepted
    assert judged(simple(**{CHAIN: pem_of(MIDDLE, *chain_of(ca("other")))})).is_accepted
    stranger = chain_of(ca("stranger"))
    assert judged(simple(**{CHAIN: pem_of(*stranger, MIDDLE, *stranger)})).is_accepted
    assert not judged(simple(**{CHAIN: pem_of(*stranger * 16, MIDDLE, TOP)})).is_accepted
    assert judged(simple(certified(issuer=ROOT), **{CHAIN: None})).is_accepted


def test_a_root_that_a_signature_brings_is_no_root():
    other = ca("pki root", key=ec_key("attacker"))
    by = certified(issuer=other)
    assert not judged(simple(by, **{CHAIN: pem_of(*chain_of(other) * 2)})).is_accepted
    alone = leaf("alone", extensions=SUBJECT)
    own = Keyless((*chain_of(alone), TOP, TOP), Signer(alone.key))
    assert not judged(simple(own)).is_accepted
    assert not judged(simple(own), roots=loaded(*own.chain[:1])).is_accepted


@each_case(
    "intermediate",
    [
        ca("pki", is_ca=False),
        ca("pki", usage=("crl_sign",)),
        ca("pki", ends=NOW - 1),
        ca("pki", purposes=[ExtendedKeyUsageOID.TIME_STAMPING]),
        ca("pki", extensions=[x509.NameConstraints([x509.DNSName("a.example")], None)]),
        ca("pki", critical=[x509.NameConstraints([x509.DNSName("a.example")], None)]),
    ],
    ids=lambda recipe: str(recipe)[30:90],
)
def test_an_authority_that_may_not_issue_is_refused(intermediate):
    [made, _] = chain_of(intermediate, ROOT)
    assert not judged(simple(**{CHAIN: pem_of(made, TOP)})).is_accepted


def test_a_root_must_be_valid_now():
    assert not judged(simple(), roots=loaded(*chain_of(replace(ROOT, ends=NOW - 1)))).is_accepted


@each_case(
    "found, host, is_for",
    [
        (x509.DNSName("Build.Acme.example"), "bUILD.acme.example", True),
        (x509.DNSName("build.acme.example"), "build.acme.example.", True),
        (x509.DNSName("*.acme.example"), "build.acme.example", True),
        (x509.DNSName("*.acme.example"), "*.acme.example", True),
        (x509.DNSName("*.acme.example"), "acme.example", False),
        (x509.DNSName("*.acme.example"), "a.build.acme.example", False),
        (x509.DNSName("b*.acme.example"), "build.acme.example", False),
        (x509.DNSName("build.*.example"), "build.acme.example", False),
        (x509.DNSName("*"), "localhost", False),
        (x509.DNSName("acme.example"), "build.acme.example", False),
        (x509.DNSName("build.acme.example."), "build.acme.example", False),
        (x509.DNSName("a_b"), "A_B", True),
        (x509.DNSName("with space"), "with space", True),
        (x509.DNSName("."), ".", False),
        (x509.DNSName("10.0.0.1"), "10.0.0.1", False),
        (x509.IPAddress(ipaddress.ip_address("10.0.0.1")), "10.0.0.1", True),
        (x509.IPAddress(ipaddress.ip_address("10.0.0.1")), "::ffff:10.0.0.1", True),
        (x509.IPAddress(ipaddress.ip_address("10.0.0.1")), "10.0.0.2", False),
        (x509.IPAddress(ipaddress.ip_address("fd00::1")), "[FD00:0::1]", True),
        (x509.RFC822Name("acme.example"), "acme.example", False),
        (x509.UniformResourceIdentifier("https://acme.example"), "acme.example", False),
    ],
)
def test_hosts_are_compared_as_go_compares_them(found, host, is_for):
    by = load(certified(extensions=names(found)).chain[0], what="x")
    if is_for:
        check_subject(by, trust(subject_email="", subject_hostname=host))
    else:
        with pytest.raises(Unfit):
            check_subject(by, trust(subject_email="", subject_hostname=host))


def test_a_name_of_another_kind_does_no_harm():
    other = x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a")
    by = certified(extensions=names(other, x509.RFC822Name(EMAIL), x509.DNSName(HOST)))
    assert judged(simple(by)).is_accepted


def policy_with(folder, **changes):
    (folder / "roots.pem").write_text(pem_of(TOP))
    (folder / "between.pem").write_text(pem_of(MIDDLE))
    pki = {"caRootsPath": "roots.pem", "subjectEmail": EMAIL, **changes}
    pki = {name: value for name, value in pki.items() if value is not None}
    path = folder / "policy.json"
    path.write_text(json.dumps({"default": [{"type": "sigstoreSigned", "pki": pki}]}))
    return str(path)


def test_a_policy_with_pki_is_read_and_judges(tmp_path):
    alone = simple(**{CHAIN: None}).image
    policy = read_policy(policy_with(tmp_path), now_seconds=NOW)
    assert policy.judge(simple().image).is_accepted
    assert not policy.judge(alone).is_accepted
    assert not read_policy(policy_with(tmp_path), now_seconds=NOW + HOUR + 1).judge(simple().image).is_accepted
    for between in (
        {"caIntermediatesPath": "between.pem"},
        {"caIntermediatesData": base64_of(pem_of(MIDDLE).encode())},
    ):
        policy = read_policy(policy_with(tmp_path, **between), now_seconds=NOW)
        assert policy.judge(alone).is_accepted
        assert (str(tmp_path / "between.pem") in policy.files) is ("caIntermediatesPath" in between)
    data = {"caRootsPath": None, "caRootsData": base64_of(pem_of(TOP).encode())}
    assert read_policy(policy_with(tmp_path, **data), now_seconds=NOW).judge(simple().image).is_accepted
    host = {"subjectEmail": None, "subjectHostname": "other.example"}
    assert not read_policy(policy_with(tmp_path, **host), now_seconds=NOW).judge(simple().image).is_accepted


def test_the_time_is_that_of_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr("bundler.system.clock.now_seconds", lambda: NOW + HOUR + 1)
    assert not read_policy(policy_with(tmp_path)).judge(simple().image).is_accepted
    monkeypatch.setattr("bundler.system.clock.now_seconds", lambda: NOW)
    assert read_policy(policy_with(tmp_path)).judge(simple().image).is_accepted


@each_case(
    "changes, field",
    [
        ({"caRootsPath": "missing.pem"}, "caRootsPath: missing.pem"),
        ({"caRootsPath": "policy.json"}, "caRootsPath"),
        ({"caIntermediatesData": base64_of(b"no certificate")}, "caIntermediatesData"),
        ({"caIntermediatesData": base64_of(pem_of(*chain_of(ca("c", extensions=[x509.NameConstraints([x509.DNSName("a.example")], None)]))).encode())}, "caIntermediatesData"),
    ],
)  # fmt: skip
def test_authorities_that_cannot_be_used_are_an_error_of_the_policy(tmp_path, changes, field):
    path = policy_with(tmp_path, **changes)
    with raises(Misuse, subject=f"{path}: default[0].pki.{field}"):
        read_policy(path)


@each_case(
    "changes, seconds, is_accepted",
    [
        ({}, NOW, True),
        ({"subject_email": "Qiwan@redhat.com"}, NOW, False),
        ({"subject_hostname": "example.com"}, NOW, False),
        ({"intermediates": ()}, NOW, False),
        ({}, 1_727_792_922, False),
        ({}, 2_591_706_520, True),
        ({}, 2_591_706_521, False),
    ],
)
def test_certificates_of_openssl_are_judged_as_podman_judges_them(changes, seconds, is_accepted):
    """Test data of containers/image, with the answers of its tests."""
    signer_pem, chain = ((DATA / name).read_bytes() for name in ("pki-cert.pem", "pki-chain.pem"))
    [by], [between, root] = load_pem(signer_pem, what="x"), load_pem(chain, what="x")
    given = {"subject_email": "qiwan@redhat.com", "subject_hostname": "myhost.example.com", "intermediates": (between,)}
    trusted = PkiTrust(**{"roots": (root,), **given, **changes})
    found = []
    for check in (lambda: check_subject(by, trusted), lambda: check_chain(by, (), trusted, seconds)):
        try:
            check()
        except Unfit as unfit:
            found.append(unfit)
    assert (not found) is is_accepted
