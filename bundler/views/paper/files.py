"""The files of labels and slips. The ending of the name chooses the form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.core.hand_over import HandOver
from bundler.core.label_sheets import Sheet
from bundler.core.need_line import Wanted
from bundler.errors import Misuse
from bundler.texts import some, text
from bundler.views.languages import ENGLISH, said, speaking
from bundler.views.paper import need_page, plain
from bundler.views.paper.drawing import Page
from bundler.views.paper.label import label_pages
from bundler.views.paper.pdf import pdf_of
from bundler.views.paper.slip import slip_pages
from bundler.views.paper.svg import html_of, svg_of

PDF, SVG, HTML, TXT = ".pdf", ".svg", ".html", ".txt"
FORMS = (PDF, SVG, HTML, TXT)


def form_of(path: Path) -> str:
    """The form that the name of a file asks for.

    Raises:
        Misuse: It asks for none that there is.
    """
    if path.suffix.lower() not in FORMS:
        raise Misuse(
            "the name of the file does not say what to write",
            subject=str(path),
            expected=text("a name that ends with one of {endings}", endings=", ".join(FORMS)),
            actual=path.suffix or text("no ending"),
            hint=text("give a name such as {name}", name=f"{path.stem}{PDF}"),
        )
    return path.suffix.lower()


def label_files(
    hand_over: HandOver, media: Sequence[int], sheet: Sheet, path: Path, language: str, *, used: int = 0
) -> dict[Path, bytes]:
    """The files with the labels of some media: one, or one for each sheet where the form has no pages.

    Args:
        hand_over: The hand-over.
        media: The numbers of the media; empty for all.
        sheet: The sheet of labels.
        path: The name of the file.
        language: The code of the language.
        used: The number of labels that the first sheet lacks already.

    Raises:
        Misuse: The form is unknown, there is no such medium, or a PDF cannot show the words.
    """
    chosen = [medium for medium in hand_over.media if not media or medium.number in media]
    if len(chosen) < len(set(media)):
        known = {medium.number for medium in hand_over.media}
        raise Misuse(
            "there is no such medium",
            subject=f"--medium {min(set(media) - known)}",
            expected=text("1 to {count}", count=len(hand_over.media)),
            hint=text("give one of {media}, or leave --medium out for all", media=some(map(str, sorted(known)))),
        )
    with speaking(_language_for(path, language)):
        if form_of(path) == TXT:
            return {path: plain.label_text(hand_over, chosen)}
        title = said("Labels of {name}", name=hand_over.name)
        return _files(label_pages(hand_over, chosen, sheet, used=used), path, title, language)


def slip_files(hand_over: HandOver, path: Path, language: str) -> dict[Path, bytes]:
    """The files with the slip, as `label_files`.

    Raises:
        Misuse: The form is unknown, or a PDF cannot show the words.
    """
    with speaking(_language_for(path, language)):
        if form_of(path) == TXT:
            return {path: plain.slip_text(hand_over)}
        title = said("Hand-over of {name}", name=hand_over.name)
        return _files(slip_pages(hand_over), path, title, language)


def need_files(wanted: Wanted, name: str, path: Path, language: str) -> dict[Path, bytes]:
    """The file with a need-list, as `slip_files`.

    Raises:
        Misuse: The form is unknown, or a PDF cannot show the words.
    """
    with speaking(_language_for(path, language)):
        if form_of(path) == TXT:
            return {path: need_page.need_text(wanted, name)}
        return _files((need_page.need_page(wanted, name),), path, said("Need-list"), language)


def _language_for(path: Path, language: str) -> str:
    if form_of(path) == PDF and language != ENGLISH:
        raise Misuse(
            "a PDF is in English only: its readers have no Chinese font",
            subject=str(path),
            hint="write an .html file, and print it with a browser; or give --lang en",
            code="no-face",
        )
    return language


def _files(pages: Sequence[Page], path: Path, title: str, language: str) -> dict[Path, bytes]:
    forms: dict[str, Callable[[], bytes]] = {
        PDF: lambda: pdf_of(pages, title),
        HTML: lambda: html_of(pages, title, language),
    }
    form = form_of(path)
    if form in forms:
        return {path: forms[form]()}
    if len(pages) == 1:
        return {path: svg_of(pages[0])}
    return {
        path.with_name(f"{path.stem}-{number}{path.suffix}"): svg_of(page) for number, page in enumerate(pages, start=1)
    }
