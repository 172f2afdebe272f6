"""The folders of this user: configuration, state, cache, Docker's files, scratch. Only this module chooses them.

A path counts only if it is absolute. A relative path would start at the working folder, which may be a medium that
a stranger has written: a key, a credential or a certificate there would be believed.

- A ``HOME`` that is empty or relative counts as not set. Then the user's entry in passwd decides. Without an entry
  there is no home folder, and nothing is looked up in it (``~`` is never the name of a folder).
- ``XDG_*`` that is empty or relative is ignored, as the XDG Base Directory Specification demands.
- A variable that names one file or folder of Docker, skopeo or OpenSSL is an error if it is relative. If it were
  ignored, other credentials or certificates would be used than the user asked for.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from bundler import texts
from bundler.errors import Misuse

PROJECT_FILE = "bundler.toml"
"""The file with the defaults of flags in the working folder."""
USER_FILE = "config.toml"
"""That of the user, in the folder of configuration."""


def home_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the user's home folder; None if there is none."""
    return _absolute(environment.get("HOME")) or home_in_passwd()


def home_in_passwd() -> Path | None:
    """Returns the home folder of the user's entry in passwd, for any ``HOME``; None if there is none."""
    try:
        return _absolute(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a user without an entry, as in containers
        return None


def config_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of bundler's configuration: ``$XDG_CONFIG_HOME/bundler``; None without a home folder."""
    return _own("XDG_CONFIG_HOME", ".config", environment)


def state_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of files kept between runs: ``$XDG_STATE_HOME/bundler``; None without a home folder."""
    return _own("XDG_STATE_HOME", ".local/state", environment)


def imports_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of receipts of imports: ``$XDG_STATE_HOME/bundler/receipts``; None without a home folder."""
    own = state_folder(environment)
    return None if own is None else own / "receipts"


def prunes_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of receipts of prunes: ``$XDG_STATE_HOME/bundler/prunes``; None without a home folder."""
    own = state_folder(environment)
    return None if own is None else own / "prunes"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of files that may be lost: ``$XDG_CACHE_HOME/bundler``; None without a home folder."""
    return _own("XDG_CACHE_HOME", ".cache", environment)


def cache_of(program: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the cache folder of another program: ``$XDG_CACHE_HOME/PROGRAM``; None without a home folder."""
    return _below("XDG_CACHE_HOME", ".cache", program, environment)


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns ``$XDG_RUNTIME_DIR``, where podman and skopeo keep their logins; None if it is not set."""
    return _absolute(environment.get("XDG_RUNTIME_DIR"))


def docker_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder of Docker's ``config.json`` and contexts: ``$DOCKER_CONFIG``, or ``~/.docker``.

    Raises:
        Misuse: ``DOCKER_CONFIG`` is relative.
    """
    home = home_folder(environment)
    return named_by("DOCKER_CONFIG", environment) or (home / ".docker" if home else None)


def scratch_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns ``$TMPDIR``, or ``/var/tmp``: on many systems ``/tmp`` is too small for images."""
    return _absolute(environment.get("TMPDIR")) or Path("/var/tmp")  # noqa: S108  # mkstemp names the files


def named_by(variable: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the file or folder that a variable names; None if it is not set.

    Raises:
        Misuse: It is relative.
    """
    value = environment.get(variable)
    if not value:
        return None
    path = _absolute(value)
    if path is None:
        raise Misuse(
            texts.text("{variable} is not an absolute path", variable=variable),
            hint=texts.text("write the full path, starting with /; or unset {variable}", variable=variable),
        )
    return path


def _own(variable: str, below_home: str, environment: Mapping[str, str]) -> Path | None:
    return _below(variable, below_home, "bundler", environment)


def _below(variable: str, below_home: str, name: str, environment: Mapping[str, str]) -> Path | None:
    home = home_folder(environment)
    base = _absolute(environment.get(variable)) or (home / below_home if home else None)
    return base / name if base else None


def _absolute(text: str | None) -> Path | None:
    return Path(text) if text and os.path.isabs(text) else None
