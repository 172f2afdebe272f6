"""The key that signs receipts and need-lists, as a request names it."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle.signing import PrivateKey
from bundler.core.events import Listener
from bundler.core.frozen import frozen
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key
from bundler.system.request_fields import Request


@frozen
class ReceiptKey(Request):
    """The key of receipts: the file of a private key, and the callback for its passphrase; no file for no signature."""

    path: Path | None = None
    passphrases: Passphrases = no_passphrases

    def load(self, listener: Listener) -> PrivateKey | None:
        """Reads the key.

        Raises:
            Misuse: It cannot be used.
        """
        return read_private_key(self.path, self.passphrases, listener) if self.path else None


NO_KEY = ReceiptKey()
