"""Media that are slow or hang, and outputs that are full or gone: a run can be stopped within two seconds, says how to go on,
and the same command goes on. Rows M23, C10.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.fault_fs import FaultFs
from tests.support.images import simple

SECONDS_TO_END = 100
"""Far above the two that it takes, and far below those for which the medium hangs."""
SECONDS_OF_HANGING = 600


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[FaultFs]:
    with FaultFs(tmp_path / "stick").mount() as mounted:
        yield mounted


@pytest.fixture
def commands(bundler, keys, fs, tmp_path) -> dict[str, list[str]]:
    """One command of each kind; the medium is what they write to, or read from."""
    simple("a").write_layout(tmp_path / "layout", "example.com/a:1")
    export = ["export", f"oci:{tmp_path}/layout", "--key", str(keys[0])]
    assert bundler(*export, "--name", "here", "-o", tmp_path).code == 0
    shutil.copytree(tmp_path / "here", fs.path / "here")
    trusted = [str(fs.path / "here"), "--trust", str(keys[1])]
    fs.heal()
    return {
        "export": [*export, "--name", "test", "-o", str(fs.path)],
        "verify": ["verify", *trusted],
        "import": ["import", *trusted, "--to", f"oci:{tmp_path}/imported"],
        "receipt": ["import", *trusted, "--to", f"oci:{tmp_path}/imported", "--receipt", str(fs.path / "r.json")],
    }


def start(arguments: list[str], **options) -> subprocess.Popen:
    """Starts the command so that signals end it, also where the tests run in the background or under nohup."""
    command = [sys.executable, "-m", "bundler", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_signals, **options)


def _heed_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def hanging(fs: FaultFs, arguments: list[str], operation: str, pattern: str) -> subprocess.Popen:
    """The command, which hangs in the kernel in an operation of this kind."""
    fs.heal()
    fs.slow(operation, SECONDS_OF_HANGING, pattern=pattern)
    process = start(arguments, stdout=subprocess.DEVNULL)
    while not fs.waiting():
        assert process.poll() is None, process.communicate()
    return process


def read_until(process: subprocess.Popen, text: str) -> str:
    """The output of the command up to this text."""
    reported = b""
    while text.encode() not in reported:
        assert select.select([process.stderr], [], [], SECONDS_TO_END)[0], (
            f"not reported in time, but only: {reported.decode()}"
        )
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, f"not reported, but only: {reported.decode()}"
        reported += piece
    return reported.decode()


@pytest.mark.parametrize(
    ("command", "operation", "pattern", "signals"),
    [
        ("export", "write", "*/chunk-*", [signal.SIGINT]),
        ("export", "fsync", "*/chunk-*", [signal.SIGTERM]),
        ("export", "rename", "/test", [signal.SIGINT]),
        ("verify", "read", "*/chunk-*", [signal.SIGHUP]),
        ("verify", "read", "*/SHA256SUMS", [signal.SIGINT]),
        ("import", "read", "*/chunk-*", [signal.SIGINT, signal.SIGINT]),
        ("receipt", "fsync", "*", [signal.SIGINT]),
    ],
)
def test_M23_C10_a_run_that_hangs_in_the_kernel_is_stopped(bundler, fs, commands, command, operation, pattern, signals):
    process = hanging(fs, commands[command], operation, pattern)
    for number in signals:
        process.send_signal(number)
    reported = read_until(process, "run the same command again")
    assert not (fs.backing / "test").exists()
    fs.heal()  # the kernel lets nobody go before, not even a killed process
    reported += process.communicate(timeout=SECONDS_TO_END)[1]
    assert (process.returncode, "Traceback" in reported) == (130, False), reported
    shutil.rmtree(fs.backing / "test", ignore_errors=True)  # the rename that was under way
    if command == "receipt":
        (fs.path / "r.json.unfinished").unlink(missing_ok=True)
    done = bundler(*commands[command])
    assert done.code == 0, done.err


def test_M23_a_slow_medium_is_no_error(bundler, fs, commands):
    fs.slow("read", 0.005)
    fs.slow("write", 0.005)
    for arguments in commands.values():
        assert bundler(*arguments).code == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("command", ["verify", "import"])
def test_C10_an_output_on_a_full_disk(fs, commands, command, stream):
    """Results that cannot be written are an error; a log that cannot be written is none."""
    with open("/dev/full", "w") as full:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        done = subprocess.run([sys.executable, "-m", "bundler", *commands[command]], text=True, timeout=60, **options)
    if stream == "stdout":
        assert (done.returncode, "standard output: no space left" in done.stderr) == (8, True), done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert done.returncode == 0


def test_C10_an_error_with_all_outputs_full(fs, commands):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "bundler", "verify", str(fs.path / "nothing"), "--json"]
        assert subprocess.run(command, stdout=full, stderr=full, timeout=60).returncode == 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_C10_nobody_reads_the_output(fs, commands, stream):
    reading, writing = os.pipe()
    os.close(reading)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    done = subprocess.run([sys.executable, "-m", "bundler", *commands["verify"]], text=True, timeout=60, **options)
    os.close(writing)
    assert done.returncode == 141
    assert "Traceback" not in (done.stderr or "")


def test_C10_a_hang_up_does_not_end_what_was_started_to_outlive_it(bundler, fs, commands):
    process = subprocess.Popen(
        [sys.executable, "-m", "bundler", *commands["verify"]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGHUP)
    assert process.wait(SECONDS_TO_END) == 0
