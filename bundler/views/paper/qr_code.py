"""QR codes: only this module imports segno."""

from __future__ import annotations

from bundler.core.limits import NEED_LINE_CHARACTERS

_QUIET_MODULES = 4
"""The quiet zone that ISO/IEC 18004 asks for."""

Rows = tuple[tuple[bool, ...], ...]


def qr_rows(content: str, *, error: str = "m") -> Rows:
    """The modules of a QR code with its quiet zone; true for a dark one.

    Args:
        content: The text; ASCII.
        error: The level of correction: ``l``, ``m``, ``q`` or ``h``.

    Raises:
        ValueError: The text does not fit into a QR code.
    """
    import segno

    if len(content) > NEED_LINE_CHARACTERS:
        raise ValueError(len(content))
    code = segno.make_qr(content, error=error, boost_error=False)
    return tuple(tuple(map(bool, row)) for row in code.matrix_iter(border=_QUIET_MODULES))


def qr_lines(rows: Rows) -> list[str]:
    """A QR code as lines of text, with two rows in each, dark on light; for a face with characters of one width."""
    if len(rows) % 2:
        rows = (*rows, (False,) * len(rows[0]))
    blocks = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(blocks[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs]
