"""The words of a daemon are quoted as its own, in an error by who must act; a daemon that does not answer is named."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
from pathlib import Path

import pytest
from urllib3.util.ssl_match_hostname import CertificateError

from bundler.errors import Absent, BundlerError, LocalStorage, Misuse, Refused, Unavailable, Unreachable
from bundler.stores import docker_sdk
from bundler.stores.docker_sdk import Daemon, error_in_stream
from tests.support.errors import raises, values_in
from tests.support.tables import each_case

NO_ROOM = "write /var/lib/docker/tmp/x: no space left on device"


@each_case(
    ("message", "family", "is_retryable"),
    [
        pytest.param(NO_ROOM, LocalStorage, False, id="a full disk"),
        pytest.param("net/http: TLS handshake timeout", Unavailable, True, id="a timeout"),
        pytest.param("read: connection reset by peer", Unavailable, True, id="a broken connection"),
        pytest.param("dial tcp: connect: connection refused", Unavailable, True, id="a refused connection"),
        pytest.param("dial tcp: i/o timeout", Unavailable, True, id="an i/o timeout"),
        pytest.param("unexpected EOF", Unavailable, True, id="an early end"),
        pytest.param("toomanyrequests: Too Many Requests", Unavailable, True, id="too many requests"),
        pytest.param("invalid tar header", Refused, False, id="bytes that it does not like"),
        pytest.param("unauthorized: authentication required", Refused, False, id="a login"),
    ],
)
def test_what_a_daemon_says_belongs_to_who_must_act(message: str, family: type, is_retryable: bool) -> None:
    for error in (docker_sdk._of_message(message, "app:1"), docker_sdk._of_api(500, message, "app:1")):
        assert (type(error), error.retryable, error.subject) == (family, is_retryable, "app:1")
        assert message in str(error)


@pytest.mark.parametrize("status", [400, 403, 409])
def test_what_a_daemon_refuses_is_reported_with_its_status(status: int) -> None:
    error = docker_sdk._of_api(status, "you must not", "app:1")
    assert (type(error), error.retryable) == (Refused, False)
    assert (error.subject, values_in(error.message)["status"]) == ("app:1", status)
    assert "you must not" in error.message


def test_an_image_that_a_daemon_does_not_have_is_reported_in_our_words() -> None:
    error = docker_sdk._of_api(404, "No such image: app:1", "docker-daemon:app:1")
    assert (type(error), error.subject) == (Absent, "docker-daemon:app:1")


def test_an_answer_without_a_status_is_reported_by_its_words() -> None:
    assert isinstance(docker_sdk._of_api(None, NO_ROOM, None), LocalStorage)


def _of_sdk(cause: Exception) -> Exception:
    """An error as the SDK raises it: an error of its own, made of one of requests, made of one of the system."""
    middle, outer = Exception("('Connection aborted.')"), Exception("Error while fetching server API version")
    middle.__cause__, outer.__context__ = cause, middle
    return outer


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory"), "there is no socket"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "the host is unknown"),
        (TimeoutError("timed out"), "it took too long"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "its certificate is not trusted"),
        (CertificateError("hostname 'a' doesn't match 'b'"), "its certificate is for another name"),
        (Exception("something else"), "Error while fetching server API version"),
    ],
    ids=["no socket", "refused", "unknown host", "timeout", "certificate", "another name", "anything else"],
)
def test_a_daemon_that_does_not_answer_is_reported_in_short(
    cause: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = docker_sdk._unreachable(_of_sdk(cause), "app:1")
    assert type(error) is Unreachable
    assert (error.subject, values_in(error.message)["reason"]) == ("app:1", reason)
    assert "Docker context" in (error.hint or "")
    monkeypatch.setenv("DOCKER_HOST", "tcp://dock.example:2376")
    assert "tcp://dock.example:2376" in (docker_sdk._unreachable(_of_sdk(cause), None).hint or "")


def test_a_daemon_that_may_not_be_asked_is_reported_with_the_group() -> None:
    error = docker_sdk._unreachable(_of_sdk(PermissionError(13, "Permission denied")), None)
    assert "permission denied" in str(error)
    assert "group docker" in (error.hint or "")


# The daemon that is asked


@pytest.mark.parametrize(
    "host",
    [
        "npipe:////./pipe/docker_engine",
        "npipe://x",
        "tcp:/me:c4nary@h:1",
        "tcp://me:c4nary@h:1",
        "fd://c4nary",
        "tcp://[::1",
        "tcp://c4nary:x",
        "ssh://c4nary:b:c",
        "c4nary",
        "ftp://c4nary:1",
        "http://c4nary:99999",
    ],
)
def test_a9_an_address_that_no_daemon_can_have_is_the_users_mistake_and_not_repeated(host, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(Misuse, match="DOCKER_HOST") as caught:
        _ = Daemon().facts
    assert "c4nary" not in repr([str(caught.value), caught.value.hint])


def docker_folder(config: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of Docker's configuration, which is the user's."""
    (tmp_path / "config.json").write_text(config)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "3",
        "null",
        '"x"',
        '{"proxies": "x"}',
        '{"proxies": []}',
        '{"proxies": {"default": 3}}',
        '{"auths": "x"}',
        '{"HttpHeaders": 3}',
        '{"HttpHeaders": {"a": 3}}',
        '{"currentContext": 3}',
        '{"currentContext": ["x"]}',
        '{"auths": {"h": {"auth": 3}}}',
    ],
)
def test_a9_values_of_a_wrong_type_in_docker_configuration_are_reported(config, monkeypatch, tmp_path) -> None:
    docker_folder(config, monkeypatch, tmp_path)
    with pytest.raises(Misuse) as caught:
        _ = Daemon().facts
    assert caught.value.subject == str(tmp_path)


def context(meta: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, name: str = "inside") -> Path:
    """The file of a Docker context, which is the current one."""
    folder = docker_folder(json.dumps({"currentContext": name}), monkeypatch, tmp_path)
    file = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    file.parent.mkdir(parents=True)
    if meta is not None:
        file.write_text(meta)
    return file


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "[]",
        "{}",
        "3",
        '{"Name": "inside"}',
        '{"Name": "inside", "Metadata": {}, "Endpoints": 3}',
        '{"Name": "inside", "Metadata": 3, "Endpoints": {"docker": {"Host": "tcp://127.0.0.1:1"}}}',
        '{"Name": "inside", "Metadata": {}, "Endpoints": {"docker": 3}}',
    ],
)
def test_a9_a_docker_context_of_another_form_is_reported(meta, monkeypatch, tmp_path) -> None:
    context(meta, monkeypatch, tmp_path)
    with pytest.raises(Misuse):
        _ = Daemon().facts


@pytest.mark.parametrize("by_variable", [False, True], ids=["current", "DOCKER_CONTEXT"])
def test_a5_a_docker_context_that_is_not_there_never_means_the_default_daemon(
    by_variable, monkeypatch, tmp_path
) -> None:
    context(None, monkeypatch, tmp_path)
    if by_variable:
        docker_folder("{}", monkeypatch, tmp_path)
        monkeypatch.setenv("DOCKER_CONTEXT", "inside")
    with raises(Misuse, subject="inside") as caught:
        _ = Daemon().facts
    assert caught.value.subject == "inside"


def test_a9_a_pipe_where_a_docker_context_should_be_is_reported(monkeypatch, tmp_path) -> None:
    os.mkfifo(context(None, monkeypatch, tmp_path))
    with raises(Misuse, actual="a pipe"):
        _ = Daemon().facts


@pytest.mark.parametrize("name", ["", "default"])
def test_a_context_that_is_the_default_one_needs_no_file(name, monkeypatch, tmp_path) -> None:
    docker_folder(json.dumps({"currentContext": name}), monkeypatch, tmp_path)
    assert docker_sdk._client("1.24", 1) is not None


# The error after the bytes of an image


def line(message: str) -> bytes:
    return json.dumps({"errorDetail": {"message": message}, "error": message}, separators=(",", ":")).encode()


@each_case("end", [b"", b"\r\n", b"\n", bytes(100)], ids=["nothing", "CRLF", "LF", "zeros"])
@each_case("before", [b"", b"x" * 500, b'{"errorDetail": not this one}'], ids=["alone", "bytes", "a trap"])
def test_an_error_within_a_stream_is_reported_as_the_words_of_the_daemon(before: bytes, end: bytes) -> None:
    error = error_in_stream(before + line(NO_ROOM) + end)
    assert isinstance(error, BundlerError)
    assert NO_ROOM in str(error)


@each_case(
    "tail",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(1024), id="zeros"),
        pytest.param(b'{"error":"x"}', id="no detail"),
        pytest.param(b'{"errorDetail":{"message":"cut sho', id="cut"),
        pytest.param(b'{"errorDetail":1}', id="a number"),
        pytest.param(b'{"errorDetail":{}}', id="no message"),
        pytest.param(b'{"errorDetail":{"message":"x"}} and more', id="more"),
        pytest.param(b'{"errorDetail"\xff\xfe', id="no UTF-8"),
        pytest.param(b'{"errorDetail":' + b"[" * 100_000, id="nested"),
    ],
)
def test_what_is_no_error_in_a_stream_is_none(tail: bytes) -> None:
    assert error_in_stream(tail) is None


def test_an_error_within_a_progress_stream_is_raised_and_progress_is_not() -> None:
    docker_sdk._raise_if_error({"status": "Loading layer"}, "app:1")
    for event in ({"errorDetail": {"message": NO_ROOM}, "error": NO_ROOM}, {"error": NO_ROOM}):
        with pytest.raises(LocalStorage, match="no space left"):
            docker_sdk._raise_if_error(event, "app:1")


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "amd64"), ("aarch64", "arm64"), ("armv7l", "arm"), ("i686", "386"), ("riscv64", "riscv64")],
)
def test_a_machine_has_the_name_that_images_give_it(machine: str, architecture: str) -> None:
    assert docker_sdk._architecture(machine) == architecture
