"""A kept verdict counts only for the scanner, the database and the user that made it."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.scan import CLEAN, failed, found, not_scanned
from bundler.core.scan.kept import can_be_kept, is_kept, kept_line, name_of, parse_kept
from tests.unit.core.scan.values import BLOBS, CLAMAV, HIGH, LOW, VIRUS

SECRET = b"s" * 32
LINES = [kept_line(SECRET, CLAMAV, digest, verdict) for digest, verdict in
         zip(BLOBS, (CLEAN, found([VIRUS]), found([LOW, HIGH])), strict=True)]  # fmt: skip


def test_verdicts_are_read_as_they_were_kept_and_the_last_one_counts() -> None:
    kept = parse_kept(b"".join(LINES), SECRET, CLAMAV)
    assert kept == {BLOBS[0]: CLEAN, BLOBS[1]: found([VIRUS]), BLOBS[2]: found([LOW, HIGH])}
    later = kept_line(SECRET, CLAMAV, BLOBS[0], found([VIRUS]))
    assert parse_kept(b"".join([*LINES, later]), SECRET, CLAMAV)[BLOBS[0]] == found([VIRUS])


def test_a_line_of_another_database_version_scanner_or_user_counts_for_nothing() -> None:
    content = b"".join(LINES)
    for other in (
        replace(CLAMAV, database="27451"),
        replace(CLAMAV, version="ClamAV 1.4.4"),
        replace(CLAMAV, database_date="2026-11-29T09:00:00Z"),
        replace(CLAMAV, name="other"),
    ):
        assert parse_kept(content, SECRET, other) == {}
        assert name_of(other) != name_of(CLAMAV)
    assert parse_kept(content, b"t" * 32, CLAMAV) == {}


def test_a_line_that_was_changed_or_cut_counts_for_nothing_and_the_others_stay() -> None:
    forged = LINES[1].replace(b"found", b"clean")
    swapped = LINES[1].replace(str(BLOBS[1]).encode(), str(BLOBS[2]).encode())
    for bad in (forged, swapped, LINES[1][:-9], LINES[1][1:], b"\n", b"\xff", b" ", LINES[1][:70] + LINES[1][:-1]):
        kept = parse_kept(LINES[0] + bad + b"\n" + LINES[2], SECRET, CLAMAV)
        assert BLOBS[1] not in kept or bad == b"", bad
        assert kept.keys() <= {BLOBS[0], BLOBS[2]}


def test_only_whole_verdicts_of_known_databases_are_kept() -> None:
    assert [is_kept(each) for each in (CLEAN, found([LOW]), not_scanned("large"), failed("no"))] == [
        True,
        True,
        False,
        False,
    ]
    line = kept_line(SECRET, CLAMAV, BLOBS[0], not_scanned("large"))
    assert parse_kept(line, SECRET, CLAMAV) == {}
    assert can_be_kept(CLAMAV)
    assert not can_be_kept(replace(CLAMAV, database=""))
    assert not can_be_kept(replace(CLAMAV, version=""))
