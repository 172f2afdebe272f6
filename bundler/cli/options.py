"""Flags that several commands share and that belong to no group, and paths."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

import bundler
from bundler.cli.completions import sizes
from bundler.system.bundle_paths import BundlePath, bundle_path, local
from bundler.views.languages import said

if TYPE_CHECKING:
    from bundler import SeveralBundles

Result = TypeVar("Result")

set_option = click.option(
    "--set",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a variable in the lists (Compose, Zarf). May be repeated. The environment is not used.",
)
medium_size_option = click.option(
    "--medium-size",
    metavar="SIZE",
    shell_complete=sizes,
    help="Make a folder NAME.medium-01 … in DIR for each medium of this size, ready to burn or copy: bytes, 64GB, or "
    "cd, dvd, dvd-dl, bd25, bd50, bd100, fat32.",
)


def paths(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """The paths of a repeated flag or argument, of this machine.

    Raises:
        Misuse: One is a place in S3.
    """
    return tuple(local(bundle_path(text)) for text in texts)


def bundle_paths(texts: tuple[str, ...]) -> tuple[BundlePath, ...]:
    """The paths of a bundle: folders, media, or places in S3."""
    return tuple(map(bundle_path, texts))


def of_one_bundle(work: Callable[[tuple[BundlePath, ...]], Result], paths: tuple[BundlePath, ...]) -> Result:
    """Does the work for the bundle in some paths. If there are several, asks the user at the terminal to choose one.

    Raises:
        BundlerError: An error of the work; without a terminal also that there are several bundles.
    """
    try:
        return work(paths)
    except bundler.SeveralBundles as several:
        if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        return work(_chosen(several))


def _chosen(several: SeveralBundles) -> tuple[BundlePath, ...]:
    """The folders of the bundle that the user chooses."""
    bundles = several.bundles
    from bundler.views.words import escaped
    from bundler.workers import in_front

    click.echo(said("{count} bundles are here:", count=len(bundles)), err=True)
    for number, bundle in enumerate(bundles, start=1):
        choice = said("{folder}  (id {id})", folder=escaped(bundle.own_folders[0]), id=bundle.id[:16])
        click.echo(f"{number:4}  {choice}", err=True)
    choices = click.IntRange(1, len(bundles))
    answer = int(in_front(lambda: click.prompt(said("choose one"), type=choices, err=True)))
    return bundles[answer - 1].folders
