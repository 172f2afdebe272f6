"""Our documents begin with the field ``document``: a file that does not even begin as JSON is none of them."""

from __future__ import annotations

from bundler.errors import Damaged
from bundler.texts import text

_SHOWN_BYTES = 24


def refuse_no_object(content: bytes, message: str, *, what: str, document: str) -> None:
    """Refuses a file that does not begin with an object of JSON, before a parser of JSON speaks of columns.

    Args:
        content: The bytes of the file.
        message: The problem, for people: this is not such a document.
        what: The name of the file, for messages.
        document: The value that its field ``document`` should have.

    Raises:
        Damaged: It does not.
    """
    head = content.lstrip()[:_SHOWN_BYTES]
    if head.startswith(b"{"):
        return
    raise Damaged(
        message,
        subject=what,
        expected=text("a JSON document with the field document: {document}", document=document),
        actual=text("a file that begins with {start}", start=repr(head)[1:]) if head else text("an empty file"),
    )
