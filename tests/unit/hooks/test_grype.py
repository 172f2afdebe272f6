"""Grype as a program. It is in no package registry, so a script answers as its sources say; it notes how it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.core.scan import State
from bundler.errors import Misuse, Unavailable
from bundler.hooks.grype import Grype
from tests.support.images import artifact, simple
from tests.support.scanning import image_subject
from tests.unit.hooks.test_reports import grype as report

# cmd/grype/cli/commands of anchore/grype: version -o json, db status -o json (exit 1 with an error in it), IMAGE -o json
SCRIPT = """\
#!/bin/sh
here=$(dirname "$0")
case "$*" in
"version --output=json") echo '{"application":"grype","version":"0.104.0","supportedDbSchema":6}' ;;
"db status --output=json") cat "$here/status"; exit $(cat "$here/status.code") ;;
oci-dir:*) env > "$here/env"; ls -d "${1#oci-dir:}"/blobs/sha256/* > "$here/blobs"; cat "$here/report"; exit $(cat "$here/code") ;;
registry:*) echo "$1" > "$here/asked"; cat "$here/report" ;;
*) exit 9 ;;
esac
"""
VALID = {"schemaVersion": "v6.0.2", "built": "2026-11-28T04:00:00Z", "path": "/x", "valid": True}


@pytest.fixture
def program(tmp_path) -> Callable[..., Path]:
    def write(report: bytes = b"", *, code: int = 0, status: object = VALID, status_code: int = 0) -> Path:
        path = tmp_path / "grype"
        path.write_text(SCRIPT)
        path.chmod(0o755)
        (tmp_path / "report").write_bytes(report)
        (tmp_path / "code").write_text(str(code))
        (tmp_path / "status").write_text(json.dumps(status))
        (tmp_path / "status.code").write_text(str(status_code))
        for name in ("env", "blobs", "asked"):
            (tmp_path / name).touch()
        return path

    return write


@pytest.fixture
def engine(program, tmp_path, monkeypatch) -> Callable[..., Grype]:
    # the script writes next to itself, outside of where a scanner may write
    monkeypatch.setattr("bundler.hooks.programs._NULL", tmp_path)

    def make(*arguments: object, registry: str | None = None, **more: object) -> Grype:
        return Grype(program(*arguments, **more), tmp_path / "db", registry)

    return make


IMAGE = simple("one")
CONFIG = json.loads(IMAGE.content)["config"]["digest"]


def for_image(**changes: object) -> bytes:
    return report(source={"type": "image", "target": {"imageID": CONFIG}}, **changes)


def test_it_scans_a_layout_offline(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("GRYPE_DB_AUTO_UPDATE", "true")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    assert engine(for_image()).scan(image_subject(IMAGE)).state is State.FOUND
    got = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert got["GRYPE_DB_AUTO_UPDATE"] == got["GRYPE_DB_VALIDATE_AGE"] == got["GRYPE_CHECK_FOR_APP_UPDATE"] == "false"
    assert got["GRYPE_DB_CACHE_DIR"] == str(tmp_path / "db")
    assert "HTTPS_PROXY" not in got
    names = {Path(line).name for line in (tmp_path / "blobs").read_text().split()}
    assert names == {digest.removeprefix("sha256:") for digest in IMAGE.all_blobs()}


def test_it_takes_an_image_from_the_registry(engine, tmp_path):
    subject = image_subject(IMAGE, "docker.io/library/nginx:1")
    assert engine(for_image(matches=[]), registry="127.0.0.1:5000").scan(subject).state is State.CLEAN
    asked = f"registry:127.0.0.1:5000/docker.io/library/nginx@{IMAGE.digest}\n"
    assert (tmp_path / "asked").read_text() == asked


def test_its_failures_are_no_pass(engine):
    assert engine(for_image(), code=1).scan(image_subject(IMAGE)).state is State.ERROR
    assert engine(b"").scan(image_subject(IMAGE)).state is State.ERROR
    chart = image_subject(artifact("chart"))
    assert engine(for_image()).scan(chart).state is State.ERROR  # the report is about another one


def test_it_needs_a_valid_database(engine):
    said = engine().identity()
    assert (said.version, said.database_date) == ("0.104.0", "2026-11-28T04:00:00Z")
    with pytest.raises(Misuse) as caught:
        engine(status={"error": "database does not exist", "valid": False}, status_code=1).identity()
    assert caught.value.code == "scanner-database"
    with pytest.raises(Unavailable):
        engine(status="").identity()
