"""A pattern that no name can fit is refused."""

from __future__ import annotations

from bundler.core.name_patterns import repository_pattern, tag_pattern
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case


@each_case("pattern", ["*", "v1.?", "[0-9]*", "[!0-9]*-rc", "latest", "sha256-*.sig", "_x", "[a-c-]x", "[-.]*-"])
def test_patterns_of_tags(pattern: str) -> None:
    assert tag_pattern(pattern) == pattern


@each_case(
    "pattern", ["", "{a,b}", "[^0-9]*", "v[1", "[]", "a b", "v1:*", "a/b", "!a", "x" * 129, "[9-0]*", ".x", "-*"]
)
def test_no_tag_can_fit(pattern: str) -> None:
    with raises(Misuse):
        tag_pattern(pattern)


@each_case("pattern", ["*", "team/*", "**", "team/[a-c]pp", "*/[!x]*", "a__b/c--d", "*-*.*/x", "a[._/-]b", "a[/._]*"])
def test_patterns_of_repositories(pattern: str) -> None:
    assert repository_pattern(pattern) == pattern


_NO_REPOSITORY = ["", "Team/*", "/team/*", "team/", "host:5000/team", "team/{a,b}", "team/[^a]*", "te am"]
_NO_PATH = ["a//*", "../*", "./a", "a/..", "a/.b", "a-/b", "a..b", "a._b", "a___b", "_a", "a-", "team/[b-a]*"]


@each_case("pattern", [*_NO_REPOSITORY, *_NO_PATH])
def test_no_repository_can_fit(pattern: str) -> None:
    with raises(Misuse):
        repository_pattern(pattern)
