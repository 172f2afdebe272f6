"""The repositories that users give are those of the prefix, and no neighbours with a longer name."""

from __future__ import annotations

import pytest

from bundler.core.given_repositories import check_repositories, is_below
from bundler.errors import Misuse


@pytest.mark.parametrize(
    ("repository", "prefix", "is_inside"),
    [("app", "", True), ("team", "team", True), ("team/app", "team", True), ("teams/app", "team", False)],
)
def test_a_prefix_ends_where_a_part_of_the_name_ends(repository: str, prefix: str, is_inside: bool) -> None:
    assert is_below(repository, prefix) is is_inside


@pytest.mark.parametrize("given", ["Team/App", "other/app"])
def test_a_wrong_repository_is_named(given: str) -> None:
    with pytest.raises(Misuse) as caught:
        check_repositories(["team/app", given], "team")
    assert given in str(caught.value.subject)
    assert caught.value.hint
