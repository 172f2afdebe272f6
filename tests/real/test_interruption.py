"""Stopping a run: Ctrl-C and SIGTERM end it soon, nothing looks finished, and the same command does the whole again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.support.images import simple
from tests.support.servers import Front

IMAGE = simple("slow", 3_000_000)
SECONDS_TO_END = 100
"""Far above the two that it takes; a run that waits for the network would take a minute."""


@pytest.fixture
def stalled(new_registry):
    """A registry whose layers stop coming in the middle, and an event that tells when one did."""
    registry = new_registry()
    IMAGE.push(registry, "a/slow", "1")
    reached, released = threading.Event(), threading.Event()

    def stall(front, request) -> bool:
        is_blob = "/blobs/" in request.path and request.command in ("GET", "PUT")
        if not is_blob or released.is_set():
            return False
        if request.command == "GET":
            status, headers, content = front.ask(request)
            if len(content) < 1_000_000:
                front.send(request, status, headers, content)
                return True
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(content[:1_500_000])
        reached.set()
        released.wait(10 * SECONDS_TO_END)
        request.close_connection = True
        return True

    front = Front(registry, [stall]).start()
    yield front, reached, released
    released.set()
    front.stop()


def start(*arguments: str, **options: object) -> subprocess.Popen:
    """Starts the command so that it hears Ctrl-C, also if the tests run in the background without it."""
    command = [sys.executable, "-m", "bundler", *arguments]
    hear = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=hear, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("form", ["tar", "7z"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_export_that_is_stopped_ends_soon_and_leaves_nothing_that_looks_finished(
    bundler, stalled, keys, tmp_path, number, form
):
    front, reached, released = stalled
    export = ["export", f"docker://{front.host}/a/slow:1", "--name", "test", "-o", str(tmp_path), "--key", str(keys[0])]
    export += ["--format", form]
    process = start(*export, text=True)
    assert reached.wait(SECONDS_TO_END)
    process.send_signal(number)
    _, reported = process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == 130
    assert "run the same command again" in reported
    assert "Traceback" not in reported
    assert not (tmp_path / "test").exists()
    checked = bundler("verify", tmp_path, "--trust", keys[1])
    assert (checked.code, "not finished" in checked.err) == (9, True)
    released.set()
    assert bundler(*export).code == 0
    assert bundler("verify", tmp_path / "test", "--trust", keys[1]).code == 0
    assert not (tmp_path / "test.partial").exists()


def test_an_import_that_is_stopped_has_moved_no_tag_and_goes_on(bundler, stalled, target, keys, tmp_path):
    front, reached, released = stalled
    released.set()
    export = ["export", f"docker://{front.host}/a/slow:1", "--name", "test", "-o", tmp_path, "--key", keys[0]]
    assert bundler(*export).code == 0
    reached.clear()
    released.clear()
    front.registry = target
    bring = ["import", str(tmp_path / "test"), "--trust", str(keys[1]), "--to", front.host]
    bring += ["--metrics", str(tmp_path / "import.prom")]
    process = start(*bring, stdout=subprocess.DEVNULL)
    assert reached.wait(SECONDS_TO_END)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS_TO_END)
    assert process.returncode == 130
    assert target.tags == {}
    figures = (tmp_path / "import.prom").read_text()
    assert 'bundler_last_run_exit_code{task="import",command="import"} 130\n' in figures
    assert 'bundler_registry_responses{task="import",command="import",code="202"}' in figures
    assert "_last_success_" not in figures
    (receipt,) = (Path(os.environ["HOME"]) / ".local/state/bundler/receipts").glob("*.json*")
    reported = json.loads(receipt.read_text())
    assert (receipt.suffix, reported["exitCode"], reported["targets"][0]["images"][0]["outcome"]) == (
        ".json",
        130,
        "unfinished",
    )
    released.set()
    assert bundler(*bring).code == 0
    assert target.tags == {"a/slow": ["1"]}
    figures = (tmp_path / "import.prom").read_text()
    assert (
        f'bundler_import_last_success_timestamp_seconds{{task="import",target="{front.host}",bundle="test"}}' in figures
    )


def test_a_folder_with_something_foreign_in_it_is_not_taken_over(bundler, origin, keys, image_list, tmp_path):
    foreign = tmp_path / "test.partial/thesis.doc"
    foreign.parent.mkdir()
    foreign.write_text("two years of work")
    done = bundler("export", image_list(origin, "library/oci:1"), "-o", tmp_path, "--key", keys[0])
    assert (done.code, "thesis.doc" in done.err) == (2, True)
    assert foreign.read_text() == "two years of work"
