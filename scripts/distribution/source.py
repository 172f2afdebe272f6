"""The source distribution, and bundler's own wheel, which is made from it. The same source gives the same bytes."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from distribution.wheels import ROOT, DistError

_HOOK = "import sys; from setuptools import build_meta as backend; getattr(backend, sys.argv[1])(sys.argv[2])"
"""Calls the backend that pyproject.toml names (PEP 517), with the setuptools that is here."""
_NO_SOURCE = shutil.ignore_patterns(
    "__pycache__", ".git", ".venv", ".*_cache", ".hypothesis", "*.egg-info", "build", "dist"
)


def build_sdist(folder: Path, *, epoch: str) -> Path:
    """Makes the source distribution, of a copy of what git would commit: nothing of an earlier build gets in."""
    with tempfile.TemporaryDirectory() as scratch:
        tree, made = Path(scratch, "tree"), Path(scratch, "made")
        _copy_source(tree)
        (sdist,) = _built("build_sdist", tree, made, epoch)
        target = folder / sdist.name
        target.write_bytes(_normal(sdist, int(epoch)))
    return target


def build_wheel(sdist: Path, folder: Path, *, epoch: str) -> Path:
    """Makes the wheel from a source distribution alone."""
    with tempfile.TemporaryDirectory() as scratch:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, **safe)
        (tree,) = Path(scratch).iterdir()
        (wheel,) = _built("build_wheel", tree, folder, epoch)
    return wheel


def _copy_source(tree: Path) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():  # an unpacked source distribution
        shutil.copytree(ROOT, tree, ignore=_NO_SOURCE)
        return
    command = ["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, done.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)


def _built(hook: str, tree: Path, folder: Path, epoch: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", _HOOK, hook, str(folder)],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise DistError(f"{hook} of setuptools: {done.stderr.strip()[-2000:]}")
    return sorted(set(folder.iterdir()) - before)


def _normal(sdist: Path, epoch: int) -> bytes:
    """The same files without the names, times and modes of this machine: setuptools has no way to leave them out."""
    content = io.BytesIO()
    with (
        tarfile.open(sdist) as source,
        gzip.GzipFile(fileobj=content, mode="wb", mtime=epoch, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for info in sorted(source.getmembers(), key=lambda each: each.name):
            info.mtime, info.uid, info.gid, info.uname, info.gname, info.pax_headers = epoch, 0, 0, "", "", {}
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            target.addfile(info, source.extractfile(info) if info.isreg() else None)
    return content.getvalue()
