"""The doctor before an export: a real registry, the limits that Docker Hub states, the key, the room. No pull is counted."""

from __future__ import annotations

import email.utils
import os
import time
from pathlib import Path

import pytest

from tests.support.images import simple
from tests.support.parts import RealRegistry

SOURCE = ["proxy", "name", "tcp", "tls", "registry", "clock", "credentials", "pull", "limit"]
OWN = ["key", "trust", "par2"]


@pytest.fixture
def listed(tmp_path: Path, target: RealRegistry):
    """Writes a list of images of a host."""
    for tag in ("1", "2", "3"):
        simple(f"app {tag}").push(target, "team/app", tag)
    simple("other").push(target, "team/other", "1")

    def write(host: str, *more: str) -> Path:
        names = [f"{host}/team/app:{tag}" for tag in ("1", "2", "3")] + [f"{host}/team/other:1", *more]
        path = tmp_path / "images.yaml"
        path.write_text("name: first\nimages:\n" + "".join(f"- {name}\n" for name in names))
        return path

    return write


@pytest.fixture
def doctor(here):
    """Runs the doctor; the checks by their names."""

    def run(*arguments: object, code: int = 0):
        ran = here("doctor", "--json", *arguments)
        assert ran.code == code, ran.out + ran.err
        return {check["name"]: check for check in ran.json["checks"]}

    return run


def states(checks, *names: str) -> list[str]:
    return [checks[name]["state"] for name in names]


def stating(limit: str):
    """A fault: the answers state a limit for pulls, and each request for a manifest is noted."""

    def answer(front, request) -> bool:
        status, headers, content = front.ask(request)
        if "/manifests/" in request.path:
            headers |= {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": limit}
        front.send(request, status, {name: value for name, value in headers.items() if name != "Date"}, content)
        return True

    return answer


def test_all_that_an_export_needs_is_ok_and_nothing_was_pulled_or_written(
    doctor, listed, target, fronts, keys, tmp_path
):
    front = fronts(target, stating("76;w=21600"))
    images = listed(front.host)
    found = doctor(images, "--key", keys[0])
    assert [name for name in found if found[name]["about"] == front.host] == SOURCE
    assert set(states(found, *SOURCE)) == {"ok"}
    assert states(found, "key", "trust") == ["ok", "ok"]
    assert found["pull"]["found"] == "2 of 4 images were asked for: all there"
    assert found["limit"]["found"] == "76 of 100 pulls in 6 hours are left"
    assert front.count("GET", "/manifests/") == 0

    (tmp_path / "out").mkdir()
    planned = doctor(images, "-o", tmp_path / "out", "--key", keys[0])
    assert states(planned, "space", "files", "plan") == ["ok", "ok", "ok"]
    assert planned["plan"]["found"].startswith("4 images need ")
    assert list((tmp_path / "out").iterdir()) == []


def test_pulls_that_are_not_enough_are_a_warning_and_none_is_a_failure(doctor, listed, target, fronts, here):
    few = doctor(listed(fronts(target, stating("3;w=21600")).host))
    assert (few["limit"]["state"], few["limit"]["error"]["message"]) == (
        "warn",
        "fewer pulls are left than the 4 images need",
    )
    assert "docker login" in few["limit"]["error"]["hint"]
    none = fronts(target, stating("0;w=21600"))
    assert doctor(listed(none.host), code=7)["limit"]["state"] == "fail"
    for limit in ("", "many", "-1", "9" * 30):
        assert doctor(f"docker://{fronts(target, stating(limit)).host}/team/app:1")["limit"]["state"] == "ok"


def test_an_image_that_is_not_there_is_named_and_nothing_is_planned(doctor, listed, target, tmp_path):
    found = doctor(listed(target.host, f"{target.host}/team/none:1"), "-o", tmp_path, code=6)
    assert (found["pull"]["state"], found["pull"]["error"]["subject"]) == ("fail", f"{target.host}/team/none:1")
    assert states(found, "limit", "plan", "space") == ["skipped", "skipped", "ok"]


def test_a_slow_clock_a_wrong_key_a_missing_daemon_and_a_closed_folder_are_found(bundler, listed, target, fronts, keys):
    def early(front, request) -> bool:
        status, headers, content = front.ask(request)
        request.date_time_string = lambda: email.utils.formatdate(time.time() + 600, usegmt=True)
        front.send(request, status, {name: value for name, value in headers.items() if name != "Date"}, content)
        return True

    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    images = listed(fronts(target, early).host, "docker-daemon:app:1")
    os.chmod(keys[0], 0o644)
    ran = bundler("doctor", images, "--key", keys[0], "-o", "/proc", "--json", environment=nowhere)
    assert ran.code == 2, ran.out
    found = {check["name"]: check for check in ran.json["checks"]}
    assert states(found, "clock", "docker", "key", "space") == ["fail"] * 4
    assert found["clock"]["error"]["code"] == "clock-skew"
    assert found["key"]["error"]["code"] == "key-not-private"
    assert found["plan"]["state"] == "skipped"


def test_a_bundle_without_room_and_a_key_on_its_medium_are_found(doctor, listed, target, keys, tmp_path, monkeypatch):
    monkeypatch.setattr("bundler.exporting.planned.check_space", _no_room)
    found = doctor(listed(target.host), "-o", tmp_path, code=8)
    assert found["plan"]["error"]["code"] == "no-space"
    (tmp_path / "medium").mkdir()
    key = keys[0].rename(tmp_path / "medium" / "tester.key")
    assert doctor(listed(target.host), "-o", tmp_path / "medium", "--key", key, code=2)["key"]["state"] == "fail"


def _no_room(folder: Path, size_bytes: int) -> None:
    from bundler.core.advice import problem

    raise problem("no-space", subject=str(folder), expected=f"{size_bytes}")


def test_flags_of_an_export_need_a_list_and_both_sides_can_be_checked_at_once(
    here, doctor, listed, target, keys, monkeypatch
):
    assert here("doctor", "--key", keys[0]).code == 2
    monkeypatch.setenv("BUNDLER_KEY", str(keys[0]))
    assert doctor("--to", target.host)["push"]["state"] == "ok"
    both = here("doctor", listed(target.host), "--to", target.host)
    assert (both.code, f"{target.host}\n" in both.out, "push" in both.out) == (0, True, True)
