"""The images of a Docker daemon: names and digests only.

A daemon unpacks layers and drops the blobs; a daemon with containerd's store does not say which ones it keeps. So its
inventory names no blob: it shows which images are there, and it is no base for an export.
"""

from __future__ import annotations

from bundler.core.inventory import LoadedImage
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.inventories.request import Contents
from bundler.run import Run, retrying
from bundler.stores.docker_sdk import Daemon


def daemon_contents(daemon: Daemon, run: Run) -> Contents:
    """Lists the images of a daemon.

    Raises:
        Refused, Unavailable: It does not answer.
    """
    found = {image.id: image for image in retrying(daemon.images, run, subject="docker-daemon:")}
    images = (
        LoadedImage(image.id, image.size_bytes, _references(image.names), _references(image.repo_digests))
        for image in found.values()
    )
    return Contents(images=tuple(sorted(images, key=lambda image: image.id)))


def _references(names: tuple[str, ...]) -> tuple[Reference, ...]:
    """The names that are references: a daemon writes <none> for an image without a name."""
    found: set[Reference] = set()
    for name in names:
        try:
            found.add(Reference.parse(name))
        except BundlerError:
            continue
    return tuple(sorted(found, key=str))
