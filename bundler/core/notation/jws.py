"""JWS envelopes of Notation: flattened JSON (RFC 7515). Specification ``signature-envelope-jws.md``."""

from __future__ import annotations

import base64
import re
from typing import Any

from bundler.core import strict_json
from bundler.core.limits import CERTIFICATE_CHAIN
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
    seconds_of,
)
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged
from bundler.texts import text

_FIELDS = frozenset({"payload", "protected", "header", "signature"})
_BASE64URL = lazy_pattern(r"[A-Za-z0-9_-]*", re.ASCII)


def read(content: bytes) -> Sealed:
    """Reads an envelope up to its signature.

    Args:
        content: The envelope; the caller has bounded its length.

    Raises:
        Untrusted: It is not an envelope with exactly one signature.
    """
    document = _object(content, "JWS")
    if set(document) != _FIELDS:
        raise malformed(
            text("a JWS envelope has other fields"),
            expected=", ".join(sorted(_FIELDS)),
            actual=", ".join(document)[:100],
        )
    protected, payload = document["protected"], document["payload"]
    header_bytes = _decoded(protected, "protected")
    unsigned = document["header"]
    if not isinstance(unsigned, dict):
        raise malformed(text("{field} is not an object", field="header"))
    token = unsigned.get(TIMESTAMP)
    return Sealed(
        certificates=_certificates(unsigned.get("x5c")),
        signed=f"{protected}.{payload}".encode(),
        signature=_decoded(document["signature"], "signature"),
        payload=_decoded(payload, "payload"),
        timestamp=None if token is None else _plain(token, TIMESTAMP),
        read=lambda: _attributes(header_bytes),
    )


def _attributes(header_bytes: bytes) -> Attributes:
    header = _object(header_bytes, "protected")
    scheme = header.get(SCHEME)
    check_critical(header.get("crit"), header.keys(), scheme)
    moment = AUTHENTIC_TIME if scheme == SIGNING_AUTHORITY else SIGNING_TIME
    signed = seconds_of(header[moment], what=moment) if moment in header else None
    expires = seconds_of(header[EXPIRY], what=EXPIRY) if EXPIRY in header else None
    return Attributes(
        algorithm=str(header.get("alg")),
        content_type=str(header.get("cty")),
        scheme=str(scheme),
        signed_seconds=check_times(scheme, signed, expires),
        expires_seconds=expires,
    )


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        document = strict_json.loads(content, what=what)
    except Damaged as error:
        raise malformed(error.message) from error
    if not isinstance(document, dict):
        raise malformed(text("{field} is not an object", field=what))
    return document


def _certificates(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= CERTIFICATE_CHAIN:
        raise malformed(text("{field} is not a list of certificates", field="x5c"))
    return tuple(_plain(each, "x5c") for each in value)


def _decoded(value: object, field: str) -> bytes:
    """Base64url without padding, in the one way that RFC 7515 allows for each content."""
    if not isinstance(value, str) or not _BASE64URL.fullmatch(value) or len(value) % 4 == 1:
        raise malformed(text("{field} is not base64url", field=field))
    content = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=") != value.encode():
        raise malformed(text("{field} is not base64url", field=field))
    return content


def _plain(value: object, field: str) -> bytes:
    """Base64 with padding."""
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        content = None
    if content is None or base64.b64encode(content).decode() != value:
        raise malformed(text("{field} is not base64", field=field))
    return content
