"""The parts of docs/configuration.md: flags without defaults, files and variables."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.core.settings import NEVER, PROJECT
from reference.markdown import prose, table
from reference.surroundings import ENVIRONMENT, FILES


def parts() -> dict[str, str]:
    """The parts, by their names."""
    reasons = dict.fromkeys(NEVER.values())
    never = ((_flags(each for each in NEVER if NEVER[each] == reason), reason) for reason in reasons)
    return {
        "never": table(("flags", "because"), never),
        "project": f"{_flags(PROJECT)}.",
        "variables": table(("variables", "meaning"), ((_names(names), prose(text)) for names, text in ENVIRONMENT)),
        "files": table(("files", "meaning"), ((_names(names), prose(text)) for names, text in FILES)),
    }


def _flags(flags: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in sorted(flags))


def _names(names: str) -> str:
    return ", ".join(f"`{each}`" for each in names.split(", "))
