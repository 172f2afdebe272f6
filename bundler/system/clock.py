"""The time in the format of our documents: ISO 8601, UTC, whole seconds."""

from __future__ import annotations

import datetime
import os

from bundler.errors import Misuse
from bundler.texts import text


def now() -> str:
    """Returns the current time."""
    return _written(datetime.datetime.now(datetime.timezone.utc))


def now_seconds() -> int:
    """Returns the current time in seconds since 1970."""
    return int(datetime.datetime.now(datetime.timezone.utc).timestamp())


def creation_time() -> str:
    """Returns the time of ``SOURCE_DATE_EPOCH``, or the current time. With the variable, a bundle is reproducible.

    Raises:
        Misuse: SOURCE_DATE_EPOCH is not a number of seconds. https://reproducible-builds.org/specs/source-date-epoch/
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return now()
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 12):
        raise Misuse("not a number of seconds", subject=text("SOURCE_DATE_EPOCH={epoch}", epoch=epoch[:40]))
    return _written(datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc))


def _written(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
