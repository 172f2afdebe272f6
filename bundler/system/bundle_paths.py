"""Paths of bundles: on file systems of this machine, or in S3."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bundler.core.s3_path import SCHEME, S3Path
from bundler.errors import Misuse

BundlePath = Path | S3Path
"""A file or folder of a bundle, wherever it is."""


def bundle_path(given: str) -> BundlePath:
    """Reads a path of this machine, or a place in S3.

    Raises:
        Misuse: It begins as a place in S3, and is none.
    """
    return S3Path.parse(given) if given.startswith(SCHEME) else Path(given)


def local(path: BundlePath) -> Path:
    """Returns a path of this machine, for work that needs one.

    Raises:
        Misuse: It is in S3.
    """
    if isinstance(path, Path):
        return path
    raise Misuse(
        "this works on folders of this machine only",
        subject=str(path),
        hint="give a folder; bundles are copied out of S3 and into it by: aws s3 cp --recursive",
    )


def locals_of(paths: Iterable[BundlePath]) -> tuple[Path, ...]:
    """The paths of this machine among some paths."""
    return tuple(path for path in paths if isinstance(path, Path))
