"""A slow line: a proxy that forwards each byte with a delay, and all bytes together at a limited rate.

Usage: line.py HOST:PORT BYTES_PER_SECOND DELAY_SECONDS   prints HOST:PORT of its own end, and serves until it is killed
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque

_PIECE_BYTES = 64 << 10
_CATCHING_UP_SECONDS = 0.02
"""The time that the line may catch up, because a process sleeps longer than it asks for."""
_WINDOW_BYTES = 8 << 20
"""The most bytes in transit in one direction of a connection: more than the line carries during its delay."""


class Rate:
    """The rate of one direction of the line, shared by all connections."""

    def __init__(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def carry(self, amount_bytes: int) -> None:
        """Waits until the line has carried a further amount."""
        with self._lock:
            begin = max(time.monotonic() - _CATCHING_UP_SECONDS, self._free_at)
            self._free_at = begin + amount_bytes / self._bytes_per_second
            until = self._free_at
        pause = until - time.monotonic()
        if pause > 0.002:
            time.sleep(pause)


class Direction:
    """One direction of a connection: forwards bytes from one socket to the other."""

    def __init__(self, source: socket.socket, sink: socket.socket, rate: Rate, delay_seconds: float) -> None:
        self._source, self._sink, self._rate, self._delay_seconds = source, sink, rate, delay_seconds
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._changed = threading.Condition()
        for work in (self._take, self._give):
            threading.Thread(target=work, daemon=True).start()

    def _take(self) -> None:
        piece = b"-"
        while piece:
            try:
                piece = self._source.recv(_PIECE_BYTES)
            except OSError:
                piece = b""
            if piece:
                self._rate.carry(len(piece))
            with self._changed:
                while self._held_bytes > _WINDOW_BYTES:
                    self._changed.wait()
                self._pieces.append((time.monotonic() + self._delay_seconds, piece))
                self._held_bytes += len(piece)
                self._changed.notify_all()

    def _give(self) -> None:
        while True:
            with self._changed:
                while not self._pieces:
                    self._changed.wait()
                due, piece = self._pieces.popleft()
                self._held_bytes -= len(piece)
                self._changed.notify_all()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if piece:
                    self._sink.sendall(piece)
                else:
                    self._sink.shutdown(socket.SHUT_WR)
                    return
            except OSError:
                return


def serve(host: str, port: int, bytes_per_second: float, delay_seconds: float) -> None:
    """Serves until the process ends."""
    there, back = Rate(bytes_per_second), Rate(bytes_per_second)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(f"127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            near, _ = server.accept()
            far = socket.create_connection((host, port))
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Direction(near, far, there, delay_seconds)
            Direction(far, near, back, delay_seconds)


if __name__ == "__main__":
    target, _, target_port = sys.argv[1].rpartition(":")
    serve(target, int(target_port), float(sys.argv[2]), float(sys.argv[3]))
