"""The bytes of a blob from an offset on, over HTTP: by Range where the server can, else by reading what comes before.

What the server says of lengths and ranges is compared with the descriptor; of what it sends, not more than the
descriptor's size is ever asked on. RFC 9110 section 14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, Unavailable
from bundler.stores.addresses import printable
from bundler.stores.http import Answer
from bundler.texts import text

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,16})-[0-9]{1,16}/(?P<size>[0-9]{1,16}|\*)", re.IGNORECASE | re.ASCII)
_UNSATISFIED_RANGE = re.compile(r"bytes \*/(?P<size>[0-9]{1,16})", re.IGNORECASE | re.ASCII)

Ask = Callable[[Mapping[str, str]], Answer]
"""Sends a GET with further headers; the answer has status 200, 206 or 416, anything else was raised."""


def pieces_from(ask: Ask, descriptor: Descriptor, offset_bytes: int, *, called: str) -> Pieces:
    """The bytes of a blob from an offset on, unverified.

    A server that answers another range than was asked for, several in one body, or that it has no such range, is asked
    once more, for the whole.

    Args:
        ask: Asks for the blob.
        descriptor: Whose size the answer must have.
        offset_bytes: How much is there already.
        called: What people call the blob.

    Raises:
        Damaged: The server's blob is of another size.
        Unavailable: It answers ranges that nobody asked for.
        BundlerError: As ``ask`` and `Answer.pieces`.
    """
    for begin in dict.fromkeys((offset_bytes, 0)):
        answer = ask({"Range": f"bytes={begin}-"} if begin else {})
        if answer.status == 200 or _is_range_from(answer, begin):
            break
        answer.drop()
    else:
        raise Unavailable(
            "the server sent another range than requested",
            retryable=True,
            subject=called,
            expected="200 OK",
            actual=printable(f"{answer.status} {answer.headers.get('Content-Range', '')}"),
        )
    size = size_told(answer)
    if size is not None and size != str(descriptor.size_bytes):
        answer.drop()
        raise Damaged(
            "the registry's blob has another size than its descriptor says",
            retryable=True,
            subject=called,
            expected=text("{size} bytes", size=descriptor.size_bytes),
            actual=text("{size} bytes", size=size[:20]),
        )
    skip = offset_bytes - (begin if answer.status == 206 else 0)
    for piece in answer.pieces():
        if skip >= len(piece):
            skip -= len(piece)
        else:
            yield memoryview(piece)[skip:] if skip else piece
            skip = 0


def _is_range_from(answer: Answer, offset_bytes: int) -> bool:
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    return answer.status == 206 and found is not None and int(found[1]) == offset_bytes


def size_told(answer: Answer) -> str | None:
    """The size of the whole blob, as the answer to a GET has it; None if it does not say."""
    if answer.status == 200:
        return answer.headers.get("Content-Length")
    told = answer.headers.get("Content-Range", "").strip()
    found = _CONTENT_RANGE.fullmatch(told) or _UNSATISFIED_RANGE.fullmatch(told)
    return found["size"] if found and found["size"] != "*" else None
