"""The kind of a document of ours, by the first bytes of its file."""

from __future__ import annotations

from pathlib import Path

from bundler.core.document_head import HEAD_BYTES, document_of


def document_at(path: Path) -> str | None:
    """The kind of the document in a file; None if it begins like none of ours, or cannot be read."""
    try:
        if not path.is_file():
            return None  # opening a pipe would wait for a writer
        with path.open("rb") as file:
            return document_of(file.read(HEAD_BYTES))
    except OSError:
        return None
