"""The kind of a document of ours, by its first bytes. It decides which reader gets a file, and proves nothing."""

from __future__ import annotations

from bundler.core.patterns import lazy_pattern

HEAD_BYTES = 4096
"""The first field is in these bytes, also if another program has put white space before it."""
RECEIPT, PRUNE_RECEIPT, INVENTORY = "receipt", "prune-receipt", "inventory-file"

_HEAD = lazy_pattern(rb'\A\s*\{\s*"document"\s*:\s*"bundler\.([a-z-]+)/')


def document_of(content: bytes) -> str | None:
    """The kind of the document that has this content or begins like it; None if it begins like none of ours.

    >>> document_of(b'{"document": "bundler.receipt/1", "tool"')
    'receipt'
    """
    found = _HEAD.match(content[:HEAD_BYTES])
    return found[1].decode() if found else None
