"""The lines that ``images`` prints: a plain image list, which export reads, with a comment for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.texts import counted
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped

if TYPE_CHECKING:
    from bundler.exporting.images import ImagesResult, ListedImage
    from bundler.lists.listing import Place


def lines(result: ImagesResult, *, is_quiet: bool, is_verbose: bool) -> list[str]:
    """One line for each list, as a comment, and one for each image."""
    asked = [
        f"# {escaped(where)}: {said('export asks the registry: {pattern}', pattern=escaped(pattern))}"
        for where, pattern in result.patterns
    ]
    if is_quiet:
        return [_plain(image) for image in result.images]
    shown = [
        f"# {escaped(each.source)}: {', '.join(each.kinds)}, {translated(count(each.images, 'image'))}"
        for each in result.lists
    ]
    width = max((len(_plain(image)) for image in result.images), default=0)
    for image in result.images:
        plain = _plain(image)
        if is_verbose:
            shown += [*(f"# {_place(place)}" for place in image.places), *_more(image, len(image.places)), plain]
        else:
            shown.append(f"{plain:{min(width, _WIDTH)}}  # {_short(image)}")
    return shown + asked


_WIDTH = 60


def _plain(image: ListedImage) -> str:
    """An image as a line of a plain list. An = is between its source and its name, if it has both."""
    name = f"{image.name}@{image.pin}" if image.pin and "@" not in image.name and not image.source else image.name
    return f"{image.source.removeprefix('docker://')}={name}" if image.source else name


def _short(image: ListedImage) -> str:
    parts = [_place(image.places[0])]
    if image.count > 1:
        parts.append(_others(image.count - 1))
    if image.platforms:
        parts.append(said("only {platforms}", platforms=", ".join(image.platforms)))
    return "; ".join(parts)


def _place(place: Place) -> str:
    path = f" {escaped(place.path)}" if place.path else ""
    note = f" ({translated(place.note)})" if place.note else ""
    return f"{escaped(place.where)}{path}{note}"


def _others(number: int) -> str:
    return translated(counted(number, "and {count:,} more place", "and {count:,} more places"))


def _more(image: ListedImage, shown: int) -> list[str]:
    lines = [_others(image.count - shown)] if image.count > shown else []
    if image.platforms:
        lines.append(said("only {platforms}", platforms=", ".join(image.platforms)))
    return [f"# {line}" for line in lines]
