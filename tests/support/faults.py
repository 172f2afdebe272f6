"""Faults between us and a registry, for a `Front`."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.support.servers import Fault, Front

When = Callable[[BaseHTTPRequestHandler], bool]


def times(count: int, fault, when=lambda request: True):
    """Lets a fault happen a number of times, to some requests."""
    left = [count]

    def limited(front, request) -> bool:
        if left[0] and when(request):
            left[0] -= 1
            return fault(front, request)
        return False

    return limited


def cut_after(bytes_sent: int):
    """The whole length is promised, and the connection ends in the middle."""

    def fault(front, request) -> bool:
        status, headers, content = front.ask(request)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content[:bytes_sent])
        request.close_connection = True
        return True

    return fault


def rewritten(change):
    """The registry's answer, changed."""

    def fault(front, request) -> bool:
        front.send(request, *change(*front.ask(request)))
        return True

    return fault


def answer(status: int, headers: dict[str, str], content: bytes = b""):
    def fault(front, request) -> bool:
        length = int(request.headers.get("Content-Length") or 0)
        request.rfile.read(length)
        front.send(request, status, headers, content)
        return True

    return fault


def begin(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    """Sends the head of an answer as it is given, also where it contradicts itself."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.close_connection = True


def body_of(request: BaseHTTPRequestHandler, limit_bytes: int | None = None) -> bytes:
    """The body of a request, or its beginning."""
    length = int(request.headers.get("Content-Length") or 0)
    return request.rfile.read(length if limit_bytes is None else min(length, limit_bytes))


def reset(request: BaseHTTPRequestHandler) -> None:
    """Resets the connection, once the other side has all that was sent."""
    request.wfile.flush()
    sent = request.connection
    while struct.unpack("i", fcntl.ioctl(sent, termios.TIOCOUTQ, bytes(4)))[0]:
        os.sched_yield()
    sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sent.detach())
    request.close_connection = True


def reset_after(bytes_sent: int) -> Fault:
    """The whole length is promised, and the connection is reset in the middle."""

    def fault(front: Front, request: BaseHTTPRequestHandler) -> bool:
        status, headers, content = front.ask(request)
        begin(request, status, headers)
        request.wfile.write(content[:bytes_sent])
        reset(request)
        return True

    return fault


def hang(until: threading.Event, *, head: bytes = b"") -> Fault:
    """Says a little, and then nothing until the test ends."""

    def fault(front: Front, request: BaseHTTPRequestHandler) -> bool:
        request.wfile.write(head)
        until.wait(300)
        request.close_connection = True
        return True

    return fault


def drip(until: threading.Event, *, head: bytes = b"") -> Fault:
    """Says something, and then a byte now and then until the test ends."""

    def fault(front: Front, request: BaseHTTPRequestHandler) -> bool:
        try:
            request.wfile.write(head)
            while not until.wait(0.02):
                request.wfile.write(b"x")
        except OSError:
            pass
        request.close_connection = True
        return True

    return fault
