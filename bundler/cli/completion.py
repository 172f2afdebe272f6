"""``bundler completion``. The script runs bundler, whose `main` answers if _BUNDLER_COMPLETE is set."""

from __future__ import annotations

import click

from bundler.cli import run_options
from bundler.cli.program import program, show

_SHELLS = ("bash", "zsh", "fish")


@program.command(
    examples="""
bundler completion bash     in ~/.bashrc: source <(bundler completion bash)
bundler completion zsh      in ~/.zshrc, after compinit: source <(bundler completion zsh)
bundler completion fish     into ~/.config/fish/completions/bundler.fish
"""
)
@click.argument("shell", type=click.Choice(_SHELLS), metavar="|".join(_SHELLS))
@run_options.json_option
def completion(shell: str, is_json: bool) -> int:
    """Print a completion script for a shell: commands, flags, files and codes."""
    from click.shell_completion import get_completion_class

    from bundler.views import documents

    completer = get_completion_class(shell)
    assert completer is not None
    script = completer(program, {}, "bundler", "_BUNDLER_COMPLETE").source()
    show([script.rstrip("\n")], documents.text_document("completion", "script", script), is_json=is_json)
    return 0
