"""Limits of the machine, storms of signals, configuration that hangs: the command ends soon, in plain words."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.faults import answer
from tests.support.parts import shell
from tests.support.servers import Front

COMMAND = [sys.executable, "-m", "bundler"]
UGLY = ("Traceback", "Exception ignored", "Fatal Python error", "this is a bug")
SECONDS = 60
"""Far above what any of these takes; what hangs fails."""


def run(*arguments: object, limits: dict[int, int] | None = None, **environment: str) -> subprocess.CompletedProcess:
    def limit() -> None:
        for number, value in (limits or {}).items():
            resource.setrlimit(number, (value, value))

    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        preexec_fn=limit,
    )
    assert not any(word in done.stderr for word in UGLY), done.stderr
    return done


@pytest.fixture
def export(origin, tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    def start(**options):
        image = f"docker://{origin.host}/library/oci:1"
        return run("export", image, "--name", "test", "-o", tmp_path, "--unsigned", **options)

    return start


def test_A9_too_little_address_space_is_exit_8_before_a_library_is_loaded(export):
    for mebibytes in (40, 64, 160, 255):
        done = export(limits={resource.RLIMIT_AS: mebibytes << 20})
        assert done.returncode == 8, done.stderr
        assert "ulimit -v" in done.stderr


def test_A9_the_least_address_space_is_enough_or_said_to_be_too_little(export):
    done = export(limits={resource.RLIMIT_AS: 256 << 20})  # the C library decides how much a thread takes
    assert done.returncode in (0, 8), done.stderr
    assert done.returncode == 0 or "ulimit" in done.stderr, done.stderr


@pytest.mark.parametrize("files", [5, 8, 12, 20])
def test_A9_too_few_open_files_are_exit_8_or_enough(export, files):
    done = export(limits={resource.RLIMIT_NOFILE: files})
    assert done.returncode in (0, 8), done.stderr
    assert done.returncode == 0 or "too many open files" in done.stderr.lower(), done.stderr


def test_A9_a_limit_of_the_size_of_files_is_exit_8(export):
    done = export(limits={resource.RLIMIT_FSIZE: 4096})
    assert done.returncode == 8, done.stderr


def test_A9_a_limit_of_threads_is_exit_8(here, origin, monkeypatch, tmp_path):
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = here("export", f"docker://{origin.host}/library/oci:1", "--name", "x", "-o", tmp_path, "--unsigned")
    assert done.code == 8
    assert "ulimit -u" in done.err


def test_A9_a_run_gets_by_with_the_threads_that_there_are(here, origin, monkeypatch, tmp_path):
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("worker-") and thread.name != "worker-0":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = here("export", f"docker://{origin.host}/library/oci:1", "--name", "x", "-o", tmp_path, "--unsigned")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "proxy", ["http://", "http://user:secret-5ec2e7@host:port", "socks5://host:1", "http://[::1", "http://a b:1"]
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_A9_a_proxy_without_an_address_is_exit_2_and_not_repeated(here, monkeypatch, tmp_path, variable, proxy):
    monkeypatch.setenv(variable, proxy)
    done = here("export", "docker://r.example/a:1", "--name", "x", "-o", tmp_path, "--unsigned")
    assert done.code == 2, done.err
    assert variable in done.err
    assert "secret-5ec2e7" not in done.err


@pytest.mark.parametrize("where", ["SSL_CERT_FILE", "certs.d", "client key", "--cacert"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "too large"])
def test_A9_certificates_that_are_no_files_are_exit_2(tmp_path, where, kind):
    folder = Path(os.environ["HOME"]) / ".config/containers/certs.d/r.example"
    folder.mkdir(parents=True)
    name = {"certs.d": "ca.crt", "client key": "me.key"}.get(where)
    path = folder / name if name else tmp_path / "ca.pem"
    if where == "client key":
        (folder / "me.cert").write_text("")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 1 << 40)
    flags = ["--cacert", path] if where == "--cacert" else []
    if where == "--cacert" and kind == "pipe":
        return  # is waited for, see the unit tests: it may be <(…)
    more = {where: str(path)} if where == "SSL_CERT_FILE" and kind != "folder" else {}
    if where == "SSL_CERT_FILE" and kind == "folder":
        return  # OpenSSL finds no certificate in it, and says so when it connects
    done = run("export", "docker://r.example/a:1", "--name", "x", "-o", tmp_path, "--unsigned", *flags, **more)
    assert done.returncode == 2, done.stderr
    assert str(path) in done.stderr


def test_A9_lists_and_passphrases_may_come_through_pipes(origin, tmp_path):
    shell(
        f"""
        {sys.executable} -m bundler export <(echo {origin.host}/library/oci:1) --name test -o . --unsigned \\
          --encrypt --format 7z --passphrase-file <(echo 'a passphrase of some length')
        {sys.executable} -m bundler verify test --insecure-no-signature --passphrase-file <(echo 'a passphrase of some length')
        """,
        cwd=tmp_path,
    )


# Signals


def hearing(*command: str, **options) -> subprocess.Popen:
    """Starts a command so that it hears Ctrl-C, also if the tests run in the background without it."""
    hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear, **options)


def ended(process: subprocess.Popen) -> str:
    _, reported = process.communicate(timeout=SECONDS)
    assert not any(word in reported for word in UGLY), reported
    return reported


LIBRARY = {
    "Ctrl-C": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "out of memory": "raise MemoryError",
    "no room for a library": "raise ImportError('libx.so: failed to map segment from shared object: Cannot allocate memory')",
}


@pytest.mark.parametrize("kind", LIBRARY)
def test_A9_what_happens_while_the_command_starts_is_reported_in_plain_words(tmp_path, kind):
    (tmp_path / "click.py").write_text(LIBRARY[kind])
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    process = hearing(*COMMAND, "--version", env=environment, stdout=subprocess.DEVNULL)
    reported = ended(process)
    assert process.returncode == (130 if kind in ("Ctrl-C", "SIGTERM") else 8)
    assert reported.startswith("error: ")
    assert reported.count("\n") == 2


@pytest.mark.parametrize("moment", ["while it copies", "to its end"])
def test_A9_a_storm_of_signals_ends_as_one_does(origin, tmp_path, moment):
    reached, over = threading.Event(), threading.Event()

    def hold(front, request) -> bool:
        if "/blobs/" in request.path:
            reached.set()
            if moment == "while it copies":
                over.wait(SECONDS)
        return False

    front = Front(origin, [hold]).start()
    try:
        export = ["export", f"docker://{front.host}/library/oci:1", "--name", "test", "-o", str(tmp_path), "--unsigned"]
        process = hearing(*COMMAND, *export, stdout=subprocess.DEVNULL)
        assert reached.wait(SECONDS)

        def storm() -> None:
            while process.poll() is None:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    process.send_signal(number)

        threading.Thread(target=storm, daemon=True).start()
        reported = ended(process)
        assert process.returncode == 130, reported
        assert "stopped" in reported
        assert not (tmp_path / "test").exists()
    finally:
        over.set()
        front.stop()


def test_A9_ctrl_c_ends_a_credential_helper_that_hangs(fronts, origin, tmp_path):
    (tmp_path / "config.json").write_text('{"credsStore": "it"}')
    os.mkfifo(tmp_path / "started")
    helper = tmp_path / "docker-credential-it"
    helper.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/started\nexec sleep 1000\n")
    helper.chmod(0o755)
    front = fronts(origin, answer(401, {"WWW-Authenticate": 'Basic realm="it"'}))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "DOCKER_CONFIG": str(tmp_path), "PATH": path}
    export = ["export", f"docker://{front.host}/a:1", "--name", "test", "-o", str(tmp_path), "--unsigned"]
    process = hearing(*COMMAND, *export, env=environment, stdout=subprocess.DEVNULL)
    helper_ended = os.pidfd_open(int((tmp_path / "started").read_text()))
    try:
        process.send_signal(signal.SIGINT)
        ended(process)
        assert process.returncode == 130
        poll = select.poll()
        poll.register(helper_ended, select.POLLIN)
        assert poll.poll(5000), "it would run on without anybody who waits for it"
    finally:
        os.close(helper_ended)
