"""A limit for what a registry gets: requests and bytes per second, and connections. ``--rate`` names it.

The limit is for all shards together. Each shard takes its part of it, because no shard knows the others. So does each
worker of a cluster.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.core.shard import Shard
from bundler.core.written_size import parse_size
from bundler.errors import Misuse
from bundler.texts import text

LEAST_BYTES = 1_000_000
"""The least bytes per second for one process: with less, a connection would pause for so long that servers end it."""

_MOST = 1_000_000
"""The largest number of requests or connections: more is no limit."""


@frozen
class Rate:
    """A limit for each host that is asked. None is no limit.

    Attributes:
        requests: Requests that begin per second.
        size_bytes: Bytes of blobs and manifests per second, both ways together.
        connections: Connections at a time.
    """

    requests: float | None = None
    size_bytes: int | None = None
    connections: int | None = None

    def __post_init__(self) -> None:
        """Checks the bounds.

        Raises:
            Misuse: A limit is too small.
        """
        if self.requests is not None and not 0 < self.requests <= _MOST:
            raise _misuse(f"requests={self.requests:g}", text("more than 0, at most {most}", most=_MOST))
        if self.size_bytes is not None and self.size_bytes < LEAST_BYTES:
            raise _misuse(
                f"bytes={self.size_bytes}", text("at least {least:,} bytes for each shard", least=LEAST_BYTES)
            )
        if self.connections is not None and not 1 <= self.connections <= _MOST:
            raise _misuse(f"connections={self.connections}", text("at least 1 for each shard"))

    @classmethod
    def parse(cls, given: str) -> Rate:
        """Reads ``requests=50,bytes=200MB,connections=16``, or a part of that.

        Raises:
            Misuse: The text has another form, or a limit is too small.
        """
        found: dict[str, str] = {}
        for part in given.split(","):
            name, equals, value = part.strip().partition("=")
            if not equals or name not in ("requests", "bytes", "connections") or name in found:
                raise _misuse(part.strip()[:40], text("requests=50,bytes=200MB,connections=16, or a part of that"))
            found[name] = value.strip()
        size_bytes = parse_size(found["bytes"], {}, wrong=text("not a size")) if "bytes" in found else None
        return cls(_number(found, "requests"), size_bytes, _number(found, "connections"))

    def of_shard(self, shard: Shard | None) -> Rate:
        """The part of one shard; all of it without one.

        Raises:
            Misuse: The part is too small.
        """
        return self.divided(shard.count) if shard is not None else self

    def divided(self, count: int) -> Rate:
        """One of some equal parts.

        Raises:
            Misuse: The part is too small.
        """
        return Rate(
            self.requests / count if self.requests is not None else None,
            self.size_bytes // count if self.size_bytes is not None else None,
            self.connections // count if self.connections is not None else None,
        )

    def most_parts(self, wanted: int) -> int:
        """The number of parts, at most as many as wanted, that are not too small."""
        by_bytes = wanted if self.size_bytes is None else self.size_bytes // LEAST_BYTES
        return min(wanted, by_bytes, self.connections or wanted)


NO_RATE = Rate()
"""No limit."""


def _number(found: dict[str, str], name: str) -> int | None:
    if name not in found:
        return None
    value = found[name]
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise _misuse(f"{name}={value[:40]}", text("a whole number"))
    return int(value)


def _misuse(subject: str, expected: str) -> Misuse:
    return Misuse("not a rate", subject=f"--rate {subject}", expected=expected)
