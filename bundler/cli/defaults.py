"""Gives the flags of a command their defaults from files and variables, before click reads the command line.

`bundler.commands.settings` finds the defaults. Nothing is loaded if there is neither a file nor a variable.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from bundler.cli.help import Context
from bundler.cli.values import FileName
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import Settings
    from bundler.core.settings import Setting, Value

_REPLACED_BY = {
    "--key": "--unsigned",
    "--trust": "--insecure-no-signature",
    "--quiet": "--verbose",
    "--verbose": "--quiet",
}
"""Flags whose default gives way to another flag on the command line, because a command refuses both together."""
_HELP = frozenset({"-h", "--help"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def set_defaults(context: Context, arguments: Sequence[str]) -> None:
    """Gives the flags of a command their defaults.

    Args:
        context: The context of the command. Its `default_map` gets the values, its `places` where they are.
        arguments: The command line.

    Raises:
        Misuse: A file or a variable is not valid.
    """
    if context.resilient_parsing or not _HELP.isdisjoint(arguments) or not _may_exist():
        return
    settings = read(context.command)
    command = path_of(context)
    _say_ignored(settings)
    _check(settings, context)
    values: dict[str, object] = {}
    for option in _options(context.command):
        flag = _spelling(option)
        setting = settings.of(command, flag)
        if setting is None or _REPLACED_BY.get(flag) in arguments or option.name is None:
            continue
        values[option.name] = _converted(setting, option)
        context.places[option.name] = setting.place
    context.default_map = values


def read(command: click.Command) -> Settings:
    """Reads the defaults of all files, and of the variables of a command's flags.

    Raises:
        Misuse: A file or a variable is not valid.
    """
    import bundler

    return bundler.read_settings(sorted(flags_of(command)))


def _spelling(option: click.Option) -> str:
    """The long spelling of a flag."""
    return max(option.opts, key=len)


def flags_of(command: click.Command) -> frozenset[str]:
    """The long spellings of a command's flags."""
    return frozenset(_spelling(option) for option in _options(command))


def path_of(context: click.Context) -> str:
    """The command without the name of the program: ``receipt show``."""
    return context.command_path.partition(" ")[2]


def flags_of_all(context: click.Context) -> dict[str, frozenset[str]]:
    """The flags of all commands by their paths, in the order of help. Loads the module of each."""
    return {name: flags_of(command) for name, command in _below(context.find_root().command, context, ())}


def _below(
    command: click.Command, context: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            yield from _below(inner, context, (*path, name))


def _options(command: click.Command) -> list[click.Option]:
    found = (each for each in command.params if isinstance(each, click.Option))
    return [each for each in found if _spelling(each).startswith("--")]


def _may_exist() -> bool:
    """True if there is a file or a variable. It loads nothing, because most machines have neither."""
    # The names are those of `places` and `bundler.core.settings`, which take time to load.
    if any(name.startswith("BUNDLER_") for name in os.environ) or os.path.lexists("bundler.toml"):
        return True
    from bundler.system import places

    folder = places.config_folder()
    return folder is not None and os.path.lexists(folder / places.USER_FILE)


def _say_ignored(settings: Settings) -> None:
    from bundler.views import config_report, errors

    if settings.ignored:
        errors.show(config_report.ignored_lines(settings.ignored), on_stderr=True)


def _check(settings: Settings, context: click.Context) -> None:
    """Checks all settings. Loads other commands only if a setting is not for this one."""
    own, command = flags_of(context.command), path_of(context)
    is_own = all(each.is_for(command) and each.flag in own for each in settings.settings)
    settings.check({command: own} if is_own else flags_of_all(context))


def _converted(setting: Setting, option: click.Option) -> object:
    """The value as click takes it from a default.

    Raises:
        Misuse: It is not of the kind of the flag.
    """
    value: Value = setting.value
    if setting.origin == "user" and isinstance(option.type, FileName):
        _check_absolute(setting)
    if option.is_flag and not option.multiple and isinstance(option.flag_value, bool):
        return _switch(setting)
    if isinstance(value, bool):
        raise _wrong(setting, text("{flag} needs a value", flag=setting.flag))
    if option.multiple:
        return _several(setting)
    if isinstance(value, tuple):
        raise _wrong(setting, text("{flag} takes one value", flag=setting.flag))
    return value


def _check_absolute(setting: Setting) -> None:
    """Checks the paths of the user's own file: a relative one would be looked for on any medium.

    Raises:
        Misuse: One is relative.
    """
    values = setting.value if isinstance(setting.value, tuple) else (setting.value,)
    for each in values:
        if isinstance(each, str) and not each.startswith(("/", "s3://")):
            raise _wrong(setting, text("{flag} needs a full path here, starting with /", flag=setting.flag))


def _switch(setting: Setting) -> bool:
    if isinstance(setting.value, bool):
        return setting.value
    word = setting.value.lower() if isinstance(setting.value, str) else ""
    if word not in _TRUE | _FALSE:
        raise _wrong(setting, text("{flag} takes no value but true or false", flag=setting.flag))
    return word in _TRUE


def _several(setting: Setting) -> tuple[str, ...]:
    value = setting.value
    if isinstance(value, tuple):
        return value
    assert isinstance(value, str)
    if setting.origin == "variable":
        try:
            return tuple(shlex.split(value))
        except ValueError:
            raise _wrong(setting, text("a quotation mark is not closed")) from None
    return (value,)


def _wrong(setting: Setting, fault: str) -> Misuse:
    return Misuse(fault, subject=setting.place, hint=text("see the kinds of values: bundler config --help"))
