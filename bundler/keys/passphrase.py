"""Passphrases of bundles and keys: read from a file, or generated. They are never an argument and never written."""

from __future__ import annotations

import os
import secrets
import sys

from bundler import texts
from bundler.errors import Misuse
from bundler.system.given_files import read_first_line
from bundler.system.request_fields import text_of

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no character looks like another one."""

_GROUPS, _GROUP_CHARACTERS = 6, 5
_FILE_CHARACTERS = 4096


def read_passphrase(file: str) -> str:
    """Returns the first line of a file.

    Args:
        file: The name of the file; ``-`` for standard input.

    Raises:
        Misuse: It cannot be read, or the line is empty.
    """
    file = text_of(file, "file")
    if file != "-" and not os.path.lexists(file):
        raise Misuse(
            "the passphrase cannot be read: there is no such file; its name is not printed, because it may be the "
            "passphrase itself",
            hint="write the secret to a file that only you can read, and give the name of that file",
            code="secret-as-text",
        )
    try:
        if file == "-":
            text = sys.stdin.readline(_FILE_CHARACTERS)
        else:
            text = read_first_line(file, _FILE_CHARACTERS).decode("utf-8")
        text.encode("utf-8")
    except UnicodeError as error:
        raise Misuse("the passphrase is not UTF-8 text", subject=file) from error
    except OSError as error:
        raise Misuse(
            texts.text("the passphrase cannot be read: {reason}", reason=error.strerror), subject=file
        ) from error
    passphrase = text.rstrip("\r\n")
    if not passphrase:
        place = texts.text("standard input") if file == "-" else file
        raise Misuse("the first line is empty", subject=place, hint="write the secret into the first line")
    return passphrase


def generate_passphrase() -> str:
    """Returns a new random passphrase: 150 bits, in groups that are easy to read aloud."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARACTERS)) for _ in range(_GROUPS))
    return "-".join(groups)
