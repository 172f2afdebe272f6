"""The flags for trust: whose signatures a bundle, a receipt or an image must have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.options import paths
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import Demand, ImagePolicy

MOST_SIGNATURES = 64
"""The largest number of signatures that can be required: more than a bundle needs in practice."""

trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="Trusted public key, or a folder of them. May be repeated. Default: the keys in ~/.config/bundler/trust.",
)
unsigned_ok_option = click.option(
    "--insecure-no-signature",
    is_flag=True,
    help="Accept the bundle without a trusted signature. All reports show this.",
)
require_signatures_option = click.option(
    "--require-signatures",
    "required",
    type=click.IntRange(1, MOST_SIGNATURES),
    metavar="N",
    help="Number of different trusted keys that must have signed the bundle. Default: 1.",
)
signer_options = together(trust_option, require_signatures_option, unsigned_ok_option)
"""Gives a command the flags of `SignerFlags` for a bundle."""
since_trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="A key in PUB, a public key or a folder of them, must have signed what --since names. May be repeated. "
    "Default: the keys in ~/.config/bundler/trust.",
)
since_unsigned_option = click.option(
    "--insecure-no-signature",
    is_flag=True,
    help="Accept --since without a trusted signature: the bundle may lack blobs that the receiver does not have.",
)
receipt_trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="The receipt must be signed by this public key, or by one of a folder. May be repeated. Default: the keys "
    "in ~/.config/bundler/trust, if there are any.",
)
unsigned_receipt_option = click.option(
    "--insecure-no-signature", is_flag=True, help="Accept the receipt without a trusted signature."
)
receipt_signer_options = together(receipt_trust_option, unsigned_receipt_option)
"""Gives a command the flags of `SignerFlags` for a receipt."""
_policy_option = click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FILE",
    help="Policy for the signatures of images, containers-policy.json(5). May be repeated: each must accept an image. "
    "See docs/policy.md.",
)
_notation_policy_option = click.option(
    "--notation-policy",
    "notation_policies",
    multiple=True,
    metavar="FILE",
    help="Trust policy for Notation signatures, trustpolicy.json, with the folder truststore next to it. May be "
    "repeated. See docs/policy.md.",
)
_trusted_root_option = click.option(
    "--trusted-root",
    metavar="FILE",
    help="trusted_root.json of sigstore, by which --policy judges keyless sigstore bundles. Needs "
    "image-bundler[sigstore].",
)
policy_options = together(_policy_option, _notation_policy_option, _trusted_root_option)
"""Gives a command the flags of `PolicyFlags`."""


@frozen
class SignerFlags:
    """The flags for the signatures that a bundle or a receipt must have."""

    trust: tuple[str, ...]
    insecure_no_signature: bool = False
    required: int | None = None

    def keys(self) -> tuple[Path, ...]:
        """The keys of ``--trust``, and folders of them.

        Raises:
            Misuse: One is a place in S3.
        """
        return paths(self.trust)

    def least(self) -> int:
        """The number of ``--require-signatures``.

        Raises:
            Misuse: It contradicts ``--insecure-no-signature``.
        """
        if self.required is not None and self.insecure_no_signature:
            raise Misuse("--require-signatures and --insecure-no-signature cannot be used together")
        return self.required or 1

    def demand(self) -> Demand:
        """The demand on the signature of a receipt."""
        return bundler.Demand.of(is_without_signature=self.insecure_no_signature)


@frozen
class PolicyFlags:
    """The values of the flags for policies, by their names in the command."""

    policies: tuple[str, ...]
    notation_policies: tuple[str, ...]
    trusted_root: str | None

    def read(self) -> tuple[ImagePolicy, ...]:
        """The policies of ``--policy`` and of ``--notation-policy``, with their keys and certificates.

        Raises:
            Misuse: A file is no valid policy, a key or certificate cannot be read, or a trusted root has no policy.
        """
        if self.trusted_root is not None and not self.policies:
            raise Misuse("a trusted root needs --policy FILE", subject=f"--trusted-root {self.trusted_root}")
        return (
            *(bundler.read_policy(file, trusted_root=self.trusted_root) for file in self.policies),
            *(bundler.read_notation_policy(file) for file in self.notation_policies),
        )
