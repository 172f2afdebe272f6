"""``bundler config``: the defaults of flags in files and variables.

The user's own file is ``config.toml`` in the configuration folder; ``bundler.toml`` in the working folder is that of a
project of image lists. `bundler.core.settings` has the rules. ``BUNDLER_CONFIG`` names another file instead of the
user's own.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bundler.bundle.medium import is_removable
from bundler.core.frozen import frozen
from bundler.core.settings import (
    PREFIX,
    SETTINGS_BYTES,
    Origin,
    Setting,
    check_allowed,
    check_names,
    settings_of_file,
    variable_of,
)
from bundler.errors import Misuse
from bundler.keys.strict_modes import is_changeable
from bundler.system import places
from bundler.system.given_files import read_regular
from bundler.texts import text

_NAMED = "BUNDLER_CONFIG"
_OTHERS = frozenset({_NAMED, "BUNDLER_DIGEST", "BUNDLER_IMAGE", "BUNDLER_MEDIA_TYPE", "BUNDLER_SIZE"})
"""Variables of ours that are no flags: scanners get them, and demos."""


@frozen
class Ignored:
    """A file that is not read.

    Attributes:
        path: The file.
        reason: The reason.
    """

    path: Path
    reason: str


@frozen
class Settings:
    """The defaults of flags.

    Attributes:
        settings: All of them, the strongest first.
        files: The files that were read.
        ignored: Files that were not read, with the reason.
    """

    settings: tuple[Setting, ...] = ()
    files: tuple[Path, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    def of(self, command: str, flag: str) -> Setting | None:
        """The default of a flag of a command; None if there is none.

        In one file, the table of the command is stronger than the top.
        """
        found = [each for each in self.settings if each.flag == flag and each.is_for(command)]
        return min(found, key=lambda each: (_STRENGTH.index(each.origin), not each.command), default=None)

    def check(self, flags: Mapping[str, frozenset[str]]) -> None:
        """Checks that each setting names a flag that may have a default there.

        Args:
            flags: The flags of each command.

        Raises:
            Misuse: A flag or a command does not exist, or the flag may not have a default there.
        """
        check_names(self.settings, flags)
        for each in self.settings:
            check_allowed(each)


_STRENGTH = tuple(Origin)


@frozen
class SettingsResult:
    """The result of ``bundler config``.

    Attributes:
        shown: The settings of the wanted commands, in the order of their flags; the strongest of a flag first.
        files: The files that were read.
        ignored: Files that were not read.
        user_file: The user's own file, which need not exist; None without a home folder.
        unknown: Variables that look like ours and belong to no flag.
    """

    shown: tuple[Setting, ...]
    files: tuple[Path, ...]
    ignored: tuple[Ignored, ...]
    user_file: Path | None
    unknown: tuple[str, ...] = ()


def read_settings(
    flags: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Reads all defaults.

    Args:
        flags: The flags that variables are looked for.
        folder: The working folder; by default that of the process.
        environment: The variables.

    Raises:
        Misuse: A file or a variable is not valid, or another user can write the user's own file.
    """
    project = (folder or Path.cwd()) / places.PROJECT_FILE
    user = user_file(environment)
    files: list[Path] = []
    ignored: list[Ignored] = []
    settings = [*_variables(flags, environment)]
    if os.path.lexists(project) and (user is None or not _is_same(project, user)):
        reason = _distrust(project)
        if reason is None:
            settings += _of_file(project, Origin.PROJECT)
            files.append(project)
        else:
            ignored.append(Ignored(project, reason))
    if user is not None and (environment.get(_NAMED) or os.path.lexists(user)):
        if not environment.get(_NAMED):  # a file that is given by name is the user's own decision
            _check_own(user)
        settings += _of_file(user, Origin.USER)
        files.append(user)
    return Settings(tuple(settings), tuple(files), tuple(ignored))


def user_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The user's own file, which need not exist; None without a home folder.

    Raises:
        Misuse: ``BUNDLER_CONFIG`` is relative.
    """
    named = places.named_by(_NAMED, environment)
    folder = places.config_folder(environment)
    return named or (folder / places.USER_FILE if folder else None)


def _is_same(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def _distrust(path: Path) -> str | None:
    """The reason why the file of the working folder is not read; None if it is read."""
    try:
        if is_changeable(path):
            return text("another user can change it")
    except OSError as error:
        return text("it cannot be examined: {error}", error=error.strerror or str(error))
    return text("it is on a removable medium") if is_removable(path) else None


def _check_own(path: Path) -> None:
    """Checks that only the user and root can write the user's own file.

    Raises:
        Misuse: It is missing, or another user can change it.
    """
    try:
        is_weak = is_changeable(path)
    except OSError as error:
        raise Misuse(
            text("this file of settings cannot be examined: {error}", error=error.strerror or str(error)),
            subject=str(path),
            hint="check the path and who may read it",
        ) from error
    if is_weak:
        raise Misuse(
            "another user can change this file of settings, and so the keys that you trust",
            subject=str(path),
            hint=text("if it is yours: chmod go-w {path} and its folders", path=shlex.quote(str(path))),
            code="setting-not-allowed",
        )


def _of_file(path: Path, origin: Origin) -> tuple[Setting, ...]:
    content = read_regular(path, SETTINGS_BYTES)
    return settings_of_file(_toml(content, path), origin=origin, place=str(path))


def _toml(content: bytes, path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: dict[str, Any] = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # a ValueError also for a number with thousands of digits
        raise Misuse(
            text("this is no TOML: {error}", error=str(error)[:200]),
            subject=str(path),
            hint=text('write FLAG = VALUE lines, for example: chunk-size = "2GB"'),
        ) from error
    return document


def _variables(flags: Sequence[str], environment: Mapping[str, str]) -> list[Setting]:
    if not any(name.startswith(PREFIX) for name in environment):
        return []
    found = []
    for flag in flags:
        variable = variable_of(flag)
        value = environment.get(variable)
        if value and variable not in _OTHERS:
            found.append(Setting(flag, "", value, Origin.VARIABLE, variable))
    return found


def show_settings(
    settings: Settings,
    flags: Mapping[str, frozenset[str]],
    *,
    command: str = "",
    environment: Mapping[str, str] = os.environ,
) -> SettingsResult:
    """The settings of one command, or of all.

    Args:
        settings: All settings.
        flags: The flags of each command.
        command: The command; empty for all.
        environment: The variables.
    """
    wanted = {command: flags[command]} if command else flags
    shown = [
        each for each in settings.settings if any(each.is_for(name) and each.flag in wanted[name] for name in wanted)
    ]
    shown.sort(key=lambda each: (each.flag, _STRENGTH.index(each.origin), not each.command))
    known = {variable_of(flag) for flag in frozenset().union(*flags.values())} | _OTHERS
    unknown = (name for name in environment if name.startswith(PREFIX) and name not in known)
    return SettingsResult(
        tuple(shown), settings.files, settings.ignored, user_file(environment), tuple(sorted(unknown))
    )
