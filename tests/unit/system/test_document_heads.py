"""A file is given to a reader by its first bytes; one that cannot be read, to none."""

from __future__ import annotations

import os
from pathlib import Path

from bundler.system.document_heads import document_at


def test_a_document_is_known_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(b'{\n "document": "bundler.prune-receipt/1",')
    assert document_at(path) == "prune-receipt"


def test_what_is_no_readable_file_has_no_kind_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "."):
        assert document_at(tmp_path / name) is None
