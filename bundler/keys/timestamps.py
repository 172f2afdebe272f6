"""Countersignatures of timestamp authorities (RFC 3161): they prove when a signature was made.

`rfc3161_client` parses and verifies them; this module is its door. The package is the extra
``image-bundler[notation]``, and is imported only for a policy with a trust store ``tsa:``. It works offline: the
authority's root is in the trust store.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from bundler.core.certificates import Certificate
from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.core.notation.moment import Moment
from bundler.errors import Misuse, Untrusted
from bundler.keys import certificates
from bundler.texts import text

_GRANTED = bytes.fromhex("3003020100")
"""PKIStatusInfo with the status "granted". Notation keeps the token alone, and the library reads whole answers."""

_SEQUENCE, _CONTENT, _CERTIFICATES = 0x30, 0xA0, 0xA0
"""Tags of DER: SEQUENCE, ``[0] content`` of ContentInfo, ``[0] certificates`` of SignedData. RFC 5652."""

_TIMESTAMPING = "1.3.6.1.5.5.7.3.8"


def require_library() -> None:
    """Checks that timestamps can be verified, before any image is judged.

    Raises:
        Misuse: The library is not installed.
    """
    try:
        import rfc3161_client  # noqa: F401
    except ImportError as error:
        raise Misuse(
            "timestamps of signatures need the package rfc3161-client",
            subject="--notation-policy",
            hint="install it with: pip install 'image-bundler[notation]', or leave tsa: out of trustStores",
            code="package-missing",
        ) from error


def moment_of(token: bytes, signature: bytes, roots: Iterable[Certificate]) -> Moment:
    """Verifies a countersignature.

    Args:
        token: The TimeStampToken.
        signature: The signature that it is for.
        roots: The trusted roots of timestamp authorities.

    Raises:
        Untrusted: It is not a countersignature of this signature by an authority of a trusted root, which was valid
            then.
        Misuse: The library is not installed.
    """
    require_library()
    import rfc3161_client
    from rfc3161_client.errors import VerificationError

    try:
        answer: Any = rfc3161_client.decode_timestamp_response(_answer(token))
        builder = rfc3161_client.VerifierBuilder(roots=[root.keys.library_object for root in roots])
        builder.build().verify_message(answer, signature)
        info = answer.tst_info
        carried = tuple(answer.signed_data.certificates)
        [signer] = answer.signed_data.signer_infos
        issuer, serial = signer.issuer.public_bytes(), signer.serial_number
        accuracy = _accuracy(info)
        made = info.gen_time.timestamp()
    except (VerificationError, ValueError, TypeError) as error:
        raise _unfit(text("{error}", error=str(error)[:200])) from error
    chain = tuple(certificates.load(der, what="timestamp") for der in carried)
    authority = next((each for each in chain if (each.issuer_der, each.serial_number) == (issuer, serial)), None)
    if authority is None:
        raise _unfit(text("it has no certificate of its signer"))
    if authority.purposes != frozenset({_TIMESTAMPING}):
        raise _unfit(text("the key of its signer is for other uses too"))
    return Moment(math.floor(made - accuracy), math.ceil(made + accuracy), authority, chain)


def _answer(token: bytes) -> bytes:
    """A TimeStampResp with a token."""
    content = _GRANTED + _in_order(token)
    length = len(content)
    if length < 0x80:
        return bytes([_SEQUENCE, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([_SEQUENCE, 0x80 | len(size)]) + size + content


def _in_order(token: bytes) -> bytes:
    """The token with its certificates in the order of DER.

    OpenSSL and public authorities write this set in another order (RFC 5652 permits it), and the library wants DER.
    No signature covers the set, and its length stays the same.

    Raises:
        ValueError: The token is not ``ContentInfo`` with ``SignedData``, or has too many certificates.
    """
    begin, end = 0, len(token)
    for tag, skipped in ((_SEQUENCE, 0), (_CONTENT, 1), (_SEQUENCE, 0), (_CERTIFICATES, 3)):
        for _ in range(skipped):
            begin = _element(token, begin, end)[2]
        found, begin, end = _element(token, begin, end)
        if found != tag:
            raise ValueError("no signed data with certificates")
    elements, at = [], begin
    while at < end:
        after = _element(token, at, end)[2]
        elements.append(token[at:after])
        if len(elements) > CERTIFICATE_CHAIN:
            raise ValueError("too many certificates")
        at = after
    return token[:begin] + b"".join(sorted(elements)) + token[end:]


def _element(content: bytes, begin: int, end: int) -> tuple[int, int, int]:
    """The tag of a DER element, the beginning of its content, and its end.

    Raises:
        ValueError: It is not complete.
    """
    if begin + 2 > end:
        raise ValueError("the token ends too early")
    tag, length = content[begin], content[begin + 1]
    begin += 2
    if length >= 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(content[begin : begin + size], "big"), begin + size
    if begin + length > end:
        raise ValueError("the token ends too early")
    return tag, begin, begin + length


def _accuracy(info: Any) -> float:
    """Seconds before and after the time in which it was made. An authority that states none is taken at its word."""
    found = info.accuracy
    if found is None:
        return 0.0
    return (found.seconds or 0) + (found.millis or 0) / 1e3 + (found.micros or 0) / 1e6


def _unfit(why: str) -> Untrusted:
    return Untrusted(text("a timestamp that is not valid: {why}", why=why), code="notation-signature")
