"""A receipt is distinguished from other files also when its first bytes are damaged, or were written again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.core.document_head import PRUNE_RECEIPT, RECEIPT
from bundler.importing.receipt_heads import may_be_receipt

OWN = "20261101T000000Z-platform.json"


@pytest.mark.parametrize(
    ("name", "content", "kinds"),
    [
        ("any.json", b'{"document": "bundler.receipt/1"}', {RECEIPT}),
        ("any.json", b' {\n"document":"bundler.prune-receipt/1"}', {PRUNE_RECEIPT}),
        (OWN, b'{"document": "bundler.prune-receipt/1"}', {PRUNE_RECEIPT}),
        (OWN, b'{"document": "bundler.harbor-rules-receipt/1"}', set()),
        (OWN, b'{"docu\0\0\0t": "bundler.receipt/1"}', {RECEIPT, PRUNE_RECEIPT}),
        (OWN, b'{"bundle": {}, "document": "bundler.receipt/1"}', {RECEIPT, PRUNE_RECEIPT}),
        (f"{OWN}.unfinished", bytes(4096), {RECEIPT, PRUNE_RECEIPT}),
        (f"{OWN}.unfinished", b"", set()),
        ("notes.json", b"{}", set()),
    ],
)
def test_the_first_bytes_decide_and_else_the_name(tmp_path: Path, name: str, content: bytes, kinds: set[str]):
    path = tmp_path / name
    path.write_bytes(content)
    assert {kind for kind in (RECEIPT, PRUNE_RECEIPT) if may_be_receipt(path, (kind,))} == kinds
