"""The lines and the document about labels and slips that were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.texts import text
from bundler.views.languages import said, translated
from bundler.views.paper.need_page import asked_words
from bundler.views.words import count, escaped, fact, fact_below

if TYPE_CHECKING:
    from bundler.commands.papers import NeedPaperResult, PaperResult
    from bundler.core.hand_over import HandOver

_ON_PAPER = (".pdf", ".svg", ".html")


def paper_lines(result: PaperResult) -> list[str]:
    """The lines that ``label`` and ``slip`` print."""
    facts = result.hand_over
    media = count(len(facts.media), "medium")
    what = said("slip for {media}", media=media)
    if result.labels:
        what = said("{labels} on {sheet}", labels=translated(count(result.labels, "label")), sheet=result.sheet)
    lines = [fact(said("bundle"), f"{facts.name}  {facts.bundle_id}"), fact(said("signed by"), _signed(facts))]
    for number, path in enumerate(result.paths):
        lines.append(fact(said("written") if not number else "", escaped(path)))
    lines.append(fact_below(what))
    if result.is_old:
        lines.append(fact_below(said("it was there already, with the same content")))
    if result.paths[0].suffix.lower() in _ON_PAPER:
        lines.append(fact_below(said("print it in its actual size (100 %), on A4")))
    return lines


def need_lines(result: NeedPaperResult) -> list[str]:
    """The lines that ``slip`` prints about a need-list."""
    wanted = result.wanted
    lines = [
        fact(said("bundle"), escaped(f"{result.name}  {wanted.bundle_id}".strip())),
        fact(said("asks for"), translated(asked_words(wanted))),
        fact(said("written"), escaped(result.paths[0])),
    ]
    return [*lines, *([fact_below(said("it was there already, with the same content"))] if result.is_old else [])]


def need_document(result: NeedPaperResult) -> dict[str, Any]:
    """The document that ``slip NEED --json`` prints."""
    return {
        "document": "bundler.slip-need/1",
        "exitCode": result.exit_code,
        "paths": [str(path) for path in result.paths],
        "language": result.language,
        "completeAlready": result.is_old,
        "name": result.name or None,
        "bundleId": result.wanted.bundle_id,
        "chunks": list(result.wanted.chunks),
        "blobs": list(result.wanted.blobs),
        "code": result.wanted.line,
    }


def _signed(facts: HandOver) -> str:
    if facts.fingerprints:
        return ", ".join(fingerprint[:16] for fingerprint in facts.fingerprints)
    return translated(text("NOT CHECKED, as requested") if facts.is_signed else text("NOT SIGNED"))


def paper_document(command: str, result: PaperResult) -> dict[str, Any]:
    """The document that ``label --json`` and ``slip --json`` print."""
    facts = result.hand_over
    codes = [facts.payload(medium) for medium in facts.media] if result.labels else [facts.payload(None)]
    return {
        "document": f"bundler.{command}/1",
        "exitCode": result.exit_code,
        "paths": [str(path) for path in result.paths],
        "language": result.language,
        "completeAlready": result.is_old,
        "name": facts.name,
        "bundleId": facts.bundle_id,
        "created": facts.created,
        "signed": facts.is_signed,
        "signers": list(facts.fingerprints),
        "encrypted": facts.is_encrypted,
        "sender": facts.sender,
        "recipient": facts.recipient,
        "date": facts.date,
        "sheet": result.sheet or None,
        "codes": codes,
        "media": [
            {
                "number": medium.number,
                "chunks": medium.chunks,
                "files": medium.files,
                "bytes": medium.size_bytes,
            }
            for medium in facts.media
        ],
    }
