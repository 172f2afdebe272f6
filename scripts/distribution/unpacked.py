"""All wheels of one machine in one folder, for every Python: the modules of several Pythons have different names."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path

from distribution.wheels import DistError, wheels_for

_SAME_PROJECT = ("WHEEL", "RECORD", "METADATA", "INSTALLER", "REQUESTED")
"""Files of a wheel's own, which differ from build to build, and which no program reads here."""


def unpack(wheels: Path, machine: str, folder: Path) -> None:
    """Unpacks the wheels for a machine. Two builds of a library may share files if these are the same."""
    for wheel in wheels_for(wheels, machine):
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                name = None if info.is_dir() else _place(info.filename)
                if name is not None:
                    _write(folder / name, archive.read(info), wheel)


def _place(name: str) -> str | None:
    """The place of a file in the folder; None for what has none there."""
    if posixpath.normpath(name) != name or name.startswith(("/", "..")):
        raise DistError(f"a name that leads elsewhere: {name}")
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        kind, _, inner = rest.partition("/")
        return inner if kind in ("purelib", "platlib") else None
    return name


def _write(path: Path, content: bytes, wheel: Path) -> None:
    if path.exists():
        if path.read_bytes() != content and path.name not in _SAME_PROJECT:
            raise DistError(f"{wheel.name} has another {path.name} than an earlier build of the same library")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
