"""The commands that made the layers of an image: the field ``history`` of its config (OCI image-spec, ``config.md``).

It is a remark of the image's maker. It is read leniently: entries with fields of another type still help.
"""

from __future__ import annotations

from typing import Any

from bundler.core import strict_json
from bundler.core.frozen import frozen


@frozen
class HistoryStep:
    """One step of a build.

    Attributes:
        command: The command that made it; may be empty.
        created: Its time as it is written in the config; may be empty.
        comment: A remark; may be empty.
        is_empty: True if the step changed no file, and so made no layer.
        layer: The number of the layer that it made, from 0; None if it made none, or if the steps do not fit the
            layers.
    """

    command: str
    created: str
    comment: str
    is_empty: bool
    layer: int | None


def history_of(config: bytes, layers: int, *, what: str) -> tuple[HistoryStep, ...]:
    """The steps that made an image, in their order.

    Args:
        config: The image config, whose digest was checked.
        layers: The number of the image's layers. If another number of steps made layers, no step has a layer.
        what: Its name, for messages.

    Raises:
        Damaged: The config is not JSON.
    """
    document = strict_json.loads(config, what=what)
    listed = document.get("history") if isinstance(document, dict) else None
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    makers = [number for number, entry in enumerate(entries) if entry.get("empty_layer") is not True]
    made = {number: layer for layer, number in enumerate(makers)} if len(makers) == layers else {}
    return tuple(
        HistoryStep(
            _text(entry, "created_by"),
            _text(entry, "created"),
            _text(entry, "comment"),
            entry.get("empty_layer") is True,
            made.get(number),
        )
        for number, entry in enumerate(entries)
    )


def _text(entry: dict[str, Any], field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) else ""
