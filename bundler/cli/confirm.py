"""Asks the person at the terminal before a command changes what others use."""

from __future__ import annotations

import sys

import click

from bundler.errors import Misuse


def is_at_terminal() -> bool:
    """True if a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def demand_yes(lines: list[str], question: str, *, refusal: str) -> None:
    """Shows lines on stderr, and asks for a yes.

    Args:
        lines: The plan.
        question: The question, a message.
        refusal: The error for another answer, a message.

    Raises:
        Misuse: The answer is not yes.
    """
    from bundler.views.languages import translated

    for line in lines:
        click.echo(line, err=True)
    answer = click.prompt(translated(question), default="no", show_default=False, err=True)
    if str(answer).strip().lower() != "yes":
        raise Misuse(refusal, hint="run it again, and type: yes")
