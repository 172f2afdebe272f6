"""The fields of a scanner's report, read leniently: one that is missing or of another type is empty.

The report of a scanner that this machine runs is not hostile by itself, but the names in it are those of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bundler.core import strict_json
from bundler.core.limits import SCAN_FINDINGS, SCAN_REPORT_CONTAINERS
from bundler.core.moments import seconds_of, shown
from bundler.core.scan import Finding, Verdict, failed, found
from bundler.errors import Damaged


def loaded(content: bytes, *, what: str) -> dict[str, Any]:
    """A report.

    Raises:
        Damaged: It is not a JSON object.
    """
    document = strict_json.loads(content, what=what, containers=SCAN_REPORT_CONTAINERS)
    if not isinstance(document, dict):
        raise Damaged("not a JSON object", subject=what)
    return document


def word(parent: dict[str, Any], name: str) -> str:
    """A text; empty without one."""
    value = parent.get(name)
    return value if isinstance(value, str) else ""


def child(parent: dict[str, Any], name: str) -> dict[str, Any]:
    """An object; empty without one."""
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def children(parent: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects of a list; none without one."""
    value = parent.get(name)
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def moment(words: str) -> str:
    """A time of RFC 3339 in the form of records; empty for any other text."""
    try:
        return shown(seconds_of(words))
    except ValueError:
        return ""


def verdict_with(findings: Sequence[Finding], otherwise: Verdict) -> Verdict:
    """The verdict with all findings of a report.

    Args:
        findings: They.
        otherwise: The verdict without any.
    """
    if len(findings) > SCAN_FINDINGS:
        return failed(f"more than {SCAN_FINDINGS:,} findings")
    return found(findings) if findings else otherwise
