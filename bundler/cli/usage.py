"""Errors of click in our words: the problem of the command line, and the flag or command that was probably meant."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click
from click.core import ParameterSource

from bundler.cli.help import Context
from bundler.errors import Misuse
from bundler.texts import Text, text


def misuse_of(error: click.UsageError) -> Misuse:
    """An error of click as one of ours, with the next step."""
    context = error.ctx
    command = context.command_path if context else "bundler"
    see = text("see: {command} --help", command=command)
    if isinstance(error, click.NoSuchOption):
        flag = error.option_name[:80]
        return Misuse(
            text("{command} has no flag {flag}", command=command, flag=flag), hint=_flag_meant(flag, context) or see
        )
    if isinstance(error, click.BadOptionUsage):
        return _bad_use(error.option_name, context, see)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return Misuse(text("{command} needs {called}", command=command, called=called(error.param, context)), hint=see)
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error.param, error, context)
    if context is not None and isinstance(context.command, click.Group):
        return Misuse(text("{command} needs a command", command=command), hint=see)
    return Misuse(error.format_message(), hint=see)


def no_command(given: str, context: click.Context) -> Misuse:
    """The error for a command that does not exist, with the one that was probably meant."""
    from bundler.cli.other_tools import VERBS

    group, path = context.command, context.command_path
    assert isinstance(group, click.Group)
    hint = _near_commands(given, group.list_commands(context), path)
    if context.parent is None and given in VERBS:
        hint = text("bundler has: {verbs}", verbs=VERBS[given])
    return Misuse(text("{path} has no command {given}", path=path, given=given[:80]), hint=hint)


def no_such_name(given: str, names: Iterable[str], context: click.Context) -> Misuse:
    """The error for the name of a command, as an argument, that does not exist."""
    hint = _near_commands(given, names, context.command_path)
    path = context.find_root().command_path
    return Misuse(text("{path} has no command {given}", path=path, given=given[:80]), hint=hint)


def _near_commands(given: str, names: Iterable[str], path: str) -> Text:
    near = _near(given, names, cutoff=0.6)
    if not near:
        return text("see: {path} --help", path=path)
    return text("did you mean {meant}?", meant=" / ".join(f"{path} {name}" for name in near))


def too_many(number: int, context: click.Context) -> Misuse:
    """The error for surplus arguments. It does not show them, because one may be a password."""
    command = context.command_path
    if number == 1:
        return Misuse(
            text("{command} has one argument too many", command=command),
            hint=text("see: {command} --help", command=command),
        )
    return Misuse(
        text("{command} has {number} arguments too many", command=command, number=number),
        hint=text("see: {command} --help", command=command),
    )


def refuse_password(arguments: list[str], context: click.Context) -> None:
    """Checks that no password follows the flag that reads it from standard input: it would be taken for a path.

    Raises:
        Misuse: The argument after the flag is neither a flag nor the name of a file.
    """
    switch = "--password-stdin"
    if context.resilient_parsing or switch not in arguments:
        return
    follows = arguments[arguments.index(switch) + 1 :][:1]
    if follows and not follows[0].startswith("-") and not os.path.lexists(follows[0]):
        raise Misuse(
            text("{switch} takes no value, and there is no file with the name after it", switch=switch),
            hint=text("for example: {switch} < FILE", switch=switch),
            code="secret-as-text",
        )


def _bad_use(flag: str, context: click.Context | None, see: str) -> Misuse:
    parameters = context.command.get_params(context) if context else []
    is_switch = any(isinstance(each, click.Option) and each.is_flag for each in parameters if flag in each.opts)
    return Misuse(
        text("{flag} takes no value", flag=flag) if is_switch else text("{flag} needs a value", flag=flag), hint=see
    )


def _bad_value(parameter: click.Parameter, error: click.BadParameter, context: click.Context | None) -> Misuse:
    place = called(parameter, context)
    kind = parameter.type
    if isinstance(kind, click.Choice):
        choices = ", ".join(map(str, kind.choices))
        return Misuse("not one of the choices", subject=place, hint=text("choose one of: {choices}", choices=choices))
    if isinstance(kind, click.IntRange):
        return Misuse(
            "not a number in the range",
            subject=place,
            hint=text("give a number from {min} to {max}", min=kind.min, max=kind.max),
        )
    return Misuse(error.message, subject=place)


def called(parameter: click.Parameter, context: click.Context | None) -> str:
    """The spelling of a flag or an argument in help, and the place of a default that the user keeps."""
    if isinstance(parameter, click.Argument) and context is not None:
        return " ".join(parameter.get_usage_pieces(context))
    flag = max(parameter.opts, key=len)
    if not isinstance(context, Context):
        return flag
    is_default = context.get_parameter_source(parameter.name or "") is ParameterSource.DEFAULT_MAP
    return text("{flag} in {place}", flag=flag, place=context.places[parameter.name]) if is_default else flag


def _flag_meant(given: str, context: click.Context | None) -> str | None:
    """The flag that was probably meant by one that the command does not have."""
    from bundler.cli.other_tools import FLAGS

    if context is None:
        return None
    own = _flags_of(context.command, context)
    for answer in FLAGS.get(given, ()):
        if own.issuperset(answer.flags):
            return answer.text
    near = _near(given, (flag for flag in own if flag.startswith("--")), cutoff=0.75)
    if near:
        return text("did you mean {near}?", near=" / ".join(near))
    others = [path for path, command in _commands(context) if given in _flags_of(command, context)]
    if others and others != ["bundler"]:
        return text("{given} is a flag of {others}", given=given, others=", ".join(others))
    return None


def _near(given: str, names: Iterable[str], *, cutoff: float) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(given, list(names), n=2, cutoff=cutoff)


def _flags_of(command: click.Command, context: click.Context) -> set[str]:
    return {flag for parameter in command.get_params(context) for flag in parameter.opts if flag.startswith("-")}


def _commands(context: click.Context) -> list[tuple[str, click.Command]]:
    """All commands, each with its path, in the order of help."""
    root = context.find_root()
    found: list[tuple[str, click.Command]] = []
    waiting: list[tuple[str, click.Command]] = [(root.command_path, root.command)]
    while waiting:
        path, command = waiting.pop(0)
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            waiting += [(f"{path} {name}", below) for name in names if (below := command.get_command(context, name))]
        else:
            found.append((path, command))
    return found
