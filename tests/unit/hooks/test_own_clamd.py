"""A clamd of our own is asked only when it takes connections."""

from __future__ import annotations

import socket
from pathlib import Path

from bundler.hooks.own_clamd import _listens


def test_a_socket_listens_only_when_its_program_takes_connections(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert not _listens(path)
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(path))  # the file is there from here on
        assert not _listens(path)
        served.listen()
        assert _listens(path)
    assert not _listens(path)
