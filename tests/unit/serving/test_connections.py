"""Connections: many, slow, broken and hostile ones. No test waits longer than it must, and none expects a speed."""

from __future__ import annotations

import socket
import threading

import pytest

from bundler.core import limits
from bundler.serving import client
from bundler.serving.answers import of_json
from tests.support import images
from tests.support.attached_bundles import write_bundle
from tests.support.serving import REQUEST, Listening, connected, get, serving
from tests.support.tables import each_case


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = write_bundle(tmp_path_factory.mktemp("served"), {"quay.io/team/app:1": (images.simple("app"), ())})
    with serving(folder) as running:
        yield running


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    content = b""
    while piece := connection.recv(1 << 16):
        content += piece
    return content


def test_a_connection_takes_many_requests(served):
    with connected(served) as connection:
        for _ in range(3):
            connection.sendall(REQUEST)
            assert connection.recv(4096).endswith(b"\r\n\r\n{}")
        connection.sendall(REQUEST * 3)  # without waiting for the answers
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).count(b"HTTP/1.1 200 OK") == 3


def test_a_head_may_come_in_single_bytes(served):
    with connected(served) as connection:
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
        assert b"200 OK" in connection.recv(4096)


@each_case("content, status", [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    (b"GET /v2/ HTTP/1.1\nHost: a\n\n\r\n\r\n", 400),
    (b"GET /" + b"a" * limits.SERVED_HEAD_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    (b"X" * (2 * limits.SERVED_HEAD_BYTES), 431),
    (b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789GET /v2/ HTTP/1.1\r\n", 405),
    (b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", 405),
    (b"GET /v2/ HTTP/1.0\r\n\r\n", 200),
])  # fmt: skip
def test_a_connection_ends_after_what_cannot_be_followed(served, content, status):
    with connected(served) as connection:
        connection.sendall(content)
        answer = received(connection)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"Connection: close" in answer


def test_a_client_that_tries_tls_first_is_answered_at_once(served):
    """Docker, podman and skopeo do so, and wait for an answer before they speak plain HTTP."""
    with connected(served) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # as much as one packet of a handshake
        connection.settimeout(limits.SERVED_HEAD_SECONDS / 2)
        assert received(connection).startswith(b"HTTP/1.1 400 ")


def test_half_a_head_ends_in_time(served, monkeypatch):
    monkeypatch.setattr(client, "SERVED_HEAD_SECONDS", 0.2)
    with connected(served) as connection:
        connection.sendall(REQUEST[:-2])
        assert received(connection) == b""


def test_an_idle_connection_ends_in_time():
    with Listening(idle_seconds=0.2) as listening, listening.connect() as connection:
        assert received(connection) == b""


def test_the_connection_that_waits_longest_makes_room():
    with Listening(limit=2) as listening:
        first, second = listening.connect(), listening.connect()
        for each in (first, second, first):
            listening.ask(each)
        with listening.connect() as third:
            third.sendall(REQUEST)
            assert b"200 OK" in third.recv(4096)
        assert received(second) == b""
        first.sendall(REQUEST)
        assert b"200 OK" in first.recv(4096)
        first.close()
        second.close()


def test_a_connection_with_an_answer_under_way_is_not_ended_for_another():
    has_started, may_answer = threading.Event(), threading.Event()

    def answering(head):
        if head.path == "/slow":
            has_started.set()
            assert may_answer.wait(60)
        return of_json({})

    with Listening(answering, limit=1) as listening, listening.connect() as slow:
        slow.sendall(REQUEST.replace(b"/v2/", b"/slow"))
        assert has_started.wait(60)
        with listening.connect() as other:
            other.sendall(REQUEST)
            may_answer.set()
            assert b"200 OK" in slow.recv(4096)
            assert b"200 OK" in other.recv(4096)


def test_the_end_of_the_server_ends_what_is_under_way():
    running = threading.Event()

    def answering(head):
        running.set()
        return of_json({})

    listening = Listening(answering)
    with listening.connect() as connection:
        connection.sendall(REQUEST)
        assert running.wait(60)
        listening.running.close()
        received(connection)
        with pytest.raises(OSError):
            listening.connect()


def test_each_request_is_logged():
    with Listening() as listening, listening.connect() as connection:
        connection.sendall(REQUEST + b"nonsense\r\n\r\n")
        received(connection)
    assert [(each.client, each.method, each.path, each.status.value) for each in listening.log] == [
        ("127.0.0.1", "GET", "/v2/", 200),
        ("127.0.0.1", "", "", 400),
    ]


def test_two_hundred_connections_are_answered_at_a_time(served):
    opened = [socket.create_connection((served.address.host, served.address.port), timeout=60) for _ in range(200)]
    try:
        for each in opened:
            each.sendall(REQUEST)
        assert all(b"200 OK" in each.recv(4096) for each in opened)
        assert get(served, "/v2/").status == 200
    finally:
        for each in opened:
            each.close()
