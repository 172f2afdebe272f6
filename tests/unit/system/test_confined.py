"""A program of others gets what it may use, and no more."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.errors import Interrupted
from bundler.system import par2_program
from bundler.system.confined import Bounds, Ended, run_confined
from tests.support.parts import has_ended

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


ANY = Bounds(None, None, None, None, ports=None)
"""No bounds at all."""


def heard(script: str, bounds: Bounds = ANY, **more) -> tuple[Ended, bytes]:
    said = bytearray()
    return run_confined(["/bin/sh", "-c", script], bounds, said=said.extend, check=lambda: None, **more), bytes(said)


def test_it_reads_all_of_its_input_or_we_know(tmp_path):
    pieces = [bytes([number]) * (3 << 18) for number in range(8)]
    ended, said = heard("sha256sum", given=pieces)
    assert said.split()[0].decode() == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert (ended.code, ended.has_read_all) == (0, True)
    ended, _ = heard("exec 0<&-; exit 3", given=pieces)
    assert (ended.code, ended.has_read_all) == (3, False)
    assert heard("cat; exit 1", given=[])[0].code == 1


def test_an_error_in_its_input_ends_it():
    def pieces():
        yield b"some"
        raise Interrupted

    with pytest.raises(Interrupted):
        heard("sleep 60", given=pieces())


def test_its_time_has_a_bound_also_for_what_it_started():
    ended, said = heard("sleep 600 & echo $!; exec 1<&- 2<&-; wait", dataclasses.replace(ANY, seconds=0.2))
    assert (ended.is_overdue, ended.code) == (True, -signal.SIGKILL)
    assert has_ended(int(said))
    ended, said = heard("sleep 600 & echo $!")  # its children end with it
    assert (ended.is_overdue, ended.code) == (False, 0)
    assert has_ended(int(said))


def test_only_the_end_of_its_complaints_is_kept():
    ended, _ = heard("yes complaint | head -c 9000000 >&2; echo the last >&2")
    assert ended.fault.endswith("the last")
    assert len(ended.fault) <= 4096


def test_it_connects_to_no_other_port_than_it_may(tmp_path):
    connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
    with socket.create_server(("127.0.0.1", 0)) as mine, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [server.getsockname()[1] for server in (mine, other)]
        for allowed, codes in ((tuple(ports[:1]), [0, 1]), ((), [1, 1]), (None, [0, 0])):
            bounds = dataclasses.replace(ANY, ports=allowed)
            python = f"exec {sys.executable} -I -S -c"
            assert [heard(f'{python} "{connect}" {port}', bounds)[0].code for port in ports] == codes, allowed


def test_it_may_write_into_the_null_device_and_give_way(tmp_path):
    bounds = Bounds((tmp_path, Path("/dev/null")), None, None, None, niceness=2)
    ended, said = heard(f"echo x > /dev/null && nice && echo > {tmp_path}/a && ! echo > {tmp_path.parent}/b", bounds)
    assert (ended.code, said) == (0, f"{os.nice(0) + 2}\n".encode()), ended.fault


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
        assert has_ended(child)


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
