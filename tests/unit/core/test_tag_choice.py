"""Tags are chosen as people mean it: by patterns, by ranges of versions, the newest ones, by date."""

from __future__ import annotations

import pytest

from bundler.core.image_list import ManyImages, parse_image_list
from bundler.core.tag_choice import TagChoice, read_since
from bundler.core.version_range import Version, VersionRange
from bundler.errors import BundlerError, Misuse
from bundler.transports.parsing import parse_image
from tests.support.tables import each_case

TAGS = ["1", "1.2", "1.2.0", "1.10.3", "1.9", "2.0.0-rc.1", "2.0.0", "v3.1", "latest", "1.27-alpine", "1.28-alpine"]


def in_range(text: str) -> list[str]:
    return TagChoice(versions=VersionRange.parse(text)).allowed(TAGS)


@each_case(
    "text, found",
    [
        (">=1.9 <2", ["1.10.3", "1.9"]),
        (">=1.9, <2", ["1.10.3", "1.9"]),
        ("1.2", ["1.2", "1.2.0"]),
        ("=1.2.0", ["1.2", "1.2.0"]),
        ("1.x", ["1", "1.10.3", "1.2", "1.2.0", "1.9"]),
        ("^1.9", ["1.10.3", "1.9"]),
        ("~1.9", ["1.9"]),
        ("~1", ["1", "1.10.3", "1.2", "1.2.0", "1.9"]),
        ("^0.3 || ^3", ["v3.1"]),
        ("!=1.9 >1.2", ["1.10.3", "2.0.0", "v3.1"]),
        ("<=1.2", ["1", "1.2", "1.2.0"]),
        (">=2.0.0-0", ["2.0.0", "2.0.0-rc.1", "v3.1"]),
        ("*", ["1", "1.10.3", "1.2", "1.2.0", "1.9", "2.0.0", "v3.1"]),
    ],
)
def test_ranges(text: str, found: list[str]) -> None:
    assert in_range(text) == found


@each_case("text", ["", "a", ">>1", ">=", "1 ||", ">1.x", "1.2.3.4", "|| 1", "1" * 600, "99999999999"])
def test_a_text_that_is_no_range_is_an_error(text: str) -> None:
    with pytest.raises(Misuse):
        VersionRange.parse(text)


def test_versions_are_ordered_as_semver_says() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    versions = [Version.of(each) for each in ordered]
    assert sorted(versions, reverse=True) == versions[::-1]  # type: ignore[type-var]
    assert (Version.of("1.0"), Version.of("latest"), Version.of("v1.x")) == (Version.of("v1.0.0"), None, None)


@each_case(
    "choice, found",
    [
        (TagChoice(), sorted(TAGS)),
        (TagChoice(match=("1.2*",)), ["1.2", "1.2.0", "1.27-alpine", "1.28-alpine"]),
        (TagChoice(match=("1.2*", "latest"), without=("*-alpine",)), ["1.2", "1.2.0", "latest"]),
        (TagChoice(newest=2), ["2.0.0", "v3.1"]),
        (TagChoice(newest=1, match=("*-alpine",)), ["1.28-alpine"]),
        (TagChoice(newest=1, versions=VersionRange.parse("<2")), ["1.10.3"]),
    ],
)
def test_choices(choice: TagChoice, found: list[str]) -> None:
    allowed = choice.allowed([*TAGS, f"sha256-{'a' * 64}.sig", f"sha256-{'a' * 64}"])
    assert (allowed if choice.newest is None else choice.newest_versions(allowed)) == found


def test_dates() -> None:
    dates = [("a", 100), ("b", 300), ("c", 200), ("1.0", 50)]
    assert TagChoice(since="1970-01-01T00:03:20Z").by_date(dates) == ["b", "c"]
    assert TagChoice(newest=2, by="created").by_date(dates) == ["b", "c"]
    assert TagChoice(newest=5, since="1970-01-01T00:00:00Z").by_date(dates) == ["1.0"]
    assert read_since("2026-11-01") == "2026-11-01T00:00:00Z"


def many(text: str) -> list[ManyImages]:
    read = parse_image_list(text, source="l.yaml", parse_image=parse_image)
    return [each for each in read.entries if isinstance(each, ManyImages)]


def test_entries_of_a_list() -> None:
    found = many(
        "platforms: [linux/amd64]\nimages:\n- {repository: r.io/team/*, tags: 1.*}\n- {repository: docker.io/nginx}\n"
        "- {repository: Registry-1.docker.io/nginx}\n"
        "- repository: localhost:5000/a\n  platforms: []\n  attachments: none\n"
        "  tags: {match: [a, b], except: c, semver: ^1, newest: 3, by: created, since: 2026-11-01}\n"
    )
    assert [str(each) for each in found] == [
        "r.io/team/* (match 1.*)",
        "docker.io/library/nginx (all tags)",
        "docker.io/library/nginx (all tags)",
        "localhost:5000/a (match a b, except c, semver ^1, newest 3 by created, since 2026-11-01T00:00:00Z)",
    ]
    assert [each.is_pattern for each in found] == [True, False, False, False]
    assert [len(each.platforms) for each in found] == [1, 1, 1, 0]
    assert found[1].where == "l.yaml:4"


@each_case(
    "entry, words",
    [
        ("{repository: team/app}", "not a registry with"),
        ("{repository: r.io}", "not a registry with"),
        ("{repository: 'r.io/a:1'}", "not a registry with"),
        ("{repository: r.io/A}", "not a registry with"),
        ("{repository: '*/a'}", "not a registry with"),
        ("{repository: r.io/a, image: b}", "unknown key 'image'"),
        ("{repository: r.io/a, tags: {newest: 0}}", "newest: must be"),
        ("{repository: r.io/a, tags: {by: size}}", "by: must be"),
        ("{repository: r.io/a, tags: {since: yesterday}}", "not a date"),
        ("{repository: r.io/a, tags: {semver: nope}}", "not a range"),
        ("{repository: r.io/a, tags: {match: ''}}", "not a pattern"),
        ("{repository: r.io/a, tags: {match: {a: b}}}", "a text is expected"),
        ("{repository: r.io/a, tags: {regex: x}}", "unknown key 'regex'"),
        ("{repository: [a]}", "a text is expected"),
    ],
)
def test_a_wrong_entry_gives_a_line_and_a_sentence(entry: str, words: str) -> None:
    with pytest.raises(BundlerError) as caught:
        many(f"images:\n- a:1\n- {entry}\n")
    assert caught.value.exit_code == 2
    assert words in str(caught.value)
    assert str(caught.value.subject).startswith("l.yaml:3")
