"""Credentials for registries: found in the order of skopeo and Docker, and never shown.

1. ``--username`` with ``--password-stdin``
2. ``$REGISTRY_AUTH_FILE``
3. ``$XDG_RUNTIME_DIR/containers/auth.json``
4. ``config.json`` in ``$DOCKER_CONFIG``, or in ``~/.docker``

In each file, ``credHelpers`` come before ``credsStore``, and both before ``auths``. Entries for a part of a registry
(``host/namespace``, containers-auth.json(5)) come before entries for the whole registry.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from bundler.errors import Misuse
from bundler.stores.credentials import Credentials
from bundler.system import places


def files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Returns the existing files that may hold credentials, best first.

    Raises:
        Misuse: ``REGISTRY_AUTH_FILE`` names a missing file, or it or ``DOCKER_CONFIG`` is not an absolute path.
    """
    named = places.named_by("REGISTRY_AUTH_FILE", environment)
    if named and not named.exists():
        raise Misuse("there is no such file", subject=f"REGISTRY_AUTH_FILE={named}")
    runtime = places.runtime_folder(environment)
    docker = places.docker_folder(environment)
    found = [named, runtime and runtime / "containers" / "auth.json", docker and docker / "config.json"]
    return [path for path in found if path and path.exists()]


class Login:
    """Finds the credentials for one registry. Reads each file once and asks each helper once. Thread-safe."""

    def __init__(self, registry: str, given: Credentials | None = None) -> None:
        """Serves one registry, by its exact host and port; ``given`` are the credentials of the command line."""
        self._registry = registry
        self._given = given
        self._lock = threading.Lock()
        self._found: dict[str, Credentials | None] = {}

    def find(self, repository: str = "") -> Credentials | None:
        """Returns the credentials for a repository; None for anonymous access.

        Raises:
            Misuse, Refused: A file or a credential helper does not work.
        """
        if self._given is not None:
            return self._given
        with self._lock:
            if repository not in self._found:
                self._found[repository] = self._look(repository)
            return self._found[repository]

    def _look(self, repository: str) -> Credentials | None:
        for path in files():
            from bundler.stores import docker_sdk  # without credentials, the code for daemons is not loaded

            credentials = docker_sdk.read_credentials(path, self._registry, repository)
            if credentials is not None:
                return credentials
        return None
