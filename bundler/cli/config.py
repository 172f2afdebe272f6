"""``bundler config``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import defaults, run_options
from bundler.cli.program import program, show
from bundler.cli.usage import no_such_name


@program.command(
    examples="""
bundler config             all defaults, and where each comes from
bundler config export      those of one command
"""
)
@click.argument("command", metavar="[COMMAND]...", nargs=-1)
@run_options.json_option
def config(command: tuple[str, ...], is_json: bool) -> int:
    """Show the defaults that you gave to flags, and where each comes from.

    Defaults are in bundler.toml in the working folder, in ~/.config/bundler/config.toml, and in variables such as
    BUNDLER_CHUNK_SIZE. A flag on the command line wins over a variable, a variable over bundler.toml, and this over
    config.toml. BUNDLER_CONFIG names another file instead of config.toml.

    A file in TOML has FLAG = VALUE for each command with that flag, and the same below [COMMAND] for one command.
    A value is a text, a number, true, or a list of texts. A variable of a flag that may be repeated has its values with
    spaces between them.

    Passwords, and flags that weaken trust or are meant for one run, cannot have a default. The file of the working
    folder, which may be a medium, describes lists and bundles only.
    """
    from bundler.views import config_report, documents

    context = click.get_current_context()
    flags = defaults.flags_of_all(context)
    settings = bundler.read_settings(sorted(frozenset().union(*flags.values())))
    settings.check(flags)
    wanted = " ".join(command)
    if wanted and wanted not in flags:
        raise no_such_name(wanted, flags, context)
    result = bundler.show_settings(settings, flags, command=wanted)
    show(config_report.lines(result), documents.config_document(result), is_json=is_json)
    return 0
