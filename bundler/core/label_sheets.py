"""Sheets of labels, with their measures in millimetres.

The measures are those of LibreOffice (``extras/source/labels/labels.xml``: J8160, J8163 and C2651 are the same sheets
for other printers) and of gLabels (``avery-iso-templates.xml``, for L4732). All sheets are A4.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text

A4 = (210.0, 297.0)


@frozen
class Sheet:
    """A sheet of labels.

    Attributes:
        name: Its name in ``--sheet``.
        width: The width of a label.
        height: Its height.
        columns: The number of labels side by side.
        rows: The number of rows.
        left: The margin at the left.
        top: The margin at the top.
        step: From the left side of a label to that of the next one.
        is_cut: False for plain paper, on which the edges are drawn to cut along.
    """

    name: str
    width: float
    height: float
    columns: int
    rows: int
    left: float
    top: float
    step: float
    is_cut: bool = True

    @property
    def labels(self) -> int:
        """The number of labels on it."""
        return self.columns * self.rows

    def place(self, number: int) -> tuple[float, float]:
        """Left and top of a label. Labels are counted from 0, row by row."""
        row, column = divmod(number, self.columns)
        return self.left + column * self.step, self.top + row * self.height


SHEETS = {
    sheet.name: sheet
    for sheet in (
        Sheet("A4", 95.0, 68.0, 2, 4, 10.0, 12.5, 95.0, is_cut=False),
        Sheet("L7160", 63.5, 38.1, 3, 7, 7.2, 15.15, 66.04),
        Sheet("L7163", 99.1, 38.1, 2, 7, 4.65, 15.15, 101.6),
        Sheet("L7651", 38.1, 21.17, 5, 13, 4.67, 10.9, 40.64),
        Sheet("L4732", 35.6, 16.9, 5, 16, 11.0, 13.3, 38.1),
    )
}
"""Plain paper, address labels, wide address labels, and two kinds of small labels for sticks."""


def sheet_of(name: str) -> Sheet:
    """The sheet with a name, in capitals or not.

    Raises:
        Misuse: It is not known.
    """
    sheet = SHEETS.get(name.upper())
    if sheet is None:
        raise Misuse(
            "an unknown sheet of labels",
            subject=f"--sheet {name[:40]}",
            hint=text("known are: {sheets}", sheets=", ".join(SHEETS)),
        )
    return sheet
