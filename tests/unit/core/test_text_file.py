"""A text file is read in the encoding that it is in, or refused with the line where it is not."""

from __future__ import annotations

import pytest

from bundler.core.text_file import decoded
from bundler.errors import Misuse
from tests.support.errors import raises

TEXT = "nginx:1.27\r\n# 中文\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_text_is_read_in_its_encoding(encoding: str) -> None:
    assert decoded(TEXT.encode(encoding), source="x") == TEXT


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_text_of_powershell_has_a_mark(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert decoded(mark + TEXT.encode(encoding), source="x") == TEXT


@pytest.mark.parametrize("content", [b"", b"a", b"\0", b"a\0", b"\0a"], ids=repr)
def test_too_little_to_guess_from_is_taken_as_it_is(content: bytes) -> None:
    assert decoded(content, source="x") == content.decode()


@pytest.mark.parametrize(
    ("content", "where", "name"),
    [
        (b"a\nb\xff\n", "x:2", "UTF-8"),
        (b"\xff\xfea", "x:1", "UTF-16"),
        (b"\xfe\xff\xd8\x00", "x:1", "UTF-16"),
        (b"a\0\xd8\0\0\xd8", "x:1", "UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(content: bytes, where: str, name: str) -> None:
    with raises(Misuse, values={"name": name}) as caught:
        decoded(content, source="x")
    assert caught.value.subject == where
