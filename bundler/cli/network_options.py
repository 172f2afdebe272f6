"""The flags for the network: who logs in, and how registries are reached."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.secret_options import credentials_in
from bundler.cli.values import SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import Credentials, NetworkOptions
    from bundler.core.location import Target

username_option = click.option(
    "--username", metavar="NAME", help="User name for the registry; not needed after docker, podman or skopeo login."
)
password_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password of --username from stdin."
)
plain_http_option = click.option(
    "--plain-http",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Use plain HTTP, without TLS, for this registry. May be repeated.",
)
cacert_option = click.option("--cacert", metavar="FILE", help="Additional certificate authorities for registries, PEM.")
foreign_layers_option = click.option(
    "--foreign-layers",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Fetch foreign layers from this host, if their manifest names it. May be repeated.",
)
allow_upload_host_option = click.option(
    "--allow-upload-host",
    "upload_hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Send layers to this host, without credentials, if the registry names it for an upload. May be repeated.",
)
base_path_option = click.option(
    "--base-path", metavar="PATH", default="", help="Path of the registry's API, without /v2/ (Nexus)."
)
project_login_option = click.option(
    "--admin-credentials",
    type=SecretFile(),
    metavar="FILE",
    help="USER:PASSWORD of a user who may create missing projects (Harbor).",
)
connection_options = together(plain_http_option, cacert_option)
"""Gives a command the flags for connections to registries."""
registry_options = together(username_option, password_stdin_option, connection_options)
"""Gives a command the flags for connections to one registry, with a login."""


@frozen
class NetworkFlags:
    """The flags for connections to registries."""

    plain_http: tuple[str, ...]
    cacert: str | None
    username: str | None = None
    password_stdin: bool = False
    admin_credentials: str | None = None
    base_path: str = ""
    foreign_layers: tuple[str, ...] = ()
    upload_hosts: tuple[str, ...] = ()

    @property
    def has_login(self) -> bool:
        """True if a login is given."""
        return bool(self.username or self.password_stdin)

    def secret_files(self) -> tuple[str | None, ...]:
        """The files with a password."""
        return ("-" if self.password_stdin else None, self.admin_credentials)

    def options(self, registries: tuple[str, ...] = ()) -> NetworkOptions:
        """The network options of the request.

        Args:
            registries: The registries that the command works on. The login is for one.

        Raises:
            Misuse: A flag names no valid registry, or no file; the login is not complete, or not for one registry.
        """
        if self.username is not None and self.password_stdin and len(registries) != 1:
            found = ", ".join(registries) or "none"
            raise Misuse("--username is for one registry", actual=found, expected="one --to HOST")
        given = self.credentials()
        return self._options({registries[0]: given} if given else {})

    def options_of_sources(self) -> NetworkOptions:
        """The network options for registries that are only read, and of which there may be several: without login.

        Raises:
            Misuse: A flag names no valid registry, or no file.
        """
        return replace(self, base_path="", upload_hosts=())._options({})

    def _options(self, login: Mapping[str, Credentials]) -> NetworkOptions:
        for host in self.plain_http:
            if not bundler.is_registry(host):
                raise Misuse("not a registry", subject=f"--plain-http {host}", hint="write HOST or HOST:PORT")
        for flag, hosts in (("--foreign-layers", self.foreign_layers), ("--allow-upload-host", self.upload_hosts)):
            for host in hosts:
                if not bundler.is_registry(host):
                    raise Misuse("not a host", subject=f"{flag} {host[:80]}", hint="write HOST or HOST:PORT")
        if self.cacert and not Path(self.cacert).is_file():
            raise Misuse("there is no such file", subject=f"--cacert {self.cacert}", hint="check the path")
        return bundler.NetworkOptions(
            frozenset(self.plain_http),
            Path(self.cacert) if self.cacert else None,
            login,
            _base_of(self.base_path),
            foreign_layers=frozenset(map(str.lower, self.foreign_layers)),
            upload_hosts=frozenset(map(str.lower, self.upload_hosts)),
        )

    def credentials(self) -> Credentials | None:
        """The credentials of ``--username`` and ``--password-stdin``, if they are given.

        Raises:
            Misuse: One of the two is missing, or standard input has no password.
        """
        if self.username is None and not self.password_stdin:
            return None
        if self.username is None or not self.password_stdin:
            raise Misuse("give both --username and --password-stdin")
        if ":" in self.username:
            raise Misuse(
                "--username contains a colon; the password must come from standard input",
                hint="give only the name: --username NAME --password-stdin < FILE",
            )
        password = sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
        if not password:
            raise Misuse("no password came from standard input", hint="for example: --password-stdin < FILE")
        return bundler.Credentials(self.username, password, origin="--username")

    def admin(self) -> Credentials | None:
        """The login of ``--admin-credentials``, if it is given.

        Raises:
            Misuse: The file has none.
        """
        return credentials_in(self.admin_credentials, "--admin-credentials") if self.admin_credentials else None


def registries_of(targets: tuple[Target, ...]) -> tuple[str, ...]:
    """The registries among targets, each once."""
    return tuple(dict.fromkeys(target.pushed_to.registry for target in targets if target.pushed_to is not None))


def _base_of(path: str) -> str:
    """The value of ``--base-path``.

    Raises:
        Misuse: It is no path, or too much of it.
    """
    base = path.rstrip("/")
    if base.endswith("/v2"):
        raise Misuse("the path must not contain /v2", subject=f"--base-path {path[:80]}", hint="leave /v2 out")
    if base and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", base):
        raise Misuse("not a path", subject=f"--base-path {path[:80]}", hint="write it like /repository/docker")
    return base
