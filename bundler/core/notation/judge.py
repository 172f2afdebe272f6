"""Judges one Notation signature of one manifest by a statement of the trust policy.

The order is that of the specification: integrity, authenticity, timestamp, expiry, revocation. Integrity is always
enforced; the statement says for the other checks whether a failure refuses the signature or is only noted.

**Revocation.** No server is asked. A chain that names no CRL and no OCSP server cannot be revoked, and passes. For any
other chain the state is unknown; as in Notation itself that is a failure, and the override ``revocation: log`` or
``skip`` of the statement decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bundler.core import moments, strict_json
from bundler.core.certificates import Certificate
from bundler.core.frozen import frozen
from bundler.core.notation import cose, distinguished_name, jws
from bundler.core.notation.envelope import COSE, JWS, PAYLOAD_TYPE, X509, Attributes, Sealed, malformed
from bundler.core.notation.moment import Moment
from bundler.core.notation.requirements import check_signer
from bundler.core.notation.trust_policy import (
    AUTHENTIC_EXPIRY,
    AUTHENTIC_TIMESTAMP,
    AUTHENTICITY,
    CA,
    ENFORCE,
    REVOCATION,
    SIGNING_AUTHORITY,
    SKIP,
    TSA,
    Statement,
    StoreName,
)
from bundler.core.oci import Descriptor
from bundler.errors import Damaged, Untrusted
from bundler.texts import text

ENVELOPES: Mapping[str, Callable[[bytes], Sealed]] = {JWS: jws.read, COSE: cose.read}
"""The readers of envelopes, by the media type of the layer that holds one."""

TrustStore = Mapping[StoreName, tuple[Certificate, ...]]


@frozen
class Tools:
    """The functions that need cryptography. `bundler.keys.notation_policy` has them.

    Attributes:
        load: Reads a certificate; raises `Untrusted`.
        moment_of: Verifies a timestamp token for a signature by the roots of timestamp authorities; raises `Untrusted`,
            or `Misuse` if its library is not installed.
    """

    load: Callable[[bytes], Certificate]
    moment_of: Callable[[bytes, bytes, Sequence[Certificate]], Moment]


@frozen
class Circumstances:
    """The values that all signatures are judged by, next to the statement.

    Attributes:
        store: The certificates of the trust stores.
        now_seconds: The time, in seconds since 1970.
        tools: The cryptography.
    """

    store: TrustStore
    now_seconds: int
    tools: Tools


@frozen
class Verified:
    """A signature that a statement accepts.

    Attributes:
        signer: The subject of its certificate.
        fingerprint: The SHA-256 of that certificate, 64 hex digits.
        signed_seconds: The time of the signature by its signer's word, since 1970.
        stamped: The time by the word of a timestamp authority, if one was asked for.
        noted: The checks that failed without being enforced.
    """

    signer: str
    fingerprint: str
    signed_seconds: int
    stamped: Moment | None = None
    noted: tuple[Untrusted, ...] = ()


@frozen
class _Signed:
    """A signature whose integrity was checked."""

    sealed: Sealed
    attributes: Attributes
    chain: tuple[Certificate, ...]


def judge(content: bytes, media_type: str, subject: Descriptor, statement: Statement, given: Circumstances) -> Verified:
    """Judges a signature.

    Args:
        content: The envelope; the caller has bounded its length.
        media_type: The media type of the layer that holds it.
        subject: The descriptor of the manifest that it is to be for.
        statement: The statement of the policy for the image; it does not skip signatures.
        given: The trust store and the time.

    Raises:
        Untrusted: The statement does not accept the signature.
        Misuse: The library for timestamps is needed and is not installed.
    """
    signed = _intact(content, media_type, given.tools)
    _check_target(signed.sealed.payload, subject)
    noted: list[Untrusted] = []

    def check(name: str, checked: Callable[[], Moment | None]) -> Moment | None:
        try:
            return checked()
        except Untrusted as error:
            if statement.actions[name] == ENFORCE:
                raise
            noted.append(error)
            return None

    check(AUTHENTICITY, lambda: _check_authenticity(signed, statement, given.store))
    stamped = check(AUTHENTIC_TIMESTAMP, lambda: _check_time(signed, statement, given))
    check(AUTHENTIC_EXPIRY, lambda: _check_expiry(signed.attributes, given.now_seconds))
    if statement.actions[REVOCATION] != SKIP:
        check(REVOCATION, lambda: _check_revocation((*signed.chain, *(stamped.certificates if stamped else ()))))
    leaf = signed.chain[0]
    return Verified(leaf.subject, leaf.fingerprint, signed.attributes.signed_seconds, stamped, tuple(noted))


def _intact(content: bytes, media_type: str, tools: Tools) -> _Signed:
    """Checks the certificates, then the signature, and only then reads what was signed."""
    if media_type not in ENVELOPES:
        raise malformed(text("its media type is unknown"), expected=", ".join(ENVELOPES), actual=media_type[:100])
    sealed = ENVELOPES[media_type](content)
    if not sealed.payload:
        raise malformed(text("it signs nothing"))
    chain = tuple(map(tools.load, sealed.certificates))
    check_signer(chain, what="x5c" if media_type == JWS else "x5chain")
    if not chain[0].keys.verifies(sealed.signature, sealed.signed):
        raise Untrusted(
            text("a signature that does not match the certificate {subject}", subject=chain[0].subject),
            code="notation-signature",
        )
    attributes = sealed.read()
    if attributes.algorithm != chain[0].algorithm:
        raise malformed(
            text("its algorithm is not that of its certificate"),
            expected=chain[0].algorithm,
            actual=attributes.algorithm,
        )
    if attributes.content_type != PAYLOAD_TYPE:
        raise malformed(
            text("its payload has another type"), expected=PAYLOAD_TYPE, actual=attributes.content_type[:100]
        )
    return _Signed(sealed, attributes, chain)


def _check_target(payload: bytes, subject: Descriptor) -> None:
    try:
        document = strict_json.loads(payload, what="payload")
    except Damaged as error:
        raise malformed(error.message) from error
    target = document.get("targetArtifact") if isinstance(document, dict) else None
    if not isinstance(target, dict):
        raise malformed(text("its payload names no artifact"))
    size = target.get("size")
    found = (str(target.get("mediaType")), str(target.get("digest")), size if type(size) is int else None)
    if found != (subject.media_type, str(subject.digest), subject.size_bytes):
        raise Untrusted(
            "a signature of another manifest",
            expected=_described(found, (subject.media_type, str(subject.digest), subject.size_bytes)),
            actual=_described((subject.media_type, str(subject.digest), subject.size_bytes), found),
            code="notation-signature",
        )


def _described(other: tuple[str, str, object], shown: tuple[str, str, object]) -> str:
    """The part of a descriptor that people have to compare: its digest, and all of it if that is the same."""
    return shown[1][:200] if shown[1] != other[1] else ", ".join(str(part)[:100] for part in shown)


def _check_authenticity(signed: _Signed, statement: Statement, store: TrustStore) -> None:
    kind = CA if signed.attributes.scheme == X509 else SIGNING_AUTHORITY
    names = [name for name in statement.stores if name.kind == kind]
    anchors = {certificate.der for name in names for certificate in store[name]}
    if not any(certificate.der in anchors for certificate in signed.chain):
        raise Untrusted(
            text("a signer with no certificate in a trust store of kind {kind}", kind=kind),
            expected=", ".join(map(str, names)) or text("a trust store of this kind in the statement"),
            actual=signed.chain[-1].subject,
            code="notation-signature",
        )
    leaf = signed.chain[0]
    if statement.identities is None:
        return
    if not any(distinguished_name.matches(wanted, leaf.attributes) for wanted in statement.identities):
        raise Untrusted(
            "a signer that is not one of the trusted identities",
            expected="; ".join(", ".join(f"{k}={v}" for k, v in each.items()) for each in statement.identities)[:300],
            actual=leaf.subject,
            code="notation-signature",
        )


def _check_time(signed: _Signed, statement: Statement, given: Circumstances) -> Moment | None:
    """Checks that each certificate was valid when it signed; or is valid now, if that time is only a claim."""
    now_seconds = given.now_seconds
    if signed.attributes.scheme != X509:
        _check_validity(signed.chain, signed.attributes.signed_seconds, signed.attributes.signed_seconds)
        return None
    names = [name for name in statement.stores if name.kind == TSA]
    is_expired = any(now_seconds > certificate.ends_seconds for certificate in signed.chain)
    if not names or not (is_expired or statement.is_timestamp_always_checked):
        _check_validity(signed.chain, now_seconds, now_seconds)
        return None
    if signed.sealed.timestamp is None:
        raise Untrusted(
            "a signature without a timestamp, which the policy wants",
            expected=", ".join(map(str, names)),
            code="notation-signature",
        )
    roots = [certificate for name in names for certificate in given.store[name]]
    moment = given.tools.moment_of(signed.sealed.timestamp, signed.sealed.signature, roots)
    if moment.earliest_seconds < signed.attributes.signed_seconds:
        raise Untrusted("a timestamp that is older than the signature", code="notation-signature")
    _check_validity(signed.chain, moment.earliest_seconds, moment.latest_seconds)
    return moment


def _check_validity(chain: tuple[Certificate, ...], earliest: int, latest: int) -> None:
    for certificate in chain:
        if not (certificate.is_valid_at(earliest) and certificate.is_valid_at(latest)):
            raise Untrusted(
                text("a certificate {subject} that is not valid at the time that counts", subject=certificate.subject),
                expected=text(
                    "a time from {begin} to {end}",
                    begin=moments.shown(certificate.begins_seconds),
                    end=moments.shown(certificate.ends_seconds),
                ),
                actual=moments.shown(latest),
                code="signature-expired",
            )


def _check_expiry(attributes: Attributes, now_seconds: int) -> None:
    if attributes.expires_seconds is not None and now_seconds >= attributes.expires_seconds:
        raise Untrusted(
            "an expired signature",
            expected=text("a time before {end}", end=moments.shown(attributes.expires_seconds)),
            actual=moments.shown(now_seconds),
            code="signature-expired",
        )


def _check_revocation(chain: tuple[Certificate, ...]) -> None:
    revocable = next((certificate for certificate in chain if certificate.names_revocation), None)
    if revocable is not None:
        raise Untrusted(
            text(
                "a certificate {subject} that may have been revoked: nobody can say so offline",
                subject=revocable.subject,
            ),
            hint="if that is accepted, set revocation to log in the override of the statement",
            code="revocation-unknown",
        )
