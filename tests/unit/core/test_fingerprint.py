"""A fingerprint is compared in full, however people write it down."""

from __future__ import annotations

import hashlib

import pytest

from bundler.core.fingerprint import grouped, groups_of, parse_fingerprint
from bundler.errors import Misuse
from tests.support.tables import each_case

WHOLE = hashlib.sha256(b"a key").hexdigest()


def test_it_is_read_out_in_sixteen_groups_of_four() -> None:
    assert [len(group) for group in groups_of(WHOLE)] == [4] * 16
    assert grouped(WHOLE).replace(" ", "") == WHOLE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE, id="as sha256sum has it"),
        pytest.param(f"{WHOLE}  -\n", id="the whole line of sha256sum"),
        pytest.param(grouped(WHOLE), id="in groups"),
        pytest.param(grouped(WHOLE).upper(), id="in capitals"),
        pytest.param(":".join(WHOLE[at : at + 2] for at in range(0, 64, 2)), id="with colons"),
        pytest.param("  " + "\n".join(groups_of(WHOLE)) + "\t", id="on many lines"),
    ],
)
def test_blanks_colons_and_case_mean_nothing(text: str) -> None:
    assert parse_fingerprint(text) == WHOLE


@each_case(
    ("text", "said"),
    [
        pytest.param(WHOLE[:16], "key id", id="a key id"),
        pytest.param(grouped(WHOLE[:16]), "key id", id="a key id in groups"),
        pytest.param(WHOLE[:63], "fingerprint", id="one digit less"),
        pytest.param(WHOLE + "0", "fingerprint", id="one digit more"),
        pytest.param("", "is empty", id="nothing"),
        pytest.param("g" * 64, "fingerprint", id="no hex"),
        pytest.param("SHA256:" + "A" * 43, "fingerprint", id="as ssh writes them"),
        pytest.param("\u0661" * 64, "fingerprint", id="digits of another alphabet"),
    ],
)
def test_what_is_not_the_whole_of_one_is_refused(text: str, said: str) -> None:
    with pytest.raises(Misuse, match=said) as caught:
        parse_fingerprint(text)
    assert caught.value.hint is not None
    assert "64 hex digits" in caught.value.hint
