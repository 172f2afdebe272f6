"""Images of some months: names that stay, layers that are shared, and news."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import images

Month = Mapping[str, Sequence[str]]
"""The names of the layers of each image, by its repository."""


@functools.cache
def layer(name: str, size_bytes: int = 20_000) -> bytes:
    """A layer of this name; of another name, another layer."""
    return gzip.compress(images.layer_tar(name, size_bytes), mtime=0)


def image(layers: Sequence[str]) -> images.Image:
    """An image of these layers."""
    return images.image([layer(name) for name in layers])


def reference(name: str) -> str:
    """The full name of an image of a month."""
    return f"example.org/team/{name}:1"


def write_layout(month: Month, folder: Path) -> Path:
    """An OCI layout with the images of a month."""
    for name, layers in month.items():
        image(layers).write_layout(folder, reference(name))
    return folder


def digests(month: Month) -> dict[str, str]:
    """The digest of each image of a month, by its repository."""
    return {f"team/{name}": image(layers).digest for name, layers in month.items()}


MONTHS: dict[str, Month] = {
    "month-1": {"a": ["base", "a1"], "b": ["base", "b1"]},
    "month-2": {"a": ["base", "a1", "a2"], "b": ["base", "b1"], "c": ["base", "c1"]},
    "month-3": {"a": ["base", "a1", "a3"], "c": ["base", "c1"], "d": ["other", "c1"]},
    "month-4": {"a": ["base", "a1", "a3"], "c": ["base", "c1", "c4"], "d": ["other", "b1"]},
}
"""The tag of ``a`` moves each month, ``b`` goes and its layer comes back, ``d`` has layers that others had before."""
