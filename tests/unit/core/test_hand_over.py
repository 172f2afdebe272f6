"""The code of a label says which medium it is of, and the id to compare; what a scanner reads comes back as values."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bundler.core.bundle_name import BUNDLE_NAME
from bundler.core.hand_over import HandedMedium, HandOver, LabelCode, parse_payload
from bundler.errors import Damaged

ID = "3f" * 32


def handed(name: str = "platform-2026.11", media: int = 5, **more: object) -> HandOver:
    about = {
        "name": name,
        "bundle_id": ID,
        "created": "2026-11-23T12:00:00Z",
        "media": tuple(HandedMedium(number, 7, 13, 13_900_000_000 + number) for number in range(1, media + 1)),
        "fingerprints": ("06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9",),
        "is_signed": True,
        "is_encrypted": False,
        "sender": "Build room, Zürich (3rd floor)",
        "recipient": "Plant 3, Musterstadt",
        "date": "2026-11-30",
    }
    return HandOver(**{**about, **more})  # type: ignore[arg-type]


def test_the_code_is_as_documented() -> None:
    hand_over = handed()
    assert hand_over.payload(hand_over.media[2]) == f"BUNDLER1 platform-2026.11 3/5 {ID}"
    assert hand_over.payload(None) == f"BUNDLER1 platform-2026.11 slip/5 {ID}"


NAMES = st.text("az09._-", min_size=1, max_size=64).filter(BUNDLE_NAME.fullmatch)


@given(NAMES, st.integers(1, 9), st.booleans())
def test_a_code_is_read_back(name: str, media: int, is_slip: bool) -> None:
    hand_over = handed(name, media)
    text = hand_over.payload(None if is_slip else hand_over.media[-1])
    assert parse_payload(f" {text}\r\n") == LabelCode(name, None if is_slip else media, media, ID)


@pytest.mark.parametrize(
    "text", ["", "BUNDLER1", f"BUNDLER2 a 1/1 {ID}", f"BUNDLER1 a 0/1 {ID}", f"BUNDLER1 A 1/1 {ID}"]
)
def test_other_codes_are_refused(text: str) -> None:
    with pytest.raises(Damaged):
        parse_payload(text)
