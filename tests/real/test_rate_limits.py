"""Registries that take few requests: a whole run gets through, both ways; long pauses are reported; known limits are kept."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bundler.core.events import nobody
from bundler.pace import Paces
from bundler.transfer import SMALL_WORKERS
from tests.support.images import simple
from tests.support.parts import RealRegistry, free_port, require, wait_until_listening

PER_SECOND = 20


@pytest.fixture
def limiting(tmp_path) -> Iterator[Callable[[RealRegistry], str]]:
    """Starts nginx before a registry; it answers 429 to more requests than it is set to take, as its manual says.

    http://nginx.org/en/docs/http/ngx_http_limit_req_module.html; no Retry-After, an HTML page.
    """
    require("nginx")
    started: list[subprocess.Popen[bytes]] = []

    def start(registry: RealRegistry) -> str:
        port = free_port()
        folder = tmp_path / f"nginx-{port}"
        folder.mkdir()
        paths = " ".join(f"{kind}_temp_path {folder};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
            f"http {{ access_log {folder}/log; client_body_temp_path {folder}; {paths} client_max_body_size 0;\n"
            f"limit_req_zone $binary_remote_addr zone=all:1m rate={PER_SECOND}r/s; limit_req_status 429;\n"
            f"server {{ listen 127.0.0.1:{port}; limit_req zone=all;\n"
            f"location / {{ proxy_pass http://{registry.host}; proxy_set_header Host $http_host; }} }} }}\n"
        )
        command = ["nginx", "-c", str(folder / "conf"), "-p", str(folder)]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        wait_until_listening(port, started[-1])
        return f"127.0.0.1:{port}"

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def log_of(tmp_path: Path, host: str) -> list[str]:
    return (tmp_path / f"nginx-{host.rpartition(':')[2]}" / "log").read_text().splitlines()


IMAGES = {f"team/image-{number}": simple(f"image-{number}") for number in range(2)}


@pytest.fixture(scope="module")
def holder(tmp_path_factory) -> Iterator[RealRegistry]:
    registry = RealRegistry(tmp_path_factory.mktemp("holder")).start()
    for name, image in IMAGES.items():
        image.push(registry, name, "1")
    yield registry
    registry.stop()


def listed(folder: Path, host: str, names: list[str]) -> Path:
    path = folder / "list.yaml"
    path.write_text("name: test\nimages:\n" + "".join(f"- {host}/{name}:1\n" for name in names))
    return path


def test_C1_a_run_gets_through_a_limit_of_requests_both_ways(bundler, limiting, holder, target, tmp_path):
    source, sink = limiting(holder), limiting(target)
    out = bundler("export", listed(tmp_path, source, list(IMAGES)), "-o", tmp_path, "--unsigned")
    assert out.code == 0, out.err
    into = bundler("import", tmp_path / "test", "--insecure-no-signature", "--to", sink)
    assert into.code == 0, into.err
    for name, image in IMAGES.items():
        assert target.get(f"{name}/manifests/1") == image.content
    for host in (source, sink):
        log = log_of(tmp_path, host)
        refused = sum('" 429 ' in line for line in log)
        assert 0 < refused < len(log) / 2, "it was limited, and it was not hammered"


# Fronts that refuse what a real limit would seldom refuse just now


def refusing(count: int, headers: dict[str, str], when: Callable[[object], bool]):
    """429 to the first requests of a kind, without a body, as olareg has it; counted over all threads."""
    left, lock = [count], threading.Lock()

    def fault(front, request) -> bool:
        with lock:
            is_refused = left[0] > 0 and when(request)
            left[0] -= is_refused
        if is_refused:
            request.rfile.read(int(request.headers.get("Content-Length") or 0))
            front.send(request, 429, headers, b"")
        return is_refused

    return fault


KINDS = {
    "HEAD": lambda request: request.command == "HEAD",
    "POST": lambda request: request.command == "POST",
    "upload": lambda request: request.command == "PUT" and "/uploads/" in request.path,
    "manifest": lambda request: request.command == "PUT" and "/manifests/" in request.path,
}


@pytest.mark.parametrize("kind", KINDS)
def test_C1_whatever_a_target_puts_off_is_sent_again_and_takes_no_attempt(here, fronts, holder, target, tmp_path, kind):
    name = "team/image-0"
    assert here("export", listed(tmp_path, holder.host, [name]), "-o", tmp_path, "--unsigned").code == 0
    front = fronts(target, refusing(9, {"Retry-After": "1"}, KINDS[kind]))
    done = here("import", tmp_path / "test", "--insecure-no-signature", "--to", front.host)
    assert done.code == 0, done.err
    assert target.get(f"{name}/manifests/1") == IMAGES[name].content


def test_C1_a_token_server_that_is_busy_is_asked_again(here, new_registry, tmp_path, tmp_path_factory):
    from tests.support.servers import TokenServer

    tokens = TokenServer(tmp_path_factory.mktemp("tokens"))
    registry = new_registry(extra=tokens.registry_config)
    issue, left = tokens.answer, [9]

    def busy(request) -> None:
        if left[0]:
            left[0] -= 1
            request.send_response(429)
            request.send_header("Retry-After", "1")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            issue(request)

    tokens.answer = busy
    try:
        done = here("export", f"docker://{registry.host}/team/none:1", "--name", "x", "-o", tmp_path, "--unsigned")
    finally:
        tokens.server.stop()
    assert left == [0], done.err
    assert done.code == 6, "there is no such image, says the registry after the login"


def test_C1_doctor_tells_that_a_registry_is_busy_and_waits_for_nothing(here, fronts, holder, monkeypatch):
    def waited(seconds: float) -> None:
        raise AssertionError(f"it waits {seconds} s")

    monkeypatch.setattr(Paces.__init__, "__defaults__", (nobody, waited))
    done = here("doctor", "--to", fronts(holder, refusing(99, {}, lambda request: True)).host)
    assert done.code == 7, done.out
    assert "limits the rate" in done.out


# A list that is larger than the limit of a window of hours


@dataclass
class Window:
    """Docker Hub's limit: so many GETs of manifests in six hours; HEAD and blobs are free.

    https://docs.docker.com/docker-hub/usage/pulls/; the body as moby/moby and docker/hub-feedback#2429 quote it.
    """

    left: int
    headers: dict[str, str]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, front, request) -> bool:
        if request.command != "GET" or "/manifests/" not in request.path:
            return False
        with self.lock:
            self.left -= 1
            is_refused = self.left < 0
        if is_refused:
            reported = {"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}
            front.send(request, 429, self.headers, json.dumps({"errors": [reported]}).encode())
        return is_refused


LIMIT = {"ratelimit-limit": "20;w=21600", "ratelimit-remaining": "0;w=21600"}
MANY = [f"team/many-{number}" for number in range(30)]


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Iterator[RealRegistry]:
    registry = RealRegistry(tmp_path_factory.mktemp("many")).start()
    for name in MANY:
        simple(name, 100).push(registry, name, "1")
    yield registry
    registry.stop()


def manifests_asked(front, method: str) -> int:
    """Requests for manifests of images; a HEAD for a signature in each repository does not count, as at Docker Hub."""
    return front.count(method, "/manifests/") - front.count("HEAD", ".sig") * (method == "HEAD")


@pytest.mark.parametrize("headers", [LIMIT, {"Retry-After": "7800"}], ids=["Docker Hub", "Retry-After"])
def test_C1_a_list_larger_than_the_rate_limit_is_finished_by_the_next_run(here, fronts, many, waits, tmp_path, headers):
    window = Window(20, headers)
    front = fronts(many, window)
    command = ("export", listed(tmp_path, front.host, MANY), "-o", tmp_path, "--unsigned")
    first = here(*command)
    assert first.code == 7
    assert re.search(r"(\d+) of 30 images are resolved and kept for the next run", first.err), first.err
    assert first.err.count("asks to wait until") == 1
    assert re.search(r"until (\d{4}-\d\d-\d\d )?\d\d:\d\d \((6 h|2 h 10 min)\)", first.err), first.err
    assert "run the same command then" in first.err
    assert waits == [], "nothing was waited for that would not help"
    assert manifests_asked(front, "GET") <= 20 + SMALL_WORKERS

    window.left, front.requests[:] = 20, []
    second = here(*command)
    assert second.code == 0, second.err
    assert manifests_asked(front, "GET") == 10
    assert manifests_asked(front, "HEAD") == 20

    window.left, front.requests[:] = 0, []
    third = here(*command[:3], tmp_path / "again", "--unsigned")
    assert third.code == 0, third.err
    assert not [path for _, path in front.requests if "/manifests/" in path and "HEAD" not in _]


def test_C1_without_a_home_folder_nothing_is_kept_and_that_is_said(here, fronts, many, monkeypatch, tmp_path):
    monkeypatch.setattr("bundler.system.places.cache_folder", lambda: None)
    front = fronts(many, Window(20, LIMIT))
    done = here("export", listed(tmp_path, front.host, MANY), "-o", tmp_path, "--unsigned")
    assert done.code == 7
    assert "no cache folder" in done.err


def test_C1_what_is_kept_is_compared_with_its_digest(here, fronts, holder, tmp_path):
    name = next(iter(IMAGES))
    front = fronts(holder)
    command = ("export", listed(tmp_path, front.host, [name]), "--unsigned", "-o")
    assert here(*command, tmp_path / "first").code == 0
    kept = sorted(path for path in (Path.home() / ".cache/bundler/documents").rglob("*") if path.is_file())
    assert len(kept) == 2, "a manifest and a config"
    assert {path.stat().st_mode & 0o077 for path in [*kept, kept[0].parent]} == {0}
    kept[0].write_bytes(kept[0].read_bytes().replace(b"{", b"[", 1))
    kept[1].unlink()
    os.mkfifo(kept[1])
    assert here(*command, tmp_path / "second").code == 0
    for file in ("chunk-0001.tar", "SHA256SUMS"):
        assert (tmp_path / "second/test" / file).exists()
    assert (tmp_path / "second/test/chunk-0001.tar").read_bytes() == (
        tmp_path / "first/test/chunk-0001.tar"
    ).read_bytes()


def test_C1_a_tag_that_moved_is_not_taken_from_what_is_kept(here, new_registry, tmp_path):
    registry = new_registry()
    older, newer = simple("older"), simple("newer")
    older.push(registry, "team/app", "1")
    command = ("export", listed(tmp_path, registry.host, ["team/app"]), "--unsigned", "--json", "-o")
    assert here(*command, tmp_path / "first").code == 0
    newer.push(registry, "team/app", "1")
    moved = here(*command, tmp_path / "second")
    assert moved.code == 0
    assert newer.digest in moved.out
    assert older.digest not in moved.out


def test_C1_nothing_is_kept_on_the_medium(here, holder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "stick/cache"))
    command = ("export", listed(tmp_path, holder.host, list(IMAGES)), "--unsigned", "-o", tmp_path / "stick")
    assert here(*command).code == 0
    assert [path.name for path in (tmp_path / "stick").iterdir()] == ["test"]
