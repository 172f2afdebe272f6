"""The lines that ``copy`` and ``spread`` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.texts import joined, some, text
from bundler.views.languages import said, translated
from bundler.views.media_report import in_runs
from bundler.views.words import count, escaped, fact, fact_below, shell_word, size, table

if TYPE_CHECKING:
    from bundler.copying.request import CopiedFolder, CopyResult


_OTHERS = {roles.PARITY: text("parity"), roles.TOOL: text("tool"), roles.UNKNOWN: text("other")}


def copy_lines(result: CopyResult) -> list[str]:
    """The folders that were made, and the files of each."""
    signers = ", ".join(result.signers)
    lines = [
        fact(said("bundle"), result.manifest.name),
        fact(said("id"), result.bundle_id),
        fact(said("signature"), said("good, by {signers}", signers=signers) if signers else said("not checked")),
        fact(
            said("would make") if result.is_dry_run else said("made"),
            translated(count(len(result.folders), "folder")),
        ),
    ]
    rows = [
        (
            escaped(folder.path),
            _file_words(folder.files),
            size(folder.size_bytes),
            _state(folder, result),
        )
        for folder in result.folders
    ]
    lines += table(rows, right=[2])
    if result.missing:
        what = said("not copied, because it is not here: {files}", files=some(result.missing, most=5))
        lines.append(fact(said("missing"), what))
        if result.is_part:
            lines.append(fact_below(said("these are parts of other media; what is here was copied as a whole")))
    if result.is_dry_run:
        return lines
    if result.is_read_back and not result.is_old:
        words = said("read back from the device, every byte is right; unmount it, then it is safe to remove")
        lines.append(fact(said("medium"), words))
    folders_ = " ".join(map(shell_word, folders(result)[:1] if _are_copies(result) else folders(result)))
    return [*lines, "", said("next: {command}", command=f"bundler verify {folders_} --trust PUB")]


def folders(result: CopyResult) -> list[str]:
    """The folders that were made."""
    return [str(folder.path) for folder in result.folders]


def _file_words(files: Sequence[str]) -> str:
    """Chunks by their names, and the number of other files: a tool or parity may have a hundred."""
    chunks = [file for file in files if roles.role_of(file) is roles.CHUNK]
    parts: list[str] = [in_runs(chunks)] if chunks else []
    for role, words in _OTHERS.items():
        number = sum(roles.role_of(file) is role for file in files)
        parts += [text("{words}: {files}", words=words, files=count(number, "file"))] if number else []
    return translated(joined(parts, ", ")) if parts else said("no chunk")


def _are_copies(result: CopyResult) -> bool:
    return len({folder.files for folder in result.folders}) == 1


def _state(folder: CopiedFolder, result: CopyResult) -> str:
    if folder.is_old:
        return said("complete already")
    if result.is_dry_run:
        return ""
    return said("{size} written", size=size(folder.written_bytes))
