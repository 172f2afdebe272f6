"""``--version --json``: the parts of this installation, for people who report or answer a problem."""

from __future__ import annotations

import platform
from importlib import metadata

from bundler import __version__
from bundler.core.frozen import frozen

LIBRARIES = ("docker", "tqdm", "pyyaml", "py7zr", "cryptography", "urllib3", "click", "zlib-ng")
"""The libraries to report; the last one because the digests of layers that are compressed here depend on it."""


@frozen
class Versions:
    """The versions of this installation.

    Attributes:
        bundler: The version of bundler.
        python: The version of the interpreter.
        platform: System, processor and C library.
        libraries: Each name with its version; None if it is not installed.
    """

    bundler: str
    python: str
    platform: str
    libraries: tuple[tuple[str, str | None], ...]


def versions() -> Versions:
    """Finds the versions of this installation. Loads none of the libraries."""
    libraries = tuple((name, _version_of(name)) for name in LIBRARIES)
    return Versions(__version__, platform.python_version(), platform.platform(), libraries)


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
