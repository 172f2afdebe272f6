"""The flags that choose images, and parts of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.completions import images_of_bundles
from bundler.cli.run_options import shard
from bundler.core.frozen import frozen

if TYPE_CHECKING:
    from bundler import Platform, Reference, Selection, Shard

only_option = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    shell_complete=images_of_bundles,
    help="Only images that match, for example 'quay.io/*'. May be repeated.",
)
except_option = click.option(
    "--except",
    "except_",
    multiple=True,
    metavar="PATTERN",
    shell_complete=images_of_bundles,
    help="Leave out images that match, for example '*:latest'.",
)
retry_failed_option = click.option(
    "--retry-failed",
    metavar="FILE",
    help="Only the images in this list, for example the list that a failed import writes.",
)
shard_option = click.option(
    "--shard",
    "shard_text",
    metavar="I/N",
    help="Do part I of N of the work, from 1. auto/N takes I from JOB_COMPLETION_INDEX (Kubernetes, from 0) or "
    "SLURM_ARRAY_TASK_ID (from 1), auto also N from a Slurm array 1-N. See docs/scale.md.",
)
choice_options = together(only_option, except_option, retry_failed_option)
"""Gives a command the flags that choose images of a bundle by name."""


@frozen
class ChoiceFlags:
    """The flags that choose images."""

    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    retry_failed: str | None = None
    shard_text: str | None = None
    platform: tuple[str, ...] = ()

    def selection(self) -> Selection:
        """The patterns for names."""
        return bundler.Selection(self.only, self.except_)

    def retry(self) -> frozenset[Reference] | None:
        """The images in the list of ``--retry-failed``.

        Raises:
            BundlerError: It cannot be read.
        """
        return bundler.read_failed_list(self.retry_failed) if self.retry_failed else None

    def shard(self) -> Shard | None:
        """The part of the work.

        Raises:
            Misuse: As `run_options.shard`.
        """
        return shard(self.shard_text)

    def platforms(self) -> tuple[Platform, ...]:
        """The platforms.

        Raises:
            Misuse: One is not valid.
        """
        return tuple(map(bundler.Platform.parse, self.platform))
