"""The number of pulls that a registry still allows, as Docker Hub states it in the answer to a HEAD of a manifest.

Such a HEAD counts as no pull. ``ratelimit-limit: 100;w=21600`` and ``ratelimit-remaining: 76;w=21600`` are numbers of
pulls and the seconds of the window (https://docs.docker.com/docker-hub/usage/pulls/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern

_STATED = lazy_pattern(r"([0-9]{1,9})(?:;w=([0-9]{1,9}))?", re.ASCII)


@frozen
class PullLimit:
    """The limit of a registry for one account or address.

    Attributes:
        most: The pulls in a window.
        left: Those that are left.
        window_seconds: The length of the window; None if it is not stated.
    """

    most: int
    left: int
    window_seconds: int | None


def pull_limit_of(headers: Mapping[str, str]) -> PullLimit | None:
    """The limit in the headers of an answer; None if they state none."""
    most, left = (_STATED.fullmatch(headers.get(f"ratelimit-{name}", "").strip()) for name in ("limit", "remaining"))
    if most is None or left is None:
        return None
    window = left[2] or most[2]
    return PullLimit(int(most[1]), int(left[1]), int(window) if window else None)
