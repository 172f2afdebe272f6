"""A program of others gets what it may use, and no more."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.errors import Interrupted
from bundler.system import par2_program
from bundler.system.confined import Bounds, Ended, run_confined

MIB = 1 << 20


def run(script: str, writable: Path, *, memory=512 * MIB, file=MIB, seconds=20) -> tuple[Ended, bytes]:
    said = bytearray()
    bounds = Bounds((writable,), memory, file, seconds)
    return run_confined(["/bin/sh", "-c", script], bounds, said=said.extend, check=lambda: None), bytes(said)


def test_it_writes_only_where_it_may(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "kept").write_text("kept")
    ended, said = run(
        f"echo ok; cat {tmp_path}/kept; echo x > {tmp_path}/mine/a; mkdir {tmp_path}/b; rm {tmp_path}/kept; echo > {tmp_path}/kept",
        tmp_path / "mine",
    )
    assert ended.code != 0
    assert said == b"ok\nkept"
    assert sorted(os.listdir(tmp_path)) == ["kept", "mine"]
    assert (tmp_path / "kept").read_text() == "kept"
    assert os.listdir(tmp_path / "mine") == ["a"]


def test_its_memory_time_and_files_have_bounds(tmp_path):
    python = f"exec {sys.executable} -I -S -c"
    assert run(f"{python} 'bytearray(600 << 20)'", tmp_path)[0].code == 1
    assert run(f"{python} 'bytearray(100 << 20)'", tmp_path)[0].code == 0
    assert run(f"{python} 'while 1: pass'", tmp_path, seconds=1)[0].code in (-signal.SIGKILL, -signal.SIGXCPU)
    ended, _ = run(f"dd if=/dev/zero of={tmp_path}/large bs=64k count=64", tmp_path)
    assert ended.code != 0
    assert (tmp_path / "large").stat().st_size <= MIB


def test_it_has_no_network_input_or_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "planted")
    connect = 'import os, socket; print(sorted(os.environ)); socket.create_connection(("127.0.0.1", 1), 1)'
    ended, said = run(f"cat; exec {sys.executable} -I -S -c '{connect}'", tmp_path)
    assert said.decode().startswith("['LC_ALL'")
    assert b"SECRET" not in said
    assert "ermission" in ended.fault  # refused before the other side could refuse it


def test_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path):
    session = run(f"exec {sys.executable} -I -S -c 'import os; print(os.getsid(0))'", tmp_path)[1]
    assert int(session) != os.getsid(0)


def test_an_error_of_ours_ends_it(tmp_path):
    def check() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        run_confined(["/bin/sleep", "30"], Bounds((tmp_path,), MIB << 9, MIB, 9), said=len, check=check)


def test_it_ends_when_we_are_killed(tmp_path):
    script = (
        "from pathlib import Path; from bundler.system.confined import *;"
        f"run_confined(['/bin/sh', '-c', 'echo $$; exec sleep 60'], Bounds((Path('{tmp_path}'),), 1 << 29, 1, 9),"
        " said=lambda piece: print(piece.decode(), flush=True), check=lambda: None)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            ended = select.poll()
            ended.register(os.pidfd_open(child), select.POLLIN)
            assert ended.poll(30_000)


def test_par2_is_not_looked_for_in_the_working_folder(tmp_path, monkeypatch):
    program = tmp_path / "par2" / "binaries" / "par2"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "par2").symlink_to(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert tmp_path not in par2_program.find_par2().parents
    monkeypatch.setattr(par2_program.sysconfig, "get_path", lambda name: "/nowhere")
    monkeypatch.setenv("PATH", f"bin:.:{Path('/usr/bin')}")
    assert par2_program.find_par2() == Path("/usr/bin/par2")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert par2_program.find_par2() == tmp_path / "bin" / "par2"
