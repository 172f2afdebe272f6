"""Finds the scanner that a word of the user means. Scanners are loaded when they are asked for."""

from __future__ import annotations

from pathlib import Path

from bundler.core.scan import UNITS, Engine
from bundler.errors import Misuse


def name_of(wanted: str) -> str:
    """The name of the scanner that a word means; see `find_engine`.

    Raises:
        Misuse: It means none.
    """
    name = wanted.partition("=")[0]
    if name in UNITS:
        return name
    from bundler.hooks.command import CommandLine

    return CommandLine.parse(wanted).name


def find_engine(wanted: str, *, database: Path | None = None) -> Engine:
    """The scanner that a word means.

    Args:
        wanted: ``clamav``, ``clamav=SOCKET|HOST:PORT``, ``trivy``, ``grype``, ``clair=URL``; else a command of the
            user, ``[NAME=]PROGRAM ARGUMENT…``.
        database: The folder of its database; None for the usual one.

    Raises:
        Misuse: It means none, or the scanner or its database is missing.
    """
    name, _, detail = wanted.partition("=")
    if name == "clamav":
        from bundler.hooks.clamav import find_clamav

        return find_clamav(detail, database=database)
    if name == "trivy" and not detail:
        from bundler.hooks.trivy import find_trivy

        return find_trivy(database=database)
    if name == "grype" and not detail:
        from bundler.hooks.grype import find_grype

        return find_grype(database=database)
    _check_no_database(wanted, database)
    if name == "clair":
        from bundler.hooks.clair import Clair

        return Clair(detail)
    from bundler.hooks.command import Command, CommandLine

    return Command(CommandLine.parse(wanted))


def _check_no_database(wanted: str, database: Path | None) -> None:
    if database is not None:
        raise Misuse("this scanner takes no --database", subject=wanted[:200])
