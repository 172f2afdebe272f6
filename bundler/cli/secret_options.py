"""The flags for secrets: private keys, passphrases, and the scratch space that an encrypted bundle needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.values import SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text
from bundler.views.languages import said

if TYPE_CHECKING:
    from typing import Protocol

    from bundler import Credentials, ReceiptKey, Unlocking

    class HasSecrets(Protocol):
        """A group of flags, some of which name files with secrets."""

        def secret_files(self) -> tuple[str | None, ...]:
            """The files; ``-`` is standard input."""


PASSPHRASE_TRIES = 3
"""The number of attempts to type a passphrase."""

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
key_passphrase_file_option = click.option(
    "--key-passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the passphrase of that key from the first line; - is stdin.",
)
scratch_option = click.option(
    "--scratch",
    metavar="DIR",
    help="Folder for temporary files. Default: $TMPDIR, or /var/tmp.",
)
unlocking_options = together(bundle_passphrase_file_option, scratch_option)
"""Gives a command the flags of `SecretFlags`."""
passphrase_options = together(key_passphrase_file_option, unlocking_options)
"""Gives a command the flags of `SecretFlags`, and the passphrase of its key."""


@frozen
class SecretFlags:
    """The flags for an encrypted bundle."""

    passphrase_file: str | None
    scratch: str | None = None

    def secret_files(self) -> tuple[str | None, ...]:
        """The file with the passphrase."""
        return (self.passphrase_file,)

    def unlocking(self) -> Unlocking:
        """The means to open the bundle. The passphrase is asked for only if it is needed.

        Raises:
            Misuse: There is no folder for scratch space.
        """
        return bundler.Unlocking(lambda: passphrase_of_bundle(self.passphrase_file), self.scratch_folder())

    def scratch_folder(self) -> Path:
        """The folder for scratch space.

        Raises:
            Misuse: There is no such folder.
        """
        return scratch_folder(self.scratch)

    def unlocking_if_given(self) -> Unlocking | None:
        """The same; None without a passphrase, for a command that can do without.

        Raises:
            Misuse: As `unlocking`.
        """
        return self.unlocking() if self.passphrase_file else None


@frozen
class KeyFlags:
    """The flags for a private key that signs."""

    key: str | None
    key_passphrase_file: str | None

    def secret_files(self) -> tuple[str | None, ...]:
        """The file with the passphrase."""
        return (self.key_passphrase_file,)

    def path(self) -> Path | None:
        """The file of the key."""
        return Path(self.key) if self.key else None

    def needed_path(self) -> Path:
        """The file of the key, for a command that needs one."""
        assert self.key is not None  # click demands it
        return Path(self.key)

    def passphrases(self) -> Iterator[bytes]:
        """The passphrases to try on it."""
        return passphrases_of_key(self.key_passphrase_file, option="--key-passphrase-file")


@frozen
class OnlyKeyFlags:
    """The flags for a private key that signs, of a command that asks for no other passphrase."""

    passphrase_file: str | None
    key: str | None = None

    def secret_files(self) -> tuple[str | None, ...]:
        """The file with the passphrase."""
        return (self.passphrase_file,)

    def path(self) -> Path | None:
        """The file of the key."""
        return Path(self.key) if self.key else None

    def passphrases(self) -> Iterator[bytes]:
        """The passphrases to try on it."""
        return passphrases_of_key(self.passphrase_file)


def check_stdin(*groups: HasSecrets) -> None:
    """Refuses flags that would all read standard input.

    Raises:
        Misuse: More than one would.
    """
    if sum(group.secret_files().count("-") for group in groups) > 1:
        raise Misuse("only one secret can come from standard input")


def credentials_in(file: str, option: str) -> Credentials:
    """``USER:PASSWORD`` from the first line of a file; ``-`` is stdin.

    Raises:
        Misuse: The line is missing or malformed.
    """
    username, colon, password = bundler.read_passphrase(file).partition(":")
    if not username or not colon or not password:
        raise Misuse("no USER:PASSWORD in the first line", subject=f"{option} {file}")
    return bundler.Credentials(username, password, origin=file)


def receipt_key(file: str | None, passphrase_file: str | None) -> ReceiptKey:
    """The key of ``--receipt-key``."""
    passphrases = partial(passphrases_of_key, passphrase_file, option="--key-passphrase-file")
    return bundler.ReceiptKey(Path(file) if file else None, passphrases)


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
