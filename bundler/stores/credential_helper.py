"""Docker's credential helpers, with limits: a program that hangs or floods is killed, with all its children.

The protocol is that of github.com/docker/docker-credential-helpers: ``docker-credential-NAME get``, the registry on
standard input, JSON or an error text on standard output. Standard error is not shown: it may hold secrets, and it has
no bound either.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import suppress

from bundler.core.limits import CREDENTIAL_HELPER_SECONDS, JSON_ANSWER_BYTES
from bundler.errors import LocalStorage, Misuse
from bundler.texts import text

_LOOK_SECONDS = 0.2
_running: set[subprocess.Popen[bytes]] = set()


def ask(program: str, given: bytes) -> tuple[int, bytes]:
    """Runs ``get`` of a helper, and returns its exit code and its output.

    Args:
        program: The path of the helper.
        given: The registry.

    Raises:
        Misuse: It does not end, or writes more than any credentials have.
        LocalStorage: It cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the program that Docker's configuration names
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that all its children can be killed with it
        )
    except OSError as error:
        raise LocalStorage(
            text("the credential helper cannot be started: {reason}", reason=error.strerror), subject=program
        ) from error
    _running.add(process)
    try:
        output = _output_of(process, given)
        return process.wait(CREDENTIAL_HELPER_SECONDS), output
    except subprocess.TimeoutExpired as error:
        raise _too_slow(process) from error
    finally:
        _end(process)
        _running.discard(process)


def end_all() -> None:
    """Kills the helpers that still run when a command ends before them."""
    for process in tuple(_running):
        _end(process)


def _output_of(process: subprocess.Popen[bytes], given: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(given)
    output = bytearray()
    until = time.monotonic() + CREDENTIAL_HELPER_SECONDS
    with process.stdout:
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        while time.monotonic() < until:
            if poll.poll(_LOOK_SECONDS * 1000):
                piece = os.read(process.stdout.fileno(), JSON_ANSWER_BYTES)
                if not piece:
                    return bytes(output)
                output += piece
                if len(output) > JSON_ANSWER_BYTES:
                    raise _too_much(process)
            elif process.poll() is not None:  # a child of it holds its output open
                return bytes(output)
    raise _too_slow(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)


def _too_slow(process: subprocess.Popen[bytes]) -> Misuse:
    program = _program(process)
    return Misuse(
        text(
            "the credential helper did not answer in {credential_helper_seconds:.0f} s and was stopped",
            credential_helper_seconds=CREDENTIAL_HELPER_SECONDS,
        ),
        subject=program,
        hint=text(
            "try it: echo HOST | {program} get; or log in without it, with --username and --password-stdin",
            program=program,
        ),
    )


def _too_much(process: subprocess.Popen[bytes]) -> Misuse:
    program = _program(process)
    return Misuse(
        "the credential helper wrote too much and was stopped",
        subject=program,
        hint=text(
            "try it: echo HOST | {program} get; or log in without it, with --username and --password-stdin",
            program=program,
        ),
    )


def _program(process: subprocess.Popen[bytes]) -> str:
    assert isinstance(process.args, list)
    return os.path.basename(str(process.args[0]))
