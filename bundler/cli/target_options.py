"""The flags of commands that push to a registry, compare with one, or read one: names, kind, API, login."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.network_options import (
    allow_upload_host_option,
    base_path_option,
    password_stdin_option,
    project_login_option,
    username_option,
)
from bundler.core.frozen import frozen

if TYPE_CHECKING:
    from bundler import NamingRules, RegistryKind

Command = TypeVar("Command", bound=Callable[..., object])


def mapping_option(*, help: str) -> Callable[[Command], Command]:  # noqa: A002 -- as click names it
    """The flag for the names of images at a registry, with the words of a command."""
    return click.option(
        "--map", "mapping", type=click.Choice(bundler.MAPPINGS), default="keep", show_default=True, help=help
    )


def conflict_option(*, help: str) -> Callable[[Command], Command]:  # noqa: A002
    """The flag for tags that are taken, with the words of a command."""
    return click.option(
        "--on-conflict", type=click.Choice(bundler.CONFLICT_POLICIES), default="fail", show_default=True, help=help
    )


rules_option = click.option(
    "--rules", metavar="FILE", help="Rules for names, tags and conflicts, YAML; see docs/rules.yaml."
)
kind_option = click.option(
    "--target",
    "kind",
    type=click.Choice(tuple(bundler.REGISTRY_KINDS)),
    help="Kind of the registry. Default: detect it.",
)
push_options = together(
    kind_option,
    base_path_option,
    allow_upload_host_option,
    username_option,
    password_stdin_option,
    project_login_option,
)
"""Gives a command the flags for a registry that it pushes to: its kind, its API, and the logins."""
repositories_option = click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="NAME",
    help="Read this repository, for registries that do not list theirs: team/app. May be repeated.",
)


@frozen
class NameFlags:
    """The flags for names and tags of images at a registry."""

    mapping: str
    rules: str | None = None
    on_conflict: str = "fail"
    no_digest_tags: bool = False
    kind: str | None = None

    def given_rules(self) -> NamingRules:
        """The rules of ``--rules``.

        Raises:
            Misuse: The file has none, or cannot be read.
        """
        return bundler.read_rules(self.rules) if self.rules else bundler.NO_RULES

    def registry_kind(self) -> RegistryKind | None:
        """The kind of the registry; None to detect it."""
        return bundler.REGISTRY_KINDS[self.kind] if self.kind else None
