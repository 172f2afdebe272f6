"""The flags of commands that push to a registry, compare with one, or read one: names, kind, API, rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

import bundler
from bundler.cli.values import KeyFile, SecretFile

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
base_path_option = click.option(
    "--base-path", metavar="PATH", default="", help="Path of the registry's API, without /v2/ (Nexus)."
)
project_login_option = click.option(
    "--admin-credentials",
    type=SecretFile(),
    metavar="FILE",
    help="USER:PASSWORD of a user who may create missing projects (Harbor).",
)
receipt_option = click.option(
    "--receipt",
    metavar="FILE",
    help="Write the receipt to this file. Default: a new file in ~/.local/state/bundler/receipts.",
)
need_key_option = click.option(
    "--need-key", type=KeyFile(), metavar="FILE", help="Private key to sign the need-list with."
)
repositories_option = click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="NAME",
    help="Read this repository, for registries that do not list theirs: team/app. May be repeated.",
)
