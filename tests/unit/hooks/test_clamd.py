"""clamd over a socket: an answer that hangs, lies, floods or comes early is never clean."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from bundler.core.scan import State
from bundler.errors import Damaged, Interrupted, Misuse, Unavailable
from bundler.hooks import clamav, clamd
from bundler.hooks.clamav import Daemon
from bundler.hooks.clamd import Clamd, ClamdFailed
from tests.support.images import layer_tar, zstd
from tests.support.scanning import blob
from tests.support.tables import each_case

TAR = layer_tar("one", 300_000)
Behaviour = Callable[[socket.socket], None]


def command_of(connection: socket.socket) -> bytes:
    word = b""
    while not word.endswith(b"\0"):
        word += connection.recv(1) or b"\0"
    return word


def received(connection: socket.socket) -> bytes:
    """The stream of a client, as docs.clamav.net describes INSTREAM."""
    if command_of(connection) != b"zINSTREAM\0":
        raise OSError("the client went away")
    stream = bytearray()
    file = connection.makefile("rb")
    while length := struct.unpack(">I", file.read(4))[0]:
        stream += file.read(length)
    return bytes(stream)


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[[Behaviour], Clamd]]:
    """Starts a clamd with a behaviour for each connection."""
    listening: list[socket.socket] = []

    def start(behave: Behaviour) -> Clamd:
        path = tmp_path / f"clamd-{len(listening)}"
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        listening.append(server)

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError, struct.error):
                        behave(connection)

        threading.Thread(target=run, daemon=True).start()
        return Clamd(path)

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def says(answer: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(answer)

    return behave


def engine(clamd: Clamd) -> Daemon:
    daemon = Daemon(nullcontext(clamd), None, probe=False)
    daemon.__enter__()
    return daemon


@each_case("content", [TAR, gzip.compress(TAR), zstd(TAR)])
def test_clamd_gets_the_tar_of_a_layer(serve, content):
    got: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        got.append(received(connection))
        connection.sendall(b"stream: OK\0")

    assert engine(serve(behave)).scan(blob(content)).state is State.CLEAN
    assert got == [TAR]


@each_case(
    "answer, state",
    [
        (b"stream: OK\0", State.CLEAN),
        (b"stream: Own.UNOFFICIAL FOUND\0", State.FOUND),
        (b"stream: Heuristics.Limits.Exceeded.MaxFiles FOUND\0", State.NOT_SCANNED),
        (b"stream: OK", State.ERROR),
        (b"", State.ERROR),
        (b"\0", State.ERROR),
        (b"x" * (1 << 20), State.ERROR),
        (b"stream: no database ERROR\0", State.ERROR),
        (b"\xff\xfe\0", State.ERROR),
    ],
)
def test_an_answer_is_believed_only_in_the_form_of_the_protocol(serve, answer, state):
    assert engine(serve(says(answer))).scan(blob(TAR)).state is state


@each_case(
    "answer, state",
    [
        (b"INSTREAM size limit exceeded. ERROR\0", State.NOT_SCANNED),
        (b"stream: OK\0", State.ERROR),
        (b"stream: X FOUND\0", State.ERROR),
        (b"", State.ERROR),
    ],
)
def test_an_early_answer_is_no_verdict(serve, answer, state):
    def behave(connection: socket.socket) -> None:
        command_of(connection)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    assert engine(serve(behave)).scan(blob(bytes(32 << 20))).state is state


def test_a_clamd_that_never_stops_talking_is_given_up(serve):
    def flood(connection: socket.socket) -> None:
        received(connection)
        while True:
            connection.sendall(b"x" * (1 << 16))

    verdict = engine(serve(flood)).scan(blob(TAR))
    assert (verdict.state, "answer is too long" in verdict.reason) == (State.ERROR, True)


def test_a_clamd_that_hangs_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(clamav, "SCAN_SECONDS", 0.3)
    ended = threading.Event()

    def hang(connection: socket.socket) -> None:
        ended.wait(60)

    verdict = engine(serve(hang)).scan(blob(bytes(32 << 20)))
    ended.set()
    assert (verdict.state, "took too long" in verdict.reason) == (State.ERROR, True)


def test_ctrl_c_ends_the_wait_for_an_answer(serve):
    def interrupt() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        engine(serve(says(b"stream: OK\0"))).scan(blob(TAR, check=interrupt))


def test_damage_of_the_bundle_is_no_verdict(serve):
    with pytest.raises(Damaged):
        engine(serve(says(b"stream: OK\0"))).scan(blob(gzip.compress(TAR), is_damaged=True))


def test_larger_objects_than_clamav_looks_at_are_not_sent(serve, monkeypatch):
    monkeypatch.setattr(clamav, "SCANNED_BYTES", 1 << 20)
    daemon = engine(serve(says(b"stream: OK\0")))
    for content in (bytes(2 << 20), gzip.compress(bytes(2 << 20))):
        subject = blob(content)
        verdict = daemon.scan(subject)
        assert (verdict.state, "larger than" in verdict.reason) == (State.NOT_SCANNED, True)
        assert bool(subject.blobs.opened) is (content[:1] == b"\x1f")


def test_a_clamd_that_hides_what_it_did_not_look_at_is_refused(serve):
    with pytest.raises(Misuse) as caught, Daemon(nullcontext(serve(says(b"stream: OK\0"))), None, probe=True):
        pass
    assert caught.value.code == "scanner-limits"
    good = serve(says(b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0"))
    with Daemon(nullcontext(good), None, probe=True):
        pass


def test_questions_to_a_silent_clamd_fail_in_time(serve, monkeypatch, tmp_path):
    monkeypatch.setattr(clamd, "SCANNER_SECONDS", 0.3)
    for one in (
        serve(lambda connection: connection.recv(100)),
        Clamd(tmp_path / "nowhere"),
        Clamd(None, "127.0.0.1", 1),
    ):
        with pytest.raises(Unavailable) as caught:
            one.ask("VERSION", lambda: None)
        assert caught.value.code == "scanner-silent"


def test_the_version_is_asked_for(serve):
    def behave(connection: socket.socket) -> None:
        assert command_of(connection) == b"zVERSION\0"
        connection.sendall(b"ClamAV 1.4.6/27500/Mon Jan  6 09:33:03 2025\0")

    said = engine(serve(behave)).identity()
    assert (said.name, said.version, said.database) == ("clamav", "1.4.6", "27500")


@each_case(
    "address, expected",
    [
        ("/run/clamd.ctl", Clamd(Path("/run/clamd.ctl"))),
        ("unix:/run/clamd.ctl", Clamd(Path("/run/clamd.ctl"))),
        ("av.example.com:3310", Clamd(None, "av.example.com", 3310)),
        ("tcp:127.0.0.1:3310", Clamd(None, "127.0.0.1", 3310)),
        ("tcp://[::1]:3310", Clamd(None, "::1", 3310)),
    ],
)
def test_an_address_is_a_socket_or_a_host(address, expected):
    assert Clamd.parse(address) == expected
    assert Clamd.parse(str(expected)) == expected


@each_case("address", ["", "clamd", "host:", "host:0", "host:65536", "http://host:1", "run/clamd"])
def test_other_addresses_are_refused(address):
    with pytest.raises(Misuse):
        Clamd.parse(address)


def test_a_socket_file_that_is_no_socket_is_no_clamd(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ClamdFailed):
        Clamd(tmp_path / "file").scan((piece for piece in [b"x"]), seconds=1, check=lambda: None)


def test_an_empty_piece_does_not_end_the_stream(serve):
    got: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        got.append(received(connection))
        connection.sendall(b"stream: OK\0")

    reply = serve(behave).scan(iter([b"one", b"", b"two"]), seconds=60, check=lambda: None)
    assert (reply.line, got) == ("stream: OK", [b"onetwo"])
