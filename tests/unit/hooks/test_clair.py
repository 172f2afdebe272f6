"""Clair, which needs PostgreSQL and is in no package registry: a server that answers as its openapi.yaml says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from bundler.core.digest import Digest
from bundler.core.scan import State
from bundler.errors import BundlerError, Interrupted, Misuse, Unavailable
from bundler.hooks import clair as module
from bundler.hooks.clair import Clair
from tests.support.errors import raises, values_in
from tests.support.images import simple
from tests.support.parts import free_port
from tests.support.scanning import image_subject
from tests.support.servers import Server
from tests.unit.hooks.test_reports import clair as report

IMAGE = simple("one")
UPDATES = {  # httptransport/matcher_v1.go, libvuln/driver/updates.go of quay/claircore: ref, updater, fingerprint, date
    "debian/updater": [
        {"ref": "a", "updater": "debian/updater", "fingerprint": "", "date": "2026-11-28T01:02:03.456Z"}
    ],
    "alpine/updater": [{"ref": "b", "updater": "alpine/updater", "fingerprint": "", "date": "2026-11-20T01:02:03Z"}],
}


@dataclass
class FakeClair:
    """Answers by path; ``states`` are those of the index, one after the other."""

    states: list[dict[str, Any]] = field(default_factory=lambda: [{"state": "IndexFinished", "success": True}])
    report: bytes = b""
    report_status: int = 201  # openapi.yaml, GetVulnerabilityReport; 202 while nothing is loaded
    updates: object = field(default_factory=lambda: UPDATES)
    posted: list[dict[str, Any]] = field(default_factory=list)
    digest: str = IMAGE.digest

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/indexer/api/v1/index_state":
            return 200, b'{"state":"1f0c"}'
        if path.startswith("/matcher/api/v1/internal/update_operation"):
            return (404, b"{}") if self.updates is None else (200, json.dumps(self.updates).encode())
        if path == f"/matcher/api/v1/vulnerability_report/{IMAGE.digest}":
            return self.report_status, self.report
        if path.startswith("/indexer/api/v1/index_report"):
            if method == "POST":
                self.posted.append(json.loads(body))
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 201 if method == "POST" else 200, json.dumps({"manifest_hash": self.digest, **state}).encode()
        return 404, b'{"code":"not-found","message":"no"}'


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[[FakeClair], Clair]]:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    servers: list[Server] = []

    def start(fake: FakeClair, **more: Any) -> Clair:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = fake.answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

        servers.append(Server(Handler).start())
        return Clair(f"http://{servers[-1].host}", "127.0.0.1:5000", **more)

    yield start
    for server in servers:
        server.stop()


def own_report(**changes: Any) -> bytes:
    return report(manifest_hash=IMAGE.digest, **changes)


def test_clair_gets_the_addresses_of_the_layers(serve):
    working = {"state": "ScanLayers", "success": False}
    fake = FakeClair([working, working, {"state": "IndexFinished", "success": True}], own_report())
    with serve(fake) as clair:
        verdict = clair.scan(image_subject(IMAGE, "quay.io:8443/team/app:1"))
        said = clair.identity()
    assert verdict.state is State.FOUND
    layers = [each["digest"] for each in json.loads(IMAGE.content)["layers"]]
    (posted,) = fake.posted
    assert posted["hash"] == IMAGE.digest
    assert [each["hash"] for each in posted["layers"]] == layers
    uri = posted["layers"][0]["uri"]
    assert uri.startswith("http://127.0.0.1:5000/v2/quay.io")
    assert uri.endswith(f"/team/app/blobs/{layers[0]}")
    assert said.database.startswith("sha256:")
    assert said.database_date == "2026-11-28T01:02:03Z"


def test_failures_are_no_pass(serve):
    subject = image_subject(IMAGE)
    for fake in (
        FakeClair([{"state": "IndexError", "success": False, "err": "failed to fetch layers"}], own_report()),
        FakeClair(report=own_report(), digest=str(Digest.of(b"other"))),
        FakeClair(report=report(manifest_hash=str(Digest.of(b"other")))),
        FakeClair(report=own_report(), report_status=202),
        FakeClair(report=own_report(), report_status=500),
        FakeClair(report=b"<html>"),
    ):
        assert serve(fake).scan(subject).state is State.ERROR, fake
    early = serve(FakeClair(report=own_report(), report_status=202)).scan(subject)
    assert "no vulnerabilities yet" in early.reason
    slow = serve(FakeClair([{"state": "FetchLayers", "success": False}]), seconds=0.1)
    assert "too long" in slow.scan(subject).reason


def test_ctrl_c_ends_the_wait(serve):
    def interrupt() -> None:
        raise Interrupted

    subject = image_subject(IMAGE)
    waiting = serve(FakeClair([{"state": "FetchLayers", "success": False}]))
    with pytest.raises(Interrupted):
        waiting.scan(type(subject)(subject.descriptor, subject.name, subject.blobs, subject.needs, "", interrupt))


def test_without_the_state_of_the_updaters_the_database_is_not_known(serve):
    said = serve(FakeClair(updates=None)).identity()
    assert (said.database, said.database_date) == ("", "")


def test_another_server_is_no_clair(serve):
    class Nothing(FakeClair):
        def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
            return 404, b""

    with pytest.raises(BundlerError), serve(Nothing()):
        pass
    with pytest.raises(Misuse), Clair("http://127.0.0.1:6060"):
        pass


def test_a_clair_that_does_not_run_is_named():
    url = f"http://127.0.0.1:{free_port()}"
    with raises(Unavailable, code="connection-refused") as caught, Clair(url, "127.0.0.1:5000"):
        pass
    assert values_in(caught.value.hint) == {"url": url}
