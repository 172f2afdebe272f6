"""The engines of a scan: those that a request names, each with its database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bundler.core.scan import Engine
from bundler.errors import Misuse
from bundler.hooks.engines import find_engine, name_of
from bundler.scanning.request import ScanRequest
from bundler.texts import text


def engines_of(request: ScanRequest) -> tuple[Engine, ...]:
    """The engines of a request. None is started yet.

    Raises:
        Misuse: There is none, one is not known or not installed, or a database is missing or belongs to none.
    """
    if not request.scanners:
        raise Misuse("no scanner", subject="--with", hint="give one: --with clamav")
    left = _databases(request.databases)
    engines = tuple(
        find_engine(given, database=_database(name_of(given), left, len(request.scanners)))
        if isinstance(given, str)
        else given
        for given in request.scanners
    )
    if left:
        name, folder = next(iter(left.items()))
        raise Misuse(
            "this database belongs to no scanner",
            subject=text("--database {given}", given=f"{name}={folder}" if name else folder),
            hint="with several scanners, write --database NAME=DIR, with the NAME of a --with",
        )
    return engines


def _databases(given: Sequence[str]) -> dict[str, Path]:
    """The folders, by the names of scanners; the name is empty if none is given.

    Raises:
        Misuse: A scanner has two, or a folder is missing.
    """
    found: dict[str, Path] = {}
    for each in given:
        name, is_named, folder = each.partition("=")
        if not is_named or Path(each).is_dir():
            name, folder = "", each
        if name in found:
            raise Misuse("two databases of one scanner", subject=f"--database {each}")
        if not Path(folder).is_dir():
            raise Misuse(
                "there is no such folder",
                subject=f"--database {each}",
                hint="give the folder of the database with --database DIR",
                code="scanner-database",
            )
        found[name] = Path(folder)
    return found


def _database(name: str, left: dict[str, Path], count: int) -> Path | None:
    """Takes the database of a scanner out of those that are left."""
    found = left.pop(name, None)
    return left.pop("", None) if found is None and count == 1 else found
