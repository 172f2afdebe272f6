"""The manual page that the package was built with. ``setup.py`` makes it."""

from __future__ import annotations

from pathlib import Path

from bundler.errors import Misuse

PAGE = "bundler.1"


def manual(package: Path | None = None) -> str:
    """The manual page, in roff.

    Args:
        package: The folder of the package; None for that of the running program.

    Raises:
        Misuse: It was not built: this is a checkout.
    """
    folder = package or Path(__file__).parents[1]
    try:
        return (folder / PAGE).read_text("utf-8")
    except FileNotFoundError as error:
        raise Misuse(
            "this copy of bundler has no manual page, because it was not built",
            hint="read bundler COMMAND --help, or docs/commands.md; pipx install . builds it",
        ) from error
