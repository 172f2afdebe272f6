"""SHA256SUMS of a folder, and the time that all files of a distribution have."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from distribution.wheels import ROOT

_NO_COMMIT = "315532800"
"""1980, the oldest time that a wheel can have."""


def write_sums(folder: Path) -> None:
    """Writes SHA256SUMS of a folder, with all files below it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def source_epoch() -> str:
    """The time of the source: SOURCE_DATE_EPOCH, else that of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given or shutil.which("git") is None:
        return given or _NO_COMMIT
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or _NO_COMMIT
