"""Public keys as the judges see them: objects that verify."""

from __future__ import annotations

from typing import Protocol


class VerifyingKey(Protocol):
    """A public key. `bundler.keys.image_keys` has the implementation."""

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its SPKI DER, in hex."""

    @property
    def origin(self) -> str:
        """The file or the field of the policy that it comes from."""

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True if the private half of this key made the signature over the message."""
