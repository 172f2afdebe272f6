"""A bundle is called something that every file system takes."""

from __future__ import annotations

import pytest

from bundler.core.bundle_name import check_bundle_name
from bundler.errors import Misuse


@pytest.mark.parametrize("name", ["a", "platform-2026.11", "a_b", "0", "a" * 64])
def test_a_bundle_name_is_lower_case_ascii(name: str) -> None:
    assert check_bundle_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "a/b", "..", ".a", "a.", "-a", "a b", "a\n", "ä", "a:b", "a" * 65],
    ids=[
        "empty",
        "upper",
        "slash",
        "upwards",
        "dot first",
        "dot last",
        "dash first",
        "blank",
        "newline",
        "umlaut",
        "colon",
        "65 characters",
    ],
)
def test_a_name_that_some_file_system_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="not a bundle name"):
        check_bundle_name(name)


@pytest.mark.parametrize("name", ["con", "nul", "com1", "lpt9", "aux.2026", "prn.x.y"])
def test_the_name_of_a_device_on_windows_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="a device on Windows"):
        check_bundle_name(name)


@pytest.mark.parametrize("name", ["console", "com0", "com10", "my.con", "nul-2026"])
def test_a_name_that_only_resembles_a_device_is_taken(name: str) -> None:
    assert check_bundle_name(name) == name
