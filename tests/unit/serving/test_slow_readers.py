"""A client must take `SERVED_PIECE_BYTES` in `SERVED_STALL_SECONDS`, whichever way the bytes are sent."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.limits import SERVED_PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import FilePart
from bundler.serving import client, verified
from bundler.serving.answers import Answer
from bundler.serving.verified import Verdicts, VerifiedBlob
from bundler.system.files import LocalFile
from tests.support.serving import REQUEST, Listening
from tests.support.tables import each_case

CONTENT = random.Random(1).randbytes(8 * SERVED_PIECE_BYTES)
SYSTEM_BYTES = 16 << 10
"""The buffer of a socket here: what the system takes for a client says nothing about it."""


class OneBlob:
    """A source with one blob in one file."""

    has_few_files = False

    def __init__(self, path: Path) -> None:
        path.write_bytes(CONTENT)
        self.path = path

    def file_parts(self, _: Descriptor) -> tuple[FilePart, ...]:
        return (FilePart(self.opened, 0, len(CONTENT)),)

    @contextmanager
    def opened(self) -> Iterator[LocalFile]:
        with closing(LocalFile(os.open(self.path, os.O_RDONLY))) as file:
            yield file


@pytest.fixture
def blob(tmp_path, monkeypatch):
    monkeypatch.setattr(verified, "_SETTLED_SECONDS", 0)
    monkeypatch.setattr(client, "SERVED_STALL_SECONDS", 0.1)
    descriptor = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))
    return VerifiedBlob(OneBlob(tmp_path / "chunk"), descriptor, Verdicts())


@each_case(
    "is_verified, step_bytes", [(False, 0), (False, 2000), (False, 20_000), (True, 0), (True, 2000), (True, 20_000)]
)
def test_a_reader_that_takes_too_little_loses_its_connection(blob, is_verified, step_bytes):
    """The steps are nothing, a fiftieth of the least rate, and a fifth, with which ``sendfile`` finds no end by itself."""
    if is_verified:
        blob.verify()
    assert blob.is_verified == is_verified

    def answering(_):
        return Answer(HTTPStatus.OK, length_bytes=len(CONTENT), blob=blob)

    with Listening(answering) as listening, closing(socket.socket()) as reader:
        listening.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BYTES)
        reader.settimeout(60)
        reader.connect(listening.address)
        reader.sendall(REQUEST)
        assert reader.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
        until, taken = time.monotonic() + 60, 0
        while listening.has_clients:
            taken += len(reader.recv(step_bytes)) if step_bytes else 0
            assert taken < len(CONTENT) * 3 / 4
            assert time.monotonic() < until
            time.sleep(0.04)
