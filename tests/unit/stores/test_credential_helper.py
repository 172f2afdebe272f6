"""Credential helpers are programs of others: one that hangs or floods is ended, with all that it started."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path

import pytest

from bundler.errors import LocalStorage, Misuse, Refused
from bundler.stores import credential_helper, docker_sdk
from tests.support.errors import raises


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Installs docker-credential-it with a script, and a configuration that names it; gives what is found with it."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def install(script: str):  # type: ignore[no-untyped-def]
        program = tmp_path / "docker-credential-it"
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        program.chmod(0o755)
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"credsStore": "it"}))
        return docker_sdk.read_credentials(config, "r.example")

    return install


def has_ended(file: Path) -> bool:
    """True if a process, whose number is in a file, has ended, or does within seconds."""
    try:
        descriptor = os.pidfd_open(int(file.read_text()))
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(60_000))
    finally:
        os.close(descriptor)


def test_a_helper_is_asked_for_the_registry(helper) -> None:  # type: ignore[no-untyped-def]
    found = helper("""printf '{"Username":"u-%s","Secret":"s"}' "$(cat)" """)
    assert (found.username, found.password) == ("u-r.example", "s")


def test_a_helper_that_knows_nobody_is_no_failure(helper) -> None:  # type: ignore[no-untyped-def]
    assert helper("echo credentials not found in native keychain; exit 1") is None


def test_a_helper_that_fails_is_reported(helper) -> None:  # type: ignore[no-untyped-def]
    with raises(Refused, values={"name": "DockerException"}):
        helper("echo the keyring is locked; exit 1")


@pytest.mark.parametrize(
    ("script", "values"),
    [
        ("sleep 1000 & echo $! > child; wait", {"credential_helper_seconds": 2.0}),
        ("sleep 1000 & echo $! > child; exec >&-; wait", {"credential_helper_seconds": 2.0}),
        ("sleep 1000 & echo $! > child; yes", {}),
        ("sleep 1000 & echo $! > child; yes >&2", {"credential_helper_seconds": 2.0}),
    ],
    ids=["hangs", "hangs with its output closed", "floods", "floods standard error"],
)
def test_A9_a_helper_that_hangs_or_floods_is_ended_with_what_it_started(  # type: ignore[no-untyped-def]
    helper, tmp_path, capfd, monkeypatch, script, values
) -> None:
    monkeypatch.setattr(credential_helper, "CREDENTIAL_HELPER_SECONDS", 2.0)
    with raises(Misuse, values=values) as caught:
        helper(script)
    assert caught.value.subject == "docker-credential-it"
    assert "echo HOST | docker-credential-it get" in str(caught.value.hint)
    assert has_ended(tmp_path / "child")
    assert capfd.readouterr() == ("", "")


def test_A9_what_a_helper_leaves_running_is_not_waited_for(helper, tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = helper("""sleep 1000 & echo $! > child; printf '{"Username":"u","Secret":"s"}'""")
    assert found.username == "u"
    assert has_ended(tmp_path / "child")


def test_A9_a_helper_that_cannot_be_started_is_reported(helper) -> None:  # type: ignore[no-untyped-def]
    with raises(LocalStorage, subject="/dev/null"):
        credential_helper.ask("/dev/null", b"")


@pytest.mark.parametrize("kind", ["pipe", "folder", "too large"])
def test_A9_configuration_of_docker_that_is_no_file_is_reported(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 1 << 40)
    with pytest.raises(Misuse) as caught:
        docker_sdk.read_credentials(path, "r.example")
    assert caught.value.subject == str(path)


def test_no_credentials_can_be_asked_for_with_dev_null() -> None:
    assert docker_sdk.read_credentials(Path("/dev/null"), "r.example") is None
