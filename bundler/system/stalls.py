"""Detects stalled connections by the bytes that move during a wait, not by the duration of a transfer.

One byte now and then would reset the timeout of a socket again and again. So bytes are counted against the time spent
waiting for them, in headers and bodies, in both directions. Time spent elsewhere, as on a slow disk, does not count.
Knows only the sockets of `http.client`; `bundler.stores.http` and `bundler.bundle.s3.answers` install it below urllib3.
"""

from __future__ import annotations

import http.client
import io
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from bundler.core.limits import ANSWER_HEAD_BYTES, STALL_BYTES
from bundler.texts import text

if TYPE_CHECKING:
    _Connection = http.client.HTTPConnection
else:
    _Connection = object

STALL_SECONDS = 60.0
"""The longest wait for `limits.STALL_BYTES`. A whole transfer has no limit."""


_JOINED_BYTES = 64 << 10
"""Bytes of a body that are copied to the end of the head of their request; more is worth a system call of its own."""


class Stalled(TimeoutError):
    """Too few bytes moved during the wait for them."""


class HeadTooLong(http.client.HTTPException):
    """The part of an answer before its body is too long."""


class Pace:
    """Adds up the moved bytes and the seconds of waiting."""

    def __init__(self, stall_seconds: float | None = None) -> None:
        """Begins to count; ``stall_seconds`` replaces `STALL_SECONDS`."""
        self._stall_seconds = stall_seconds
        self._waited_seconds = 0.0
        self._moved_bytes = 0

    def note(self, waited_seconds: float, moved_bytes: int) -> None:
        """Records one step.

        Raises:
            Stalled: Too few bytes moved in these seconds of waiting.
        """
        self._moved_bytes += moved_bytes
        self._waited_seconds += waited_seconds
        if self._moved_bytes >= STALL_BYTES:
            self._moved_bytes, self._waited_seconds = 0, 0.0
        elif self._waited_seconds >= (STALL_SECONDS if self._stall_seconds is None else self._stall_seconds):
            raise Stalled(
                text(
                    "{moved_bytes} bytes in {waited_seconds:.0f} s",
                    moved_bytes=self._moved_bytes,
                    waited_seconds=self._waited_seconds,
                )
            )


class _WatchedStream(io.RawIOBase):
    """The bytes that arrive on a socket."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._pace: Pace | None = None
        self.stall_seconds: float | None = None
        self.left_bytes: int | None = None
        """The number of bytes that may still come before the limit is lifted; None for any number."""

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int | None:
        began = monotonic()
        count: int | None = self._stream.readinto(buffer)
        if self._pace is None:  # the caller's socket timeout counts for the first byte
            self._pace, began = Pace(self.stall_seconds), monotonic()
        if count:
            self._pace.note(monotonic() - began, count)
            if self.left_bytes is not None:
                self.left_bytes -= count
                if self.left_bytes < 0:
                    raise HeadTooLong(
                        text("more than {answer_head_bytes} bytes before the body", answer_head_bytes=ANSWER_HEAD_BYTES)
                    )
        return count

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


class WatchedResponse(http.client.HTTPResponse):
    """An answer that must keep coming. Its head has a limit."""

    fp: io.BufferedReader

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._stream = _WatchedStream(self.fp.detach())
        self.fp = io.BufferedReader(self._stream)

    def be_patient(self, stall_seconds: float) -> None:
        """Replaces `STALL_SECONDS` for this answer: its server is at work, and bytes only keep the connection."""
        self._stream.stall_seconds = stall_seconds

    def begin(self) -> None:
        """Reads the head, with all interim answers (100), of which a server may send any number."""
        self._stream.left_bytes = ANSWER_HEAD_BYTES
        super().begin()
        self._stream.left_bytes = None


class WatchedConnection(_Connection):
    """A connection whose peer must keep sending and keep receiving. A mixin."""

    answering: WatchedResponse | None = None
    """The last answer, which may still be arriving."""
    _head: bytes | None = None
    """The head of a request, until the first bytes of its body; empty while its head is still to come."""

    def request(self, method: str, url: str, body: Any = None, *arguments: Any, **options: Any) -> None:
        """Sends a request. Its head leaves with the first bytes of the body: a server reads both at once."""
        self._head = b"" if body is not None else None
        super().request(method, url, body, *arguments, **options)
        head, self._head = self._head, None
        if head:
            self.send(head)  # the body was empty

    def response_class(self, sock: socket.socket, *arguments: Any, **options: Any) -> WatchedResponse:  # type: ignore[override]
        """Makes the answer to a request, and keeps it: urllib3 returns its bytes only as new objects."""
        self.answering = WatchedResponse(sock, *arguments, **options)
        return self.answering

    def getresponse(self) -> Any:
        """Reads the head of the answer. Closes what urllib3 leaves open: an answer with lengths that differ.

        That answer ends the connection, so `http.client` has handed the socket over to it.
        """
        try:
            return super().getresponse()
        except BaseException:
            if self.answering is not None:
                self.answering.close()
            raise

    def connect(self) -> None:
        """Connects. The timeout for connecting ends here."""
        self._pace = Pace()
        super().connect()  # may send bytes already: to a proxy
        self.sock.settimeout(STALL_SECONDS)

    def send(self, data: Any) -> None:
        """Sends bytes in as many steps as the peer takes: `socket.sendall` has one timeout for all of them."""
        if self._head == b"":
            self._head = data
            return
        head, self._head = self._head, None
        if head and len(data) > _JOINED_BYTES:
            self.send(head)
        elif head:
            data = b"".join((head, data))
        if self.sock is None:
            super().send(b"")  # connects
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                began = monotonic()
                try:
                    count = self.sock.send(view[sent:])
                except TimeoutError as error:
                    raise Stalled(text("0 bytes in {monotonic:.0f} s", monotonic=monotonic() - began)) from error
                self._pace.note(monotonic() - began, count)
                sent += count
