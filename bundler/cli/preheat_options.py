"""The flags for a preheat: services that distribute images to the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.secret_options import credentials_in
from bundler.cli.values import SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import PreheatRequest

preheat_options = together(
    click.option(
        "--preheat",
        "preheats",
        multiple=True,
        metavar="SERVICE=URL",
        help="After the tags moved, ask this service to distribute the images to the nodes: harbor=URL runs the "
        "preheat policies of the projects, dragonfly=URL starts a job for each image. May be repeated. A failure is "
        "reported, and the exit code does not change.",
    ),
    click.option(
        "--preheat-token-file",
        type=SecretFile(),
        metavar="FILE",
        help="Read the personal access token of Dragonfly from the first line; - is stdin.",
    ),
    click.option(
        "--preheat-pull-login",
        type=SecretFile(),
        metavar="FILE",
        help="USER:PASSWORD with which Dragonfly pulls from the registry; it is sent to Dragonfly.",
    ),
    click.option(
        "--preheat-wait",
        type=click.IntRange(0, 86_400),
        metavar="SECONDS",
        default=600,
        show_default=True,
        help="Wait so long for the jobs of a preheat; they continue without bundler.",
    ),
)
"""Gives a command the flags of `PreheatFlags`."""


@frozen
class PreheatFlags:
    """The flags for a preheat."""

    preheats: tuple[str, ...]
    preheat_token_file: str | None
    preheat_pull_login: str | None
    preheat_wait: int

    def secret_files(self) -> tuple[str | None, ...]:
        """The files with a token and a login."""
        return (self.preheat_token_file, self.preheat_pull_login)

    def request(self) -> PreheatRequest | None:
        """The request; None if no service was given.

        Raises:
            Misuse: A service is not of the right form, a file has no secret, or files were given without a service.
        """
        login = self.preheat_pull_login
        if not self.preheats:
            if self.preheat_token_file or login:
                raise Misuse("a token or a login for a preheat needs --preheat SERVICE=URL")
            return None
        return bundler.PreheatRequest(
            services=tuple(map(bundler.PreheatService.parse, self.preheats)),
            token=bundler.read_passphrase(self.preheat_token_file) if self.preheat_token_file else "",
            pull_login=credentials_in(login, "--preheat-pull-login") if login else None,
            wait_seconds=self.preheat_wait,
        )
