"""Labels and slips: true to the millimetre, readable with ``less``, and nothing that a name says becomes more than words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bundler.core.hand_over import HandOver
from bundler.core.label_sheets import SHEETS, Sheet
from bundler.core.limits import NEED_LINE_CHARACTERS
from bundler.core.need_line import Wanted
from bundler.errors import Misuse
from bundler.views.languages import speaking
from bundler.views.paper import files, need_page, plain
from bundler.views.paper.drawing import MARK, MM_PER_POINT, Box, Code, Font, Page, Rule, Words, fitted, width_of
from bundler.views.paper.label import label_pages
from bundler.views.paper.pdf import pdf_of
from bundler.views.paper.qr_code import qr_lines, qr_rows
from bundler.views.paper.slip import slip_pages
from bundler.views.paper.svg import html_of, svg_of
from tests.support.tables import each_case
from tests.unit.core.test_hand_over import ID, handed

A4_POINTS = "595.276 841.89"
EVIL = "</text><script>alert(1)</script> & \"'"


def words_of(pages: tuple[Page, ...]) -> list[str]:
    return [item.content for page in pages for item in page.items if isinstance(item, Words)]


def labels(sheet: str = "L7160", hand_over: HandOver | None = None, used: int = 0) -> tuple[Page, ...]:
    hand_over = hand_over or handed()
    return label_pages(hand_over, hand_over.media, SHEETS[sheet], used=used)


def test_a_label_has_what_a_courier_needs() -> None:
    said = words_of(labels())
    assert said.count("platform-2026.11") == 5
    assert [each for each in said if " of " in each] == [f"{number} of 5" for number in range(1, 6)]
    for words in ("2026-11-30", "Build room, Zürich (3rd floor)", "Plant 3, Musterstadt", "3f3f 3f3f 3f3f 3f3f"):
        assert words in said
    assert "06e3 fd8f da29 bb60" in said
    assert "5b45 5f8e 1b79 2fa9" in said


def test_a_small_label_has_the_first_digits_only() -> None:
    said = words_of(labels("L4732"))
    assert {"1 of 5", "platform-2026.11", "3f3f 3f3f 3f3f 3f3f", "06e3 fd8f da29 bb60"} <= set(said)
    assert "ab59 557d e61e db0a" not in said


def test_a_label_says_that_nobody_signed_or_that_nobody_asked() -> None:
    assert "NOT SIGNED" in words_of(labels(hand_over=handed(fingerprints=(), is_signed=False)))
    assert "not checked" in words_of(labels(hand_over=handed(fingerprints=())))
    assert "and 2 more" in words_of(labels(hand_over=handed(fingerprints=("ab" * 32,) * 3)))


def edges(item: Words | Box | Rule | Code) -> tuple[float, float, float, float]:
    """Left, top, right and bottom; of words from the top of capitals to the bottom of letters."""
    if isinstance(item, Words):
        right = item.x + width_of(item.content, item.size, item.font)
        return item.x, item.y - item.size * 0.72, right, item.y + item.size * 0.22
    if isinstance(item, Code):
        return item.x, item.y, item.x + item.side, item.y + item.side
    if isinstance(item, Box):
        return item.x, item.y, item.x + item.width, item.y + item.height
    return item.x, item.y, item.x + item.length, item.y


@each_case("language", ["en", "zh"])
@each_case("sheet", SHEETS.values())
def test_nothing_leads_over_the_edge_of_a_label(sheet: Sheet, language: str) -> None:
    wide = handed("m" * 64, media=12, sender="W" * 100, recipient="W" * 100, fingerprints=("ab" * 32,) * 2)
    for hand_over in (wide, handed(), handed(fingerprints=())):
        medium = hand_over.media[-1]
        with speaking(language):
            (page,) = label_pages(hand_over, [medium], sheet, used=sheet.labels - 1)
        left, top = sheet.place(sheet.labels - 1)
        for item in page.items:
            x, y, right, bottom = edges(item)
            assert x >= left - 0.01, item
            assert y >= top - 0.01, item
            assert right <= left + sheet.width + 0.01, item
            assert bottom <= top + sheet.height + 0.01, item


@each_case("language", ["en", "zh"])
@each_case("keys", [0, 1, 3, 9])
def test_nothing_leads_over_the_edge_of_a_slip(keys: int, language: str) -> None:
    for media in (1, 10, 11, 100):
        with speaking(language):
            pages = slip_pages(handed(media=media, sender="W" * 100, fingerprints=("ab" * 32,) * keys))
        numbers = [
            words for words in words_of(pages) if words.isdigit() and int(words) <= media and words not in ("7", "13")
        ]
        assert len(set(numbers)) == len([number for number in range(1, media + 1) if number not in (7, 13)])
        for page in pages:
            for item in page.items:
                x, y, right, bottom = edges(item)
                assert 15 <= x <= right <= 195.1, item
                assert 14 <= y <= bottom <= 288, item


def test_labels_continue_on_further_sheets_after_those_that_are_used() -> None:
    pages = labels("A4", handed(media=9), used=6)
    assert [len([item for item in page.items if isinstance(item, Code)]) for page in pages] == [2, 7]
    first = next(item for item in pages[0].items if isinstance(item, Code))
    assert (first.x, first.y) == (SHEETS["A4"].place(6)[0] + 2, SHEETS["A4"].place(6)[1] + 2)


def test_a_pdf_has_pages_of_a4_and_codes_of_their_size() -> None:
    pages = labels()
    content = pdf_of(pages, "title")
    assert re.findall(rb"/MediaBox \[0 0 (.*?)\]", content) == [A4_POINTS.encode()]
    assert pytest.approx(210, abs=0.001) == 595.276 * MM_PER_POINT
    code = next(item for item in pages[0].items if isinstance(item, Code))
    x, y, width, _ = map(float, re.search(rb"^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re$", content, re.MULTILINE).groups())  # type: ignore[union-attr]
    module = code.side / len(code.rows)
    assert x * MM_PER_POINT == pytest.approx(code.x + 4 * module, abs=0.001)
    assert 297 - y * MM_PER_POINT == pytest.approx(code.y + 5 * module, abs=0.001)
    assert width * MM_PER_POINT == pytest.approx(7 * module, abs=0.001)


def test_a_pdf_is_text_and_its_table_of_objects_is_right() -> None:
    content = pdf_of((*labels(), *slip_pages(handed())), "(title\\ ü")
    assert all(byte == 10 or 32 <= byte < 127 for byte in content)
    start = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
    table = content[start:].split(b"trailer")[0].splitlines()[3:]
    for number, line in enumerate(table, start=1):
        assert content[int(line[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Title (\\(title\\\\ \\374)" in content
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL):
        assert int(length) == len(stream)
    assert not re.search(rb"/(JavaScript|JS|URI|Launch|EmbeddedFile|AA|OpenAction|AcroForm)\b", content)


def test_the_same_hand_over_gives_the_same_bytes() -> None:
    assert pdf_of(labels(), "t") == pdf_of(labels(), "t")
    assert html_of(labels(), "t", "en") == html_of(labels(), "t", "en")


def test_a_pdf_refuses_what_its_faces_lack() -> None:
    with pytest.raises(Misuse) as error:
        pdf_of(labels(hand_over=handed(sender="北京")), "t")
    assert (error.value.code, error.value.subject) == ("no-face", "北京")
    for language, name in (("zh", "l.pdf"), ("zh", "l.PDF")):
        with pytest.raises(Misuse):
            files.slip_files(handed(), Path(name), language)


@each_case("language", ["en", "zh"])
def test_svg_and_html_are_well_formed_and_run_nothing(language: str) -> None:
    hand_over = handed(sender=EVIL, recipient="北京")
    with speaking(language):
        pages = (*labels(hand_over=hand_over), *slip_pages(hand_over))
        drawn = svg_of(pages[0])
        page = html_of(pages, EVIL, language)
    root = ElementTree.fromstring(drawn)
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("210mm", "297mm", "0 0 210 297")
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "text", "path"}
    assert any(element.text == EVIL for element in root.iter())
    assert b"<script" not in page
    assert b"default-src 'none'" in page
    assert page.count(b"<svg ") == 2
    assert b"size: 210mm 297mm" in page


def test_an_svg_has_a_file_for_each_sheet() -> None:
    made = files.label_files(handed(media=9), (), SHEETS["A4"], Path("out/l.svg"), "en")
    assert list(made) == [Path("out/l-1.svg"), Path("out/l-2.svg")]
    assert list(files.label_files(handed(), (2, 2), SHEETS["A4"], Path("l.svg"), "en")) == [Path("l.svg")]
    assert all(MARK.encode() in content[:200] for content in made.values())


def test_the_name_of_the_file_chooses_the_form() -> None:
    for name, begins in (("a.pdf", b"%PDF"), ("a.svg", b"<?xml"), ("a.HTML", b"<!doctype"), ("a.txt", b"1 of 5")):
        (made,) = files.label_files(handed(), (), SHEETS["A4"], Path(name), "en").values()
        assert made.startswith(begins)
    for name in ("a", "a.docx", ".pdf"):
        with pytest.raises(Misuse):
            files.slip_files(handed(), Path(name), "en")


def test_only_the_media_that_were_asked_for_get_a_label() -> None:
    text = plain.label_text(handed(), handed().media[3:4]).decode()
    assert text.startswith("4 of 5\n")
    with pytest.raises(Misuse) as error:
        files.label_files(handed(), (1, 6), SHEETS["A4"], Path("l.pdf"), "en")
    assert error.value.subject == "--medium 6"


def test_a_slip_as_text_has_all_facts_and_lines_to_sign() -> None:
    said = plain.slip_text(handed(media=2)).decode()
    for words in (
        "platform-2026.11",
        "2 media, 26 files",
        "27,800,000,003 bytes",
        "Plant 3",
        "Latest arrival",
        "Received by",
    ):
        assert words in said
    assert "encrypted 7z archives" in plain.slip_text(handed(is_encrypted=True)).decode()


@each_case("chunks", [1, 40, 2000])
def test_a_need_list_fits_on_a_page_as_a_code_and_as_text(chunks: int) -> None:
    wanted = Wanted(ID, tuple(range(1, 2 * chunks, 2)), blobs=(7,))
    while len(wanted.line) > NEED_LINE_CHARACTERS:
        wanted = replace(wanted, chunks=wanted.chunks[:-1])
    page = need_page.need_page(wanted, "m" * 64)
    for item in page.items:
        x, y, right, bottom = edges(item)
        assert 19 <= x <= right <= 191, item
        assert 14 <= y <= bottom <= 288, item
    said = words_of((page,))
    assert wanted.line in "".join(said)
    code = next(item for item in page.items if isinstance(item, Code))
    assert edges(code)[3] < min(
        item.y for item in page.items if isinstance(item, Words) and "BUNDLER-NEED:1" in item.content
    )
    assert code.side / len(code.rows) > 0.7, "modules that a phone reads"
    assert wanted.line in need_page.need_text(wanted, "").decode()


def test_a_code_as_text_has_its_modules_in_halves_of_characters() -> None:
    rows = qr_rows(f"BUNDLER1 a 1/1 {ID}")
    assert len(rows) == len(rows[0])
    assert not any(rows[3])
    assert rows[4][4:11] == (True,) * 7
    lines = qr_lines(rows)
    assert len(lines) == (len(rows) + 1) // 2
    assert {len(line) for line in lines} == {len(rows)}
    assert lines[2][4:11] == "█▀▀▀▀▀█"


@given(
    st.text("aWi 1(ü€…", max_size=40),
    st.sampled_from(Font),
    st.floats(1, 60),
)
def test_words_never_need_more_room_than_there_is(content: str, font: Font, width: float) -> None:
    found = fitted(Words(0, 0, 4, content, font), width, smallest=2)
    assert width_of(found.content, found.size, font) <= width + 1e-6
    assert found.content in (content, "") or found.content.endswith("…")
    if width_of(content, 2, font) <= width:
        assert found.content == content
