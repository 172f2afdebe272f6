"""Base64 (RFC 4648, section 4), read so that one value has one text: no bit of a signed document is without meaning."""

from __future__ import annotations

import base64

from bundler.core.policy.verdict import Unfit
from bundler.texts import text


def exact_base64(value: object, *, what: str) -> bytes:
    """The bytes of a text in base64.

    Python's decoder ignores the unused bits of the last character; two texts would be the same signature.

    Args:
        value: The text.
        what: The name of the value, for messages.

    Raises:
        Unfit: It is no text in canonical base64.
    """
    try:
        decoded = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        decoded = None
    if decoded is None or base64.b64encode(decoded).decode("ascii") != value:
        raise Unfit(text("{what} is not base64", what=what))
    return decoded
