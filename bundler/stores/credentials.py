"""The credentials of a registry. `bundler.stores.login` finds them."""

from __future__ import annotations

from bundler.core.frozen import frozen


@frozen
class Credentials:
    """The login for a registry: user name and password, or an identity token (OAuth2 refresh token)."""

    username: str
    password: str
    identity_token: str = ""
    origin: str = ""
    """The file or helper that had them, for messages."""

    def __repr__(self) -> str:
        return "Credentials(…)"
