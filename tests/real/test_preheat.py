"""``import --preheat``: after the tags, bounded, and without consequences for the import."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support import images
from tests.support.parts import RealRegistry, free_port
from tests.support.preheats import DragonflyManager, HarborPreheats, Jobs, states
from tests.support.servers import Front
from tests.support.tables import each_case

NAMES = {"quay.io/team/app:1": images.simple("app"), "quay.io/other/tool:2": images.simple("tool")}
TOKEN = "dragonfly-token-4711"
POLICY = {"name": "all-nodes", "enabled": True}


@pytest.fixture
def sealed(here, keys, tmp_path) -> Path:
    for name, image in NAMES.items():
        image.write_layout(tmp_path / "layout", name)
    done = here("export", f"oci:{tmp_path}/layout", "--name", "b", "-o", tmp_path, "--key", keys[0], "-q")
    assert done.code == 0, done.err
    return tmp_path / "b"


@pytest.fixture
def token(tmp_path) -> Path:
    path = tmp_path / "token.txt"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def import_(here, keys, sealed, tmp_path):
    numbers = iter(range(100))

    def run(*options):
        receipt = tmp_path / f"receipt-{next(numbers)}.json"
        done = here("import", sealed, "--trust", keys[1], "--receipt", receipt, *options)
        assert TOKEN not in done.out + done.err
        return done, json.loads(receipt.read_text())["preheats"] if receipt.exists() else None

    return run


def test_harbor_runs_the_policies_of_the_projects_that_got_images(import_, here, fronts, target, waits, tmp_path):
    fake = HarborPreheats({"team": [POLICY, {"name": "off", "enabled": False}], "other": [POLICY], "third": [POLICY]})
    front = fronts(target, fake)
    done, (preheated,) = import_("--to", front.host, "--preheat", f"harbor=http://{front.host}")
    assert done.code == 0, done.err
    assert f"harbor=http://{front.host}: 2 done" in done.out
    assert sorted(fake.ran) == [("other", "all-nodes"), ("team", "all-nodes")]
    assert preheated == {"service": f"harbor=http://{front.host}", "done": 2, "running": 0, "failures": 0, "failed": []}
    tags = [
        number
        for number, (method, path) in enumerate(front.requests)
        if method == "PUT" and path.endswith(("/1", "/2"))
    ]
    orders = [number for number, (method, path) in enumerate(front.requests) if "/preheat/" in path]
    assert len(tags) == 2
    assert max(tags) < min(orders)
    shown = here("receipt", "show", next(tmp_path.glob("receipt-*.json")))
    assert "2 done" in shown.out


def test_the_same_command_again_asks_again(import_, fronts, target, waits):
    fake = HarborPreheats({})
    front = fronts(target, fake)
    options = ("--to", front.host, "--preheat", f"harbor=http://{front.host}")
    done, (preheated,) = import_(*options)
    assert (done.code, preheated["failures"]) == (0, 2)
    assert "no enabled policy" in done.err
    fake.policies.update({"team": [POLICY], "other": [POLICY]})
    done, (preheated,) = import_(*options)
    assert (done.code, preheated["done"], len(fake.ran)) == (0, 2, 2)


def test_harbor_gets_the_login_of_its_registry(import_, fronts, target, waits, monkeypatch, tmp_path):
    fake = HarborPreheats({"team": [POLICY], "other": [POLICY]}, login=("robot", "s3cret"))
    front = fronts(target, fake)
    options = ("--to", front.host, "--preheat", f"harbor=http://{front.host}")
    done, (preheated,) = import_(*options)
    assert (done.code, preheated["failures"], "401 unauthorized" in done.err) == (0, 2, True)
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {front.host: {"auth": "cm9ib3Q6czNjcmV0"}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    done, (preheated,) = import_(*options)
    assert (done.code, preheated["done"]) == (0, 2)


def test_dragonfly_gets_a_job_for_each_image_with_its_token(import_, fronts, target, waits, token, tmp_path):
    fake = DragonflyManager(TOKEN)
    front = fronts(target, fake)
    (tmp_path / "pull.txt").write_text("puller:only-pull\n")
    done, (preheated,) = import_(
        "--to", f"{target.host}/mirror", "--preheat", f"dragonfly=http://{front.host}",
        "--preheat-token-file", token, "--preheat-pull-login", tmp_path / "pull.txt", "--json",
    )  # fmt: skip
    assert (done.code, preheated["done"]) == (0, 2)
    assert done.json["preheats"] == [preheated]
    assert sorted(each["args"]["url"] for each in fake.asked) == [
        f"http://{target.host}/v2/mirror/other/tool/manifests/2",
        f"http://{target.host}/v2/mirror/team/app/manifests/1",
    ]
    assert {(each["args"]["username"], each["args"]["password"]) for each in fake.asked} == {("puller", "only-pull")}


def test_a_preheat_that_fails_or_runs_on_changes_nothing_about_the_import(import_, fronts, target, waits, token):
    failing = fronts(target, DragonflyManager(TOKEN, Jobs(states("PENDING", "FAILURE"))))
    stranger = fronts(target, DragonflyManager("another-token"))
    endless = fronts(target, DragonflyManager(TOKEN, Jobs(states("PENDING"))))
    error = fronts(target, HarborPreheats({"team": [POLICY], "other": [POLICY]}, jobs=Jobs(states("Error"))))
    services = [f"dragonfly=http://{front.host}" for front in (failing, stranger)]
    services += [f"harbor=http://{error.host}", f"dragonfly=http://127.0.0.1:{free_port()}"]
    flags = [word for service in services for word in ("--preheat", service)]
    done, found = import_("--to", error.host, *flags, "--preheat-token-file", token)
    assert done.code == 0, done.err
    assert [(each["done"], each["running"], each["failures"]) for each in found] == [(0, 0, 2)] * 4
    assert "no space left on the seed peer" in found[2]["failed"][0]["reason"]
    assert done.err.count("the images are at the registry") == 4
    done, (preheated,) = import_(
        "--to",
        error.host,
        "--preheat",
        f"dragonfly=http://{endless.host}",
        "--preheat-token-file",
        token,
        "--preheat-wait",
        0,
    )
    assert (done.code, preheated["running"], preheated["failures"]) == (0, 2, 0)


def always(status: int, headers: dict[str, str], content: bytes) -> Callable[[Front, BaseHTTPRequestHandler], bool]:
    """Answers every request in one way."""

    def answer(front: Front, request: BaseHTTPRequestHandler) -> bool:
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        front.send(request, status, headers, content)
        return True

    return answer


PAGE = always(200, {"Content-Type": "text/html"}, b"<html>log in</html>")
HOSTILE = {
    "endless": (always(200, {}, b"[" + b" " * (2 << 20) + b"]"), "too long"),
    "page": (PAGE, "does not have"),
    "wrong types": (always(200, {}, b'{"id": "../../1", "state": 7}'), "does not have"),
    "busy for a day": (always(429, {"Retry-After": "86400"}, b""), "asks to wait"),
}


@each_case("hostile, words", list(HOSTILE.values()), ids=str)
def test_hostile_answers_are_failures_and_nothing_else(import_, new_registry, fronts, waits, token, hostile, words):
    target: RealRegistry = new_registry()
    front = fronts(target, hostile)
    flags = ("--preheat", f"dragonfly=http://{front.host}", "--preheat-token-file", token)
    done, (preheated,) = import_("--to", target.host, *flags)
    assert (done.code, preheated["done"], preheated["failures"]) == (0, 0, 2), done.err
    assert [words in each["reason"] for each in preheated["failed"]] == [True, True], preheated["failed"]
    assert target.tags == {"other/tool": ["2"], "team/app": ["1"]}


def test_no_redirect_leads_to_another_host(import_, fronts, target, waits, token):
    elsewhere = fronts(target, PAGE)
    redirects = always(307, {"Location": f"http://{elsewhere.host}/stolen"}, b"")

    harbor = HarborPreheats({"team": [POLICY]})
    front = fronts(
        target, lambda front, request: request.path.startswith("/api/") and redirects(front, request), harbor
    )
    services = (
        "--preheat",
        f"harbor=http://{front.host}",
        "--preheat",
        f"dragonfly=http://{fronts(target, redirects).host}",
    )
    done, found = import_("--to", front.host, *services, "--preheat-token-file", token)
    assert (done.code, [each["failures"] for each in found], elsewhere.requests) == (0, [2, 2], [])


def test_what_cannot_be_asked_is_refused_before_anything_moves(import_, target, token, tmp_path):
    dragonfly = f"dragonfly=http://127.0.0.1:{free_port()}"
    for options in (
        ("--preheat", "kraken=https://kraken.internal"),
        ("--preheat", "harbor.internal"),
        ("--preheat", "harbor=http://harbor.internal"),  # without TLS
        ("--preheat", "harbor=https://user:secret-word@harbor.internal"),
        ("--preheat", dragonfly),  # without a token
        ("--preheat-token-file", token),  # without a service
        ("--preheat", dragonfly, "--preheat-token-file", tmp_path / "missing"),
    ):
        done, receipt = import_("--to", target.host, *options)
        assert (done.code, receipt, target.tags) == (2, None, {}), options
        assert "secret-word" not in done.err
    done, receipt = import_("--to", f"oci:{tmp_path}/copy", "--preheat", dragonfly, "--preheat-token-file", token)
    assert (done.code, receipt) == (2, None)


def test_a_dry_run_asks_no_service(import_, fronts, target, token):
    fake = DragonflyManager(TOKEN)
    front = fronts(target, fake)
    flags = ("--preheat", f"dragonfly=http://{front.host}", "--preheat-token-file", token, "--dry-run")
    done, _ = import_("--to", target.host, *flags)
    assert (done.code, front.requests) == (0, [])
