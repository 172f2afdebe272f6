"""The credentials of a registry. `bundler.stores.login` finds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry is logged in with: user name and password, or an identity token (OAuth2 refresh token)."""

    username: str
    password: str
    identity_token: str = ""
    origin: str = ""
    """Where they were found, for messages."""

    def __repr__(self) -> str:
        return "Credentials(…)"
