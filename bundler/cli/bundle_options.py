"""The flags of commands that make a bundle: where it is written, who signs it, its form, and what it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bundler
from bundler.cli import choice_options, network_options, options, run_options, secret_options, trust_options
from bundler.cli.collected import together
from bundler.cli.completions import sizes
from bundler.cli.values import KeyFile, SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.system.bundle_paths import bundle_path

if TYPE_CHECKING:
    from bundler import ExportRequest, ExportResult

bundle_options = together(
    click.option(
        "-o",
        "--output",
        "outputs",
        required=True,
        multiple=True,
        metavar="DIR",
        help="Create the bundle's folder in DIR. With more than one, a folder on each of several media: the chunks are "
        "spread over them by their free space.",
    ),
    options.medium_size_option,
    click.option("--key", type=KeyFile(), metavar="FILE", help="Private key to sign with; see bundler keygen."),
    click.option(
        "--passphrase-file",
        type=SecretFile(),
        metavar="FILE",
        help=(
            "Read the passphrase from the first line; - is stdin. With --encrypt the bundle's passphrase, else the "
            "private key's."
        ),
    ),
    click.option(
        "--key-passphrase-file", type=SecretFile(), metavar="FILE", help="The private key's passphrase, with --encrypt."
    ),
    click.option("--unsigned", is_flag=True, help="Make a bundle without a signature. All reports show this."),
    choice_options.only_option,
    choice_options.except_option,
    click.option(
        "--chunk-size",
        metavar="SIZE",
        shell_complete=sizes,
        help="Largest chunk file: bytes, 1900MiB, 4GB, or cd, dvd, dvd-dl, bd25, bd50, bd100, fat32. Default: "
        "2000000000, or less on a smaller medium.",
    ),
    click.option(
        "--parity",
        metavar="AMOUNT",
        help="Add recovery data, with which lost and damaged chunks can be repaired: a part of the data (10%), or "
        "as much as any one chunk of each group needs (1chunk), or any one medium (1medium), also of a given size "
        "(1medium:bd25). Default: none.",
    ),
    secret_options.scratch_option,
    click.option(
        "--format",
        "archive",
        type=click.Choice(["tar", "7z"]),
        help="Format of the chunk files: plain tar, or 7z without compression. Default: tar.",
    ),
    click.option("--encrypt", is_flag=True, help="Encrypt content and names with a passphrase: 7z with AES-256."),
    click.option(
        "--generate-passphrase", is_flag=True, help="Make a strong passphrase, and print it once. With --encrypt."
    ),
    click.option(
        "--since",
        multiple=True,
        metavar="PATH",
        help="Leave out what the receiver has by PATH: the folder of a bundle (its small files are enough), its "
        "place in S3, a signed receipt, or a signed inventory. May be repeated.",
    ),
    trust_options.since_trust_option,
    trust_options.since_unsigned_option,
    click.option(
        "--since-passphrase-file",
        type=SecretFile(),
        metavar="FILE",
        help="Read the passphrase of encrypted bundles in --since from the first line; - is stdin.",
    ),
    click.option(
        "--with-tool",
        metavar="DIR",
        help="Carry the files of DIR in the bundle's folder tool, for receivers who do not have bundler; scripts/dist "
        "makes such a folder.",
    ),
    click.option("--restart", is_flag=True, help="Delete the partial state of an earlier run. Default: resume it."),
    click.option(
        "--read-back/--no-read-back",
        default=None,
        help="Read everything back from the medium before the bundle is sealed. Default: if DIR is on a stick, a card "
        "or a disc.",
    ),
    network_options.registry_options,
    network_options.foreign_layers_option,
    run_options.dry_run_option,
)
"""Gives a command the flags of `BundleFlags`."""


@frozen
class BundleFlags:
    """The flags of a command that makes a bundle."""

    outputs: tuple[str, ...]
    medium_size: str | None
    key: str | None
    passphrase_file: str | None
    key_passphrase_file: str | None
    unsigned: bool
    choice: choice_options.ChoiceFlags
    chunk_size: str | None
    parity: str | None
    scratch: str | None
    archive: str | None
    encrypt: bool
    generate_passphrase: bool
    since: tuple[str, ...]
    signers: trust_options.SignerFlags
    since_passphrase_file: str | None
    with_tool: str | None
    restart: bool
    read_back: bool | None
    network: network_options.NetworkFlags
    dry_run: bool

    def check(self, *others: str | None) -> None:
        """Refuses flags that contradict each other. The request does not know the sources of passphrases.

        Args:
            others: Arguments of the command that may be ``-`` for standard input.

        Raises:
            Misuse: They do.
        """
        files = (self.passphrase_file, self.key_passphrase_file, self.since_passphrase_file)
        if self.network.password_stdin and "-" in (*others, self.network.admin_credentials, *files):
            raise Misuse("--password-stdin reads all of standard input", hint="give the other one as a file")
        if self.generate_passphrase and not self.encrypt:
            raise Misuse("--generate-passphrase needs --encrypt")
        if self.generate_passphrase and self.passphrase_file:
            raise Misuse("--generate-passphrase and --passphrase-file cannot be used together")
        if not self.encrypt and self.passphrase_file and self.key_passphrase_file:
            raise Misuse("--passphrase-file and --key-passphrase-file both give the key's passphrase; give one of them")
        if files.count("-") > 1:
            raise Misuse("only one passphrase can come from standard input")

    def made_passphrase(self) -> str | None:
        """A new passphrase for the bundle, if one is asked for."""
        return bundler.generate_passphrase() if self.generate_passphrase and not self.dry_run else None

    def request(self, made: str | None, **more: Any) -> ExportRequest:
        """The request.

        Args:
            made: The passphrase that was made for the bundle.
            more: The fields that these flags do not give.

        Raises:
            Misuse: A value is not valid.
        """
        key_file = self.key_passphrase_file if self.encrypt else self.passphrase_file or self.key_passphrase_file
        medium_bytes = bundler.parse_medium_size(self.medium_size) if self.medium_size else None
        return bundler.ExportRequest(
            output=bundle_path(self.outputs[0]),
            further_outputs=options.paths(self.outputs[1:]),
            medium_size_bytes=medium_bytes,
            chunk_size_bytes=(
                bundler.parse_chunk_size(self.chunk_size) if self.chunk_size else bundler.chunk_size_for(medium_bytes)
            ),
            key_path=Path(self.key) if self.key else None,
            key_passphrases=lambda: secret_options.passphrases_of_key(
                key_file, option="--key-passphrase-file" if self.encrypt else None
            ),
            archive=bundler.ARCHIVE_KINDS[self.archive] if self.archive else None,
            is_encrypted=self.encrypt,
            bundle_passphrase=lambda: made or secret_options.passphrase_of_bundle(self.passphrase_file, is_new=True),
            is_unsigned=self.unsigned,
            selection=self.choice.selection(),
            is_dry_run=self.dry_run,
            since=options.bundle_paths(self.since),
            trust=self.signers.keys(),
            is_since_without_signature=self.signers.insecure_no_signature,
            since_unlocking=secret_options.unlocking_since(self.since_passphrase_file, self.scratch),
            tool=Path(self.with_tool) if self.with_tool is not None else None,
            is_restarted=self.restart,
            is_passphrase_new=made is not None,
            is_read_back=self.read_back,
            network=self.network.options_of_sources(),
            login=self.network.credentials(),
            scratch=secret_options.scratch_folder(self.scratch),
            parity=bundler.parse_parity(self.parity) if self.parity else None,
            **more,
        )


def brief_lines(result: ExportResult, made: str | None) -> list[str]:
    """The lines of a result with ``--quiet``: the folders, and the passphrase that was made."""
    return [*map(str, result.folders), *([made] if made else [])]
