"""Waivers: findings that a person has accepted for a time, with the reason.

`bundler.core.scan.waivers_file` reads them.
A waiver is part of the record that used it. An import applies it again, with its own clock: an expired waiver accepts
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bundler.core.frozen import frozen
from bundler.core.image_patterns import fits_image
from bundler.core.moments import seconds_of
from bundler.core.patterns import lazy_pattern
from bundler.core.scan.verdict import NAME, Finding, State, Verdict
from bundler.texts import text

NOT_SCANNED = "not-scanned"
"""The id of a waiver for an object that a scanner cannot scan. Such a waiver names the object."""
_DAY_SECONDS = 86_400
_DAY = lazy_pattern(r"\d{4}-\d\d-\d\d", re.ASCII)


@frozen
class Waiver:
    """A finding that a person has accepted.

    Attributes:
        id: The name of the finding, or `NOT_SCANNED`.
        reason: The reason, in words.
        expires: The last day on which it counts, ``2026-12-31``, UTC.
        who: The person who decided.
        object: The only object that it is for: a digest, or a pattern of image names such as ``quay.io/team/*``; empty
            for all.
        scanner: The only scanner that it is for; empty for all.
    """

    id: str
    reason: str
    expires: str
    who: str
    object: str = ""
    scanner: str = ""

    @property
    def ends(self) -> int:
        """The second after its last day, since 1970.

        Raises:
            ValueError: It has no valid day.
        """
        return seconds_of(f"{self.expires}T00:00:00Z") + _DAY_SECONDS

    def check(self) -> None:
        """Checks the day, the object and the scanner.

        Raises:
            ValueError: One of them is not valid.
        """
        if not _DAY.fullmatch(self.expires):
            raise ValueError(text("not a day: {day}; write it like 2026-12-31", day=repr(self.expires[:40])))
        _ = self.ends
        if self.id == NOT_SCANNED and not self.object:
            raise ValueError(text("a waiver for {id} must name its object", id=NOT_SCANNED))
        if self.scanner and not NAME.fullmatch(self.scanner):
            raise ValueError(text("not the name of a scanner: {name}", name=repr(self.scanner[:60])))

    def counts_at(self, now: int) -> bool:
        """True if it has not expired."""
        return now < self.ends

    def fits(self, digest: str, names: Collection[str], scanner: str) -> bool:
        """True if it is for an object and a scanner.

        Args:
            digest: The digest of the object.
            names: The images that have the object. A pattern must fit all of them: the object is in each.
            scanner: The name of the scanner.
        """
        if self.scanner not in ("", scanner):
            return False
        if self.object in ("", digest):
            return True
        return bool(names) and all(fits_image(name, self.object) for name in names)

    def accepts(self, finding: Finding) -> bool:
        """True if it is for a finding of this name."""
        return self.id == finding.id

    def accepts_unscanned(self, verdict: Verdict) -> bool:
        """True if it is for an object that was not scanned, and this one was not. It never accepts an error."""
        return self.id == NOT_SCANNED and verdict.state is State.NOT_SCANNED
