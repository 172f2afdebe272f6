"""The file of waivers is read strictly: a misspelt waiver accepts nothing."""

from __future__ import annotations

from bundler.core.scan.waivers import Waiver
from bundler.core.scan.waivers_file import parse_waivers
from bundler.errors import BundlerError, Misuse, Several
from tests.support.tables import each_case

GOOD = """
waivers:
  - id: CVE-2023-4911
    reason: the image runs no setuid program
    expires: 2026-12-31
    who: alice
    object: quay.io/team/*
    scanner: trivy
  - {id: not-scanned, reason: an artifact, expires: 2027-01-31, who: bob, object: docker.io/library/db:1}
"""


def test_a_file_of_waivers_is_read() -> None:
    assert parse_waivers(GOOD, source="waivers.yaml") == (
        Waiver("CVE-2023-4911", "the image runs no setuid program", "2026-12-31", "alice", "quay.io/team/*", "trivy"),
        Waiver("not-scanned", "an artifact", "2027-01-31", "bob", "docker.io/library/db:1"),
    )
    assert parse_waivers("waivers: []", source="waivers.yaml") == ()


ONE = "waivers:\n  - id: X\n    reason: y\n    expires: 2026-12-31\n    who: z\n"
FAULTS = {
    "a list": ("- id: X", 1),
    "nothing": ("", 0),
    "another key": ("waiver: []", 1),
    "no list": ("waivers: CVE-1", 1),
    "a text in the list": ("waivers:\n  - CVE-1", 2),
    "no reason": (ONE.replace("    reason: y\n", ""), 2),
    "an empty reason": (ONE.replace("reason: y", "reason: ''"), 2),
    "no name of a person": (ONE.replace("    who: z\n", ""), 2),
    "no end": (ONE.replace("    expires: 2026-12-31\n", ""), 2),
    "an end that is no day": (ONE.replace("2026-12-31", "2026-13-01"), 2),
    "an end with a time": (ONE.replace("2026-12-31", "2026-12-31T00:00:00Z"), 2),
    "no end in sight": (ONE.replace("2026-12-31", "never"), 2),
    "a misspelt key": (ONE + "    objekt: x\n", 6),
    "a key twice": (ONE + "    who: y\n", 6),
    "a waiver twice": (ONE + ONE.partition("\n")[2], 6),
    "all that was not scanned": (ONE.replace("id: X", "id: not-scanned"), 2),
    "an empty object, which is not all of them": (ONE + "    object:\n", 2),
    "an empty scanner": (ONE + "    scanner: ''\n", 2),
    "a scanner that is none": (ONE + "    scanner: ../x\n", 2),
    "a list in a field": (ONE.replace("reason: y", "reason: [y]"), 3),
    "an alias": (ONE.replace("reason: y", "reason: *y"), 3),
    "several lines": (ONE.replace("reason: y", 'reason: "a\\nb"'), 3),
}


@each_case("case", FAULTS.values(), ids=FAULTS)
def test_a_file_with_a_fault_is_refused_with_its_line(case: tuple[str, int]) -> None:
    content, at = case
    try:
        found = parse_waivers(content, source="waivers.yaml")
    except BundlerError as error:
        errors = error.errors if isinstance(error, Several) else (error,)
        assert all(isinstance(each, Misuse) for each in errors)
        assert (errors[0].subject or "").startswith(f"waivers.yaml:{at}" if at else "waivers.yaml")
    else:
        raise AssertionError(found)


def test_the_brackets_of_an_address_are_no_set_of_characters() -> None:
    waiver = Waiver("CVE-1", "a reason", "2027-01-31", "bob", object="[::1]:5000/*")
    assert waiver.fits("sha256:0", ["[::1]:5000/team/app:1"], "trivy")
    assert not waiver.fits("sha256:0", ["1:5000/team/app:1"], "trivy")


def test_a_waiver_ends_with_its_last_day() -> None:
    from bundler.core.moments import seconds_of

    waiver = Waiver("X", "y", "2026-12-31", "z")
    assert waiver.counts_at(seconds_of("2026-12-31T23:59:59Z"))
    assert not waiver.counts_at(seconds_of("2027-01-01T00:00:00Z"))
