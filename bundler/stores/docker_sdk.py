"""Docker's credentials, found as Docker finds them. The only module that imports the docker SDK.

``credHelpers`` come before ``credsStore``, both before ``auths`` in ``$DOCKER_CONFIG/config.json``. Importing the SDK
takes a tenth of a second, so it happens only when a configuration exists.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import Refused


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry is logged in with: user name and password, or an identity token (OAuth2 refresh token)."""

    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


def find_credentials(registry: str) -> Credentials | None:
    """The credentials for a registry, by its exact host and port.

    Raises:
        Refused: The configuration or a credential helper does not work.
    """
    path = _config_path()
    if not path.exists():
        return None
    from docker import auth
    from docker.errors import DockerException

    try:
        config = auth.load_config(str(path))
        entry = config.resolve_authconfig(registry)
    except (DockerException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"the Docker credentials cannot be read: {type(error).__name__}",
            subject=str(path),
            hint=f"check the file and its credential helper, or run: docker login {registry}",
        ) from error
    if not entry:
        return None
    found = {name.lower(): value for name, value in entry.items() if isinstance(value, str)}
    token = found.get("identitytoken", "")
    if not token and not found.get("username"):
        return None
    return Credentials(found.get("username", ""), found.get("password", ""), token)


def _config_path() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return Path(folder) / "config.json" if folder else Path(os.path.expanduser("~")) / ".docker" / "config.json"
