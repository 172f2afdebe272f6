"""A connection is given up when hardly anything moves on it, however it trickles; never for being slow or for us."""

from __future__ import annotations

import http.client
import itertools
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from bundler.core.limits import STALL_BYTES
from bundler.system import stalls
from bundler.system.stalls import HeadTooLong, Pace, Stalled, WatchedConnection, WatchedResponse

SLOWEST = STALL_BYTES / stalls.STALL_SECONDS
"""Bytes a second that are just enough."""


@given(st.lists(st.tuples(st.floats(0.001, 59.0), st.floats(1.0, 50.0)), min_size=1, max_size=50))
def test_a_host_that_keeps_the_pace_is_never_given_up(steps: list[tuple[float, float]]) -> None:
    pace = Pace()
    for seconds, factor in steps:
        pace.note(seconds, int(seconds * SLOWEST * factor) + 1)


@given(st.floats(0.01, 10.0), st.floats(0.0, 0.8))  # in up to 70 s, less than what 60 s need
def test_a_host_that_trickles_is_given_up_in_bounded_time(seconds: float, factor: float) -> None:
    pace, waited = Pace(), 0.0
    amount = int(seconds * SLOWEST * factor)
    is_given_up = False
    while not is_given_up:
        waited += seconds
        try:
            pace.note(seconds, amount)
        except Stalled:
            is_given_up = True
    assert waited <= stalls.STALL_SECONDS + 2 * seconds


def test_time_that_is_not_waited_does_not_count() -> None:
    pace = Pace()
    for _ in range(100_000):
        pace.note(0.0, 1)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        yield ours, theirs


def test_an_answer_is_read_as_it_came(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000)
    response = WatchedResponse(ours)
    response.begin()
    assert (response.status, response.read()) == (200, b"x" * 70_000)
    assert response.isclosed()


class Feeding:
    """A socket to which something comes whenever it is read, and a reading gives so many bytes."""

    def __init__(self, ends: tuple[socket.socket, socket.socket], feed: bytes, at_a_time: int) -> None:
        self._ours, self._theirs = ends
        self._feed, self._at_a_time = feed, at_a_time

    def makefile(self, _mode: str) -> Feeding:
        return self

    def detach(self) -> Feeding:
        return self

    def readinto(self, buffer: memoryview) -> int:
        self._theirs.sendall(self._feed)
        return self._ours.recv_into(buffer[: self._at_a_time])

    def close(self) -> None:
        pass


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_N12_a_byte_now_and_then_is_a_stall_in_head_and_body(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(stalls, "monotonic", lambda: float(next(clock)))  # each reading takes a second
    ends[1].sendall(head)
    response = WatchedResponse(Feeding(ends, b"y", 1))  # type: ignore[arg-type]

    def read() -> None:
        response.begin()
        response.read()

    with pytest.raises(Stalled, match="60 bytes in 60 s"):
        read()


def test_N15_interim_answers_without_end_are_not_read_to_their_end(ends: tuple[socket.socket, socket.socket]) -> None:
    feed = b"HTTP/1.1 100 Continue\r\n\r\n" * 100
    response = WatchedResponse(Feeding(ends, feed, len(feed)))  # type: ignore[arg-type]
    # Newer Pythons count the answers themselves.
    with pytest.raises((HeadTooLong, http.client.HTTPException)):
        response.begin()


class _Connection(WatchedConnection, http.client.HTTPConnection):
    pass


def test_a_peer_that_stops_reading_ends_in_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "STALL_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = _Connection("127.0.0.1", server.getsockname()[1])
        with pytest.raises(Stalled):
            connection.request("PUT", "/", body=b"x" * (64 << 20))
        connection.close()


def test_what_is_sent_arrives_as_it_was() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = _Connection("127.0.0.1", server.getsockname()[1])
        connection.request("PUT", "/x", body=b"body", headers={"Host": "h"})
        accepted, _ = server.accept()
        with accepted:
            received = b""
            while not received.endswith(b"body"):
                received += accepted.recv(1000)
            assert received.startswith(b"PUT /x HTTP/1.1\r\n")
        connection.close()


class _Taking:
    """A socket that takes all bytes, and remembers the calls."""

    def __init__(self) -> None:
        self.sends: list[bytes] = []

    def send(self, view: memoryview) -> int:
        self.sends.append(bytes(view))
        return len(view)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("body", "calls"),
    [(None, 1), (b"", 1), ([], 1), (b"small", 1), ([b"small"], 1), ([b"one", b"two"], 2), ([bytes(1 << 20)], 2)],
    ids=["none", "empty", "no pieces", "bytes", "one piece", "two pieces", "large"],
)
def test_the_head_of_a_request_leaves_with_its_first_bytes_if_they_are_few(body: object, calls: int) -> None:
    connection = _Connection("127.0.0.1", 1)
    connection.sock, connection._pace = (taking := _Taking()), Pace()
    for _ in range(2):
        connection._HTTPConnection__state = "Idle"  # type: ignore[attr-defined]  # as after an answer
        connection.request("PUT", "/x", body, {"Content-Length": "1"})  # type: ignore[arg-type]
    content = body if isinstance(body, bytes) else b"".join(body or ())  # type: ignore[call-overload]
    head = b"PUT /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAccept-Encoding: identity\r\nContent-Length: 1\r\n\r\n"
    assert b"".join(taking.sends) == 2 * (head + content)
    assert len(taking.sends) == 2 * calls
