"""The requests of ``bundler label`` and ``bundler slip``, and their result. `bundler.reporting.papers` does it."""

from __future__ import annotations

from pathlib import Path

from bundler.commands.hand_over import HandOverRequest
from bundler.core.frozen import frozen
from bundler.core.hand_over import HandOver
from bundler.core.need_line import Wanted
from bundler.system.request_fields import Request


@frozen
class LabelRequest(Request):
    """Labels to write.

    Attributes:
        hand_over: The bundle, and who gives it to whom.
        output: The file to write; its ending is ``.pdf``, ``.svg``, ``.html`` or ``.txt``.
        sheet: The name of the sheet of labels.
        used: The number of labels that the first sheet lacks already.
        media: The numbers of the media; empty for all.
        language: ``en`` or ``zh``; empty for the language of the terminal, and for English in a PDF.
    """

    hand_over: HandOverRequest
    output: Path
    sheet: str = "A4"
    used: int = 0
    media: tuple[int, ...] = ()
    language: str = ""


@frozen
class SlipRequest(Request):
    """A slip to write.

    Attributes:
        hand_over: The bundle, and who gives it to whom.
        output: The file to write, as for labels.
        language: The language, as for labels.
    """

    hand_over: HandOverRequest
    output: Path
    language: str = ""


@frozen
class NeedPaperRequest(Request):
    """A need-list to put on paper.

    Attributes:
        path: The file of the need-list.
        output: The file to write, as for labels.
        language: The language, as for labels.
    """

    path: Path
    output: Path
    language: str = ""


@frozen
class NeedPaperResult:
    """A need-list that was put on paper.

    Attributes:
        paths: The file that was written.
        language: The language.
        wanted: The request; its ``line`` is the text of the QR code.
        name: The name of the bundle; empty if the need-list does not have it.
        is_old: True if the file was there already, with the same bytes.
    """

    paths: tuple[Path, ...]
    language: str
    wanted: Wanted
    name: str
    is_old: bool

    @property
    def exit_code(self) -> int:
        """0."""
        return 0


@frozen
class PaperResult:
    """Labels or a slip that were written.

    Attributes:
        paths: The files; several for an SVG of several sheets.
        language: The language.
        hand_over: The facts on them.
        labels: The number of labels; 0 for a slip.
        sheet: The name of the sheet of labels; empty for a slip.
        is_old: True if the files were there already, with the same bytes.
    """

    paths: tuple[Path, ...]
    language: str
    hand_over: HandOver
    labels: int
    sheet: str
    is_old: bool

    @property
    def exit_code(self) -> int:
        """0."""
        return 0
