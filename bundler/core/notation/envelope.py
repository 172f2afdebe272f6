"""A Notation signature, read from its envelope. Signature specification 1.1, "Signature Envelope".

An envelope is read in two steps, so that nothing that was signed is parsed before its signature was checked::

    bytes → Sealed (the certificates and the signed bytes) → signature checked → Attributes (scheme, times, payload)
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from bundler.core import moments
from bundler.core.frozen import frozen
from bundler.errors import Untrusted
from bundler.texts import text

JWS = "application/jose+json"
COSE = "application/cose"

PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
X509 = "notary.x509"
SIGNING_AUTHORITY = "notary.x509.signingAuthority"

SCHEME = "io.cncf.notary.signingScheme"
SIGNING_TIME = "io.cncf.notary.signingTime"
AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime"
EXPIRY = "io.cncf.notary.expiry"
PLUGIN = "io.cncf.notary.verificationPlugin"
TIMESTAMP = "io.cncf.notary.timestampSignature"

UNDERSTOOD = frozenset({SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY})
"""The extended attributes that are understood, so that a signature may call them critical."""


@frozen
class Attributes:
    """The signed attributes.

    Attributes:
        algorithm: The name of the algorithm, as JWS spells it.
        content_type: The media type of the payload.
        scheme: `X509` or `SIGNING_AUTHORITY`.
        signed_seconds: The time of the signature, since 1970. Only with the scheme of a signing authority it is more
            than a claim.
        expires_seconds: The time from which it is expired; None if it never is.
    """

    algorithm: str
    content_type: str
    scheme: str
    signed_seconds: int
    expires_seconds: int | None


@frozen
class Sealed:
    """An envelope whose signature was not checked.

    Attributes:
        certificates: The certificates in DER form, from the leaf to the root.
        signed: The bytes that the signature covers.
        signature: The signature.
        payload: The payload.
        timestamp: The token of a timestamp authority, which no signature covers; None if there is none.
        read: Reads the signed attributes. It is called only after the signature was checked; raises `Untrusted`.
    """

    certificates: tuple[bytes, ...]
    signed: bytes
    signature: bytes
    payload: bytes
    timestamp: bytes | None
    read: Callable[[], Attributes]


def malformed(why: str, *, actual: str | None = None, expected: str | None = None) -> Untrusted:
    """The error for an envelope that does not follow the specification."""
    return Untrusted(
        text("a malformed signature: {why}", why=why),
        expected=expected,
        actual=actual,
        code="notation-signature",
    )


def check_critical(critical: object, present: Collection[object], scheme: object) -> None:
    """Checks the list of critical attributes: each is understood and present, and none is left out.

    Raises:
        Untrusted: It is not so.
    """
    if not isinstance(critical, list) or not all(isinstance(each, str) for each in critical) or not critical:
        raise malformed(text("{field} is not a list of names", field="crit"))
    if len(set(critical)) != len(critical):
        raise malformed(text("{field} names an attribute twice", field="crit"))
    unknown = [each for each in critical if each not in UNDERSTOOD]
    if PLUGIN in present:
        raise malformed(text("it needs a plugin of Notation, and bundler runs none"), actual=PLUGIN)
    if unknown:
        raise malformed(text("a critical attribute is not understood"), actual=str(unknown[0])[:100])
    absent = [each for each in critical if each not in present]
    if absent:
        raise malformed(text("a critical attribute is missing"), expected=absent[0])
    must = {SCHEME, *({EXPIRY} & set(present)), *({AUTHENTIC_TIME} if scheme == SIGNING_AUTHORITY else ())}
    if not must <= set(critical):
        raise malformed(text("an attribute must be critical, and is not"), expected=sorted(must - set(critical))[0])


def check_times(scheme: object, signed: int | None, expires: int | None) -> int:
    """The time of the signature, if the attributes of time fit together.

    Raises:
        Untrusted: They do not.
    """
    if scheme not in (X509, SIGNING_AUTHORITY):
        raise malformed(text("the signing scheme is unknown"), actual=str(scheme)[:100])
    if signed is None:
        raise malformed(text("it has no time of signing"))
    if expires is not None and expires <= signed:
        raise malformed(text("it expires before it was made"))
    return signed


def seconds_of(moment: object, *, what: str) -> int:
    """A time of RFC 3339 in seconds since 1970.

    Raises:
        Untrusted: It is not such a time.
    """
    try:
        return moments.seconds_of(moment if isinstance(moment, str) else "")
    except ValueError as error:
        raise malformed(text("{field} is not a time of RFC 3339", field=what), actual=str(moment)[:50]) from error
