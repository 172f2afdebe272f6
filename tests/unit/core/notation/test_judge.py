"""A statement of the policy accepts the right signatures, in both envelopes, and refuses the others by the right check."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from bundler.core.digest import Digest
from bundler.core.notation import jws, trust_policy
from bundler.core.notation.judge import Circumstances, Verified, judge
from bundler.core.oci import Descriptor
from bundler.errors import Misuse, Untrusted
from bundler.keys import certificates
from bundler.keys.notation_store import tools
from tests.support.errors import raises
from tests.support.notation import (
    COSE,
    HOUR,
    JWS,
    NOW,
    SUBJECT,
    Envelope,
    ca,
    chain_of,
    ec_key,
    leaf,
    payload_for,
    policy_of,
    rsa_key,
    stamped,
    statement_of,
)
from tests.support.tables import each_case

DATA = Path(__file__).parents[3] / "vectors" / "notation"
CHAIN = (leaf(), ca("intermediate"), ca())
MADE = chain_of(*CHAIN)
BOTH = [JWS, COSE]
OCSP = x509.AuthorityInformationAccess(
    [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example"))]
)


def envelope(chain=MADE, key=None, **changes):
    return Envelope(chain, key or CHAIN[0].key, **changes)


def judged(content, media_type=JWS, *, roots=(MADE[-1],), now=NOW, subject=SUBJECT, tsa=(), **statement):
    """The judgement of an envelope by a statement whose store ``ca:acme`` and ``signingAuthority:acme`` have these roots."""
    policy = trust_policy.parse(policy_of(statement_of(**statement)), origin="trustpolicy.json")
    loaded = {"tsa": [certificates.load(each, what="root") for each in tsa]}
    anchors = tuple(certificates.load(each, what="root") for each in roots)
    store = {name: tuple(loaded.get(name.kind, anchors)) for name in policy.stores}
    given = Circumstances(store, now, tools())
    return judge(content, media_type, subject, policy.statements[0], given)


def refused(content, media_type=JWS, **given):
    with pytest.raises(Untrusted) as caught:
        judged(content, media_type, **given)
    return caught.value


@each_case("media_type", BOTH)
def test_a_good_signature_is_accepted_with_the_name_of_its_signer(media_type):
    found = judged(envelope().of(media_type), media_type)
    assert isinstance(found, Verified)
    assert (found.signer, found.signed_seconds, found.noted) == ("CN=signer,O=acme,ST=WA,C=US", NOW - 60, ())
    assert found.fingerprint == certificates.load(MADE[0], what="leaf").fingerprint


@each_case("media_type", BOTH)
@each_case(
    "key",
    [ec_key("k256"), ec_key("k384", "SECP384R1"), ec_key("k521", "SECP521R1"), rsa_key("r2048")],
    ids=["P-256", "P-384", "P-521", "RSA 2048"],
)
def test_each_kind_of_key_signs_by_its_own_algorithm(key, media_type):
    chain = chain_of(leaf(key=key), ca())
    assert judged(Envelope(chain, key).of(media_type), media_type, roots=[chain[-1]])


def test_a_signature_that_notation_made_is_accepted_years_later():
    """notation-go's own test data: a signing authority vouches for the time, and the certificate has expired since."""
    content = (DATA / "sa_valid_sig_env.json").read_bytes()
    root = base64.b64decode(json.loads(content)["header"]["x5c"][-1])
    digest = Digest.parse("sha256:60043cf45eaebc4c0867fea485a039b598f52fd09fd5b07b0b2d2f88fad9d74e")
    subject = Descriptor("application/vnd.docker.distribution.manifest.v2+json", digest, 528)
    given = {
        "roots": [root],
        "subject": subject,
        "trustStores": ["signingAuthority:acme"],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, L=Seattle, O=Notary, CN=Notation Test Root"],
    }
    assert judged(content, **given).signed_seconds == 1659135411
    assert refused(content, **{**given, "trustStores": ["ca:acme"]}).code == "notation-signature"


@pytest.mark.no_cover  # thousands of rounds through what other tests run as well
def test_every_changed_byte_of_a_signature_is_refused():
    content = (DATA / "own.jws").read_bytes()
    document = json.loads(content)
    root = base64.b64decode(document["header"]["x5c"][-1])
    target = json.loads(base64.urlsafe_b64decode(document["payload"] + "=="))["targetArtifact"]
    subject = Descriptor(target["mediaType"], Digest.parse(target["digest"]), target["size"])
    now = 1_795_970_000
    judged(content, roots=[root], subject=subject, now=now)
    agent = content.index(b'"io.cncf.notary.signingAgent"')  # only a name of a program: nobody signs it
    unsigned = range(agent, content.index(b"}", agent))
    accepted = []
    for mask, begin in ((0x01, 0), (0x20, 1), (0x80, 2)):
        for at in range(begin, len(content), 3):
            if at in unsigned:
                continue
            changed = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
            try:
                judged(changed, roots=[root], subject=subject, now=now)
            except Untrusted:
                continue
            accepted.append((at, mask))
    assert accepted == []


@each_case("media_type", BOTH)
@each_case(
    "changes",
    [
        {"payload": payload_for(digest=str(Digest.of(b"another image")))},
        {"payload": payload_for(digest=str(SUBJECT.digest).upper())},
        {"payload": payload_for(size=418)},
        {"payload": payload_for(size=417.0)},
        {"payload": payload_for(size=True)},
        {"payload": payload_for(mediaType="application/vnd.oci.image.index.v1+json")},
        {"payload": b'{"targetArtifact": []}'},
        {"payload": b'{"target": {}}'},
        {"payload": b'{"targetArtifact": {}, "targetArtifact": {}}'},
        {"payload": b"[]"},
        {"payload": b""},
        {"protected": {"cty": "application/json"}},
        {"protected": {"cty": None}},
        {"protected": {"alg": "ES384"}},
        {"protected": {"alg": "none"}},
        {"protected": {"alg": None}},
        {"critical": ["io.cncf.notary.signingScheme", "example.unknown"], "protected": {"example.unknown": "x"}},
        {"critical": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]},
        {"critical": ["io.cncf.notary.signingScheme", "io.cncf.notary.signingScheme"]},
        {"critical": []},
        {"critical": ["io.cncf.notary.signingTime"]},
        {"critical": [7]},
        {"protected": {"crit": None}},
        {"protected": {"crit": "io.cncf.notary.signingScheme"}},
        {"expires": NOW + HOUR, "critical": ["io.cncf.notary.signingScheme"]},
        {"expires": NOW - 60},
        {"scheme": "notary.x509.other"},
        {"protected": {"io.cncf.notary.signingScheme": None}},
        {"protected": {"io.cncf.notary.signingTime": None}},
        {"protected": {"io.cncf.notary.signingTime": "yesterday"}},
        {"protected": {"io.cncf.notary.signingTime": 7}},
        {"protected": {"io.cncf.notary.verificationPlugin": "example.plugin"}},
    ],
    ids=lambda changes: str(changes)[:80],
)
def test_a_signature_of_other_content_or_with_other_attributes_is_refused(changes, media_type):
    assert refused(envelope(**changes).of(media_type), media_type).code == "notation-signature"


def with_jws(**changes):
    parts = {**envelope().jws_parts(), **changes}
    return json.dumps({name: value for name, value in parts.items() if value is not None}).encode()


@each_case(
    "content",
    [
        b"", b"{}", b"[]", b"\xff", with_jws(signature=None), with_jws(signature=""), with_jws(signatures=[]),
        with_jws(signature=envelope().jws_parts()["signature"] + "="), with_jws(header=None), with_jws(header=[]),
        with_jws(header={}), with_jws(header={"x5c": []}), with_jws(header={"x5c": "AA=="}),
        with_jws(header={"x5c": ["AA"]}), with_jws(header={"x5c": [7]}), with_jws(protected="e30"),
        with_jws(payload="A"), with_jws(payload="+++="), with_jws(payload=[]),
        json.dumps({"payload": "", "signatures": [{}, {}]}).encode(),
        with_jws()[:-1] + b', "payload": "e30"}',
    ],
)  # fmt: skip
def test_what_is_no_jws_envelope_is_refused(content):
    refused(content)


def test_each_content_has_one_text():
    """Base64 leaves bits of the last character unused; two texts would be the same signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts = envelope().jws_parts()
    last = alphabet[alphabet.index(parts["signature"][-1]) ^ 1]
    judged(json.dumps(parts).encode())
    refused(json.dumps({**parts, "signature": parts["signature"][:-1] + last}).encode())
    for token, is_accepted in (
        ("QQ==", True),
        ("QR==", False),
        ("QQ", False),
    ):  # without a store tsa: nobody looks at it
        header = {**parts["header"], "io.cncf.notary.timestampSignature": token}
        content = json.dumps({**parts, "header": header}).encode()
        judged(content) if is_accepted else refused(content)


def with_cose(at, value):
    parts = envelope().cose_parts()
    parts[at] = value
    return cbor2.dumps(cbor2.CBORTag(18, parts))


@each_case(
    "content",
    [
        b"", b"\x00", b"{}", cbor2.dumps(envelope().cose_parts()),
        cbor2.dumps(cbor2.CBORTag(98, envelope().cose_parts())),  # COSE_Sign, which may have several signatures
        cbor2.dumps(cbor2.CBORTag(18, envelope().cose_parts()[:3])),
        cbor2.dumps(cbor2.CBORTag(18, [*envelope().cose_parts(), b""])),
        envelope().cose() + b"\x00", with_cose(0, b""), with_cose(0, {}), with_cose(1, {}), with_cose(1, []),
        with_cose(1, {33: []}), with_cose(1, {33: ["text"]}), with_cose(1, {33: MADE, 34: 1.5}), with_cose(2, None),
        with_cose(2, b"other"), with_cose(3, b""), with_cose(3, "text"), with_cose(3, b"\x00" * 64),
        with_cose(1, {33: MADE, "io.cncf.notary.timestampSignature": "text"}),
    ],
)  # fmt: skip
def test_what_is_no_cose_envelope_is_refused(content):
    refused(content, COSE)


def test_an_envelope_of_another_media_type_is_refused():
    assert refused(envelope().jws(), "application/json").expected == f"{JWS}, {COSE}"
    refused(envelope().jws(), COSE)
    refused(envelope().cose(), JWS)


@each_case(
    "chain",
    [
        [],
        [b"no certificate"],
        [MADE[0]],
        [MADE[0], MADE[2]],
        [MADE[0], MADE[1]],
        [MADE[1], MADE[0], MADE[2]],
        [*MADE, chain_of(ca("other"))[0]],
        [*MADE, MADE[-1]],
        [MADE[0], chain_of(ca("stranger"))[0], *MADE[1:]],
        [MADE[0], *MADE[1:], b""],
        [MADE[0] + b"\x00", *MADE[1:]],
        chain_of(leaf(), *(ca(f"level {n}") for n in range(16))),
    ],
    ids=["none", "nonsense", "leaf", "gap", "no root", "order", "extra", "twice", "between", "empty", "bytes", "long"],
)
def test_a_chain_is_complete_ordered_and_has_no_other_certificate(chain):
    refused(envelope(chain).jws(), roots=MADE)


@each_case(
    "recipe",
    [
        leaf(usage=None),
        leaf(is_usage_critical=False),
        leaf(usage=("digital_signature", "key_encipherment")),
        leaf(usage=("content_commitment",)),
        leaf(usage=("key_cert_sign", "digital_signature")),
        leaf(is_ca=True),
        leaf(purposes=[ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH]),
        leaf(purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        leaf(purposes=[ExtendedKeyUsageOID.TIME_STAMPING]),
        leaf(key=ec_key("odd curve", "SECP256K1")),
        leaf(key=rsa_key("odd size", 2056)),
        leaf(begins=NOW + 1, ends=NOW + HOUR),
        leaf(begins=NOW - HOUR, ends=NOW - 1),
    ],
    ids=lambda recipe: f"{recipe.usage} {recipe.purposes} {recipe.begins}",
)
def test_a_leaf_that_is_not_for_signatures_is_refused(recipe):
    chain = chain_of(recipe, ca())
    refused(Envelope(chain, recipe.key).jws(), roots=[chain[-1]])


@each_case("purposes", [None, [ExtendedKeyUsageOID.CODE_SIGNING], [x509.ObjectIdentifier("1.3.6.1.4.1.311.1")]])
def test_a_leaf_may_have_other_purposes_or_none(purposes):
    chain = chain_of(leaf(purposes=purposes, basic=False), ca())
    assert judged(envelope(chain).jws(), roots=[chain[-1]])


@each_case(
    "recipe",
    [
        ca(is_ca=False),
        ca(basic=False),
        ca(is_basic_critical=False),
        ca(usage=None),
        ca(is_usage_critical=False),
        ca(usage=("crl_sign",)),
        ca(path_length=0),
        ca(ends=NOW - 1),
    ],
    ids=lambda recipe: str(recipe)[:60],
)
def test_a_root_that_is_no_ca_for_this_chain_is_refused(recipe):
    chain = chain_of(leaf(), ca("intermediate"), recipe)
    refused(envelope(chain).jws(), roots=[chain[-1]])


def test_a_leaf_that_has_signed_itself_is_its_own_root():
    chain = chain_of(leaf())
    assert judged(envelope(chain).jws(), roots=chain)
    refused(envelope(chain).jws(), roots=[MADE[-1]])


def test_sha_1_signs_no_certificate():
    """openssl still makes such a chain; `cryptography` does not."""
    chain = [DATA / name for name in ("sha256_leaf.pem", "sha1_leaf.pem", "sha1_root.pem")]
    loaded = [certificates.load_file(path.read_bytes(), what=path.name)[0] for path in chain]
    strong, weak, root = loaded
    assert strong.is_issued_by(root)
    assert not weak.is_issued_by(root)


def test_a_signature_by_the_key_of_another_certificate_is_refused():
    refused(envelope(key=ec_key("stranger")).jws())
    other_curve = ec_key("other curve", "SECP384R1")
    refused(envelope(key=other_curve).jws())
    refused(Envelope(chain_of(leaf(key=other_curve), ca()), ec_key("signer")).cose(), COSE)


@each_case(
    "identities, is_accepted",
    [
        (["*"], True),
        (["x509.subject: C=US, ST=WA, O=acme"], True),
        (["x509.subject: C=US, ST=WA, O=other", "x509.subject: CN=signer, C=US, ST=WA, O=acme"], True),
        (["x509.subject: C=US, ST=WA, O=Acme"], False),
        (["x509.subject: C=US, ST=WA, O=acme, OU=builders"], False),
        (["x509.subject: C=US, ST=WA, O=other"], False),
    ],
)
def test_the_identity_is_a_part_of_the_subject(identities, is_accepted):
    content = envelope().jws()
    if is_accepted:
        assert judged(content, trustedIdentities=identities)
    else:
        assert refused(content, trustedIdentities=identities).actual == "CN=signer,O=acme,ST=WA,C=US"


def test_a_subject_with_two_values_of_one_type_matches_no_identity():
    subject = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.STATE_OR_PROVINCE_NAME, "WA"),
        (NameOID.ORGANIZATION_NAME, "other"),
        (NameOID.ORGANIZATION_NAME, "acme"),
    )
    chain = chain_of(leaf(attributes=subject), ca())
    refused(envelope(chain).jws(), roots=[chain[-1]], trustedIdentities=["x509.subject: C=US, ST=WA, O=acme"])


def test_the_store_of_the_scheme_has_the_root():
    authority = envelope(scheme="notary.x509.signingAuthority").jws()
    assert judged(authority, trustStores=["signingAuthority:acme"])
    refused(authority, trustStores=["ca:acme"])
    refused(envelope().jws(), trustStores=["signingAuthority:acme"])
    refused(envelope().jws(), roots=chain_of(ca("root")))  # another root of the same name and key
    assert judged(envelope().jws(), roots=[MADE[1]])


@each_case("media_type", BOTH)
def test_the_authentic_time_decides_for_a_signing_authority(media_type):
    made = envelope(scheme="notary.x509.signingAuthority")
    store = {"trustStores": ["signingAuthority:acme"], "now": NOW + 1000 * HOUR}
    assert judged(made.of(media_type), media_type, **store)
    late = replace(made, signed=NOW + 2 * HOUR)
    assert refused(late.of(media_type), media_type, **store).code == "signature-expired"


@each_case(
    "level, noted",
    [("strict", None), ("permissive", 1), ("audit", 1), ({"level": "strict", "override": {"expiry": "log"}}, 1)],
)
def test_an_expired_signature(level, noted):
    content = envelope(expires=NOW).jws()
    verification = level if isinstance(level, dict) else {"level": level}
    if noted is None:
        assert refused(content, signatureVerification=verification).code == "signature-expired"
    else:
        found = judged(content, signatureVerification=verification)
        assert [each.code for each in found.noted] == ["signature-expired"]
    assert judged(envelope(expires=NOW + 1).jws(), signatureVerification=verification).noted == ()


def test_audit_notes_an_unknown_signer_but_never_a_changed_payload():
    audit = {"signatureVerification": {"level": "audit"}, "roots": chain_of(ca("other"))}
    assert [each.code for each in judged(envelope().jws(), **audit).noted] == ["notation-signature"]
    refused(envelope(payload=payload_for(size=1)).jws(), **audit)
    refused(envelope(key=ec_key("stranger")).jws(), **audit)


@each_case(
    "revocation, is_accepted, noted",
    [("enforce", False, ()), ("log", True, ("revocation-unknown",)), ("skip", True, ())],
)
def test_a_certificate_that_can_be_revoked_is_not_taken_for_one_that_is_not(revocation, is_accepted, noted):
    chain = chain_of(leaf(extensions=[OCSP]), ca())
    given = {
        "roots": [chain[-1]],
        "signatureVerification": {"level": "strict", "override": {"revocation": revocation}},
    }
    if is_accepted:
        assert tuple(each.code for each in judged(envelope(chain).jws(), **given).noted) == noted
    else:
        assert refused(envelope(chain).jws(), **given).code == "revocation-unknown"


TSA = (
    leaf("tsa", purposes=[ExtendedKeyUsageOID.TIME_STAMPING], is_purpose_critical=True, begins=0, ends=2**33),
    ca("tsa root", begins=0, ends=2**33),
)


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """A signature by certificates that are valid today, its timestamp by openssl, and the root of that authority."""
    import time

    today = int(time.time())
    chain = chain_of(leaf(begins=today - HOUR, ends=today + HOUR), ca(begins=today - HOUR, ends=today + HOUR))
    made = envelope(chain, signed=today - 5)
    parts = made.jws_parts()
    signature = base64.urlsafe_b64decode(parts["signature"] + "==")
    authority = chain_of(*TSA)
    token = stamped(tmp_path_factory.mktemp("tsa"), signature, authority, TSA[0].key)
    return today, chain, parts, token, authority


def with_token(parts, token):
    header = {**parts["header"], "io.cncf.notary.timestampSignature": base64.b64encode(token).decode()}
    return json.dumps({**parts, "header": header}).encode()


def test_a_timestamp_keeps_a_signature_good_after_its_certificate(timed):
    today, chain, parts, token, authority = timed
    given = {"roots": [chain[-1]], "tsa": [authority[-1]], "now": today + 1000 * HOUR}
    with_tsa = {**given, "trustStores": ["ca:acme", "tsa:clock"]}
    found = judged(with_token(parts, token), **with_tsa)
    assert found.stamped is not None
    assert today - 10 <= found.stamped.earliest_seconds < found.stamped.latest_seconds <= today + 600
    assert refused(with_token(parts, token), **given).code == "signature-expired"
    assert refused(json.dumps(parts).encode(), **with_tsa).code == "notation-signature"


def test_when_a_timestamp_is_needed(timed):
    today, chain, parts, _, authority = timed
    given = {"roots": [chain[-1]], "tsa": [authority[-1]], "trustStores": ["ca:acme", "tsa:clock"], "now": today}
    content = json.dumps(parts).encode()
    refused(content, **given)
    lazy = {"signatureVerification": {"level": "strict", "verifyTimestamp": "afterCertExpiry"}}
    assert judged(content, **given, **lazy).stamped is None
    refused(content, **{**given, "now": today + 1000 * HOUR}, **lazy)


def test_a_timestamp_of_another_signature_or_authority_is_refused(timed, tmp_path):
    today, chain, parts, token, authority = timed
    given = {"roots": [chain[-1]], "trustStores": ["ca:acme", "tsa:clock"], "now": today}
    refused(with_token(parts, token), **given, tsa=chain_of(ca("tsa root", key=ec_key("another key"))))
    other = stamped(tmp_path, b"another signature", authority, TSA[0].key)
    refused(with_token(parts, other), **given, tsa=[authority[-1]])
    for broken in (b"", b"\x30\x00", token[:-1], token[:200], b"\x30\x84\xff\xff\xff\xff" + token[6:]):
        refused(with_token(parts, broken), **given, tsa=[authority[-1]])
    carried = token.index(authority[-1])  # the root in the token is not used: that of the trust store is
    for at in range(0, len(token), 53):
        if carried <= at < carried + len(authority[-1]):
            continue
        changed = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        try:
            judged(with_token(parts, changed), **given, tsa=[authority[-1]])
        except Untrusted:
            continue
        pytest.fail(f"byte {at} of the token was changed")


@each_case(
    "begins, ends, signed, is_accepted",
    [(-HOUR, HOUR, -5, True), (-HOUR, HOUR, 600, False), (-HOUR, -600, -1200, False), (600, HOUR, -5, False)],
    ids=["good", "older than the signature", "after the certificate", "before the certificate"],
)
def test_the_time_of_a_timestamp_fits_signature_and_certificate(
    begins, ends, signed, is_accepted, timed, tmp_path_factory
):
    today, _, _, _, authority = timed
    chain = chain_of(leaf(begins=today + begins, ends=today + ends), ca(begins=0, ends=2**33))
    parts = envelope(chain, signed=today + signed).jws_parts()
    signature = base64.urlsafe_b64decode(parts["signature"] + "==")
    token = stamped(tmp_path_factory.mktemp("tsa"), signature, authority, TSA[0].key)
    given = {"roots": [chain[-1]], "tsa": [authority[-1]], "trustStores": ["ca:acme", "tsa:clock"], "now": today}
    if is_accepted:
        assert judged(with_token(parts, token), **given)
    else:
        refused(with_token(parts, token), **given)


def test_a_timestamp_of_a_public_authority_keeps_a_signature_good_that_notation_made():
    content = (DATA / "jwsExpiredWithTimestamp.sig").read_bytes()
    header = json.loads(content)["header"]
    token = base64.b64decode(header["io.cncf.notary.timestampSignature"])
    begin = token.rindex(b"\x30\x82\x05\x83")  # the root of GlobalSign, as the token has it
    manifest = Digest.parse("sha256:c0669ef34cdc14332c0f1ab0c2c01acb91d96014b172f1a76f3a39e63d1f0bda")
    given = {
        "roots": [base64.b64decode(header["x5c"][0])],
        "tsa": [token[begin : begin + 4 + 0x583]],
        "subject": Descriptor("application/vnd.docker.distribution.manifest.v2+json", manifest, 528),
        "trustStores": ["ca:acme", "tsa:clock"],
    }
    levels = {"level": "strict", "override": {"revocation": "log"}}
    found = judged(content, **given, signatureVerification=levels)
    assert found.stamped.earliest_seconds == 1718695301
    assert [each.code for each in found.noted] == ["revocation-unknown"]
    assert refused(content, **given).code == "revocation-unknown"  # the authority can revoke, and no server is asked
    assert refused(content, **{**given, "trustStores": ["ca:acme"]}).code == "signature-expired"


def test_without_the_library_a_policy_with_timestamps_is_an_error(timed, monkeypatch):
    today, chain, parts, token, authority = timed
    monkeypatch.setitem(__import__("sys").modules, "rfc3161_client", None)
    with raises(Misuse, code="package-missing"):
        judged(
            with_token(parts, token),
            roots=[chain[-1]],
            tsa=[authority[-1]],
            trustStores=["ca:acme", "tsa:clock"],
            now=today,
        )


def test_the_conformance_vector_of_notation_calls_an_attribute_critical_that_nobody_knows():
    """notation-core-go, signature/jws/testdata/conformance.json (Apache-2.0): its library leaves such to plugins."""
    protected = (
        "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiaW8uY25jZi5ub3Rhcnkuc2lnbmluZ1NjaGVtZSIsInNpZ25lZENyaXRLZXkxIiwiaW8uY25jZi5ub3Rhcnku"
        "ZXhwaXJ5Il0sImN0eSI6ImFwcGxpY2F0aW9uL3ZuZC5jbmNmLm5vdGFyeS5wYXlsb2FkLnYxK2pzb24iLCJpby5jbmNmLm5vdGFyeS5leHBpcnkiOiIy"
        "MDk5LTA4LTMwVDEzOjUwOjAwWiIsImlvLmNuY2Yubm90YXJ5LnNpZ25pbmdTY2hlbWUiOiJub3RhcnkueDUwOSIsImlvLmNuY2Yubm90YXJ5LnNpZ25p"
        "bmdUaW1lIjoiMjAyMi0wOC0yOVQxMzo1MDowMFoiLCJzaWduZWRDcml0S2V5MSI6InNpZ25lZENyaXRWYWx1ZTEiLCJzaWduZWRLZXkxIjoic2lnbmVk"
        "VmFsdWUxIiwic2lnbmVkS2V5MiI6InNpZ25lZFZhbHVlMSIsInNpZ25lZEtleTMiOiJzaWduZWRWYWx1ZTEiLCJzaWduZWRLZXk0Ijoic2lnbmVkVmFs"
        "dWUxIn0"
    )
    sealed = jws.read(with_jws(protected=protected, payload="ImFHVnNiRzhnU2xkVCI"))
    with raises(Untrusted, code="notation-signature", actual="signedCritKey1"):
        sealed.read()
