"""The flags that several commands share, and their values."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

import bundler
from bundler.cli.collected import collected
from bundler.cli.completions import images_of_bundles, sizes
from bundler.cli.values import KeyFile, SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.system.bundle_paths import BundlePath, bundle_path, local
from bundler.texts import text
from bundler.views.languages import said

if TYPE_CHECKING:
    from bundler import (
        Credentials,
        ImagePolicy,
        NeedRequest,
        NetworkOptions,
        PreheatRequest,
        Rate,
        ReceiptKey,
        Selection,
        SeveralBundles,
        Shard,
        Unlocking,
    )
    from bundler.core.location import Target

Result = TypeVar("Result")

MOST_SIGNATURES = 64
"""The largest number of signatures that can be required: more than a bundle needs in practice."""

PASSPHRASE_TRIES = 3
"""The number of attempts to type a passphrase."""

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress, only results and errors.")
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="List everything; by default only problems and counts are shown."
)
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
require_signatures_option = click.option(
    "--require-signatures",
    "required",
    type=click.IntRange(1, MOST_SIGNATURES),
    metavar="N",
    help="Number of different trusted keys that must have signed the bundle. Default: 1.",
)
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
set_option = click.option(
    "--set",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a variable in the lists (Compose, Zarf). May be repeated. The environment is not used.",
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Number of large blobs to transfer in parallel."
)
plain_http_option = click.option(
    "--plain-http",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Use plain HTTP, without TLS, for this registry. May be repeated.",
)
cacert_option = click.option("--cacert", metavar="FILE", help="Additional certificate authorities for registries, PEM.")
foreign_layers_option = click.option(
    "--foreign-layers",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Fetch foreign layers from this host, if their manifest names it. May be repeated.",
)
allow_upload_host_option = click.option(
    "--allow-upload-host",
    "upload_hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Send layers to this host, without credentials, if the registry names it for an upload. May be repeated.",
)
outputs_option = click.option(
    "-o",
    "--output",
    "outputs",
    required=True,
    multiple=True,
    metavar="DIR",
    help="Make the folder of the bundle in DIR, which must be there. May be repeated, once for each medium.",
)
copy_trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="Copy only if this public key, or one of a folder, has signed the bundle. May be repeated. Default: the "
    "bytes are compared with SHA256SUMS, and the signature is not checked.",
)
copy_read_back_option = click.option(
    "--read-back/--no-read-back",
    default=True,
    show_default=True,
    help="Read each file back from its medium, past the memory of this machine, and compare it.",
)
medium_size_option = click.option(
    "--medium-size",
    metavar="SIZE",
    shell_complete=sizes,
    help="Make a folder NAME.medium-01 … in DIR for each medium of this size, ready to burn or copy: bytes, 64GB, or "
    "cd, dvd, dvd-dl, bd25, bd50, bd100, fat32.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
scratch_option = click.option(
    "--scratch",
    metavar="DIR",
    help="Folder for temporary files. Default: $TMPDIR, or /var/tmp.",
)
passphrase_file_option = click.option(
    "--passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the private key's passphrase from the first line; - is stdin.",
)
bundle_passphrase_file_option = click.option(
    "--passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the passphrase of an encrypted bundle from the first line; - is stdin.",
)

only_option = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    shell_complete=images_of_bundles,
    help="Only images that match, for example 'quay.io/*'. May be repeated.",
)
except_option = click.option(
    "--except",
    "except_",
    multiple=True,
    metavar="PATTERN",
    shell_complete=images_of_bundles,
    help="Leave out images that match, for example '*:latest'.",
)
retry_failed_option = click.option(
    "--retry-failed",
    metavar="FILE",
    help="Only the images in this list, for example the list that a failed import writes.",
)
username_option = click.option(
    "--username", metavar="NAME", help="User name for the registry; not needed after docker, podman or skopeo login."
)
password_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password of --username from stdin."
)
rate_option = click.option(
    "--rate",
    "rate_text",
    metavar="LIMITS",
    help="Limit what each registry gets: requests=50,bytes=200MB,connections=16 or a part of that; requests and bytes "
    "per second. The limit is for all shards together: one of N takes 1/N of it.",
)
shard_option = click.option(
    "--shard",
    "shard_text",
    metavar="I/N",
    help="Do part I of N of the work, from 1. auto/N takes I from JOB_COMPLETION_INDEX (Kubernetes, from 0) or "
    "SLURM_ARRAY_TASK_ID (from 1), auto also N from a Slurm array 1-N. See docs/scale.md.",
)
need_option = click.option(
    "--need",
    metavar="FILE",
    help="If something of the bundle is missing or damaged, write a need-list to this new file, for bundler fulfil.",
)
wait_option = click.option(
    "--wait",
    is_flag=True,
    help="Ask for media that are not here, and wait for them: PATHs may be mount points in which media are changed. "
    "Without a terminal: work on the media that are here, and list the others.",
)
receipt_key_option = click.option(
    "--receipt-key", type=KeyFile(), metavar="FILE", help="Private key to sign the receipt with."
)
key_passphrase_file_option = click.option(
    "--key-passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the passphrase of that key from the first line; - is stdin.",
)


def required_signatures(required: int | None, *, is_without_signature: bool) -> int:
    """The value of ``--require-signatures``.

    Raises:
        Misuse: It contradicts ``--insecure-no-signature``.
    """
    if required is not None and is_without_signature:
        raise Misuse("--require-signatures and --insecure-no-signature cannot be used together")
    return required or 1


def paths(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """The paths of a repeated flag or argument, of this machine.

    Raises:
        Misuse: One is a place in S3.
    """
    return tuple(local(bundle_path(text)) for text in texts)


def bundle_paths(texts: tuple[str, ...]) -> tuple[BundlePath, ...]:
    """The paths of a bundle: folders, media, or places in S3."""
    return tuple(map(bundle_path, texts))


def of_one_bundle(work: Callable[[tuple[BundlePath, ...]], Result], paths: tuple[BundlePath, ...]) -> Result:
    """Does the work for the bundle in some paths. If there are several, asks the user at the terminal to choose one.

    Raises:
        BundlerError: An error of the work; without a terminal also that there are several bundles.
    """
    try:
        return work(paths)
    except bundler.SeveralBundles as several:
        if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        return work(_chosen(several))


def _chosen(several: SeveralBundles) -> tuple[BundlePath, ...]:
    """The folders of the bundle that the user chooses."""
    bundles = several.bundles
    from bundler.views.words import escaped
    from bundler.workers import in_front

    click.echo(said("{count} bundles are here:", count=len(bundles)), err=True)
    for number, bundle in enumerate(bundles, start=1):
        choice = said("{folder}  (id {id})", folder=escaped(bundle.own_folders[0]), id=bundle.id[:16])
        click.echo(f"{number:4}  {choice}", err=True)
    choices = click.IntRange(1, len(bundles))
    answer = int(in_front(lambda: click.prompt(said("choose one"), type=choices, err=True)))
    return bundles[answer - 1].folders


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


policy_options = collected("policies", PolicyFlags, (_policy_option, _notation_policy_option, _trusted_root_option))
"""Gives a command the flags for policies. It gets them in one argument, ``policies``."""


def network(
    plain_http: tuple[str, ...],
    cacert: str | None,
    *,
    base_path: str = "",
    foreign_layers: tuple[str, ...] = (),
    upload_hosts: tuple[str, ...] = (),
    login: Mapping[str, Credentials] | None = None,
) -> NetworkOptions:
    """The network options that the flags give.

    Raises:
        Misuse: A flag names no valid registry, or no file.
    """
    for host in plain_http:
        if not bundler.is_registry(host):
            raise Misuse("not a registry", subject=f"--plain-http {host}", hint="write HOST or HOST:PORT")
    for flag, hosts in (("--foreign-layers", foreign_layers), ("--allow-upload-host", upload_hosts)):
        for host in hosts:
            if not bundler.is_registry(host):
                raise Misuse("not a host", subject=f"{flag} {host[:80]}", hint="write HOST or HOST:PORT")
    if cacert and not Path(cacert).is_file():
        raise Misuse("there is no such file", subject=f"--cacert {cacert}")
    base = base_path.rstrip("/")
    if base.endswith("/v2"):
        raise Misuse("the path must not contain /v2", subject=f"--base-path {base_path[:80]}", hint="leave /v2 out")
    if base and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", base):
        raise Misuse("not a path", subject=f"--base-path {base_path[:80]}", hint="write it like /repository/docker")
    return bundler.NetworkOptions(
        frozenset(plain_http),
        Path(cacert) if cacert else None,
        login or {},
        base,
        foreign_layers=frozenset(map(str.lower, foreign_layers)),
        upload_hosts=frozenset(map(str.lower, upload_hosts)),
    )


def registries_of(targets: tuple[Target, ...]) -> tuple[str, ...]:
    """The registries among targets, each once."""
    return tuple(dict.fromkeys(target.pushed_to.registry for target in targets if target.pushed_to is not None))


def login(username: str | None, is_on_stdin: bool, registries: tuple[str, ...]) -> dict[str, Credentials]:
    """The credentials of ``--username`` and ``--password-stdin``, for the one registry that they are meant for.

    Raises:
        Misuse: One of the two is missing, or there is more than one registry, or none.
    """
    if username is not None and is_on_stdin and len(registries) != 1:
        raise Misuse("--username is for one registry", actual=", ".join(registries) or "none", expected="one --to HOST")
    given = credentials(username, is_on_stdin)
    return {registries[0]: given} if given else {}


def credentials(username: str | None, is_on_stdin: bool) -> Credentials | None:
    """The credentials of ``--username`` and ``--password-stdin``, if they are given.

    Raises:
        Misuse: One of the two is missing, or standard input has no password.
    """
    if username is None and not is_on_stdin:
        return None
    if username is None or not is_on_stdin:
        raise Misuse("give both --username and --password-stdin")
    if ":" in username:
        raise Misuse(
            "--username contains a colon; the password must come from standard input",
            hint="give only the name: --username NAME --password-stdin < FILE",
        )
    password = sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
    if not password:
        raise Misuse("no password came from standard input", hint="for example: --password-stdin < FILE")
    return bundler.Credentials(username, password, origin="--username")


def credentials_in(file: str, option: str) -> Credentials:
    """``USER:PASSWORD`` from the first line of a file; ``-`` is stdin.

    Raises:
        Misuse: The line is missing or malformed.
    """
    username, colon, password = bundler.read_passphrase(file).partition(":")
    if not username or not colon or not password:
        raise Misuse("no USER:PASSWORD in the first line", subject=f"{option} {file}")
    return bundler.Credentials(username, password, origin=file)


def preheat_request(
    services: tuple[str, ...], token_file: str | None, pull_login: str | None, wait_seconds: int
) -> PreheatRequest | None:
    """The request of ``--preheat``; None if it was not given.

    Raises:
        Misuse: A service is not of the right form, a file has no secret, or files were given without a service.
    """
    if not services:
        if token_file or pull_login:
            raise Misuse("a token or a login for a preheat needs --preheat SERVICE=URL")
        return None
    return bundler.PreheatRequest(
        services=tuple(map(bundler.PreheatService.parse, services)),
        token=bundler.read_passphrase(token_file) if token_file else "",
        pull_login=credentials_in(pull_login, "--preheat-pull-login") if pull_login else None,
        wait_seconds=wait_seconds,
    )


def check_stdin(is_password: bool, *files: str | None) -> None:
    """Refuses flags that would all read standard input."""
    if is_password + files.count("-") > 1:
        raise Misuse("only one secret can come from standard input")


def shard(given: str | None) -> Shard | None:
    """The value of ``--shard``.

    Raises:
        Misuse: It is no shard, or the environment does not number it.
    """
    return bundler.Shard.parse(given, os.environ) if given is not None else None


def rate(given: str | None, shard_text: str | None = None) -> Rate:
    """The value of ``--rate``: the part of one shard.

    Raises:
        Misuse: It is no rate, or the part is too small.
    """
    return bundler.Rate.parse(given).of_shard(shard(shard_text)) if given is not None else bundler.Rate()


def selection(only: tuple[str, ...], except_: tuple[str, ...]) -> Selection:
    """The selection of ``--only`` and ``--except``."""
    return bundler.Selection(only, except_)


def receipt_key(file: str | None, passphrase_file: str | None) -> ReceiptKey:
    """The key of ``--receipt-key``."""
    passphrases = partial(passphrases_of_key, passphrase_file, option="--key-passphrase-file")
    return bundler.ReceiptKey(Path(file) if file else None, passphrases)


def need_request(file: str | None, key: ReceiptKey) -> NeedRequest | None:
    """The request of ``--need``."""
    return bundler.NeedRequest(Path(file), key) if file else None


def scratch_folder(given: str | None) -> Path:
    """The folder of ``--scratch``, or the default.

    Raises:
        Misuse: There is no such folder.
    """
    from bundler.system import places

    folder = Path(given) if given else places.scratch_folder()
    if given and not folder.is_dir():
        raise Misuse(
            "there is no such folder", subject=f"--scratch {given}", hint="make the folder first, or choose another one"
        )
    return folder


def unlocking(passphrase_file: str | None, scratch: str | None) -> Unlocking:
    """The means to open an encrypted bundle: scratch, and the passphrase, which is asked for only if it is needed."""
    return bundler.Unlocking(lambda: passphrase_of_bundle(passphrase_file), scratch_folder(scratch))


def unlocking_since(passphrase_file: str | None, scratch: str | None) -> Unlocking:
    """The means to open encrypted bundles of ``--since``. All of them have one passphrase."""
    return bundler.Unlocking(cache(lambda: passphrase_of_base(passphrase_file)), scratch_folder(scratch))


def passphrase_of_key(file: str | None, *, is_new: bool = False, option: str | None = None) -> str:
    """The passphrase of a private key, from a file or a prompt."""
    prompt = said("new passphrase of the key") if is_new else said("passphrase of the key")
    state = text("the key is encrypted, and there is no terminal to ask for its passphrase")
    return _passphrase(file, prompt, state, _give_file(option or "--passphrase-file"), is_new=is_new)


def passphrases_of_key(file: str | None, *, option: str | None = None) -> Iterator[bytes]:
    """The passphrases to try on a private key: the one in a file, or several attempts of the user to type it."""
    tries = PASSPHRASE_TRIES if file is None else 1
    for attempt in range(tries):
        if attempt:
            click.echo(said("this passphrase does not open the key; try again"), err=True)
        yield passphrase_of_key(file, option=option).encode()


def passphrase_of_bundle(file: str | None, *, is_new: bool = False) -> str:
    """The passphrase of a bundle, from a file or a prompt."""
    hint = _give_file("--passphrase-file")
    if is_new:
        state = text("a bundle is encrypted with a passphrase, and there is no terminal to ask for it")
        hint = text("give --passphrase-file FILE, or - for stdin, or --generate-passphrase")
        return _passphrase(file, said("new passphrase of the bundle"), state, hint, is_new=True)
    state = text("the bundle is encrypted, and there is no terminal to ask for its passphrase")
    return _passphrase(file, said("passphrase of the bundle"), state, hint, is_new=False)


def _give_file(option: str) -> str:
    return text("give {option} FILE, or - for stdin", option=option)


def passphrase_of_base(file: str | None) -> str:
    """The passphrase of a bundle that ``--since`` names, from a file or a prompt."""
    state = text("a bundle of --since is encrypted, and there is no terminal to ask for its passphrase")
    hint = _give_file("--since-passphrase-file")
    return _passphrase(file, said("passphrase of the bundle of --since"), state, hint, is_new=False)


def _passphrase(file: str | None, prompt: str, state: str, hint: str, *, is_new: bool) -> str:
    """A passphrase from a file or, on a terminal, from the user.

    Raises:
        Misuse: There is neither file nor terminal, or the passphrase is empty.
    """
    from bundler.workers import in_front

    if file is not None:
        return bundler.read_passphrase(file)
    if not sys.stdin.isatty():
        raise Misuse(state, hint=hint)
    again = said("repeat it") if is_new else False
    return str(in_front(lambda: click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True)))
