"""scripts/changelog.py reads the form of Keep a Changelog, and names each fault; tests/test_docs.py asks it about CHANGELOG.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.tables import each_case

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import changelog

GOOD = """\
# Changelog

The form is that of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).

## [Unreleased]

## [0.3.0] - 2027-02-01

Words.

### Added

- **Export**: more.

### Fixed

- **Import**: less.

## [0.2.0] - 2026-11-30

- **Import**: less.
""".replace("- 2026-11-30\n\n", "- 2026-11-30\n\n### Added\n\n")

FAULTS = {
    "no date": ("[0.3.0] - 2027-02-01", "[0.3.0]", "[0.3.0]: no date"),
    "a date that is none": ("2027-02-01", "2027-02-30", "[0.3.0]: no date"),
    "a word instead of a date": ("[0.2.0] - 2026-11-30", "[0.2.0] - soon", "[0.2.0]: no date"),
    "an old heading of a version": ("## [0.2.0] - 2026-11-30", "## 0.2.0 (unreleased)", "no heading of a version"),
    "a topic as heading": ("### Fixed", "### Media", "'### Media' is none of Added"),
    "the same heading twice": ("### Fixed", "### Added", "[0.3.0]: each heading once"),
    "headings in another order": ("Added\n\n- **Export**: more.\n\n### Fixed", "Fixed\n\n- **Export**: more.\n\n### Added", "[0.3.0]: each heading once"),
    "a line without a heading": ("Words.", "- **Export**: all.", "[0.3.0]: below no heading"),
    "a line without a topic": ("**Export**: more", "more", "[0.3.0]: no topic in bold"),
    "a line twice": ("- **Export**: more.", "- **Export**: more.\n- **Export**: more.", "[0.3.0]: twice"),
    "an older wording of a line": ("- **Export**: more.", "".join(f"- **Export**: a platform that nothing has, as {each}, is an error.\n" for each in "ab"), "[0.3.0]: twice"),
    "nothing for the next version": ("## [Unreleased]\n", "", "first section is not [Unreleased]"),
    "versions in another order": ("[0.3.0]", "[0.1.0]", "not in order"),
    "a version that is none": ("[0.3.0]", "[next]", "not in order"),
    "no form": ("keepachangelog.com/en/1.1.0/", "example.com", "name no form"),
}  # fmt: skip


def test_a_good_one_has_no_fault_and_the_same_line_may_be_in_two_versions():
    assert changelog.faults(GOOD) == []


@each_case("how", FAULTS)
def test_each_fault_is_named(how):
    old, new, reported = FAULTS[how]
    assert old in GOOD
    assert reported in "\n".join(changelog.faults(GOOD.replace(old, new, 1)))


def test_the_notes_of_a_version_are_its_section_alone():
    found = changelog.release(GOOD, "0.3.0")
    assert found.day == "2027-02-01"
    assert found.notes == "Words.\n\n### Added\n\n- **Export**: more.\n\n### Fixed\n\n- **Import**: less.\n"
    with pytest.raises(changelog.NoSuchRelease, match=r"no heading ## \[0\.4\.0\]"):
        changelog.release(GOOD, "0.4.0")
