"""Connections on which nothing moves: noticed by how little moves while we wait, not by how long a transfer takes.

A byte now and then keeps any timeout of a socket from ending, so bytes are counted against the time that was spent
waiting for them, in headers and bodies, both ways. Time that passes elsewhere, on a slow disk say, does not count.
Knows the sockets of `http.client` only; `bundler.stores.http` puts it beneath urllib3.
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
"""How long may be waited for `limits.STALL_BYTES`. There is no limit to a whole transfer."""


class Stalled(TimeoutError):
    """Too little moved in the time that was waited for it."""


class HeadTooLong(http.client.HTTPException):
    """What comes before the body does not end."""


class Pace:
    """Adds up what moved, and how long was waited for it."""

    def __init__(self) -> None:
        self._waited_seconds = 0.0
        self._moved_bytes = 0

    def note(self, waited_seconds: float, moved_bytes: int) -> None:
        """Takes in one step.

        Raises:
            Stalled: Less moved than may be expected in all the time since enough did.
        """
        self._moved_bytes += moved_bytes
        self._waited_seconds += waited_seconds
        if self._moved_bytes >= STALL_BYTES:
            self._moved_bytes, self._waited_seconds = 0, 0.0
        elif self._waited_seconds >= STALL_SECONDS:
            raise Stalled(
                text(
                    "{moved_bytes} bytes in {waited_seconds:.0f} s",
                    moved_bytes=self._moved_bytes,
                    waited_seconds=self._waited_seconds,
                )
            )


class _WatchedStream(io.RawIOBase):
    """What arrives on a socket."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._pace: Pace | None = None
        self.left_bytes: int | None = None
        """How much more may come before somebody says otherwise; None for any amount."""

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int | None:
        began = monotonic()
        count: int | None = self._stream.readinto(buffer)
        if self._pace is None:  # for the first byte the socket's own timeout counts: whoever asked knows how long
            self._pace, began = Pace(), monotonic()
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
    """An answer that must keep coming, and whose head must end."""

    fp: io.BufferedReader

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._stream = _WatchedStream(self.fp.detach())
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        """Reads the head. Interim answers (100) count, of which there may be any number."""
        self._stream.left_bytes = ANSWER_HEAD_BYTES
        super().begin()
        self._stream.left_bytes = None


class WatchedConnection(_Connection):
    """A connection whose other side must keep sending, and keep taking what is sent. To be mixed in."""

    answering: WatchedResponse | None = None
    """What came last, and may still be coming."""

    def response_class(self, sock: socket.socket, *arguments: Any, **options: Any) -> WatchedResponse:  # type: ignore[override]
        """The answer to a request. It is kept because urllib3 gives its bytes as ever new objects only."""
        self.answering = WatchedResponse(sock, *arguments, **options)
        return self.answering

    def connect(self) -> None:
        """Connects. From here on it is no longer the time to connect that counts."""
        self._pace = Pace()
        super().connect()  # which may send something already: to a proxy
        self.sock.settimeout(STALL_SECONDS)

    def send(self, data: Any) -> None:
        """Sends bytes, as many at a time as are taken: `socket.sendall` would give all of them one time together."""
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
