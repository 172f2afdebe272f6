"""The heads of HTTP/1.1 requests and answers: RFC 9110 and RFC 9112. Pure, and strict: clients of registries are.

A request that two programs could read in two ways is refused: two lengths, folded headers, control characters, lines
that end without CR LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote_to_bytes

from bundler.core.frozen import frozen
from bundler.core.limits import SERVED_HEADERS
from bundler.core.patterns import lazy_pattern

_LINE = lazy_pattern(rb"([A-Z]{1,20}) (/[!-~]*|https?://[!-.0-~]+(?:/[!-~]*)?|\*) HTTP/1\.([01])")
_HEADER = lazy_pattern(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*([ -~\t\x80-\xff]*?)[ \t]*")
_ABSOLUTE = lazy_pattern(r"https?://[^/]+")
_ETAG = lazy_pattern(r'(?:W/)?("[^"]*")')
_RANGE = lazy_pattern(r"bytes=[ ]*([0-9]{0,20})-([0-9]{0,20})[ ]*")
_QUERY_FIELDS = 20


class BadRequest(Exception):
    """A request that is not valid HTTP. The connection ends after the answer.

    Attributes:
        status: The status of the answer.
    """

    def __init__(self, reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(reason)
        self.status = status


@frozen
class RequestHead:
    """The head of a request.

    Attributes:
        method: In capitals.
        path: Decoded; it begins with a slash, or is ``*``.
        query: The fields of the query; of several with one name the first.
        headers: By their names in lower case. Those that may come more than once are joined by commas.
        is_last: True if the client sends no other request on this connection, or if nobody can say where it begins.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    is_last: bool

    @property
    def has_body(self) -> bool:
        """True if more bytes follow that belong to this request."""
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0").strip("0") != ""


def parse_head(content: bytes) -> RequestHead:
    """Reads the head of a request, without the empty line that ends it.

    Raises:
        BadRequest: It is not valid.
    """
    first, *lines = content.split(b"\r\n")
    match = _LINE.fullmatch(first)
    if match is None:
        raise BadRequest("not a request of HTTP/1.1")
    method, target = match[1].decode(), match[2].decode()
    headers = _headers(lines)
    is_old = match[3] == b"0"
    if not is_old and "host" not in headers:
        raise BadRequest("the header Host is missing")
    if "transfer-encoding" in headers and "content-length" in headers:
        raise BadRequest("two lengths of one body")
    if not re.fullmatch(r"[0-9]{1,19}", headers.get("content-length", "0")):
        raise BadRequest("Content-Length is not a number")
    path, _, query = (_ABSOLUTE.sub("", target, count=1) or "/").partition("?")
    options = {each.strip().lower() for each in headers.get("connection", "").split(",")}
    head = RequestHead(method, _decoded(path), _query(query), headers, is_old or "close" in options)
    return RequestHead(method, head.path, head.query, headers, True) if head.has_body else head


def _headers(lines: Iterable[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, line in enumerate(lines):
        match = _HEADER.fullmatch(line)
        if match is None or number >= SERVED_HEADERS:
            raise BadRequest("a header is not valid, or there are too many")
        name, value = match[1].decode().lower(), match[2].decode("latin-1")
        if name in headers and name in ("host", "content-length", "authorization", "range"):
            raise BadRequest("a header comes twice")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _decoded(path: str) -> str:
    try:
        found = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None
    if not found.isprintable():
        raise BadRequest("the path has control characters")
    return found


def _query(query: str) -> dict[str, str]:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS, errors="strict")
    except ValueError:
        raise BadRequest("the query is not valid") from None
    return dict(reversed(fields))


def matches(header: str | None, etag: str) -> bool:
    """True if a header ``If-None-Match`` names an entity tag. RFC 9110, section 13.1.2."""
    if header is None:
        return False
    return header.strip() == "*" or etag in _ETAG.findall(header)


class Unsatisfiable(Exception):
    """No byte of the wanted range is there."""


def wanted_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """The first byte and the byte after the last one that a header ``Range`` asks for. RFC 9110, section 14.2.

    Returns:
        None for the whole: there is no such header, or it is to be ignored, because it is not valid, has another unit,
        or asks for several ranges.

    Raises:
        Unsatisfiable: The range begins after the last byte.
    """
    match = _RANGE.fullmatch(header) if header is not None else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        begin, end = max(0, size_bytes - int(match[2])), size_bytes
    else:
        begin, end = int(match[1]), min(size_bytes, int(match[2]) + 1) if match[2] else size_bytes
        if match[2] and int(match[2]) < begin:
            return None
    if begin >= end:
        raise Unsatisfiable
    return begin, end


def answer_head(status: HTTPStatus, headers: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of the head of an answer, with the empty line that ends it."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")
