"""Finds the scanner that a word of the user means. Scanners are loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from bundler.core.scan import UNITS, Engine
from bundler.errors import Misuse

Find = Callable[[str, Path | None], Engine]
"""Finds an engine by the address of a service, which may be empty, and the folder of a database."""


class Row(NamedTuple):
    """A scanner.

    Attributes:
        module: Its file.
        find: The function there that finds it, a `Find`.
        takes_address: True if the user may name a service: ``NAME=ADDRESS``.
        takes_database: True if it has its database in a folder.
    """

    module: str
    find: str
    takes_address: bool = False
    takes_database: bool = True


ENGINES = {
    "clamav": Row("bundler.hooks.clamav", "find_clamav", takes_address=True),
    "trivy": Row("bundler.hooks.trivy", "find_trivy"),
    "grype": Row("bundler.hooks.grype", "find_grype"),
    "clair": Row("bundler.hooks.clair", "find_clair", takes_address=True, takes_database=False),
}
"""The scanners of `UNITS`, which says what each looks at."""


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
    row = ENGINES.get(name)
    if row is not None and (row.takes_address or not detail):
        if not row.takes_database:
            _check_no_database(wanted, database)
        find: Find = getattr(import_module(row.module), row.find)
        return find(detail, database)
    _check_no_database(wanted, database)
    from bundler.hooks.command import Command, CommandLine

    return Command(CommandLine.parse(wanted))


def _check_no_database(wanted: str, database: Path | None) -> None:
    if database is not None:
        raise Misuse("this scanner takes no --database", subject=wanted[:200])
