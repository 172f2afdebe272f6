"""The protocol of clamd, the daemon of ClamAV: commands over a Unix socket or TCP, and streams of bytes.

Source: docs.clamav.net/manual/Usage/ClamdProtocol.html and clamd(8). A command begins with ``z`` and ends with a zero
byte, and so does the answer. ``INSTREAM`` is followed by pieces, each with its length as four bytes, and ends with a
length of zero. Beyond its ``StreamMaxLength`` clamd answers at once and closes the connection.

Nothing is believed of the other side: an answer has a length and a time, and one that comes early is no verdict.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.limits import SCAN_LINE_BYTES, SCANNER_SECONDS
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Misuse, Unavailable
from bundler.texts import text

_END = struct.pack(">I", 0)
_LOOK_SECONDS = 0.5
_TCP = lazy_pattern(r"(?:tcp:(?://)?)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")


class ClamdFailed(Exception):  # the verdict on one object; for other questions it becomes an error
    """clamd did not answer a question, or not as its protocol says."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen
class Reply:
    """The answer to a stream.

    Attributes:
        line: The words of clamd.
        is_early: True if it came before the end of the stream.
    """

    line: str
    is_early: bool


@frozen
class Clamd:
    """The address of a clamd: a Unix socket, or a host and a port."""

    socket_file: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, address: str) -> Clamd:
        """Reads an address: ``/run/clamav/clamd.ctl``, ``unix:/run/…``, ``HOST:PORT`` or ``tcp:HOST:PORT``.

        Raises:
            Misuse: It is none of these.
        """
        path = address.removeprefix("unix:")
        if path.startswith("/"):
            return cls(Path(path))
        found = _TCP.fullmatch(address)
        if found is None or not 0 < int(found[2]) < 1 << 16:
            raise Misuse(
                "not an address of clamd",
                subject=address[:200],
                expected=text("/PATH/OF/SOCKET or HOST:PORT"),
                hint="see LocalSocket, TCPAddr and TCPSocket in clamd.conf",
            )
        return cls(None, found[1].strip("[]"), int(found[2]))

    def __str__(self) -> str:
        if self.socket_file is not None:
            return str(self.socket_file)
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def ask(self, command: str, check: Callable[[], object]) -> str:
        """The answer to a command without arguments, such as ``VERSION``.

        Raises:
            Unavailable: clamd does not answer, or not with one line.
        """
        try:
            with closing(self._connected(SCANNER_SECONDS, check)) as talk:
                talk.send(f"z{command}\0".encode())
                return talk.answer()
        except ClamdFailed as failure:
            raise self.silent(failure) from failure

    def scan(self, pieces: Pieces, *, seconds: float, check: Callable[[], object]) -> Reply:
        """Sends a stream, and returns the answer.

        Args:
            pieces: The bytes. Their errors pass through, and end the connection.
            seconds: The time for all of it.
            check: Called again and again; its errors pass through, and end the connection.

        Raises:
            ClamdFailed: There was no answer within bounds.
        """
        with closing(self._connected(seconds, check)) as talk:
            is_early = not talk.send(b"zINSTREAM\0")
            for piece in filter(len, pieces):  # a length of zero would end the stream
                is_early = is_early or not (talk.send(struct.pack(">I", len(piece))) and talk.send(piece))
                if is_early:
                    break
            is_early = is_early or not talk.send(_END)
            return Reply(talk.answer(), is_early)

    def silent(self, failure: ClamdFailed) -> Unavailable:
        """The error for a clamd that does not answer a question about itself."""
        return Unavailable(
            text("clamd does not answer: {reason}", reason=failure.reason),
            subject=str(self),
            hint="check that it runs: clamdscan --ping 3",
            code="scanner-silent",
            retryable=True,
        )

    def _connected(self, seconds: float, check: Callable[[], object]) -> _Talk:
        try:
            if self.socket_file is None:
                connection = socket.create_connection((self.host, self.port), timeout=SCANNER_SECONDS)
            else:
                connection = socket.socket(socket.AF_UNIX)
                try:
                    connection.settimeout(SCANNER_SECONDS)
                    connection.connect(str(self.socket_file))
                except BaseException:
                    connection.close()
                    raise
        except OSError as error:
            raise ClamdFailed(error.strerror or str(error)) from error
        return _Talk(connection, seconds, check)


class _Talk:
    """One connection. It waits for the other side in short steps, and for a bounded time."""

    def __init__(self, connection: socket.socket, seconds: float, check: Callable[[], object]) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds
        self._check = check
        connection.setblocking(False)

    def close(self) -> None:
        self._connection.close()

    def send(self, data: bytes | memoryview) -> bool:
        """Sends some bytes; False if the other side has answered or hung up."""
        rest = memoryview(data)
        while rest:
            ready = self._wait(select.POLLIN | select.POLLOUT)
            if ready & ~select.POLLOUT:
                return False
            if ready:
                try:
                    rest = rest[self._connection.send(rest) :]
                except BlockingIOError:
                    continue
                except OSError:  # its last words may still be there
                    return False
        return True

    def answer(self) -> str:
        """Reads the answer to its end.

        Raises:
            ClamdFailed: It is too long or late, or there is none.
        """
        line = bytearray()
        while b"\0" not in line:
            if len(line) > SCAN_LINE_BYTES:
                raise ClamdFailed("its answer is too long")
            if not self._wait(select.POLLIN):
                continue
            try:
                piece = self._connection.recv(SCAN_LINE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise ClamdFailed(error.strerror or str(error)) from error
            if not piece:
                raise ClamdFailed("it closed the connection")
            line += piece
        return line.partition(b"\0")[0].decode("utf-8", "replace").strip()

    def _wait(self, events: int) -> int:
        """Waits for a moment. Returns the events that came."""
        self._check()
        if time.monotonic() > self._until:
            raise ClamdFailed("it took too long")
        poll = select.poll()
        poll.register(self._connection, events)
        return next((found for _, found in poll.poll(_LOOK_SECONDS * 1000)), 0)
