"""The engines of a scan: those that a request names, each with its database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    databases = _databases(request.databases)
    used = {
        given: _used(name_of(given), databases, len(request.scanners))
        for given in request.scanners
        if isinstance(given, str)
    }
    engines = tuple(
        find_engine(given, database=databases.get(used[given])) if isinstance(given, str) else given
        for given in request.scanners
    )
    left = [each for each in databases.items() if each[0] not in used.values()]
    if left:
        name, folder = left[0]
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


def _used(name: str, databases: Mapping[str, Path], count: int) -> str:
    """The name under which the database of a scanner was given, if it was: an empty one is that of the only scanner."""
    return "" if name not in databases and count == 1 else name
