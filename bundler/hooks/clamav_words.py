"""The words of ClamAV: its answers about an object, and its version. Pure functions of text.

An object above one of its limits counts as *not scanned*, although ClamAV calls that a finding
(``Heuristics.Limits.Exceeded…``) if it was asked to, and calls it clean otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.patterns import lazy_pattern
from bundler.core.scan import CLEAN, Finding, Scanner, Severity, Unit, Verdict, failed, found, not_scanned

ABOVE_A_LIMIT = "Heuristics.Limits.Exceeded"
STREAM_LIMIT = "INSTREAM size limit exceeded"
"""The answer of clamd to a stream above its ``StreamMaxLength`` (clamd/server-th.c)."""
NAME = "clamav"
HEADER_BYTES = 512
"""The header of a database file."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FOUND = lazy_pattern(r"[^:]+: (.+) FOUND")
_CLEAN = lazy_pattern(r"[^:]+: (?:OK|Empty file)")
_VERSION = lazy_pattern(r"ClamAV (?P<version>[^/\s]+)(?:/(?P<database>\d+)/(?P<date>.+))?")
_DATE = lazy_pattern(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})")


def verdict_of(lines: Sequence[str]) -> Verdict:
    """The verdict in the answers of ClamAV about one object, each a line such as ``stream: NAME FOUND``."""
    names = [match[1] for match in map(_FOUND.fullmatch, lines) if match]
    malware = [name for name in names if not name.startswith(ABOVE_A_LIMIT)]
    if malware:
        return found(Finding.reported(name, Severity.CRITICAL) for name in malware)
    if names:
        return not_scanned(f"above a limit of ClamAV, which clamd.conf can raise: {names[0]}")
    if len(lines) == 1 and _CLEAN.fullmatch(lines[0]):
        return CLEAN
    if any(STREAM_LIMIT in line for line in lines):
        return not_scanned("larger than StreamMaxLength, which clamd.conf can raise")
    return failed(f"ClamAV: {lines[0]}" if lines else "no answer of ClamAV")


def scanner_of(line: str) -> Scanner:
    """Program and database in the answer to ``VERSION``, or of ``clamscan -V``.

    >>> scanner_of("ClamAV 1.4.6/27500/Mon Jan  6 09:33:03 2025").database_date
    '2025-01-06T09:33:03Z'
    """
    match = _VERSION.fullmatch(line.strip())
    if match is None:
        return Scanner(NAME, Unit.BLOB)
    return Scanner(NAME, Unit.BLOB, match["version"], match["database"] or "", _date(match["date"] or ""))


def _date(words: str) -> str:
    """The date as ctime(3) writes it, without its time zone. It is taken for UTC; empty if it is none."""
    match = _DATE.fullmatch(words.strip())
    if match is None or match[1] not in _MONTHS:
        return ""
    return f"{match[6]}-{_MONTHS.index(match[1]) + 1:02}-{int(match[2]):02}T{match[3]}:{match[4]}:{match[5]}Z"


def header_of(beginning: bytes) -> tuple[str, int] | None:
    """The version and the time of a database file, by its beginning; None if they are no such header.

    ``ClamAV-VDB:DATE:VERSION:SIGNATURES:LEVEL:MD5:SIGNATURE:BUILDER:SECONDS``, padded with spaces (libclamav/cvd.c).
    """
    fields = beginning[:HEADER_BYTES].decode("ascii", "replace").strip().split(":")
    if len(fields) < 9 or fields[0] != "ClamAV-VDB":
        return None
    seconds = fields[8].strip()
    return (fields[2][:20], int(seconds)) if seconds.isdecimal() and len(seconds) < 12 else None
