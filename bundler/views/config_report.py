"""The lines that ``config`` prints: each default of a flag, and where it comes from."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bundler.views.languages import said, translated
from bundler.views.words import escaped, table

if TYPE_CHECKING:
    from bundler.commands.settings import Ignored, SettingsResult
    from bundler.core.settings import Setting, Value


def lines(result: SettingsResult) -> list[str]:
    """The lines about defaults, a line for each."""
    found: list[str] = []
    if result.shown:
        head = [said("flag"), said("value"), said("of"), said("from")]
        found += table([head, *map(_row, result.shown)], indent="")
    else:
        found.append(said("no flag has a default of yours"))
    for name in result.unknown:
        found += ["", said("{name} is set, and no flag has this variable", name=escaped(name))]
    found += ignored_lines(result.ignored)
    if not result.files:
        place = escaped(result.user_file) if result.user_file else "~/.config/bundler/config.toml"
        found += ["", said("next: write FLAG = VALUE into bundler.toml here, or into {place}", place=place)]
    return found


def ignored_lines(ignored: Iterable[Ignored]) -> list[str]:
    """The lines about files that were not read."""
    return [
        said("{path} is not read: {reason}", path=escaped(each.path), reason=translated(each.reason))
        for each in ignored
    ]


def _row(setting: Setting) -> list[str]:
    command = setting.command or said("every command")
    return [setting.flag, escaped(_words(setting.value)), escaped(command), escaped(setting.place)]


def _words(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return shlex.join(value) if isinstance(value, tuple) else value
