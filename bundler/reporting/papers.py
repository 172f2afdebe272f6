"""``bundler label`` and ``bundler slip``: write what people stick on media, and sign when they hand them over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bundler.commands.hand_over import hand_over
from bundler.commands.papers import LabelRequest, NeedPaperRequest, NeedPaperResult, PaperResult, SlipRequest
from bundler.core.label_sheets import sheet_of
from bundler.core.limits import NEED_LINE_CHARACTERS, NEED_LIST_BYTES
from bundler.core.need_list import NeedList, parse_need_list
from bundler.errors import Damaged, Misuse, Refused
from bundler.reporting.file import check_folder, has_marks
from bundler.run import Run
from bundler.system.durable_files import place_durably
from bundler.system.files import holds, read_bounded
from bundler.texts import text
from bundler.views.languages import ENGLISH, check_language, language as spoken_language
from bundler.views.paper import files as paper_files
from bundler.views.paper.drawing import MARK

_OTHER_FILE = text(
    "give the folder of a bundle, or a need-list that verify --need FILE or import --need FILE wrote: "
    "bundler slip PATH -o FILE"
)


def label(request: LabelRequest, run: Run | None = None) -> PaperResult:
    """Writes the labels of the media of a bundle.

    Args:
        request: The bundle, the file, and the sheet of labels.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: As `hand_over`; or the file, the sheet, a medium or the language is not usable.
        Untrusted, Damaged, Incomplete: As `hand_over`.
        LocalStorage: A file cannot be written.
    """
    language = _language(request.output, request.language)
    sheet = sheet_of(request.sheet)
    if not 0 <= request.used < sheet.labels:
        expected = text("0 to {count}", count=sheet.labels - 1)
        raise Misuse.of_field("used", expected=expected, actual=str(request.used))
    facts = hand_over(request.hand_over, run)
    files = paper_files.label_files(facts, request.media, sheet, request.output, language, used=request.used)
    is_old = _place(files)
    labels = len(set(request.media)) or len(facts.media)
    return PaperResult(tuple(files), language, facts, labels, sheet.name, is_old)


def slip(request: SlipRequest, run: Run | None = None) -> PaperResult:
    """Writes the slip of a hand-over.

    Args:
        request: The bundle, and the file.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete, LocalStorage: As `label`.
    """
    language = _language(request.output, request.language)
    facts = hand_over(request.hand_over, run)
    files = paper_files.slip_files(facts, request.output, language)
    return PaperResult(tuple(files), language, facts, 0, "", _place(files))


def need_paper(request: NeedPaperRequest) -> NeedPaperResult:
    """Writes the short form of a need-list as a QR code, for sites that only paper leaves.

    Args:
        request: The need-list, and the file to write.

    Raises:
        Misuse: The file or the language is not usable.
        Damaged, Refused: It is no need-list, or does not fit into a QR code.
        LocalStorage: A file cannot be read or written.
    """
    language = _language(request.output, request.language)
    what = str(request.path)
    try:
        need = parse_need_list(read_bounded(request.path, NEED_LIST_BYTES), what=what)
    except Damaged as error:
        raise error.but(hint=error.hint or _OTHER_FILE) from error.__cause__
    wanted, name = (need.wanted, need.bundle.name) if isinstance(need, NeedList) else (need, "")
    if len(wanted.line) > NEED_LINE_CHARACTERS:
        raise Refused(
            "the need-list does not fit into a QR code",
            subject=what,
            expected=text("at most {count:,} characters", count=NEED_LINE_CHARACTERS),
            actual=text("{count:,} characters", count=len(wanted.line)),
            hint="send the file itself, or a file with its short form",
        )
    files = paper_files.need_files(wanted, name, request.output, language)
    return NeedPaperResult(tuple(files), language, wanted, name, _place(files))


def _language(output: Path, language: str) -> str:
    """The language to write in, after a check of the file's name and its folder."""
    form = paper_files.form_of(output)
    check_folder(output)
    check_language(language)
    return language or (ENGLISH if form == paper_files.PDF else spoken_language())


def _place(files: Mapping[Path, bytes]) -> bool:
    """Writes the files. Returns True if all of them were there already.

    Raises:
        Misuse: A file is there, and was not written by this command.
        LocalStorage: A file cannot be written.
    """
    new = {path: content for path, content in files.items() if not _holds(path, content)}
    for path, content in new.items():
        place_durably(path, content)
    return not new


def _holds(path: Path, content: bytes) -> bool:
    """True if a file has these bytes already; False if it is missing, or an older paper.

    Raises:
        Misuse: It has other bytes, and is none of ours.
    """
    if not path.exists() and not path.is_symlink():
        return False
    is_same = holds(path, content)
    if not is_same and not has_marks(path, [MARK.encode()]):
        raise Misuse("the file exists and is no label or slip", subject=str(path), hint="choose another name")
    return is_same
