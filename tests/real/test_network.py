"""Faults of the network on the way out of a registry, row by row (N of the threat model): what is mended, what is reported.

Most run the command in this process, so that pauses and stalls need not be waited for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from bundler import pace
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.run import RetryPolicy, retrying
from bundler.stores import http
from bundler.stores.hosts import NetworkOptions
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from bundler.system import stalls
from bundler.verified_blob import VerifiedBlob
from tests.conftest import Ran
from tests.support.errors import raises
from tests.support.faults import answer, begin, body_of, cut_after, drip, hang, reset_after, rewritten, times
from tests.support.images import simple
from tests.support.parts import RealRegistry, shell
from tests.support.servers import Front, Server
from tests.unit.runs import run_with

BIG = simple("big", 3_500_000)
LAYER, LAYER_BYTES = max(BIG.blobs.items(), key=lambda blob: len(blob[1]))
DESCRIPTOR = Descriptor("application/octet-stream", Digest.parse(LAYER), len(LAYER_BYTES))
MIB = 1 << 20
CANARY = "canary-5ec2e7"


@pytest.fixture(scope="module")
def holder(tmp_path_factory):
    """A registry that holds one large image. Tests only read from it."""
    registry = RealRegistry(tmp_path_factory.mktemp("holder")).start()
    BIG.push(registry, "a/big", "1")
    yield registry
    registry.stop()


@pytest.fixture
def front(holder) -> Iterator[Front]:
    front = Front(holder).start()
    yield front
    front.stop()


@pytest.fixture
def export(here, front, tmp_path) -> Callable[..., Ran]:
    def run(*more: object, host: str = "", name: str = "a/big:1") -> Ran:
        return here(
            "export", f"docker://{host or front.host}/{name}", "--name", "test", "-o", tmp_path, "--unsigned", *more
        )

    return run


def is_layer(request) -> bool:
    return request.command == "GET" and LAYER in request.path


def is_manifest(request) -> bool:
    return "/manifests/" in request.path


def sealed(tmp_path: Path) -> bool:
    return (tmp_path / "test").exists()


def fetch(front: Front) -> bytes:
    """The layer, as the engine fetches it."""
    source = Repository(Registry(front.host, NetworkOptions()), "a/big")
    run = run_with()

    def once() -> bytes:
        return b"".join(bytes(piece) for piece in VerifiedBlob(DESCRIPTOR, source, run, label="the layer").pieces())

    return retrying(once, run, subject="the layer")


def asked_ranges(front: Front) -> list[str]:
    """Notes the Range of each request for the layer."""
    asked: list[str] = []

    def watch(front, request) -> bool:
        if is_layer(request):
            asked.append(request.headers.get("Range", ""))
        return False

    front.faults.insert(0, watch)
    return asked


# N09: connections that break


@pytest.mark.parametrize("breaks", [cut_after, reset_after], ids=["closed", "reset"])
@pytest.mark.parametrize("sent", [0, 1, 1000, MIB - 1, MIB, MIB + 1, 2_500_000, len(LAYER_BYTES) - 1])
def test_N09_a_reset_at_any_byte_goes_on_where_it_stopped(front, breaks, sent):
    front.faults = [times(1, breaks(sent), is_layer)]
    asked = asked_ranges(front)
    assert hashlib.sha256(fetch(front)).hexdigest() == LAYER.removeprefix("sha256:")
    assert len(asked) == 2
    assert asked[0] == ""
    goes_on = int(asked[1].removeprefix("bytes=").removesuffix("-") or 0)
    assert sent - MIB < goes_on <= sent, "at most 1 MiB is fetched twice"


def test_N09_bytes_that_changed_while_the_connection_was_down_are_found_and_fetched_once_more(front):
    def changed(status, headers, content):
        return status, headers, content[:5] + bytes([content[5] ^ 1]) + content[6:]

    front.faults = [
        times(1, cut_after(2_500_000), is_layer),
        times(1, rewritten(changed), lambda request: "Range" in request.headers),
    ]
    asked = asked_ranges(front)
    assert fetch(front) == LAYER_BYTES
    assert [bool(each) for each in asked] == [False, True, False], "from the beginning, once"


RANGE_ANSWERS = {
    "no other host": lambda s, h, c: (206, {**h, "Content-Range": f"bytes 7-9/{len(LAYER_BYTES)}"}, c),
    "no range stated": lambda s, h, c: (206, {k: v for k, v in h.items() if k != "Content-Range"}, c),
    "several in one body": lambda s, h, c: (
        206,
        {"Content-Type": "multipart/byteranges; boundary=x"},
        b"--x\r\nContent-Range: bytes 0-1/9\r\n\r\n" + c + b"\r\n--x--\r\n",
    ),
    "416": lambda s, h, c: (416, {"Content-Range": "bytes */5"}, b""),
    "garbage": lambda s, h, c: (206, {"Content-Range": "bytes \xb2-\xb2/\xb2"}, c),
}


@pytest.mark.parametrize("change", RANGE_ANSWERS.values(), ids=RANGE_ANSWERS)
def test_N09_a_wrong_answer_to_a_range_is_asked_for_as_a_whole_once(front, change):
    front.faults = [
        times(1, cut_after(2_500_000), is_layer),
        times(99, rewritten(change), lambda request: is_layer(request) and "Range" in request.headers),
    ]
    asked = asked_ranges(front)
    assert fetch(front) == LAYER_BYTES
    assert [bool(each) for each in asked] == [False, True, False]


def test_N09_a_range_of_a_blob_of_another_size_is_damage(export, front, tmp_path):
    def other(status, headers, content):
        return status, {**headers, "Content-Range": headers["Content-Range"].rpartition("/")[0] + "/99999999"}, content

    front.faults = [
        times(99, cut_after(2_500_000), lambda request: is_layer(request) and "Range" not in request.headers),
        times(99, rewritten(other), lambda request: "Range" in request.headers),
    ]
    done = export()
    assert done.code == 4
    assert "99999999 bytes" in done.err
    assert not sealed(tmp_path)


# N11: lengths


def plain(content: bytes, **headers: str):
    """An answer to a request for the layer, with just these headers."""

    def fault(front, request) -> bool:
        begin(request, 200, headers)
        with suppress(OSError):  # the reader has closed the connection
            request.wfile.write(content)
        return True

    return fault


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


HALF = LAYER_BYTES[:2_000_000]
SIZE = str(len(LAYER_BYTES))
LENGTHS = {
    "none, whole": (plain(LAYER_BYTES), 0, ""),
    "none, half": (plain(HALF), 7, "ended early"),
    "none, too much": (plain(LAYER_BYTES + b"x"), 4, "more bytes"),
    "too large": (plain(LAYER_BYTES, **{"Content-Length": str(len(LAYER_BYTES) + 1)}), 4, "another size"),
    "too small": (plain(LAYER_BYTES, **{"Content-Length": "5"}), 4, "another size"),
    "no number": (plain(LAYER_BYTES, **{"Content-Length": "many"}), 4, "another size"),
    "negative": (plain(LAYER_BYTES, **{"Content-Length": "-1"}), 4, "another size"),
    "right, half": (plain(HALF, **{"Content-Length": SIZE}), 7, "the connection broke"),
    "two that differ": (plain(LAYER_BYTES, **{"Content-Length": f"{SIZE}, 7"}), 7, "the connection broke"),
    "chunked, whole": (plain(chunked(HALF, LAYER_BYTES[2_000_000:]), **{"Transfer-Encoding": "chunked"}), 0, ""),
    "chunked, half": (plain(chunked(HALF), **{"Transfer-Encoding": "chunked"}), 7, "ended early"),
    "chunked, cut": (plain(chunked(HALF, end=b"fff\r\nx"), **{"Transfer-Encoding": "chunked"}), 7, "broke"),
    "chunked, no number": (plain(chunked(HALF, end=b"zz\r\n"), **{"Transfer-Encoding": "chunked"}), 7, "broke"),
    "chunked, too much": (plain(chunked(LAYER_BYTES, b"x"), **{"Transfer-Encoding": "chunked"}), 4, "more bytes"),
}


@pytest.mark.parametrize(("fault", "code", "reported"), LENGTHS.values(), ids=LENGTHS)
def test_N11_a_length_is_compared_with_the_descriptor_and_with_what_comes(
    export, front, tmp_path, fault, code, reported
):
    front.faults = [times(99, fault, is_layer)]
    done = export()
    assert done.code == code, done.err
    assert reported in done.err
    assert sealed(tmp_path) is (code == 0)
    assert front.count("GET", LAYER) <= RetryPolicy().attempts


@pytest.mark.parametrize("is_chunked", [False, True], ids=["no length", "chunked"])
def test_O04_a_body_without_end_is_read_to_its_size_and_one_piece_more(export, front, tmp_path, is_chunked):
    sent = [0]

    def endless(front, request) -> bool:
        begin(request, 200, {"Transfer-Encoding": "chunked"} if is_chunked else {})
        piece = bytes(MIB)
        try:
            while True:
                request.wfile.write(chunked(piece, end=b"") if is_chunked else piece)
                sent[0] += MIB
        except OSError:
            return True

    front.faults = [times(99, endless, is_layer)]
    done = export()
    assert done.code == 4
    assert "more bytes" in done.err
    # The buffers of the kernel on both sides are added to it.
    assert sent[0] / RetryPolicy().attempts < len(LAYER_BYTES) + MIB + 12 * MIB
    assert not sealed(tmp_path)


# N12: nothing comes, or hardly anything


OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = b"Content-Length: %d\r\n\r\n" % len(LAYER_BYTES)
STALLS = {
    "nothing at all": (hang, b"", "no-answer"),
    "nothing after the first line": (hang, OK, "no-answer"),
    "nothing after the head": (hang, OK + WHOLE, "no-answer"),
    "nothing after a megabyte": (hang, OK + WHOLE + LAYER_BYTES[:MIB], "no-answer"),
    "a byte now and then of a header": (drip, OK + b"X: ", "too-slow"),
    "a byte now and then of the body": (drip, OK + WHOLE, "too-slow"),
    "a byte now and then after a megabyte": (drip, OK + WHOLE + LAYER_BYTES[:MIB], "too-slow"),
}


@pytest.mark.parametrize(("kind", "head", "reported"), STALLS.values(), ids=STALLS)
def test_N12_what_stalls_is_given_up_and_reported(front, ended, monkeypatch, kind, head, reported):
    monkeypatch.setattr(stalls, "STALL_SECONDS", 0.5)
    front.faults = [kind(ended, head=head)]
    client = http.HttpClient(None, None)
    with raises(http.Unavailable, code=reported) as caught:
        for _ in client.request("GET", f"http://{front.host}/v2/a/big/blobs/{LAYER}", headers={}).pieces():
            pass
    assert caught.value.retryable
    assert caught.value.exit_code == 7


def test_N12_a_blob_that_stalls_once_goes_on_where_it_was(front, ended, monkeypatch):
    monkeypatch.setattr(stalls, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(stalls, "STALL_BYTES", 64 << 10)
    front.faults = [times(1, drip(ended, head=OK + WHOLE + LAYER_BYTES[: 2 * MIB]), is_layer)]
    asked = asked_ranges(front)
    assert fetch(front) == LAYER_BYTES
    assert asked == ["", f"bytes={2 * MIB}-"]


@pytest.fixture
def blackhole() -> Iterator[str]:
    """A host that answers no attempt to connect: its queue of them is full."""
    with ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_N12_each_way_of_not_being_there_has_its_own_words_and_exit_7(export, blackhole, monkeypatch, tmp_path):
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reported = {
            "no connection in time": export(host=blackhole),
            "no connection (Connection refused)": export(host=f"127.0.0.1:{closed.getsockname()[1]}"),
            "the name cannot be resolved": export(host="registry.invalid"),
        }
    for words, done in reported.items():
        assert done.code == 7
        assert words in done.err
    assert not sealed(tmp_path)


# N07, N08: servers that ask to wait, or fail


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


HEARD = {
    "seconds": (lambda: "3", 3.0, 3.75),
    "none": (lambda: "0", 0.5, 0.625),
    "a minute": (lambda: "60", 60.0, 75.0),
    "a date": (lambda: date_in(50), 40.0, 62.5),
    "a date that has passed": (lambda: date_in(-3600), 0.5, 0.625),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("asked", "least", "most"), HEARD.values(), ids=HEARD)
def test_N07_a_pause_that_is_asked_for_is_kept_and_reported(export, front, waits, status, asked, least, most):
    front.faults = [times(1, answer(status, {"Retry-After": asked()}), is_layer)]
    done = export()
    assert done.code == 0, done.err
    assert least <= waits[0] <= most
    assert done.err.count("1 retry, last: ") == 1


@pytest.mark.parametrize(("status", "least", "most"), [(429, 0.5, 0.625), (503, 0.25, 0.5)])
@pytest.mark.parametrize("asked", ["9" * 30, "-5", "soon\x1b[2J", ""])
def test_N07_a_pause_that_nobody_understands_is_as_long_as_we_like(export, front, waits, status, least, most, asked):
    front.faults = [times(1, answer(status, {"Retry-After": asked}), is_layer)]
    done = export()
    assert done.code == 0, done.err
    assert least <= waits[0] <= most
    assert done.err.count("1 retry, last: ") == 1


LONG_WAITS = {"an hour": "3600", "a day": "86400", "a date": date_in(100 * 86_400)}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked", LONG_WAITS.values(), ids=LONG_WAITS)
def test_N07_a_pause_longer_than_we_wait_is_reported_as_a_time_and_nothing_is_tried_again(
    export, front, tmp_path, waits, status, asked
):
    front.faults = [times(99, answer(status, {"Retry-After": asked}), is_layer)]
    done = export()
    assert done.code == 7
    assert re.search(r"asks to wait until (\d{4}-\d\d-\d\d )?\d\d:\d\d \(\d+ (d|h)", done.err), done.err
    assert "run the same command then" in done.err
    assert front.count("GET", LAYER) == 1
    assert waits == []
    assert not sealed(tmp_path)


def test_N08_a_registry_that_is_always_busy_is_exit_7_after_bounded_tries(export, front, tmp_path, waits):
    front.faults = [times(99, answer(429, {"Retry-After": "1"}), is_layer)]
    done = export()
    assert done.code == 7
    assert "limits the rate of requests (429)" in done.err
    assert front.count("GET", LAYER) == pace.COMPLAINTS_IN_A_ROW + 1
    assert not sealed(tmp_path)


def test_N08_a_registry_that_fails_for_ever_is_exit_7_after_bounded_tries(export, front, tmp_path, waits):
    front.faults = [times(99, answer(503, {}), is_layer)]
    done = export()
    assert done.code == 7
    assert front.count("GET", LAYER) == RetryPolicy().attempts == len(waits) + 1
    assert not sealed(tmp_path)


# N15: answers that are none


PAGE = b"<!DOCTYPE html><html><title>Please log in</title>\x1b[31m\xff</html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize("status", [200, 302, 400, 404])
@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_N15_a_page_where_a_registry_should_answer_is_refused_for_good(export, front, tmp_path, status, part):
    front.faults = [times(99, answer(status, HTML, PAGE), lambda request: part in request.path)]
    done = export()
    assert done.code == (4 if (status, part) == (200, "/blobs/") else 6), "a blob may be anything, but not of this size"
    assert "this is not a registry's answer" in done.err or done.code == 4
    assert "login page" in done.err or done.code == 4
    assert "\x1b" not in done.err
    assert front.count("GET", part) == (1 if done.code == 6 else RetryPolicy().attempts)
    assert not sealed(tmp_path)


@pytest.mark.parametrize("status", [401, 403])
def test_N15_a_page_with_a_status_that_says_enough_is_reported_by_it(export, front, status):
    front.faults = [times(99, answer(status, HTML, PAGE), is_manifest)]
    done = export()
    assert done.code == 6
    assert f"{status}: an HTML page" in done.err


def test_N15_a_page_of_a_proxy_whose_registry_is_down_is_tried_again(export, front):
    front.faults = [times(2, answer(502, HTML, PAGE), is_manifest)]
    assert export().code == 0


BODIES = {
    "invalid UTF-8": b"\xff\xfe" * 100,
    "escape codes": b"\x1b[2J\x1b]0;title\x07\r\n\x9b31m",
    "no list of errors": b'{"errors": {"0": 1}}',
    "nested without end": b"[" * 50_000,
    "an error that is no object": b'{"errors": ["x"]}',
    "numbers for words": b'{"errors": [{"code": 1, "message": 2, "detail": 3}]}',
    "many lines": b'{"errors": [{"code": "X\\n\\u001b[2J", "message": "a\\r\\nb\\u202ec"}]}',
    "nothing": b"",
}


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_N15_whatever_an_error_says_is_one_line_without_surprises(export, front, status, body):
    front.faults = [times(99, answer(status, {}, body), is_manifest)]
    done = export()
    assert done.code == (7 if status == 500 else 6)
    for character in ("\x1b", "\x9b", "\u202e", "\r"):
        assert character not in done.err
    [line] = [line for line in done.err.splitlines() if "a/big:1: " in line and " last: " not in line]
    assert len(line) < 600


def test_N15_an_error_of_a_gigabyte_is_not_read(export, front):
    sent = [0]

    def gigabyte(front, request) -> bool:
        begin(request, 404, {"Content-Length": str(1 << 30)})
        try:
            while sent[0] < 1 << 30:
                request.wfile.write(b"x" * MIB)
                sent[0] += MIB
        except OSError:
            pass
        return True

    front.faults = [times(99, gigabyte, is_manifest)]
    assert export().code == 6
    assert sent[0] < 16 * MIB, "but for what the kernel buffers"


HEADS = {
    "a header of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MIB + b"\r\n\r\n",
    "a thousand headers": OK + b"X: y\r\n" * 1000 + b"\r\n",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "another HTTP": b"HTTP/9.9 200 OK\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_N15_a_head_that_is_none_is_refused(export, front, head):
    def send(front, request) -> bool:
        with suppress(OSError):
            request.wfile.write(head)
        request.close_connection = True
        return True

    front.faults = [times(99, send, is_manifest)]
    done = export()
    assert done.code == 6, done.err
    assert "this is not a registry's answer" in done.err
    assert front.count("GET", "/manifests/") == 1


@pytest.mark.parametrize("part", ["/v2/", "/manifests/"])
def test_N15_a_login_page_before_everything_is_reported_before_anything_is_sent(here, front, bundle, part):
    """A captive portal answers 200 to all that it is asked."""
    front.faults = [times(99, answer(200, HTML, PAGE), lambda request: part in request.path)]
    done = here("import", bundle, "--insecure-no-signature", "--to", front.host, "--dry-run")
    assert done.code == 6, done.out + done.err
    assert "this is not a registry's answer" in done.out + done.err


def test_N15_a_login_page_is_no_list_of_tags(front):
    front.faults = [times(99, answer(200, HTML, PAGE), lambda request: "/tags/" in request.path)]
    with pytest.raises(http.Refused, match="not a registry's answer"):
        Repository(Registry(front.host, NetworkOptions()), "a/big").exists()


@pytest.fixture
def bundle(export, tmp_path) -> Path:
    assert export().code == 0
    return tmp_path / "test"


# N01, N03, N04, N05, N06: credentials


def log_in(host: str) -> str:
    """Lets Docker's config hold a password for a host; gives the header that it is sent in."""
    auth = base64.b64encode(f"robot:{CANARY}".encode()).decode()
    folder = Path(os.environ["HOME"]) / ".docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return f"Basic {auth}"


def guarded(accepted: Callable[[], str], challenge: str = 'Basic realm="x"'):
    """Asks for credentials, and knows which are right; those that came are taken off before they are handed on."""

    def fault(front, request) -> bool:
        if request.headers.get("Authorization") != accepted():
            body_of(request)
            front.send(request, 401, {"WWW-Authenticate": challenge}, b"")
            return True
        del request.headers["Authorization"]
        return False

    return fault


class Elsewhere:
    """Another server, which remembers every byte of every request, and may hand them on."""

    def __init__(self, registry: RealRegistry) -> None:
        self.seen: list[str] = []

        def watch(front, request) -> bool:
            self.seen.append(f"{request.requestline}\n{request.headers}")
            return False

        self.front = Front(registry, [watch]).start()

    @property
    def url(self) -> str:
        """By another name of this machine, so that it is another host."""
        return f"http://localhost:{self.front.server.port}"


@pytest.fixture
def elsewhere(holder) -> Iterator[Elsewhere]:
    made = Elsewhere(holder)
    yield made
    made.front.stop()


def spellings(header: str) -> tuple[str, ...]:
    return CANARY, header.partition(" ")[2]


@pytest.mark.parametrize("hops", [1, 3])
def test_N05_a_redirect_takes_no_credentials_along(export, front, elsewhere, hops):
    header = log_in(front.host)

    def redirect(front, request) -> bool:
        if not is_layer(request):
            return False
        number = int(request.path.partition("?hop=")[2] or 0) + 1
        here = f"http://{front.host}{request.path.partition('?')[0]}?hop={number}"
        target = elsewhere.url + request.path.partition("?")[0] if number == hops else here
        front.send(request, 307, {"Location": target}, b"")
        return True

    front.faults = [guarded(lambda: header), redirect]
    done = export()
    assert done.code == 0, done.err
    assert len(elsewhere.seen) == 1
    for secret in spellings(header):
        assert secret not in "".join(elsewhere.seen) + done.out + done.err


def test_N05_a_redirect_without_end_ends(export, front):
    front.faults = [
        times(99, lambda front, request: front.send(request, 302, {"Location": request.path}, b"") or True, is_layer)
    ]
    done = export()
    assert done.code == 6
    assert "more than 5 redirects" in done.err
    assert front.count("GET", LAYER) == 6


def test_N05_an_upload_that_is_sent_elsewhere_takes_no_credentials_along(here, bundle, front, elsewhere, new_registry):
    target = new_registry()
    front.registry = elsewhere.front.registry = target
    header = log_in(front.host)

    def away(front, request) -> bool:
        if request.command != "POST":
            return False
        status, headers, content = front.ask(request)
        location = headers["Location"].partition("/v2/")[2]
        front.send(request, status, {**headers, "Location": f"{elsewhere.url}/v2/{location}"}, content)
        return True

    front.faults = [guarded(lambda: header), away]
    done = here("import", bundle, "--insecure-no-signature", "--to", front.host)
    assert done.code == 6
    assert elsewhere.seen == []
    allowed = elsewhere.url.partition("://")[2]
    done = here("import", bundle, "--insecure-no-signature", "--to", front.host, "--allow-upload-host", allowed)
    assert done.code == 0, done.out + done.err
    assert len(elsewhere.seen) == 2
    assert all(seen.startswith("PUT /v2/") for seen in elsewhere.seen)
    for secret in spellings(header):
        assert secret not in "".join(elsewhere.seen) + done.out + done.err


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("is_elsewhere", [True, False], ids=["elsewhere", "the same origin"])
def test_A5_nobody_else_answers_for_a_token_server(export, front, elsewhere, method, is_elsewhere):
    """Its token is sent to the registry, and the login to it; an identity token goes by POST."""
    header = log_in(front.host)
    if method == "POST":
        auth = {"auth": header.partition(" ")[2], "identitytoken": CANARY}
        path = Path(os.environ["HOME"]) / ".docker/config.json"
        path.write_text(json.dumps({"auths": {front.host: auth}}))
    asked: list[str] = []

    def token_server(front, request) -> bool:
        if not request.path.startswith(("/token", "/there")):
            return False
        asked.append(request.command)
        body_of(request)
        place = elsewhere.url if is_elsewhere else ""
        if request.path.startswith("/token"):
            front.send(request, 307, {"Location": f"{place}/there"}, b"")
        else:
            front.send(request, 200, {}, b'{"token": "xyz"}')
        return True

    front.faults = [token_server, guarded(lambda: "Bearer xyz", f'Bearer realm="http://{front.host}/token"')]
    done = export()
    assert set(asked) == {method}
    assert elsewhere.seen == []
    if is_elsewhere:
        assert done.code == 6, done.err
        assert "explain sent-elsewhere" in done.err
    else:
        assert done.code == 0, done.err


@pytest.mark.parametrize(
    "realm",
    ["http://10.1.2.3/token", "http://169.254.169.254/latest", "http://[fe80::1]/token", "http://127。0。0。2/token",
     "http://127.0.0.2\\\\@auth.example/token", "file:///etc/passwd", ""],
)  # fmt: skip
def test_N01_a_token_server_where_none_may_be_gets_nothing(export, front, realm):
    header = log_in(front.host)
    as_sent = realm.encode().decode("latin-1")
    front.faults = [guarded(lambda: "never", f'Bearer realm="{as_sent}",service="x"')]
    done = export()
    assert done.code == 6, done.err
    assert "token server" in done.err or "invalid address" in done.err
    for secret in spellings(header):
        assert secret not in done.out + done.err


class Tokens:
    """A token server on the registry's own host that gives a new token each time."""

    def __init__(self) -> None:
        self.given = 0
        self.challenge = ""

    def __call__(self, front, request) -> bool:
        if not request.path.startswith("/token"):
            return False
        self.given += 1
        document = {"token": f"{CANARY}-{self.given}", "expires_in": 1}
        front.send(request, 200, {"Content-Type": "application/json"}, json.dumps(document).encode())
        return True

    @property
    def newest(self) -> str:
        return f"Bearer {CANARY}-{self.given}"


def test_N03_a_registry_that_always_asks_again_gets_two_tokens_and_is_left(export, front, tmp_path):
    tokens = Tokens()
    challenge = f'Bearer realm="http://{front.host}/token",service="x"'
    front.faults = [tokens, guarded(lambda: "never", challenge)]
    done = export()
    assert done.code == 6
    assert tokens.given <= 2
    assert CANARY not in done.out + done.err
    assert not sealed(tmp_path)


def test_N04_a_token_that_ends_in_mid_blob_is_renewed_once_and_the_blob_goes_on(export, front):
    tokens = Tokens()
    asked: list[tuple[str, str]] = []
    is_over = [False]

    def ends(front, request) -> bool:
        if is_layer(request):
            asked.append((request.headers.get("Range", ""), request.headers.get("Authorization", "")))
            is_over[0] = len(asked) == 1
        return False

    def accepted() -> str:
        return tokens.newest if not is_over[0] or len(asked) != 2 else "none that was given before"

    challenge = f'Bearer realm="http://{front.host}/token",service="x"'
    front.faults = [tokens, ends, guarded(accepted, challenge), times(1, cut_after(2_500_000), is_layer)]
    is_over[0] = False
    done = export()
    assert done.code == 0, done.err
    ranges = [each for each, _ in asked]
    assert ranges[0] == ""
    assert ranges[1:] == [ranges[1]] * (len(ranges) - 1)
    assert ranges[1] != "", "what had arrived is kept"
    assert asked[-1][1] == tokens.newest
    assert CANARY not in done.out + done.err


def test_N06_a_netrc_is_never_used(export, front):
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login robot password {CANARY}\ndefault login robot password {CANARY}\n")
    netrc.chmod(0o600)
    seen: list[str] = []

    def watch(front, request) -> bool:
        seen.append(str(request.headers))
        return False

    front.faults = [watch, guarded(lambda: "never")]
    assert export().code == 6
    assert seen
    assert not [headers for headers in seen if "Authorization" in headers]


# N13: TLS


def tls(folder: Path, *, more: str = "", names: str = "IP:127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate of its own making, and that certificate."""
    folder.mkdir()
    shell(
        f"""
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
          -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout s.key -out s.csr
        openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out s.crt {more or "-days 2"} \
          -extfile <(printf 'subjectAltName={names}')
        """,
        cwd=folder,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "s.crt", folder / "s.key")
    return context, folder / "ca.crt"


CERTIFICATES = {
    "of a private authority": ({}, True, 0, ""),
    "of an unknown authority": ({}, False, 6, "explain unknown-authority"),
    "expired": ({"more": "-days -1"}, True, 6, "the certificate has expired"),
    "for another name": ({"names": "DNS:other.example"}, True, 6, "the certificate is for another name"),
    "for another address": ({"names": "IP:127.0.0.2"}, True, 6, "the certificate is for another name"),
}


@pytest.mark.parametrize(("options", "is_known", "code", "reported"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_N13_a_certificate_is_verified_and_nothing_is_said_before(
    export, holder, tmp_path, options, is_known, code, reported
):
    context, authority = tls(tmp_path / "tls", **options)
    _, other = tls(tmp_path / "other")
    secure = Front(holder, context=context).start()
    header = log_in(secure.host)
    try:
        done = export("--cacert", authority if is_known else other, host=secure.host)
    finally:
        secure.stop()
    assert done.code == code, done.err
    assert reported in done.err
    assert bool(secure.requests) is (code == 0)
    assert not [secret for secret in spellings(header) if secret in done.err]


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that tunnels, and notes where to."""

    to: ClassVar[list[str]] = []

    def log_message(self, *arguments: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.to.append(self.path)
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            relay = threading.Thread(target=self._copy, args=(there, self.connection), daemon=True)
            relay.start()
            self._copy(self.connection, there)
            relay.join(10)

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


def test_N13_tls_through_a_proxy_is_verified_end_to_end(holder, tmp_path):
    context, authority = tls(tmp_path / "tls")
    secure, proxy = Front(holder, context=context).start(), Server(Tunnel).start()
    trusting, ignorant = ssl.create_default_context(cafile=str(authority)), ssl.create_default_context()
    trusting.verify_flags &= (
        ~ssl.VERIFY_X509_STRICT
    )  # as `hosts.tls_context`: private authorities are often older than it
    url = f"https://{secure.host}/v2/a/big/blobs/{LAYER}"
    try:
        through = http.HttpClient(trusting, f"http://{proxy.host}")
        assert b"".join(map(bytes, through.request("GET", url, headers={}).pieces())) == LAYER_BYTES
        with pytest.raises(http.Refused, match="authority"):
            http.HttpClient(ignorant, f"http://{proxy.host}").request("GET", url, headers={})
    finally:
        secure.stop()
        proxy.stop()
    assert Tunnel.to == [secure.host] * 2
    assert len(secure.requests) == 1


def test_N13_an_upload_is_never_sent_without_tls_where_the_registry_has_it(here, bundle, holder, elsewhere, tmp_path):
    context, authority = tls(tmp_path / "tls")

    def downgrade(front, request) -> bool:
        if request.command == "HEAD":
            front.send(request, 404, {}, b"")
        elif request.command == "POST":
            front.send(request, 202, {"Location": f"{elsewhere.url}/v2/a/big/blobs/uploads/1"}, b"")
        return request.command in ("HEAD", "POST")

    secure = Front(holder, [downgrade], context=context).start()
    try:
        done = here("import", bundle, "--insecure-no-signature", "--to", secure.host, "--cacert", authority)
    finally:
        secure.stop()
    assert done.code == 6, done.out + done.err
    assert "explain upload-without-tls" in done.out
    assert elsewhere.seen == []


def test_N13_where_tls_is_expected_nothing_is_ever_said_without_it(export, front, tmp_path):
    _, authority = tls(tmp_path / "tls")
    log_in(front.host)
    done = export("--cacert", authority)
    assert done.code == 6, done.err
    assert "does not speak TLS" in done.err
    assert front.requests == []
