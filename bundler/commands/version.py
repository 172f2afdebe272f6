"""``--version --json``: what this installation is made of, for whoever reports or answers a problem."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

from bundler import __version__

LIBRARIES = ("docker", "tqdm", "pyyaml", "py7zr", "cryptography", "urllib3", "click", "zlib-ng")
"""The last one because the digests of layers that are compressed here follow from it."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What there is.

    Attributes:
        bundler: Our own version.
        python: Of the interpreter.
        platform: System, processor and C library.
        libraries: Each name with its version; None where it is not installed.
    """

    bundler: str
    python: str
    platform: str
    libraries: tuple[tuple[str, str | None], ...]


def versions() -> Versions:
    """The versions of this installation. Loads none of the libraries."""
    libraries = tuple((name, _version_of(name)) for name in LIBRARIES)
    return Versions(__version__, platform.python_version(), platform.platform(), libraries)


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
