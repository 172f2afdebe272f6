"""Flags that several commands share, and what they are read into."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler.commands.open_bundle import Unlocking
    from bundler.stores.hosts import NetworkOptions

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress, only results and errors.")
trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="Public key that is trusted, or a folder of them. May be repeated. "
    "Default: the keys in ~/.config/bundler/trust.",
)
unsigned_ok_option = click.option(
    "--insecure-no-signature", is_flag=True, help="Take the bundle without any trusted signature. Everything says so."
)
jobs_option = click.option("--jobs", type=click.IntRange(1, 64), help="Large blobs that are moved at a time.")
plain_http_option = click.option(
    "--plain-http", multiple=True, metavar="HOST[:PORT]", help="Speak to this registry without TLS. May be repeated."
)
cacert_option = click.option("--cacert", metavar="FILE", help="Further certificate authorities for registries, PEM.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
scratch_option = click.option(
    "--scratch",
    metavar="DIR",
    help="Where bytes are put down that cannot go straight to their place. Default: $TMPDIR, or /var/tmp.",
)
passphrase_file_option = click.option(
    "--passphrase-file", metavar="FILE", help="Read the private key's passphrase from the first line; - is stdin."
)
bundle_passphrase_file_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Read the passphrase of an encrypted bundle from the first line; - is stdin.",
)


def paths(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """The paths of a repeated flag or argument."""
    return tuple(map(Path, texts))


def network(plain_http: tuple[str, ...], cacert: str | None) -> NetworkOptions:
    """What ``--plain-http`` and ``--cacert`` say.

    Raises:
        Misuse: They name no registry, or no file.
    """
    from bundler.core.reference import is_registry
    from bundler.stores.hosts import NetworkOptions

    for host in plain_http:
        if not is_registry(host):
            raise Misuse("not a registry", subject=f"--plain-http {host}", hint="write HOST or HOST:PORT")
    if cacert and not Path(cacert).is_file():
        raise Misuse("there is no such file", subject=f"--cacert {cacert}")
    return NetworkOptions(frozenset(plain_http), Path(cacert) if cacert else None)


def scratch_folder(given: str | None) -> Path:
    """The folder of ``--scratch``, or the default.

    Raises:
        Misuse: There is no such folder.
    """
    from bundler.scratch import default_folder

    folder = Path(given) if given else default_folder()
    if given and not folder.is_dir():
        raise Misuse("there is no such folder", subject=f"--scratch {given}")
    return folder


def now() -> str:
    """The time of this run, or the one that SOURCE_DATE_EPOCH sets for reproducible bundles."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        now = datetime.datetime.now(datetime.timezone.utc)
    elif epoch.isascii() and epoch.isdigit() and len(epoch) < 12:
        now = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    else:
        raise Misuse("not a number of seconds", subject=f"SOURCE_DATE_EPOCH={epoch[:40]}")
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def unlocking(passphrase_file: str | None, scratch: str | None) -> Unlocking:
    """What opens an encrypted bundle: its passphrase, asked for when it is needed, and scratch."""
    from bundler.commands.open_bundle import Unlocking

    return Unlocking(lambda: passphrase_of_bundle(passphrase_file), scratch_folder(scratch))


def passphrase_of_key(file: str | None, *, is_new: bool = False, option: str | None = None) -> str:
    """The passphrase of a private key, from a file or a prompt."""
    option = option or "--passphrase-file"
    return _passphrase(file, "passphrase of the key", "the key is encrypted", option, is_new=is_new)


def passphrase_of_bundle(file: str | None, *, is_new: bool = False) -> str:
    """The passphrase of a bundle, from a file or a prompt."""
    state = "a bundle is encrypted with a passphrase" if is_new else "the bundle is encrypted"
    return _passphrase(file, "passphrase of the bundle", state, "--passphrase-file", is_new=is_new)


def _passphrase(file: str | None, what: str, state: str, option: str, *, is_new: bool) -> str:
    """A passphrase from a file or, on a terminal, from whoever sits there.

    Raises:
        Misuse: There is neither, or it is empty.
    """
    from bundler.commands.passphrase import read_passphrase

    if file is not None:
        return read_passphrase(file)
    if not sys.stdin.isatty():
        more = ", or --generate-passphrase" if is_new and "bundle" in what else ""
        raise Misuse(
            f"{state}, and there is no terminal to ask for its passphrase",
            hint=f"give {option} FILE, or - for stdin{more}",
        )
    again = "once more" if is_new else False
    return str(click.prompt(("new " if is_new else "") + what, hide_input=True, confirmation_prompt=again, err=True))
