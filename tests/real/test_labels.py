"""The codes on a sheet of labels, as a scanner reads them from the printed page: what they say, and where they are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.hand_over import parse_payload
from bundler.core.label_sheets import SHEETS
from bundler.core.limits import NEED_LINE_CHARACTERS
from bundler.core.need_line import Wanted, parse_line
from bundler.views.paper.qr_code import qr_rows
from tests.conftest import Ran
from tests.support import images

DOTS_PER_INCH = 300
SHEET = SHEETS["L7160"]


def dots(millimetres: float) -> int:
    return round(millimetres / 25.4 * DOTS_PER_INCH)


def rendered(pdf: Path) -> list[bytes]:
    """The rows of the only page, a byte for each dot."""
    done = subprocess.run(["pdftoppm", "-r", str(DOTS_PER_INCH), "-gray", pdf], check=True, capture_output=True)
    header = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", done.stdout)
    assert header, "a portable greymap"
    width, height = map(int, header.groups())
    content = done.stdout[header.end() :]
    assert len(content) == width * height
    return [content[start : start + width] for start in range(0, len(content), width)]


def cut_out(page: list[bytes], number: int) -> list[bytes]:
    """The label at a place of the sheet, cut along its edges."""
    left, top = SHEET.place(number)
    rows = page[dots(top) : dots(top + SHEET.height)]
    return [row[dots(left) : dots(left + SHEET.width)] for row in rows]


def scanned(label: list[bytes], path: Path) -> str:
    path.write_bytes(b"P5 %d %d 255\n" % (len(label[0]), len(label)) + b"".join(label))
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path], check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def test_a_scanner_reads_each_label_at_its_place(here: Callable[..., Ran], tmp_path: Path) -> None:
    images.simple("app", 4_500_000).write_layout(tmp_path / "layout", "example.org/app:1")
    assert here("keygen", "builder", "-d", tmp_path).code == 0
    export = ("export", f"oci:{tmp_path}/layout:example.org/app:1", "-o", tmp_path, "--name", "monthly-2026.11")
    key = ("--key", tmp_path / "builder.key")
    exported = here(*export, *key, "--chunk-size", "1MiB", "--medium-size", "3MB", "--json")
    assert exported.code == 0, exported.err
    folders = exported.json["folders"]
    label = ("label", folders[0], "-o", tmp_path / "labels.pdf", "--trust", tmp_path / "builder.pub")
    ran = here(*label, "--sheet", SHEET.name, "--used", "4", "--sender", "Zürich", "--json")
    assert ran.code == 0

    page = rendered(tmp_path / "labels.pdf")
    assert (len(page[0]), len(page)) == pytest.approx((dots(210), dots(297)), abs=1)
    sums = subprocess.run(["sha256sum", "SHA256SUMS"], cwd=folders[0], check=True, capture_output=True, text=True)
    assert len(folders) > 1
    for medium in range(1, len(folders) + 1):
        cut = cut_out(page, 3 + medium)
        code = parse_payload(scanned(cut, tmp_path / "label.pgm"))
        assert (code.name, code.medium, code.media) == ("monthly-2026.11", medium, len(folders))
        assert code.bundle_id == sums.stdout.split()[0]
        dark = [row.index(0) for row in cut if 0 in row]
        modules = 41 + 8  # a code of version 6, and its quiet zone
        side = (SHEET.width - 4) * 0.46
        assert min(dark) / DOTS_PER_INCH * 25.4 == pytest.approx(2 + side * 4 / modules, abs=0.2)
    assert all(byte == 255 for row in cut_out(page, 3) for byte in row), "a label that is used already"


def test_a_scanner_reads_a_need_list(tmp_path: Path) -> None:
    """The longest one that fits, dot by dot: nothing is rendered."""
    wanted = Wanted("3f" * 32, tuple(range(1, 1360, 2)))
    assert 2800 < len(wanted.line) <= NEED_LINE_CHARACTERS
    rows = [b"".join((b"\0" if is_dark else b"\xff") * 4 for is_dark in row) for row in qr_rows(wanted.line)]
    text = scanned([row for row in rows for _ in range(4)], tmp_path / "need.pgm")
    assert text == wanted.line
    assert parse_line(text, what="test") == wanted
