"""The channel of a bundle in the receipt of its import, and the reason if an older bundle was allowed."""

from __future__ import annotations

from typing import Any

from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text


@frozen
class ReceiptSeries:
    """The place of the bundle in its channel.

    Attributes:
        channel: The name of the channel.
        sequence: The number of the bundle in it.
        previous: The id of the bundle before; None if the bundle does not have it.
        allowed: The reason of ``--allow-rollback``; None if it was not given.
        overridden: The codes of the problems that it overrode.
    """

    channel: str
    sequence: int
    previous: str | None = None
    allowed: str | None = None
    overridden: tuple[str, ...] = ()


def series_document(series: ReceiptSeries | None) -> dict[str, Any] | None:
    """The field ``series`` of a receipt."""
    if series is None:
        return None
    return {
        "channel": series.channel,
        "sequence": series.sequence,
        "previous": series.previous,
        "allowed": series.allowed,
        "overridden": list(series.overridden),
    }


def read_receipt_series(document: dict[str, Any] | None) -> ReceiptSeries | None:
    """The place in a channel that a receipt has.

    Raises:
        KeyError, TypeError, ValueError: The field is not valid.
    """
    if document is None:  # older receipts do not have it
        return None
    return ReceiptSeries(
        text(document["channel"]),
        size(document["sequence"]),
        _text_or_none(document["previous"]),
        _text_or_none(document["allowed"]),
        tuple(text(each) for each in list_of(document["overridden"])),
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else text(value)
