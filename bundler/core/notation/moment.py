"""The time that a timestamp authority has proved for a signature. `bundler.keys.timestamps` verifies it."""

from __future__ import annotations

from bundler.core.certificates import Certificate
from bundler.core.frozen import frozen


@frozen
class Moment:
    """The time of a countersignature, with the accuracy that the authority states.

    Attributes:
        earliest_seconds: The earliest time at which it can have been made, in seconds since 1970.
        latest_seconds: The latest one.
        authority: The certificate of the authority.
        certificates: All certificates that the token brings along.
    """

    earliest_seconds: int
    latest_seconds: int
    authority: Certificate
    certificates: tuple[Certificate, ...]
