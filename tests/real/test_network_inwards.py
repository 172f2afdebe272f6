"""Faults of the network on the way into a registry: what is mended is sent once more, and all other faults are reported."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.run import RetryPolicy
from bundler.stores import http as http_client
from bundler.system import stalls
from tests.conftest import Ran
from tests.support.faults import answer, body_of, hang, reset, times
from tests.support.images import simple
from tests.support.parts import RealRegistry
from tests.support.servers import Front

BIG = simple("big", 2_500_000)
OTHER = simple("other")
LAYER, LAYER_BYTES = max(BIG.blobs.items(), key=lambda blob: len(blob[1]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A bundle of a large image and a small one, made of a layout."""
    from bundler import cli

    folder = tmp_path_factory.mktemp("layout")
    BIG.write_layout(folder, "registry.example/a/big:1")
    OTHER.write_layout(folder, "registry.example/a/other:1")
    assert cli.run(["export", f"oci:{folder}", "--name", "test", "-o", str(folder), "--unsigned", "-q"]) == 0
    return folder / "test"


@pytest.fixture
def front(target) -> Iterator[Front]:
    front = Front(target).start()
    yield front
    front.stop()


@pytest.fixture
def bring(here, bundle, front) -> Callable[..., Ran]:
    def run(*faults) -> Ran:
        front.faults = list(faults)
        return here("import", bundle, "--insecure-no-signature", "--to", front.host)

    return run


def is_upload(request) -> bool:
    """The end of the upload of the large layer."""
    return request.command == "PUT" and LAYER.replace(":", "%3A") in request.path


def has_all(target: RealRegistry) -> bool:
    return target.get("a/big/manifests/1") == BIG.content and target.get(f"a/big/blobs/{LAYER}") == LAYER_BYTES


def reset_at(bytes_read: int):
    def fault(front, request) -> bool:
        body_of(request, bytes_read)
        reset(request)
        return True

    return fault


@pytest.mark.parametrize("read", [0, 1, 1 << 20, len(LAYER_BYTES) - 1, len(LAYER_BYTES)])
def test_N09_an_upload_that_is_reset_at_any_byte_is_sent_once_more(bring, front, target, read):
    done = bring(times(1, reset_at(read), is_upload))
    assert done.code == 0, done.out + done.err
    assert has_all(target)
    assert sum(is_upload_of(LAYER, each) for each in front.requests) == 2
    assert "1 retry" in done.err


def is_upload_of(digest: str, request: tuple[str, str]) -> bool:
    return request[0] == "PUT" and digest.replace(":", "%3A") in request[1]


def test_T08_a_registry_that_is_killed_in_mid_upload_and_started_again_gets_that_blob_once_more(bring, front, target):
    is_up = threading.Event()
    is_up.set()

    def held(front, request) -> bool:
        """Requests of that time wait, as pauses are not waited for here."""
        is_up.wait(300)
        return False

    def killed(front, request) -> bool:
        half = body_of(request, len(LAYER_BYTES) // 2)
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=100)
        connection.putrequest("PUT", request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders(half)
        is_up.clear()
        target.kill()
        connection.close()
        target.start()
        is_up.set()
        reset(request)
        return True

    port = target.port
    done = bring(held, times(1, killed, is_upload))
    assert target.port == port
    assert done.code == 0, done.out + done.err
    assert has_all(target)
    sent = [path for method, path in front.requests if method == "PUT" and "/uploads/" in path]
    assert len(sent) <= len(BIG.blobs) + len(OTHER.blobs) + 8, "what was on its way, once more"
    assert sum(is_upload_of(LAYER, each) for each in front.requests) == 2


def test_N12_an_upload_that_nobody_reads_is_given_up_and_sent_once_more(bring, front, target, ended, monkeypatch):
    monkeypatch.setattr(stalls, "STALL_SECONDS", 2.0)
    done = bring(times(1, hang(ended), is_upload))
    assert done.code == 0, done.out + done.err
    assert has_all(target)
    assert "too slow" in done.err or "no answer in time" in done.err


def test_a_registry_that_puts_away_what_it_was_sent_gets_time_for_its_size(bring, front, target, ended, monkeypatch):
    """Storage in clouds copies a blob before the registry answers, for minutes where it is large."""
    monkeypatch.setattr(stalls, "STALL_SECONDS", 3.0)
    monkeypatch.setattr(http_client, "STORING_BYTES_PER_SECOND", len(LAYER_BYTES) // 30)

    def slow(front, request) -> bool:
        status, headers, content = front.ask(request)
        ended.wait(4.0)
        front.send(request, status, headers, content)
        return True

    done = bring(times(1, slow, is_upload))
    assert done.code == 0, done.out + done.err
    assert sum(is_upload_of(LAYER, each) for each in front.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_N08_an_upload_that_fails_for_a_while_is_started_again(bring, target, method, status):
    done = bring(times(2, answer(status, {}), lambda r: r.command == method and "/uploads/" in r.path))
    assert done.code == 0, done.out + done.err
    assert has_all(target)


def error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


FOR_GOOD = {
    "no space left": (answer(500, {}, error("UNKNOWN", "write: no space left on device")), 3, "the registry's disk is full"),
    "507": (answer(507, {}), 3, "the registry's disk is full"),
    "denied": (answer(403, {}, error("DENIED", "no")), 3, "denies access"),
    "a redirect": (answer(307, {"Location": "https://cdn.example/x?secret=1"}), 3, "https://cdn.example/x, which is not"),
    "a page with 200": (answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>"), 3, "not a registry's answer"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "code", "reported"), FOR_GOOD.values(), ids=FOR_GOOD)
def test_T09_an_upload_that_is_refused_is_reported_and_not_sent_again(bring, front, target, fault, code, reported):
    done = bring(times(99, fault, is_upload))
    assert done.code == code, done.out + done.err
    assert reported in done.out
    assert "secret" not in done.out + done.err
    assert sum(is_upload_of(LAYER, each) for each in front.requests) == 1
    assert target.tags == {"a/other": ["1"]}, "the other image arrived, and no tag moved for this one"


@pytest.mark.parametrize("page", [b"", b"<html>nginx</html>"], ids=["nothing", "a page"])
def test_T09_a_registry_that_takes_no_body_at_all_is_reported_after_pieces_were_tried(bring, front, target, page):
    def too_large(front, request) -> bool:
        is_piece = request.command == "PATCH" and "a/big" in request.path
        return (is_piece or is_upload(request)) and answer(413, {"Content-Type": "text/html"}, page)(front, request)

    done = bring(too_large)
    assert done.code == 3, done.out + done.err
    assert "client_max_body_size" in done.out
    assert sum(is_upload_of(LAYER, each) for each in front.requests) == 1
    assert 1 < front.count("PATCH", "") < 12, "halved each time"
    assert target.tags == {"a/other": ["1"]}


LOCATIONS = {
    "none": (202, {}, 3, "202"),
    "no address": (202, {"Location": "http://[bad/"}, 3, "an invalid address"),
    "another scheme": (202, {"Location": "ftp://127.0.0.1/x"}, 3, "an invalid address"),
    "a file": (202, {"Location": "file:///etc/passwd"}, 3, "an invalid address"),
    "another port": (202, {"Location": "http://127.0.0.1:9/x"}, 3, "--allow-upload-host 127.0.0.1:9"),
    "201 that nobody asked for": (201, {}, 3, "201"),
    "204": (204, {}, 3, "204"),
}


@pytest.mark.parametrize(("status", "headers", "code", "reported"), LOCATIONS.values(), ids=LOCATIONS)
def test_an_upload_that_begins_wrongly_is_reported_and_nothing_is_sent(
    bring, front, target, status, headers, code, reported
):
    done = bring(times(99, answer(status, headers), lambda r: r.command == "POST" and "a/big" in r.path))
    assert done.code == code, done.out + done.err
    assert reported in done.out
    assert not [each for each in front.requests if is_upload_of(LAYER, each)]
    assert target.tags == {"a/other": ["1"]}


def is_question_for_layer(request) -> bool:
    return request.command in ("HEAD", "GET") and f"/blobs/{LAYER}" in request.path


def sent(front: Front) -> int:
    return sum(is_upload_of(LAYER, each) for each in front.requests)


def test_A7_an_upload_answered_201_and_then_404_is_sent_again_and_moves_no_tag(bring, front, target):
    done = bring(times(99, answer(404, {}), is_question_for_layer))
    assert done.code == 3, done.out + done.err
    assert "explain not-kept" in done.out
    assert target.tags == {"a/other": ["1"]}
    assert sent(front) == RetryPolicy().attempts


def test_A7_an_upload_that_is_lost_once_arrives_with_the_next_one(bring, front, target):
    done = bring(times(2, answer(404, {}), is_question_for_layer))
    assert done.code == 0, done.out + done.err
    assert has_all(target)


def test_A7_a_manifest_answered_201_and_then_404_moves_no_tag(here, bundle, front, target):
    """A tag that is there is not given to a manifest that the registry may lose; see the next test for new tags."""
    theirs = simple("theirs")
    theirs.push(target, "a/big", "1")
    front.faults = [times(99, answer(404, {}), lambda r: r.command in ("HEAD", "GET") and BIG.digest in r.path)]
    words = ("import", bundle, "--insecure-no-signature", "--to", front.host, "--on-conflict")
    done = here(*words, "replace")
    assert done.code == 3, done.out + done.err
    assert "explain not-kept" in done.out
    assert target.get("a/big/manifests/1") == theirs.content
    assert front.count("PUT", "a/big/manifests/1") == 0


def is_question_for_tag(request) -> bool:
    return request.command in ("HEAD", "GET") and request.path.endswith("a/big/manifests/1")


def test_A7_a_new_tag_answered_201_and_then_404_is_a_failure(bring, front):
    done = bring(times(99, answer(404, {}), is_question_for_tag))
    assert done.code == 3, done.out + done.err
    assert "explain not-kept" in done.out
    assert front.count("PUT", "a/big/manifests/1") == RetryPolicy().attempts


def test_a_tag_with_an_empty_manifest_gets_it_again(bring, front, target):
    """As a power cut leaves it: the registry knows the digest of the tag, and has lost the bytes."""
    by_digest = ("PUT", f"a/big/manifests/{BIG.digest}")
    empty = answer(200, {"Docker-Content-Digest": BIG.digest})
    done = bring(times(99, empty, lambda request: is_question_for_tag(request) and not front.count(*by_digest)))
    assert done.code == 0, done.out + done.err
    assert front.count(*by_digest) == 1
    assert has_all(target)


def test_a_new_tag_comes_with_its_manifest_after_all_blobs_were_asked_for(bring, front, target):
    assert bring().code == 0
    assert has_all(target)
    pushed = [path for method, path in front.requests if method == "PUT" and "a/big/manifests/" in path]
    assert pushed == ["/v2/a/big/manifests/1"]
    before = front.requests[: front.requests.index(("PUT", "/v2/a/big/manifests/1"))]
    assert {("HEAD", f"/v2/a/big/blobs/{digest}") for digest in BIG.blobs} <= set(before)


@pytest.mark.parametrize("flag", ["--all-or-nothing", "--fail-fast", "--verify-target"])
def test_no_new_tag_comes_before_all_manifests_where_images_need_each_other(here, bundle, front, flag):
    words = ("import", bundle, "--insecure-no-signature", "--to", front.host)
    assert here(*words, flag).code == 0
    pushed = [path.rpartition("/")[2] for method, path in front.requests if method == "PUT" and "/manifests/" in path]
    assert sorted(pushed[:2]) == sorted((BIG.digest, OTHER.digest))
    assert pushed[2:] == ["1", "1"]


def test_A7_a_tag_that_is_there_in_another_length_is_not_there_already(bring, front, target):
    assert bring().code == 0
    front.requests.clear()
    assert bring().code == 0
    assert front.count("PUT", "/manifests/") == 0, "what is there is not sent again"

    def short(front, request) -> bool:
        status, headers, _ = front.ask(request)
        front.send(request, status, {**headers, "Content-Length": "7"}, b"")
        return True

    done = bring(times(1, short, lambda r: r.command == "HEAD" and "a/big/manifests/1" in r.path))
    assert done.code == 0, done.out + done.err
    assert front.count("PUT", "a/big/manifests/") > 0


def test_A7_a_mount_answered_201_and_then_404_is_sent(bring, front, target):
    """A repository that likely has nothing is asked to mount from itself what it may have."""
    fault = times(99, answer(201, {}), lambda r: r.command == "POST" and "mount=" in r.path)
    done = bring(fault)
    assert done.code == 0, done.out + done.err
    assert has_all(target)


def signed_storage(front, request) -> bool:
    """Storage in clouds signs an address for one method."""
    if "signed=GET" in request.path and request.command != "GET":
        return answer(403, {"Content-Type": "application/xml"}, b"<?xml ?><Error/>")(front, request)
    is_question = request.command in ("HEAD", "GET") and (LAYER in request.path or "/manifests/" in request.path)
    if "signed=GET" in request.path or not is_question:
        return False
    return answer(307, {"Location": f"{request.path}?signed=GET"})(front, request)


def without_length(front, request) -> bool:
    if request.command != "HEAD":
        return False
    status, headers, _ = front.ask(request)
    kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    front.send(request, status, kept, b"")  # its length says 0
    return True


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([signed_storage], id="redirected to an address for GET"),
        pytest.param([without_length], id="length 0"),
        pytest.param([times(99, answer(405, {}), is_head := lambda r: r.command == "HEAD")], id="405"),
        pytest.param([times(99, answer(501, {}), is_head)], id="501"),
    ],
)
def test_C2_what_head_does_not_tell_is_asked_by_a_get_of_one_byte(bring, front, target, faults):
    for _ in range(2):
        done = bring(*faults)
        assert done.code == 0, done.out + done.err
        assert has_all(target)
    assert sent(front) == 1


def test_C2_a_blob_that_is_not_there_is_not_taken_for_one_where_head_does_not_tell(bring, front, target):
    missing = times(99, answer(404, {}), lambda r: f"{LAYER}?signed=GET" in r.path and r.command == "GET")
    done = bring(missing, signed_storage)
    assert done.code == 3
    assert target.tags == {"a/other": ["1"]}


def test_C4_a_connection_that_is_reset_in_every_large_body_is_met_with_pieces(bring, front, target):
    """As nginx does where the client still sends when it has waited long enough (lingering_close)."""

    def limited(front, request) -> bool:
        if int(request.headers.get("Content-Length") or 0) <= 1 << 20:
            return False
        body_of(request, 300_000)
        reset(request)
        return True

    done = bring(limited)
    assert done.code == 0, done.out + done.err
    assert has_all(target)
    assert sent(front) == 3, "two whole ones, and the end of the pieces"
    assert front.count("PATCH", "a/big") == 3


def test_C4_a_connection_that_is_reset_once_is_no_limit(bring, front, target):
    def once(front, request) -> bool:
        body_of(request, 300_000)
        reset(request)
        return True

    done = bring(times(1, once, is_upload))
    assert done.code == 0, done.out + done.err
    assert (sent(front), front.count("PATCH", "")) == (2, 0)


def test_C4_a_warning_of_the_registry_is_shown_once(bring, front):
    def warning(front, request) -> bool:
        status, headers, content = front.ask(request)
        front.send(request, status, {**headers, "Warning": '299 - "this registry goes away in May"'}, content)
        return True

    done = bring(warning)
    assert done.code == 0
    assert done.err.count("this registry goes away in May") == 1


def test_C4_roots_of_sha512_are_reported_once_and_not_sent_again(here, front, target, tmp_path):
    folder = tmp_path / "layout"
    for name, place in (("one", "a/long:1"), ("two", "a/long:2"), ("three", "a/three:1")):
        simple(name).write_layout(folder, f"registry.example/{place}")
    index = json.loads((folder / "index.json").read_text())
    (folder / "blobs/sha512").mkdir()
    for entry in index["manifests"][:2]:
        content = (folder / "blobs" / entry["digest"].replace(":", "/")).read_bytes()
        entry["digest"] = f"sha512:{hashlib.sha512(content).hexdigest()}"
        (folder / "blobs" / entry["digest"].replace(":", "/")).write_bytes(content)
    (folder / "index.json").write_text(json.dumps(index))
    assert here("export", f"oci:{folder}", "--name", "test", "-o", tmp_path, "--unsigned").code == 0
    done = here("import", tmp_path / "test", "--insecure-no-signature", "--to", front.host, "--jobs", "1")
    assert done.code == 3
    assert "explain digest-unsupported" in done.out
    assert target.tags == {"a/three": ["1"]}
    assert front.count("PUT", "/manifests/sha512:") == 1


def test_a_registry_that_says_it_took_a_blob_and_did_not_gets_no_tag(bring, front, target):
    done = bring(times(99, answer(201, {}), is_upload))
    assert done.code == 3
    assert target.tags == {"a/other": ["1"]}


def test_N08_a_target_that_fails_for_ever_is_exit_7_after_bounded_tries(bring, front, target):
    done = bring(answer(503, {}))
    assert done.code == 7
    assert len(front.requests) <= 3 * RetryPolicy().attempts
    assert target.tags == {}
