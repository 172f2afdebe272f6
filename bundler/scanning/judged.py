"""Judges the verdicts of a scan: the objects that have not passed, and the use of each waiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.scan import Contents, Scan, State, Waiver, Weighed, weigh
from bundler.scanning.request import ScanRequest


@frozen
class JudgedScans:
    """The judgement of a scan by its own waivers and severity.

    Attributes:
        refused: The objects that have not passed, by scanner, each with what is left of its verdict.
        used: The waivers that accepted something; the record has them.
        expired: The waivers that have expired.
        unused: The others, which accepted nothing.
    """

    refused: Mapping[str, Mapping[Digest, Weighed]]
    used: tuple[Waiver, ...]
    expired: tuple[Waiver, ...]
    unused: tuple[Waiver, ...]


def judge_scans(scans: Sequence[Scan], contents: Contents, request: ScanRequest, now: int) -> JudgedScans:
    """The judgement of scans.

    Args:
        scans: The scans.
        contents: The objects of the bundle.
        request: The request, with its waivers and its severity.
        now: The time in seconds since 1970.
    """
    current = tuple(waiver for waiver in request.waivers if waiver.counts_at(now))
    refused: dict[str, dict[Digest, Weighed]] = {}
    used: dict[Waiver, None] = {}
    for scan in scans:
        left = refused.setdefault(scan.scanner.name, {})
        for digest, verdict in scan.verdicts.items():
            if verdict.state is State.CLEAN:
                continue
            names, name = contents.names(digest), scan.scanner.name
            weighed = weigh(verdict, digest, names, scanner=name, waivers=current, least=request.max_severity)
            used.update(dict.fromkeys(weighed.waivers))
            if not weighed.is_pass:
                left[digest] = weighed
    return JudgedScans(
        refused={name: left for name, left in refused.items() if left},
        used=tuple(waiver for waiver in current if waiver in used),
        expired=tuple(waiver for waiver in request.waivers if waiver not in current),
        unused=tuple(waiver for waiver in current if waiver not in used),
    )
