"""Answers: the value that each request gets, before any byte of it is sent. OCI distribution-spec 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from bundler.core.frozen import frozen
from bundler.errors import BundlerError, Incomplete
from bundler.serving.verified import VerifiedBlob

JSON_TYPE = "application/json; charset=utf-8"
Headers = tuple[tuple[str, str], ...]

ALWAYS: Headers = (("Docker-Distribution-Api-Version", "registry/2.0"), ("X-Content-Type-Options", "nosniff"))
"""Headers of every answer. Docker takes no server without the first one for a registry."""


@frozen
class Answer:
    """An answer.

    Attributes:
        status: Its status.
        headers: Its headers, without those of the connection and the length.
        content: Its bytes, if they are in memory.
        length_bytes: The length of what is sent; also of an answer to HEAD, which sends nothing.
        blob: The blob that is sent instead of ``content``.
        begin: The first byte of the blob that is sent.
        is_last: True if the connection ends with it.
    """

    status: HTTPStatus
    headers: Headers = ()
    content: bytes = b""
    length_bytes: int = 0
    blob: VerifiedBlob | None = None
    begin: int = 0
    is_last: bool = False


def of_content(status: HTTPStatus, content: bytes, media_type: str, *headers: tuple[str, str]) -> Answer:
    """The answer with some bytes of a media type."""
    return Answer(status, (("Content-Type", media_type), *headers), content, len(content))


def of_json(document: Any, *headers: tuple[str, str], media_type: str = JSON_TYPE) -> Answer:
    """The answer with a JSON document."""
    return of_content(HTTPStatus.OK, json.dumps(document, separators=(",", ":")).encode(), media_type, *headers)


def of_error(
    status: HTTPStatus, code: str, message: str, *headers: tuple[str, str], detail: Iterable[str] = ()
) -> Answer:
    """The answer with an error of the specification.

    Args:
        status: The status.
        code: The code of the specification, such as ``MANIFEST_UNKNOWN``.
        message: A sentence for people.
        headers: More headers.
        detail: Names that the message is about.
    """
    error: dict[str, Any] = {"code": code, "message": message}
    names = list(detail)
    if names:
        error["detail"] = names
    content = json.dumps({"errors": [error]}, separators=(",", ":")).encode()
    return of_content(status, content, JSON_TYPE, *headers)


def of_failure(error: BundlerError, unknown: str = "BLOB_UNKNOWN") -> Answer:
    """The answer for bytes that cannot be read: 404 if they are not here, else 500.

    Args:
        error: The reason.
        unknown: The code for bytes that are not here.
    """
    message = f"{error}; {error.hint}" if error.hint else str(error)
    if isinstance(error, Incomplete):
        return of_error(HTTPStatus.NOT_FOUND, unknown, message)
    return of_error(HTTPStatus.INTERNAL_SERVER_ERROR, "UNKNOWN", message)
