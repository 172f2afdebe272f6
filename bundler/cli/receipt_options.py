"""The flags for receipts and need-lists, and for the keys that sign them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.secret_options import receipt_key
from bundler.cli.values import KeyFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import NeedRequest, ReceiptKey, ReceiptRequest

receipt_option = click.option(
    "--receipt",
    metavar="FILE",
    help="Write the receipt to this file. Default: a new file in ~/.local/state/bundler/receipts.",
)
receipt_key_option = click.option(
    "--receipt-key", type=KeyFile(), metavar="FILE", help="Private key to sign the receipt with."
)
need_option = click.option(
    "--need",
    metavar="FILE",
    help="If something of the bundle is missing or damaged, write a need-list to this new file, for bundler fulfil.",
)
need_key_option = click.option(
    "--need-key", type=KeyFile(), metavar="FILE", help="Private key to sign the need-list with."
)


@frozen
class ReceiptFlags:
    """The flags for the receipt of a command, and for the need-list that its key signs too."""

    receipt_key: str | None
    key_passphrase_file: str | None
    receipt: str | None = None
    need: str | None = None
    dry_run: bool = False

    def secret_files(self) -> tuple[str | None, ...]:
        """The file with the passphrase of the key."""
        return (self.key_passphrase_file,)

    def check(self) -> None:
        """Refuses a key for a receipt that is not written.

        Raises:
            Misuse: Nothing is written in a dry run.
        """
        if self.receipt_key and self.dry_run:
            raise Misuse("--dry-run writes no receipt to sign; leave out --receipt-key")

    def path(self) -> Path | None:
        """The file of the receipt; None for the default."""
        return Path(self.receipt) if self.receipt else None

    def key(self) -> ReceiptKey:
        """The key that signs it."""
        return receipt_key(self.receipt_key, self.key_passphrase_file)

    def request(self, key: ReceiptKey) -> ReceiptRequest:
        """The request for a receipt.

        Args:
            key: The key that signs it.
        """
        return bundler.ReceiptRequest(path=self.path(), key=key)

    def need_request(self, key: ReceiptKey) -> NeedRequest | None:
        """The request for a need-list, if one is to be written.

        Args:
            key: The key that signs it.
        """
        return need_request(self.need, key)


@frozen
class NeedFlags:
    """The flags for the need-list of a command that writes no receipt."""

    need: str | None
    need_key: str | None
    key_passphrase_file: str | None

    def secret_files(self) -> tuple[str | None, ...]:
        """The file with the passphrase of the key."""
        return (self.key_passphrase_file,)

    def check(self) -> None:
        """Refuses a key without a need-list.

        Raises:
            Misuse: There is none.
        """
        if self.need_key and self.need is None:
            raise Misuse("--need-key signs a need-list", hint="give its file: --need FILE")

    def request(self) -> NeedRequest | None:
        """The request for a need-list, if one is to be written."""
        return need_request(self.need, receipt_key(self.need_key, self.key_passphrase_file))


def need_request(file: str | None, key: ReceiptKey) -> NeedRequest | None:
    """The request of ``--need``."""
    return bundler.NeedRequest(Path(file), key) if file else None
