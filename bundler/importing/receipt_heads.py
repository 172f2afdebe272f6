"""Tells receipts from the other files of a folder by the first bytes of a file, and by its name.

The first bytes alone do not tell: those of a damaged receipt, or of one that another program has written again, are
different. A receipt that nobody misses is dangerous: ``prune`` removes the images that it protects.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bundler.core.document_head import HEAD_BYTES, document_of
from bundler.core.patterns import lazy_pattern

_OWN_NAME = lazy_pattern(r"\d{8}T\d{6}Z-.+\.json(?:\..*)?")
"""The names of receipts in the state folder: of imports by `bundler.importing.receipt_file`, and of prunes."""


def may_be_receipt(path: Path, documents: Collection[str]) -> bool:
    """True if a file begins like one of some receipts, or has the name of a receipt and begins like nothing of ours.

    An empty file reserves the name of a receipt that is not written yet.
    """
    try:
        if not path.is_file():
            return False  # opening a pipe would wait for a writer, and the folder may be on a stranger's medium
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return True  # reading it says why it cannot be read
    document = document_of(head)
    if document is None:
        return bool(head) and _OWN_NAME.fullmatch(path.name) is not None
    return document in documents
