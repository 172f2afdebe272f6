"""Defaults of flags, so that a user does not type them in every command: what a file or a variable may say.

The flag of a command line wins over a variable, a variable over the file of the working folder, and this file over the
user's own. A folder may be a medium that a stranger has written. So the file of the working folder may only describe
lists and bundles: no key to trust, no target, no program, no file to write over, no rules, by which an import replaces
tags and a prune removes images. No file and no variable may hold what
weakens trust, asks for a secret, or is meant for one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text

PREFIX = "BUNDLER_"
"""The first letters of the variables."""
SETTINGS_BYTES = 16 << 10
"""The largest file of settings. Readers of TOML need seconds for a longer key of many parts."""
_LARGEST = (1 << 63) - 1
"""The largest number that each reader of TOML must take."""
_COMMAND_WORDS = 2
"""The most words of a command: ``receipt show``."""

_WEAKENS = "it weakens trust, so it counts for the command that it is written in and no other"
_SECRET = "it asks for a secret"  # noqa: S105  # no password
_ONE_RUN = "it is meant for one run"

NEVER: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "--allow-rollback",
            "--allow-upload-host",
            "--insecure-no-signature",
            "--insecure-plain-http",
            "--read-back",
            "--plain-http",
            "--skip-missing",
            "--skip-refused",
            "--unsigned",
            "--waivers",
        ),
        _WEAKENS,
    ),
    **dict.fromkeys(("--generate-passphrase", "--passphrase", "--password-stdin"), _SECRET),
    **dict.fromkeys(
        (
            "--again",
            "--clear-uploads",
            "--dry-run",
            "--fingerprint",
            "--harbor-rules",
            "--help",
            "--immutable",
            "--last",
            "--publish",
            "--resolve-only",
            "--restart",
            "--retry-failed",
            "--seal",
            "--sequence",
            "--sha256",
            "--version",
            "--yes",
        ),
        _ONE_RUN,
    ),
}
"""The flags without a default in files and variables, with the reason."""

PROJECT = frozenset(
    {
        "--attachments",
        "--channel",
        "--chunk-size",
        "--encrypt",
        "--except",
        "--jobs",
        "--json",
        "--key",
        "--lang",
        "--layer-compression",
        "--map",
        "--medium-size",
        "--name",
        "--only",
        "--output",
        "--parity",
        "--platform",
        "--quiet",
        "--recipient",
        "--report-lang",
        "--sender",
        "--set",
        "--sheet",
        "--since",
        "--verbose",
    }
)
"""The flags that the file of the working folder may have."""

Value = bool | str | tuple[str, ...]


class Origin(str, Enum):
    """The kinds of places of a setting, the strongest first."""

    VARIABLE = "variable"
    PROJECT = "project"
    USER = "user"


@frozen
class Setting:
    """The default of one flag.

    Attributes:
        flag: The flag, for example ``--chunk-size``.
        command: The command that it is for, for example ``receipt show``; empty for each command with this flag.
        value: True or False for a switch; several texts for a flag that may be repeated.
        origin: The kind of its place.
        place: The file or the variable.
    """

    flag: str
    command: str
    value: Value
    origin: Origin
    place: str

    def is_for(self, command: str) -> bool:
        """True if it counts for this command."""
        return self.command in ("", command)


def settings_of_file(document: Mapping[str, Any], *, origin: Origin, place: str) -> tuple[Setting, ...]:
    """Reads the content of a file.

    Args:
        document: The file, as TOML gives it: ``FLAG = VALUE`` for each command, or in the table of a command.
        origin: The kind of the file.
        place: The file, for messages.

    Raises:
        Misuse: A value is no text, number, switch or list of texts, or a table is deeper than commands are.
    """
    return tuple(_settings(document, (), origin, place))


def _settings(table: Mapping[str, Any], path: tuple[str, ...], origin: Origin, place: str) -> Iterator[Setting]:
    for key, value in table.items():
        if isinstance(value, dict):
            if len(path) == _COMMAND_WORDS:
                raise Misuse(
                    text("{key} is a table in the table of a command", key=".".join((*path, key))[:200]),
                    subject=place,
                    hint="see: bundler config --help",
                )
            yield from _settings(value, (*path, key), origin, place)
            continue
        yield Setting(f"--{key}", " ".join(path), _value(value, ".".join((*path, key)), place), origin, place)


def check_names(settings: Iterable[Setting], flags: Mapping[str, frozenset[str]]) -> None:
    """Checks that each setting names a command and one of its flags.

    Args:
        settings: The settings.
        flags: The flags of all commands.

    Raises:
        Misuse: A flag or a command does not exist.
    """
    every = frozenset().union(*flags.values())
    for each in settings:
        known = flags.get(each.command) if each.command else every
        if known is None:
            raise _unknown(each, text("there is no command {name}", name=each.command), each.command, flags)
        if each.flag not in known:
            fault = text("{command} has no flag {flag}", command=each.command or "bundler", flag=each.flag)
            raise _unknown(each, fault, each.flag[2:], (flag[2:] for flag in known))


def _unknown(setting: Setting, fault: str, name: str, known: Iterable[str]) -> Misuse:
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    hint = text("did you mean {near}?", near=near[0]) if near else "see: bundler config --help"
    return Misuse(fault, subject=setting.place, hint=hint)


def check_allowed(setting: Setting) -> None:
    """Checks that a flag may have a default in its place.

    Raises:
        Misuse: It may not, or not there.
    """
    flag, origin, place = setting.flag, setting.origin, setting.place
    if flag in NEVER:
        raise Misuse(
            text("{flag} cannot have a default: {reason}", flag=flag, reason=text(NEVER[flag])),
            subject=place,
            hint=text("remove it, and write {flag} in the command that needs it", flag=flag),
            code="setting-not-allowed",
        )
    if origin is Origin.PROJECT and flag not in PROJECT:
        raise Misuse(
            text(
                "{flag} is not read from the working folder, which may be a medium that others have written", flag=flag
            ),
            subject=place,
            hint=text(
                "write it into config.toml in your configuration folder, or set the variable {variable}",
                variable=variable_of(flag),
            ),
            code="setting-not-allowed",
        )


def _value(value: object, key: str, place: str) -> Value:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise Misuse(
        text("{key} must be a text, a number, true, false, or a list of texts", key=key),
        subject=place,
        hint=text('for example: chunk-size = "2GB", jobs = 4, platform = ["linux/amd64"]'),
    )


def variable_of(flag: str) -> str:
    """The variable of a flag: ``BUNDLER_CHUNK_SIZE`` for ``--chunk-size``."""
    return PREFIX + flag.removeprefix("--").replace("-", "_").upper()
