"""Makes the client of botocore that `bundler.bundle.s3.client` talks with: the lower half of boto3.

Credentials, profiles, endpoints, proxies and CA bundles are found by botocore, as all AWS tools find them. boto3 would
add what nobody uses here, and a fifth of the time that this takes to load.
"""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from bundler import __version__
from bundler.bundle.s3.answers import limit_answers

_ATTEMPTS = 6
"""The attempts of one request, unless AWS_MAX_ATTEMPTS or the profile says another number: about a minute."""
_CONNECT_SECONDS = 20
_READ_SECONDS = 60
_CONNECTIONS = 64

_SERVICES = ("s3", "signin", "sso", "sso-oidc", "sts")
"""S3, and the services that botocore asks for credentials: of roles, of single sign-on, and of ``aws login``."""


class _FewServices(Loader):  # type: ignore[misc]  # botocore has no types
    """Finds the descriptions of these without a look into the folders of the other 400 services."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Returns these services alone."""
        del type_name
        return list(_SERVICES)


def new_client() -> Any:
    """A client for S3, which is thread-safe.

    Raises:
        BotoCoreError, ValueError: The configuration of AWS is wrong.
    """
    session = Session()
    if session.get_config_variable("data_path") is None:  # AWS_DATA_PATH may have another description
        session.register_component("data_loader", _FewServices())
    retries: dict[str, object] = {"mode": "standard"}
    if session.get_config_variable("max_attempts") is None:
        retries["total_max_attempts"] = _ATTEMPTS
    config = Config(
        retries=retries,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        user_agent_extra=f"bundler/{__version__}",
        # Older stores refuse the checksums that newer clients send by default; parts have our SHA-256 instead.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # The SHA-256 of a part is a signed header already: hashing it once more proves nothing.
        s3={"payload_signing_enabled": False},
    )
    return limit_answers(session.create_client("s3", config=config))
