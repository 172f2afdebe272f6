"""COSE envelopes of Notation: COSE_Sign1_Tagged (RFC 9052). Specification ``signature-envelope-cose.md``.

The variant "COSE Hash Envelope" signs the hash of a blob, never a manifest. It is refused, because it has no payload
type.
"""

from __future__ import annotations

from typing import Any

from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.core.notation import cbor
from bundler.core.notation.envelope import (
    AUTHENTIC_TIME,
    EXPIRY,
    SCHEME,
    SIGNING_AUTHORITY,
    SIGNING_TIME,
    TIMESTAMP,
    Attributes,
    Sealed,
    check_critical,
    check_times,
    malformed,
)
from bundler.texts import as_text, text

_SIGN1, _EPOCH = 18, 1
_ALGORITHM, _CRITICAL, _CONTENT_TYPE, _CHAIN = 1, 2, 3, 33
_ALGORITHMS = {-7: "ES256", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512"}


def read(content: bytes) -> Sealed:
    """Reads an envelope up to its signature.

    Args:
        content: The envelope; the caller has bounded its length.

    Raises:
        Untrusted: It is not a COSE_Sign1 envelope with a payload.
    """
    tagged = _decoded(content, "COSE")
    parts = tagged.item if isinstance(tagged, cbor.Tagged) and tagged.number == _SIGN1 else None
    if not isinstance(parts, list) or len(parts) != 4:
        raise malformed(text("it is not a COSE_Sign1 envelope"))
    protected, unsigned, payload, signature = parts
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise malformed(text("it is not a COSE_Sign1 envelope"))
    if not isinstance(unsigned, dict):
        raise malformed(text("it is not a COSE_Sign1 envelope"))
    token = unsigned.get(TIMESTAMP)
    if token is not None and not isinstance(token, bytes):
        raise malformed(text("{field} is not a byte string", field=TIMESTAMP))
    return Sealed(
        certificates=_certificates(unsigned.get(_CHAIN)),
        signed=_to_be_signed(protected, payload),
        signature=signature,
        payload=payload,
        timestamp=token,
        read=lambda: _attributes(protected),
    )


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052, section 4.4, without external data."""
    parts = (cbor.encoded_bytes(each) for each in (protected, b"", payload))
    return b"\x84" + cbor.encoded_text("Signature1") + b"".join(parts)


def _attributes(protected: bytes) -> Attributes:
    header = _decoded(protected, "protected")
    if not isinstance(header, dict):
        raise malformed(text("{field} is not an object", field="protected"))
    scheme = header.get(SCHEME)
    check_critical(header.get(_CRITICAL), header.keys(), scheme)
    signed = _moment(header, AUTHENTIC_TIME if scheme == SIGNING_AUTHORITY else SIGNING_TIME)
    expires = _moment(header, EXPIRY)
    number = header.get(_ALGORITHM)
    return Attributes(
        algorithm=_ALGORITHMS.get(number, str(number)[:50]) if isinstance(number, int) else str(number)[:50],
        content_type=str(header.get(_CONTENT_TYPE)),
        scheme=str(scheme),
        signed_seconds=check_times(scheme, signed, expires),
        expires_seconds=expires,
    )


def _moment(header: dict[Any, object], name: str) -> int | None:
    if name not in header:
        return None
    found = header[name]
    if isinstance(found, cbor.Tagged) and found.number == _EPOCH and type(found.item) is int:
        return found.item
    raise malformed(text("{field} is not a time in seconds", field=name))


def _certificates(value: object) -> tuple[bytes, ...]:
    chain = [value] if isinstance(value, bytes) else value  # RFC 9360: one certificate needs no array
    if not isinstance(chain, list) or not 1 <= len(chain) <= CERTIFICATE_CHAIN:
        raise malformed(text("{field} is not a list of certificates", field="x5chain"))
    if not all(isinstance(each, bytes) for each in chain):
        raise malformed(text("{field} is not a list of certificates", field="x5chain"))
    return tuple(chain)


def _decoded(content: bytes, what: str) -> object:
    try:
        return cbor.loads(content)
    except (ValueError, OverflowError) as error:
        raise malformed(
            text(
                "{field} is not valid CBOR: {error}", field=what, error=as_text(error.args[0]) if error.args else error
            )
        ) from error
