"""The connection of one client: reads heads of requests, and sends answers, each within a time."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import struct
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from itertools import chain
from typing import Final, NamedTuple

from bundler.core.limits import (
    SERVED_DRAINED_BYTES,
    SERVED_HEAD_BYTES,
    SERVED_HEAD_SECONDS,
    SERVED_PIECE_BYTES,
    SERVED_STALL_SECONDS,
)
from bundler.errors import BundlerError
from bundler.serving.answers import ALWAYS, Answer, of_failure
from bundler.serving.heads import BadRequest, RequestHead, answer_head, parse_head
from bundler.serving.verified import FileSlice, VerifiedBlob
from bundler.system.buffers import new_buffer
from bundler.system.files import of_medium, read_into

_END_OF_HEAD = b"\r\n\r\n"
_LINGER_SECONDS = 2.0
_SENT_BYTES = 1 << 20
"""The most bytes of one call of the system, which waits for its client again and again: a slow one is found then."""

_NO_CONTENT: Final = frozenset({HTTPStatus.NOT_MODIFIED, HTTPStatus.NO_CONTENT})


class Gone(Exception):
    """The client is gone, or too slow, or the server ends: nothing more can be sent or read."""


class BrokenOff(Exception):
    """The bytes of a blob turned out wrong in the middle of an answer, which the client must not take for whole.

    Attributes:
        error: The reason.
    """

    def __init__(self, error: BundlerError) -> None:
        super().__init__(str(error))
        self.error = error


class Sent(NamedTuple):
    """The status of an answer that was sent, and the number of bytes after its head."""

    status: HTTPStatus
    length_bytes: int


class Client:
    """A connection. One thread uses it; `hang_up` may come from any."""

    def __init__(self, connection: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Takes over an accepted connection.

        Args:
            connection: The connection.
            tls: The context for TLS; None for plain HTTP.
        """
        self._socket: socket.socket = connection
        self._tls = tls
        self._received = b""
        self.waiting_since: float | None = time.monotonic()
        """The time since which it has no request; None while a request is being answered."""

    def begin(self) -> None:
        """Sets the connection up.

        Raises:
            Gone: The handshake of TLS failed.
        """
        with _turned_into_gone():
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._set_seconds(socket.SO_SNDTIMEO, SERVED_STALL_SECONDS)
            self._set_seconds(socket.SO_RCVTIMEO, SERVED_HEAD_SECONDS)
            if self._tls is not None:
                self._socket = self._tls.wrap_socket(self._socket, server_side=True)

    def hang_up(self) -> None:
        """Ends all reading and sending, which then raises `Gone` in its thread."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection."""
        with suppress(OSError):
            self._socket.close()

    def next_head(self, *, idle_seconds: float) -> RequestHead | None:
        """Reads the head of the next request; None if the client closed the connection before it.

        Args:
            idle_seconds: The longest time without its first byte. All of it must come within `SERVED_HEAD_SECONDS`.

        Raises:
            Gone: The head is not complete in time.
            BadRequest: It is not valid, or too large.
        """
        self.waiting_since = time.monotonic()
        with _turned_into_gone():
            until: float | None = None
            while (end := self._received.find(_END_OF_HEAD)) < 0:
                if len(self._received) > SERVED_HEAD_BYTES:
                    raise BadRequest("the head is too large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                if self._received and not _begins_request(self._received):
                    # A client that tries TLS first, as Docker and skopeo do, would wait as long as we.
                    raise BadRequest("not a request of HTTP/1.1")
                if self._received and until is None:
                    until = time.monotonic() + SERVED_HEAD_SECONDS
                self._set_seconds(socket.SO_RCVTIMEO, idle_seconds if until is None else until - time.monotonic())
                received = self._socket.recv(SERVED_HEAD_BYTES)
                if not received:
                    return None
                self._received = (
                    (self._received + received).lstrip(b"\r\n") if until is None else self._received + received
                )
        if end > SERVED_HEAD_BYTES:
            raise BadRequest("the head is too large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        content, self._received = self._received[:end], self._received[end + len(_END_OF_HEAD) :]
        self.waiting_since = None
        return parse_head(content)

    def send(self, answer: Answer, *, is_head: bool) -> Sent:
        """Sends an answer. An answer to HEAD is sent without its bytes.

        Returns:
            The status and length that were sent: of another answer, if the first bytes of a blob turned out wrong.

        Raises:
            Gone: The client does not take it.
            BrokenOff: The bytes are not those of the digest; the connection must be closed.
        """
        if answer.blob is not None and not is_head:
            return self._send_blob(answer, answer.blob)
        content = b"" if is_head else answer.content
        self._send_bytes(_head_of(answer) + content)
        return Sent(answer.status, len(content))

    def linger(self) -> None:
        """Lets the client read the last answer: a closed connection with unread bytes would throw the answer away."""
        with suppress(OSError, ValueError):
            self._socket.shutdown(socket.SHUT_WR)
            until, drained = time.monotonic() + _LINGER_SECONDS, 0
            while drained < SERVED_DRAINED_BYTES and (left := until - time.monotonic()) > 0:
                self._set_seconds(socket.SO_RCVTIMEO, left)
                received = self._socket.recv(SERVED_HEAD_BYTES)
                drained += len(received)
                if not received:
                    return

    def _send_blob(self, answer: Answer, blob: VerifiedBlob) -> Sent:
        parts = blob.parts(answer.begin, answer.begin + answer.length_bytes, is_hashed=self._tls is not None)
        with closing(parts):
            try:
                first = next(parts, b"")
            except BundlerError as error:  # no byte was sent: the answer can be another one
                return self.send(of_failure(error), is_head=False)
            try:
                self._send_bytes(_head_of(answer), is_more=answer.length_bytes > 0)
                for part in chain((first,), parts):
                    if isinstance(part, FileSlice):
                        self._send_slice(part)
                    else:
                        self._send_bytes(part)
            except BundlerError as error:
                raise BrokenOff(error) from error
        return Sent(answer.status, answer.length_bytes)

    def _send_bytes(self, content: bytes | memoryview, *, is_more: bool = False) -> None:
        """Sends bytes, within the time of a client."""
        view = memoryview(content)
        flags = socket.MSG_MORE if is_more and self._tls is None else 0
        with _turned_into_gone():
            while view:
                since = time.monotonic()
                sent = self._socket.send(view[:_SENT_BYTES], flags)
                if _is_slow(sent, len(view), time.monotonic() - since):
                    raise Gone
                view = view[sent:]

    def _send_slice(self, part: FileSlice) -> None:
        if self._tls is not None:
            buffer = new_buffer(min(SERVED_PIECE_BYTES, part.length_bytes))
            for begin in range(0, part.length_bytes, len(buffer)):
                view = buffer[: part.length_bytes - begin]
                read_into(part.file, [view], part.offset_bytes + begin, what="chunk")
                self._send_bytes(view)
            return
        offset, end = part.offset_bytes, part.offset_bytes + part.length_bytes
        with _turned_into_gone():
            while offset < end:
                count = min(end - offset, _SENT_BYTES)
                since = time.monotonic()
                sent = self._sendfile(part.file, offset, count)
                if not sent or _is_slow(sent, count, time.monotonic() - since):  # none of a file that became shorter
                    raise Gone
                offset += sent

    def _sendfile(self, file: int, offset: int, count: int) -> int:
        try:
            return os.sendfile(self._socket.fileno(), file, offset, count)
        except OSError as error:
            if error.errno == errno.EIO:
                raise of_medium(error, "chunk") from error
            raise

    def _set_seconds(self, option: int, seconds: float) -> None:
        """Sets the time that one system call may take."""
        micros = max(1000, int(seconds * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", *divmod(micros, 1_000_000)))


def _is_slow(sent_bytes: int, wanted_bytes: int, seconds: float) -> bool:
    """True if a client took less than `SERVED_PIECE_BYTES`, or all that is left, in each `SERVED_STALL_SECONDS`."""
    if sent_bytes < min(wanted_bytes, SERVED_PIECE_BYTES):
        return seconds > SERVED_STALL_SECONDS / 2  # the system gave up; else the file became shorter
    return seconds > SERVED_STALL_SECONDS * max(1, sent_bytes / SERVED_PIECE_BYTES)


def _begins_request(content: bytes) -> bool:
    """True if some bytes may be the beginning of a request: of the name of a method."""
    return b"A" <= content[:1] <= b"Z"


def _head_of(answer: Answer) -> bytes:
    length = () if answer.status in _NO_CONTENT else (("Content-Length", str(answer.length_bytes)),)
    ending = (("Connection", "close"),) if answer.is_last else ()
    return answer_head(answer.status, (("Date", formatdate(usegmt=True)), *ALWAYS, *answer.headers, *length, *ending))


@contextmanager
def _turned_into_gone() -> Generator[None, None, None]:
    """Turns the errors of a connection into one."""
    try:
        yield
    except (OSError, ValueError) as error:  # a timeout is an OSError; a closed socket of TLS a ValueError
        raise Gone from error
