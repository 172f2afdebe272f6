"""The values that a shell offers: sizes, keys, bundles, the images of a bundle. Nothing is verified for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

_MOST = 500
"""The largest number of values that are offered."""


def sizes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The sizes of media, for ``--chunk-size`` and ``--medium-size``."""
    del context, parameter
    return _starting(("cd", "dvd", "dvd-dl", "bd25", "bd50", "bd100", "fat32"), incomplete)


def images_of_bundles(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The images of the bundles on the command line, for ``--only`` and ``--except``."""
    import bundler

    del parameter
    from bundler.system.bundle_paths import bundle_path

    names = context.params.get("paths") or tuple(name for name in context.args if not name.startswith("-"))
    try:
        found = bundler.inspect(bundler.InspectRequest(tuple(map(bundle_path, names))))
    except bundler.BundlerError:  # there is no bundle, or another word is taken for a path
        return []
    if not isinstance(found, bundler.InspectResult):
        return []  # there are several
    images = getattr(found.bundle.manifest, "images", ())  # an encrypted bundle shows none
    return _starting((str(image.reference) for image in images), incomplete)


def files(incomplete: str, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[CompletionItem]:
    """The wanted entries of a folder; if there is none, the shell completes any file.

    Args:
        incomplete: The beginning of a path.
        is_wanted: True for an entry that is offered.
    """
    from click.shell_completion import CompletionItem

    folder, name = os.path.split(incomplete)
    try:
        with os.scandir(folder or ".") as entries:
            found = sorted(each.name for each in entries if each.name.startswith(name) and is_wanted(each))
    except OSError:
        found = []
    offered = _starting((os.path.join(folder, each) for each in found), incomplete)
    return offered or [CompletionItem(incomplete, type="file")]


def _starting(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    found = (value for value in values if value.startswith(incomplete))
    return [CompletionItem(value) for value, _ in zip(found, range(_MOST), strict=False)]
