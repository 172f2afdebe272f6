"""Reads a list in a test, and shows what was found of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bundler.errors import BundlerError
from bundler.lists.found import Surroundings
from bundler.lists.listing import ReadList
from bundler.lists.table import read_list
from bundler.transports.parsing import parse_image


def read(text: str, *, source: str = "list.yaml", files: Mapping[str, str] | None = None, **variables: str) -> ReadList:
    around = Surroundings((files or {}).get, variables)
    return read_list(text, source=source, parse_image=parse_image, surroundings=around)


def names(found: ReadList) -> list[str]:
    """The images, in a short form: without docker.io/library/."""
    return [
        str(getattr(each, "reference", each.source)).replace("docker.io/library/", "") for each in found.images.entries
    ]


def lines(found: ReadList) -> list[list[int]]:
    """The lines of the places of each image."""
    return [
        [int(place.where.rpartition(":")[2]) for place in found.places_of(entry).first]
        for entry in found.images.entries
    ]


def left(found: ReadList) -> list[tuple[int, str]]:
    """The line and the name of each part that is no image."""
    return [(int(part.where.rpartition(":")[2]), part.what) for part in found.images.no_images]


def complaint(
    text: str, *, source: str = "list.yaml", files: Mapping[str, str] | None = None, **variables: str
) -> BundlerError:
    with pytest.raises(BundlerError) as caught:
        read(text, source=source, files=files, **variables)
    assert caught.value.exit_code == 2
    return caught.value
