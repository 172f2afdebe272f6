"""A bundle is called something that every file system takes."""

from __future__ import annotations

import pytest

from bundler.core.bundle_name import BUNDLE_NAME, check_bundle_name, name_of_words
from bundler.core.litter_names import NAMES
from bundler.errors import Misuse
from tests.support.tables import each_case


@pytest.mark.parametrize("name", ["a", "platform-2026.11", "a_b", "0", "a" * 64])
def test_a_bundle_name_is_lower_case_ascii(name: str) -> None:
    assert check_bundle_name(name) == name


@each_case(
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
    with pytest.raises(Misuse):
        check_bundle_name(name)


@pytest.mark.parametrize("name", ["con", "nul", "com1", "lpt9", "aux.2026", "prn.x.y"])
def test_the_name_of_a_device_on_windows_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="Windows"):
        check_bundle_name(name)


@pytest.mark.parametrize("name", ["console", "com0", "com10", "my.con", "nul-2026"])
def test_a_name_that_only_resembles_a_device_is_taken(name: str) -> None:
    assert check_bundle_name(name) == name


@each_case(
    "name",
    [
        *("x.partial", "x.partial.lock", "x.partial.journal", "2026.partial.v2"),
        *("chunk-0001.tar", "chunk-12345.7z", "chunk-1.tar", "content.7z", "bundle.json", "readme.txt", "restore.py"),
        *("sha256sums", "sha256sums.0123456789abcdef.sig", "parity-01.vol0.par2"),
        *sorted(name for name in NAMES if BUNDLE_NAME.fullmatch(name)),
    ],
)
def test_B6_a_name_that_a_reader_takes_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(Misuse):
        check_bundle_name(name)


@pytest.mark.parametrize(
    "name", ["partial", "x-partial", "partial.x", "chunk-0001", "my-chunk-0001.tar", "bundle.json5"]
)
def test_B6_a_name_that_only_resembles_one_is_taken(name: str) -> None:
    assert check_bundle_name(name) == name


@each_case(
    ("words", "name"),
    [
        (["prometheus", "v3.0.1"], "prometheus-v3.0.1"),
        (["App_1", "Größe+2"], "app_1-gr-e-2"),
        (["app", ""], "app"),
        (["x" * 70, "1"], "x" * 64),
        (["x", "partial"], "x-partial"),
        (["x.partial"], None),
        (["con"], None),
        (["---"], None),
        ([], None),
    ],
)
def test_B6_a_name_is_made_of_words_if_they_give_one(words: list[str], name: str | None) -> None:
    assert name_of_words(words) == name
