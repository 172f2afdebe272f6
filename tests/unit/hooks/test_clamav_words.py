"""The answers of ClamAV, read strictly: only one about the whole object is clean."""

from __future__ import annotations

from bundler.core.scan import Severity, State
from bundler.hooks.clamav_words import header_of, scanner_of, verdict_of
from tests.support.tables import each_case


@each_case(
    "lines, state",
    [
        (["stream: OK"], State.CLEAN),
        (["stdin: OK"], State.CLEAN),
        (["stdin: Empty file"], State.CLEAN),
        (["stream: Win.Test.EICAR_HDB-1 FOUND"], State.FOUND),
        (["stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND"], State.NOT_SCANNED),
        (["stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", "stream: X FOUND"], State.FOUND),
        (["INSTREAM size limit exceeded. ERROR"], State.NOT_SCANNED),
        (["stream: Can't allocate memory ERROR"], State.ERROR),
        (["stream: OK", "stream: OK"], State.ERROR),
        (["stream: OK and more"], State.ERROR),
        (["OK"], State.ERROR),
        ([""], State.ERROR),
        ([], State.ERROR),
        (["UNKNOWN COMMAND"], State.ERROR),
    ],
)
def test_each_answer_has_a_verdict(lines, state):
    assert verdict_of(lines).state is state


def test_the_name_of_a_finding_is_that_of_its_signature():
    (finding,) = verdict_of(["stream: Own.Marker.UNOFFICIAL FOUND"]).findings
    assert (finding.id, finding.severity) == ("Own.Marker.UNOFFICIAL", Severity.CRITICAL)


@each_case(
    "line, expected",
    [
        ("ClamAV 1.4.6/27500/Mon Jan  6 09:33:03 2025", ("1.4.6", "27500", "2025-01-06T09:33:03Z")),
        ("ClamAV 1.4.6/27500/Tue Dec 16 23:59:00 2025\n", ("1.4.6", "27500", "2025-12-16T23:59:00Z")),
        ("ClamAV 1.4.6", ("1.4.6", "", "")),
        ("ClamAV 1.4.6/27500/some day", ("1.4.6", "27500", "")),
        ("COMMAND UNAVAILABLE", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_the_version_has_the_database_and_its_date(line, expected):
    said = scanner_of(line)
    assert (said.version, said.database, said.database_date) == expected


@each_case(
    "beginning, expected",
    [
        (b"ClamAV-VDB:06 Jan 2025 09-33 +0000:27500:2000:90:d:s:b:1736155983   ", ("27500", 1736155983)),
        (b"ClamAV-VDB:06 Jan 2025 09-33 +0000:27500:2000:90:d:s:b:", None),
        (b"ClamAV-VDB:06 Jan 2025", None),
        (b"Own.Marker:0:*:6d61726b6572", None),
        (b"\xff" * 512, None),
        (b"", None),
    ],
)
def test_a_database_file_has_its_version_in_its_header(beginning, expected):
    assert header_of(beginning) == expected
