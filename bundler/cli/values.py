"""The types of flags and arguments that are texts. They refuse empty paths, and secrets that were given as text.

No message repeats a text that looks like a secret.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from click.types import StringParamType

from bundler.cli.completions import files
from bundler.cli.usage import called
from bundler.errors import Misuse
from bundler.secrecy import Resemblance, resemblance

if TYPE_CHECKING:
    import click.shell_completion

_IN_A_FILE = "a file name is expected: write this text to a file that only you can read, and give the name of the file"
_GIVE = "give a value, or check that the variable in the command is set"
_NEVER_IN_TEXTS = (Resemblance.PEM, Resemblance.LINES)
_PATH_BEGINS = ("/", "./", "../", "~")


class Text(StringParamType):
    """A text in one line."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the text.

        Raises:
            Misuse: It is the content of a file, not its name.
        """
        text = str(super().convert(value, param, ctx))
        if param is not None and text != param.default and not (ctx and ctx.resilient_parsing):
            self.check(text, called(param, ctx))
        return text

    def check(self, text: str, place: str) -> None:
        """Checks that a text is valid for its flag or argument. An empty one would pass for a flag that was not given.

        Args:
            text: The text.
            place: The flag or the argument, as help spells it.

        Raises:
            Misuse: The text is not valid.
        """
        if not text.strip():
            raise Misuse("the value is empty", subject=place, actual=repr(text[:9]), hint=_GIVE)
        found = resemblance(text)
        if found in _NEVER_IN_TEXTS:
            raise _secret(found, place, hint="one line is expected")


class FileName(Text):
    """The name of a file or folder, which shells complete. The file need not exist."""

    def check(self, text: str, place: str) -> None:
        """Like `Text.check`. Refuses an empty name, which would mean the working folder."""
        if not text.strip():
            raise Misuse("the name of a file or folder is empty", subject=place, hint=_GIVE)
        if os.path.lexists(text):
            return
        found = resemblance(text)
        if found is not None and found is not Resemblance.LOGIN:
            raise _secret(found, place)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Leaves the completion to the shell."""
        from click.shell_completion import CompletionItem

        del ctx, param
        return [CompletionItem(incomplete, type="file")]


class PublicKeyFile(FileName):
    """The name of a public key, or of a folder of them."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offers public keys."""
        del ctx, param
        return files(incomplete, lambda entry: entry.name.endswith(".pub"))


class BundleName(FileName):
    """The name of the folder of a bundle, or of a medium or file."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offers folders of bundles."""
        del ctx, param
        return files(incomplete, lambda entry: os.path.isfile(os.path.join(entry.path, "SHA256SUMS")))


class KeyFile(FileName):
    """The name of a file with a private key. Messages repeat the name of a missing file only if it is a path."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Offers private keys."""
        del ctx, param
        return files(incomplete, lambda entry: entry.name.endswith(".key"))

    def check(self, text: str, place: str) -> None:
        """Like `FileName.check`. Refuses a missing file that is not written as a path: it may be the secret itself."""
        super().check(text, place)
        is_path = text.startswith(_PATH_BEGINS) or "." in os.path.basename(text)
        if not is_path and not os.path.lexists(text):
            raise Misuse(
                "there is no such key; its name is not printed, because it may be the secret itself",
                subject=place,
                hint=_IN_A_FILE,
                code="secret-as-text",
            )


class SecretFile(FileName):
    """The name of a file with a passphrase or a password; ``-`` is stdin.

    `bundler.keys.passphrase` reads it, and repeats no name of a missing file.
    """

    def check(self, text: str, place: str) -> None:
        """Like `FileName.check`. Refuses ``USER:PASSWORD`` too."""
        super().check(text, place)
        if ":" in text and not os.path.lexists(text):
            raise _secret(Resemblance.LOGIN, place)


def _secret(found: Resemblance, place: str, *, hint: str = _IN_A_FILE) -> Misuse:
    return Misuse(_WORDS[found], subject=place, hint=hint, code="secret-as-text")


_WORDS = {
    Resemblance.PEM: "this looks like the content of a key or a certificate",
    Resemblance.LINES: "this is a text with several lines",
    Resemblance.JSON: "this looks like a JSON text",
    Resemblance.ENCODED: "this looks like an encoded key or token",
    Resemblance.LOGIN: "this looks like USER:PASSWORD",
}
