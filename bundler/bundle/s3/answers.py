"""The connections of botocore, with limits for the answers that it reads whole: lists and errors.

botocore takes any number of bytes into memory, and any time for them. An object is read by `bundler.bundle.s3.reading`,
in pieces; lists and errors are short. A server that only keeps us waiting is given up by `bundler.system.stalls`.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.parsers import ResponseParserError
from urllib3 import HTTPResponse

from bundler.core.limits import S3_ANSWER_BYTES
from bundler.system.stalls import WatchedResponse

_FIRST_ERROR = 400
_JOINING_SECONDS = 3600.0
"""The longest wait for a server that joins the parts of an object. It sends a space now and then while it works."""


class NoAnswer(ResponseParserError):  # type: ignore[misc]  # botocore has no types
    """An answer that is too long, or that has a document type: S3 sends neither."""


class _Answer(HTTPResponse):
    """An answer. botocore reads one that it wants whole by `stream`, and the body of an object by `read`."""

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Generator[bytes, None, None]:
        """Yields the whole answer.

        Raises:
            NoAnswer: It has too many bytes, or entities, which may take any amount of memory. An error with entities is
                the page of a proxy: it has no content, so that botocore goes by its status, and tries again.
        """
        content = bytearray()
        for piece in super().stream(amt, decode_content):
            content += piece
            if len(content) > S3_ANSWER_BYTES:
                self.close()
                raise NoAnswer(f"more than {S3_ANSWER_BYTES} bytes")
        if b"<!DOCTYPE" in content or b"\0" in content:  # in UTF-16, every character of it has a zero
            if self.status < _FIRST_ERROR:
                raise NoAnswer("a document type")
            return
        yield bytes(content)


class _Limits:
    """A connection whose answers are `_Answer`, and must keep coming. A mixin."""

    def response_class(self, sock: socket.socket, *arguments: Any, **options: Any) -> WatchedResponse:
        """Makes the answer below that of urllib3."""
        answer = WatchedResponse(sock, *arguments, **options)
        if options.get("method") == "POST":
            answer.be_patient(_JOINING_SECONDS)
        return answer

    def getresponse(self) -> HTTPResponse:
        """Reads the head of the answer. urllib3 makes the answer here, and has no other place to choose its class."""
        answer: HTTPResponse = super().getresponse()  # type: ignore[misc]
        answer.__class__ = _Answer
        return answer


class _PlainConnection(_Limits, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _TlsConnection(_Limits, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _PlainConnection


class _TlsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection


def limit_answers(client: Any) -> Any:
    """Gives a client of botocore that has sent nothing yet these connections; returns it."""
    client._endpoint.http_session._pool_classes_by_scheme.update(http=_PlainPool, https=_TlsPool)
    return client
