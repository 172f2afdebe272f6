"""The choice of tags of a repository: by patterns, a range of versions, the newest ones, or the date."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from bundler.core.frozen import frozen
from bundler.core.moments import seconds_of
from bundler.core.patterns import lazy_pattern
from bundler.core.version_range import Version, VersionRange
from bundler.errors import Misuse

BY_VERSION, BY_CREATED, BY_PUSHED = "version", "created", "pushed"
"""The orders that the newest tags are chosen by. Only Harbor knows the time of a push."""

_ATTACHMENT = lazy_pattern(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\..*)?")
"""Tags of attachments: they travel with their image."""

_DATE = lazy_pattern(r"\d{4}-\d\d-\d\d", re.ASCII)


@frozen
class TagChoice:
    """A choice of tags. Without any condition it takes all of them.

    Attributes:
        match: Patterns, of which one must fit; empty for any.
        without: Patterns, of which none may fit.
        versions: The range that the tag must be in.
        newest: How many of each repository are taken, the newest first; None for all.
        by: The order of the newest: `BY_VERSION` or `BY_CREATED`.
        since: The time from which on the image was created, as RFC 3339 has it; empty for any time.
    """

    match: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    versions: VersionRange | None = None
    newest: int | None = None
    by: str = BY_VERSION
    since: str = ""

    def __str__(self) -> str:
        parts = [
            f"match {' '.join(self.match)}" if self.match else "",
            f"except {' '.join(self.without)}" if self.without else "",
            f"semver {self.versions.text}" if self.versions else "",
            f"newest {self.newest} by {self.by}" if self.newest is not None else "",
            f"since {self.since}" if self.since else "",
        ]
        return ", ".join(part for part in parts if part) or "all tags"

    @property
    def needs_dates(self) -> bool:
        """True if it is not known from the tags alone, but from the date in each image."""
        return bool(self.since) or (self.newest is not None and self.by == BY_CREATED)

    def allowed(self, tags: Iterable[str]) -> list[str]:
        """The tags that fit, in the order of their names, before the newest are chosen or dates are compared."""
        return sorted(tag for tag in set(tags) if self._fits(tag))

    def newest_versions(self, tags: Iterable[str]) -> list[str]:
        """The newest of some tags by their versions, in the order of their names. Other tags are not chosen."""
        found = [(version, version.given, tag) for tag in tags if (version := Version.of(tag)) is not None]
        chosen = sorted(found, key=lambda each: (each[0], each[1], each[2]), reverse=True)[: self.newest]
        return sorted(tag for _, _, tag in chosen)

    def by_date(self, dates: Iterable[tuple[str, int]]) -> list[str]:
        """The tags that fit by their dates, in the order of their names.

        Args:
            dates: Tags, each with the seconds since 1970 at which its image was created.
        """
        begin = seconds_of(self.since) if self.since else None
        found = sorted(((when, tag) for tag, when in dates if begin is None or when >= begin), reverse=True)
        if self.newest is not None and self.by == BY_CREATED:
            found = found[: self.newest]
        kept = [tag for _, tag in found]
        return self.newest_versions(kept) if self.newest is not None and self.by == BY_VERSION else sorted(kept)

    def _fits(self, tag: str) -> bool:
        if _ATTACHMENT.fullmatch(tag) or any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.without):
            return False
        if self.match and not any(fnmatch.fnmatchcase(tag, pattern) for pattern in self.match):
            return False
        version = Version.of(tag)
        if self.versions is not None:
            return version is not None and self.versions.accepts(version)
        if self.newest is not None and self.by == BY_VERSION:  # a pre-release only if a pattern asks for it
            return version is not None and (bool(self.match) or not version.pre)
        return True


def read_since(text: str) -> str:
    """A date or a time, as a time of RFC 3339.

    Raises:
        Misuse: It is neither.
    """
    moment = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    try:
        seconds_of(moment)
    except ValueError as error:
        raise Misuse("not a date", subject=repr(text[:80]), hint="write 2026-11-01, or 2026-11-01T08:00:00Z") from error
    return moment
