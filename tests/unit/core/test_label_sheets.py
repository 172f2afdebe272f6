"""Labels lie on the sheet where the sheet has them, and none lies over another one."""

from __future__ import annotations

import pytest

from bundler.core.label_sheets import A4, SHEETS, Sheet, sheet_of
from bundler.errors import Misuse
from tests.support.tables import each_case


@each_case("sheet", SHEETS.values())
def test_all_labels_are_on_the_page_and_the_margins_are_the_same_on_both_sides(sheet: Sheet) -> None:
    width, height = A4
    places = [sheet.place(number) for number in range(sheet.labels)]
    assert len(set(places)) == sheet.labels
    right, bottom = max(x for x, _ in places) + sheet.width, max(y for _, y in places) + sheet.height
    assert min(x for x, _ in places) == pytest.approx(width - right, abs=0.5)
    assert min(y for _, y in places) == pytest.approx(height - bottom, abs=0.5)
    assert sheet.step >= sheet.width


def test_the_labels_of_a_sheet_have_the_number_and_size_that_its_box_names() -> None:
    named = {"L7160": (21, 63.5, 38.1), "L7163": (14, 99.1, 38.1), "L7651": (65, 38.1, 21.2), "L4732": (80, 35.6, 16.9)}
    for name, (number, width, height) in named.items():
        sheet = sheet_of(name.lower())
        assert (sheet.labels, sheet.width, round(sheet.height, 1)) == (number, width, height)


def test_labels_are_counted_row_by_row() -> None:
    sheet = SHEETS["L7160"]
    assert sheet.place(0) == (7.2, 15.15)
    assert sheet.place(4) == (7.2 + 66.04, 15.15 + 38.1)


def test_an_unknown_sheet_is_named_with_those_that_are_known() -> None:
    with pytest.raises(Misuse) as error:
        sheet_of("L1")
    assert "L7160" in str(error.value.hint)
