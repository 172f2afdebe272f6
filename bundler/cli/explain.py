"""``bundler explain``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import run_options
from bundler.cli.program import program, show


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del context, parameter
    codes = (entry.code for entry in bundler.explain().entries)
    return [code for code in codes if code.startswith(incomplete.lower().replace("_", "-"))]


@program.command(
    examples="""
bundler explain                     all codes
bundler explain tag-immutable       the code below an error
bundler explain 7                   an exit code
bundler explain NAME_UNKNOWN        the code in a registry's answer
"""
)
@click.argument("code", required=False, metavar="[CODE]", shell_complete=_codes)
@run_options.json_option
def explain(code: str | None, is_json: bool) -> int:
    """Explain an error: its causes, how to check them, and what to do. Works offline.

    CODE is the code below an error, an exit code, or the code in a registry's answer.
    """
    import shutil

    from bundler.views import documents, explain_report

    result = bundler.explain(code)
    lines = explain_report.explain_lines(result, width=shutil.get_terminal_size().columns)
    show(lines, documents.explain_document(result), is_json=is_json)
    return 0
