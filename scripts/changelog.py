"""Reads CHANGELOG.md, in the form of Keep a Changelog 1.1.0; ``python scripts/changelog.py VERSION`` prints notes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
UNRELEASED = "Unreleased"
_BEGIN_CHARACTERS = 42
"""Two changes that begin alike are most likely one change, in an older and in a newer wording."""
_RELEASE = re.compile(r"## \[(?P<version>[^\]]+)\](?: - (?P<day>\S+))?")


class NoSuchRelease(Exception):
    """CHANGELOG.md has no section of the version."""


@dataclass(frozen=True, slots=True)
class Release:
    """The section of one version."""

    version: str
    day: str | None
    """As it is written: a date, or None."""
    lines: tuple[str, ...]
    """All that is below its heading."""

    @property
    def notes(self) -> str:
        """The section without its heading."""
        return "\n".join(self.lines).strip() + "\n"

    def changes(self) -> Iterator[tuple[str | None, str]]:
        """Each change with its heading."""
        kind = None
        for line in self.lines:
            if line.startswith("### "):
                kind = line.removeprefix("### ")
            elif line.startswith("- "):
                yield kind, line


def releases(text: str) -> tuple[Release, ...]:
    """The sections, in the order of the file."""
    found: list[tuple[str, str | None, list[str]]] = []
    for line in text.splitlines():
        heading = _RELEASE.fullmatch(line)
        if heading:
            found.append((heading["version"], heading["day"], []))
        elif found:
            found[-1][2].append(line)
    return tuple(Release(version, day, tuple(lines)) for version, day, lines in found)


def release(text: str, version: str) -> Release:
    """The section of a version.

    Raises:
        NoSuchRelease: There is none.
    """
    for each in releases(text):
        if each.version == version:
            return each
    raise NoSuchRelease(f"CHANGELOG.md has no heading ## [{version}] - YEAR-MONTH-DAY")


def faults(text: str) -> list[str]:
    """Names each place that has another form; empty if all is well."""
    found = releases(text)
    return [*_misplaced(text), *_order(found), *(fault for each in found for fault in _faults_of(each))]


def _misplaced(text: str) -> Iterator[str]:
    """Headings that are none of the form: those of an older text, which a merge has put back."""
    if not text.startswith("# Changelog\n") or "https://keepachangelog.com/en/1.1.0/" not in text:
        yield "the first lines name no form"
    for line in text.splitlines():
        if line.startswith("## ") and not _RELEASE.fullmatch(line):
            yield f"{line!r} is no heading of a version"
        if line.startswith("### ") and line.removeprefix("### ") not in KINDS:
            yield f"{line!r} is none of {', '.join(KINDS)}"


def _order(found: tuple[Release, ...]) -> Iterator[str]:
    if not found or found[0].version != UNRELEASED or found[0].day is not None:
        yield f"the first section is not [{UNRELEASED}]"
    versions = [tuple(map(int, each.version.split("."))) for each in found[1:] if _is_version(each.version)]
    if len(versions) != len(found) - 1 or versions != sorted(set(versions), reverse=True):
        yield "the versions are not in order, newest first"


def _is_version(text: str) -> bool:
    return re.fullmatch(r"\d+\.\d+\.\d+", text) is not None


def _faults_of(section: Release) -> Iterator[str]:
    name = f"[{section.version}]"
    if section.version != UNRELEASED and not _is_day(section.day or ""):
        yield f"{name}: no date"
    kinds = [line.removeprefix("### ") for line in section.lines if line.startswith("### ")]
    if kinds != [kind for kind in KINDS if kind in kinds]:
        yield f"{name}: each heading once, in the order {', '.join(KINDS)}"
    changes = list(section.changes())
    for kind, line in changes:
        if kind is None:
            yield f"{name}: below no heading: {line}"
        if not re.match(r"- \*\*[^*]+\*\*", line):
            yield f"{name}: no topic in bold: {line}"
    begins = [line[:_BEGIN_CHARACTERS] for _, line in changes]
    yield from (f"{name}: twice: {begin}" for begin in sorted({begin for begin in begins if begins.count(begin) > 1}))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


if __name__ == "__main__":
    try:
        sys.stdout.write(release(CHANGELOG.read_text(), sys.argv[1]).notes)
    except NoSuchRelease as error:
        sys.exit(f"error: {error}")
