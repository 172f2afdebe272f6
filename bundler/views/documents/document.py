"""The parts of every document: its head, its errors, and its text."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from bundler.core.patterns import lazy_pattern
from bundler.errors import BundlerError, Several

Document = dict[str, Any]


def dump(document: Document) -> str:
    """The text of a document. Escapes characters that would command a terminal or turn the direction of writing."""
    written = StringIO()  # piece by piece: json.dumps would hold millions of them before it joins them
    written.writelines(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(document))
    text = written.getvalue()
    if _PLAIN(text):
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


_PLAIN = lazy_pattern(r"[\n -~]*").fullmatch


def head(command: str, exit_code: int) -> Document:
    """The first fields of each document."""
    return {"document": f"bundler.{command}/1", "exitCode": exit_code}


def text_document(command: str, field: str, text: str) -> Document:
    """The document of a command whose result is one text: ``completion`` and ``man``."""
    return {**head(command, 0), field: text}


def failure_document(command: str, error: BundlerError) -> Document:
    """The document that any command prints with ``--json`` when it fails."""
    return {**head(command, error.exit_code), "error": error_document(error)}


def error_document(error: BundlerError) -> Document:
    """One error with all its fields."""
    document: Document = {
        "kind": error.kind,
        "exitCode": error.exit_code,
        "message": error.message,
        "subject": error.subject,
        "code": error.code,
        "said": error.said,
        "expected": error.expected,
        "actual": error.actual,
        "hint": error.hint,
    }
    if isinstance(error, Several):
        document["errors"] = [error_document(each) for each in error.errors]
    return document
