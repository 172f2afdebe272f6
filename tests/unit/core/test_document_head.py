"""The first bytes of a document say of which kind it is."""

from __future__ import annotations

import pytest

from bundler.core import inventory, receipt
from bundler.core.document_head import HEAD_BYTES, INVENTORY, PRUNE_RECEIPT, RECEIPT, document_of
from bundler.core.retention import receipt as prune_receipt


@pytest.mark.parametrize(
    ("kind", "document"),
    [(RECEIPT, receipt.DOCUMENT), (PRUNE_RECEIPT, prune_receipt.DOCUMENT), (INVENTORY, inventory.DOCUMENT)],
)
def test_each_kind_is_that_of_its_document(kind: str, document: str) -> None:
    assert document_of(f'{{"document": "{document}"}}'.encode()) == kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"document",
        b'{"document": "other.receipt/1"}',
        b'{"bundle": {}, "document": "bundler.receipt/1"}',
        b" " * HEAD_BYTES + b'{"document": "bundler.receipt/1"}',
    ],
)
def test_a_file_of_others_has_no_kind(content: bytes) -> None:
    assert document_of(content) is None
