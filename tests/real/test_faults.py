"""A network and registries that fail: what can be mended is mended once, in one place; the rest is reported by its exit code.

A front of ours is before a real registry, because no real part fails on demand; its log shows what was not asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.support.faults import answer, cut_after, rewritten, times
from tests.support.images import Image, every_kind, simple
from tests.support.servers import Front

BIG = simple("big", 4_000_000)
LAYER = max(BIG.blobs.items(), key=lambda blob: len(blob[1]))


@pytest.fixture
def front(new_registry):
    """A front before a registry that holds one large image."""
    registry = new_registry()
    BIG.push(registry, "a/big", "1")
    front = Front(registry).start()
    yield front
    front.stop()


@pytest.fixture(params=["tar", "7z"])
def export(request, bundler, front, keys, tmp_path):
    options = ["--name", "test", "-o", tmp_path, "--key", keys[0], "--format", request.param]

    def run(name: str = "a/big:1"):
        return bundler("export", f"docker://{front.host}/{name}", *options)

    return run


def is_layer(request) -> bool:
    return request.command == "GET" and LAYER[0] in request.path


def flipped(status, headers, content):
    return status, headers, content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


def sealed(tmp_path: Path) -> bool:
    return (tmp_path / "test").exists()


def test_a_download_that_breaks_off_goes_on_where_it_was(export, front, tmp_path):
    asked: list[str] = []

    def watch(front, request) -> bool:
        asked.append(request.headers.get("Range", "")) if is_layer(request) else None
        return False

    front.faults = [watch, times(1, cut_after(2_500_000), is_layer)]
    done = export()
    assert done.code == 0, done.err
    assert asked == ["", "bytes=2500000-"] or (asked[0] == "" and 2_000_000 < int(asked[1][6:-1]) <= 2_500_000)
    assert "1 retry, last: " in done.err


def test_a_registry_without_ranges_is_read_from_the_start_again(export, front, tmp_path):
    def no_range(front, request) -> bool:
        del request.headers["Range"]
        return False

    front.faults = [times(1, cut_after(2_500_000), is_layer), no_range]
    assert export().code == 0


def test_a_wrong_range_is_not_taken_for_the_right_one(export, front, tmp_path):
    def wrong(status, headers, content):
        return status, {**headers, "Content-Range": "bytes 7-9/4000000"} if status == 206 else headers, content

    front.faults = [
        times(1, cut_after(2_500_000), is_layer),
        times(1, rewritten(wrong), lambda r: "Range" in r.headers),
    ]
    assert export().code == 0


def test_a_download_that_always_breaks_off_is_exit_7_and_seals_nothing(export, front, tmp_path):
    front.faults = [times(99, cut_after(1000), is_layer)]
    done = export()
    assert done.code == 7
    assert "a/big" in done.err
    assert not sealed(tmp_path)
    assert front.count("GET", LAYER[0]) <= 5, "attempts do not multiply"


def test_bytes_that_were_changed_once_are_fetched_again(export, front, tmp_path):
    front.faults = [times(1, rewritten(flipped), is_layer)]
    assert export().code == 0
    assert front.count("GET", LAYER[0]) == 2


def test_bytes_that_are_always_changed_are_exit_4_and_seal_nothing(export, front, tmp_path):
    front.faults = [times(99, rewritten(flipped), is_layer)]
    done = export()
    assert done.code == 4
    assert LAYER[0] in done.err
    assert not sealed(tmp_path)


def test_a_body_that_does_not_end_is_not_read_to_its_end(export, front, tmp_path):
    def endless(front, request) -> bool:
        request.send_response(200)
        request.end_headers()
        request.close_connection = True
        try:
            while True:
                request.wfile.write(bytes(1 << 20))
        except OSError:
            return True

    front.faults = [times(99, endless, is_layer)]
    assert export().code == 4
    assert not sealed(tmp_path)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s, h, c: (s, h, c.replace(b"schemaVersion", b"schemaversion")), 4),
        (lambda s, h, c: (s, {**h, "Content-Type": "application/vnd.oci.image.index.v1+json"}, c), 4),
        (lambda s, h, c: (200, {"Content-Type": "text/html"}, b"<html>please log in</html>"), 6),
        (lambda s, h, c: (200, {"Content-Type": h["Content-Type"]}, b"{" + b" " * (5 << 20) + b"}"), 6),
        (lambda s, h, c: (200, {"Content-Type": h["Content-Type"]}, c[:-1] + b',"config":{}}'), 4),
        (lambda s, h, c: (404, {}, b""), 6),
        (lambda s, h, c: (403, {}, b"\xff\xfe not utf-8 \x1b[31m"), 6),
        (lambda s, h, c: (500, {}, b"<html>Bad Gateway</html>"), 7),
        (lambda s, h, c: (302, {"Location": "/v2/a/big/manifests/1"}, b""), 6),
    ],
    ids=[
        "changed",
        "of another type",
        "a login page",
        "5 MiB",
        "duplicate names",
        "404",
        "403",
        "500",
        "redirect loop",
    ],
)
def test_a_manifest_that_is_none_is_refused(export, front, tmp_path, change, code):
    front.faults = [times(99, rewritten(change), lambda r: "/manifests/" in r.path)]
    done = export()
    assert done.code == code, done.err
    assert "\x1b" not in done.err
    assert not sealed(tmp_path)


def test_a_registry_that_asks_to_wait_is_asked_again(export, front, tmp_path):
    busy = answer(429, {"Retry-After": "0"}, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}')
    front.faults = [times(2, busy), times(1, answer(503, {}), is_layer)]
    assert export().code == 0


@pytest.fixture
def bundle(exported) -> Path:
    return exported("library/oci:1", "team/plain:1", "team/other/shares:1")


@pytest.fixture
def bring(bundler, bundle, keys, target):
    """Imports through a front before the target; gives the run, its images' outcomes and the front."""
    fronts: list[Front] = []

    def run(*faults):
        front = Front(target, list(faults)).start()
        fronts.append(front)
        done = bundler("import", bundle, "--trust", keys[1], "--to", front.host, "--json")
        images = json.loads(done.out).get("targets", [{"images": []}])[0]["images"]
        return done, [each["outcome"] for each in images], front

    yield run
    for front in fronts:
        front.stop()


def holds(target, name: str) -> Image:
    image = every_kind()[name]
    repository, _, tag = name.partition(":")
    assert target.get(f"{repository}/manifests/{tag}") == image.content
    return image


@pytest.mark.parametrize(
    "fault",
    [
        times(2, answer(500, {}), lambda r: r.command == "POST"),
        times(2, answer(404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'), lambda r: "/uploads/" in r.path and r.command == "PUT"),
        times(1, answer(429, {"Retry-After": "0"}), lambda r: r.command == "HEAD"),
        times(1, answer(502, {}, b"<html>"), lambda r: r.command == "PUT" and "/manifests/" in r.path),
        times(1, cut_after(0), lambda r: r.command == "PUT" and "/uploads/" in r.path),
    ],
    ids=["upload not started", "upload lost", "busy", "manifest not taken", "answer lost"],
)  # fmt: skip
def test_an_import_mends_what_passes(bring, target, fault):
    done, outcomes, _ = bring(fault)
    assert done.code == 0, done.err
    assert outcomes == ["pushed"] * 3
    for name in ("library/oci:1", "team/plain:1", "team/other/shares:1"):
        holds(target, name)


def test_one_image_that_is_refused_stops_no_other(bring, target):
    denied = b'{"errors":[{"code":"DENIED","message":"quota of project team exceeded"}]}'
    done, outcomes, _ = bring(
        times(99, answer(403, {}, denied), lambda r: r.command == "POST" and "team/plain" in r.path)
    )
    assert done.code == 3
    assert outcomes == ["pushed", "failed", "pushed"]
    assert "quota of project team exceeded" in done.out
    assert set(target.tags) == {"library/oci", "team/other/shares"}


def test_a_target_that_fails_every_image_decides_the_exit_code(bring, target):
    assert bring(times(999, answer(403, {}), lambda r: r.command == "POST"))[0].code == 6
    assert bring(times(999, answer(503, {"Retry-After": "3600"}), lambda r: r.command == "POST"))[0].code == 7
    assert target.tags == {}


def test_a_tag_that_moves_while_it_is_pushed_is_reported(bring):
    seen: list[str] = []

    def moved(front, request) -> bool:
        if request.path.endswith("team/plain/manifests/1"):
            seen.append(request.command)
            if seen.count("PUT") and request.command == "HEAD":
                front.send(request, 200, {"Docker-Content-Digest": f"sha256:{'0' * 64}", "Content-Length": "9"}, b"")
                return True
        return False

    done, outcomes, _ = bring(moved)
    assert (done.code, outcomes) == (3, ["pushed", "failed", "pushed"])
    assert "does not point to the pushed image" in done.out


PLAIN_LAYER = max(every_kind()["team/plain:1"].blobs.items(), key=lambda blob: len(blob[1]))[0]


def short(*methods: str):
    """The layer is there, and has five bytes."""

    def change(status, headers, content):
        return (206, {"Content-Range": "bytes 0-0/5"}, b"x") if content else (200, {"Content-Length": "5"}, b"")

    return lambda front, r: r.command in methods and PLAIN_LAYER in r.path and rewritten(change)(front, r)


def test_A7_a_blob_that_is_there_in_another_length_is_sent_again_and_then_reported(bring):
    done, outcomes, front = bring(short("HEAD", "GET"))
    assert (done.code, outcomes) == (3, ["pushed", "failed", "pushed"])
    assert "damaged blob" in done.out
    sent = [path for method, path in front.requests if method == "PUT" and PLAIN_LAYER.replace(":", "%3A") in path]
    assert 1 <= len(sent) <= 2


def test_A7_a_blob_that_is_there_in_another_length_may_be_mended_by_sending_it_again(bring, target):
    target.put_blob("team/plain", PLAIN_LAYER, every_kind()["team/plain:1"].blobs[PLAIN_LAYER])
    fault = times(2, short("HEAD", "GET"), lambda r: r.command in ("HEAD", "GET") and PLAIN_LAYER in r.path)
    done, outcomes, _ = bring(fault)
    assert (done.code, outcomes) == (0, ["pushed"] * 3)


def test_C2_the_length_of_a_link_that_head_tells_is_asked_again_by_get(bring):
    """Cloudflare's serverless-registry tells 98 for what was mounted."""
    done, outcomes, front = bring(short("HEAD"))
    assert (done.code, outcomes) == (0, ["pushed"] * 3)
    sent = [path for method, path in front.requests if method == "PUT" and PLAIN_LAYER.replace(":", "%3A") in path]
    assert len(sent) == 1


def test_nothing_is_sent_for_a_blob_that_is_damaged_on_the_medium(bring, bundle, target):
    layer = max(every_kind()["team/plain:1"].blobs.items(), key=lambda blob: len(blob[1]))
    chunk = bundle / "chunk-0001.tar"
    content = bytearray(chunk.read_bytes())
    content[content.index(layer[1]) + 1000] ^= 1
    chunk.write_bytes(content)
    done, outcomes, front = bring()
    assert (done.code, outcomes) == (4, ["pushed", "failed", "pushed"])
    assert "chunk-0001.tar at offset" in done.out
    assert set(target.tags) == {"library/oci", "team/other/shares"}
    assert layer[0].removeprefix("sha256:") not in target.blobs
    assert front.count("DELETE", "/uploads/") == 1, "the upload is cancelled"


def test_an_image_that_is_there_costs_one_request(bring):
    bring()
    done, outcomes, front = bring()
    assert (done.code, outcomes) == (0, ["present"] * 3)
    asked = [request for request in front.requests if request != ("GET", "/v2/")]
    assert len(asked) == 3
    assert {method for method, _ in asked} == {"HEAD"}


def test_a_shared_blob_is_mounted_and_not_sent_again(bring):
    _, _, front = bring()
    layer, _ = max(every_kind()["team/other/shares:1"].blobs.items(), key=lambda blob: len(blob[1]))
    mounts = [path for method, path in front.requests if method == "POST" and f"mount={quote(layer)}" in path]
    from_others = [path for path in mounts if unquote(path.rpartition("from=")[2]) not in path.partition("?")[0]]
    assert len(from_others) == 1
    blobs = {
        digest
        for name in ("library/oci:1", "team/plain:1", "team/other/shares:1")
        for digest in every_kind()[name].blobs
    }
    assert front.count("PUT", "/uploads/") == len(blobs)


@pytest.fixture
def many(exported) -> tuple[Path, Image]:
    """A bundle of one image with many layers."""
    return exported("team/many:127"), every_kind()["team/many:127"]


def cannot_mount(front, request) -> bool:
    """A registry that begins an upload, whatever is there."""
    request.path = request.path.partition("?mount=")[0]
    return False


def test_what_a_new_repository_cannot_have_is_not_asked_for(bundler, many, keys, target, fronts):
    path, image = many
    front = fronts(target)
    assert bundler("import", path, "--trust", keys[1], "--to", front.host).code == 0
    before = front.count("HEAD", "/blobs/") - front.count("PUT", "/uploads/")
    assert 0 <= before <= 16, "until the registry has shown that it mounts what it has: two for each thread"
    assert front.count("PUT", "/uploads/") == len(image.blobs)


@pytest.mark.parametrize("faults", [(), (cannot_mount,)], ids=["mounts", "cannot mount"])
def test_an_import_that_was_ended_before_its_tags_sends_no_blob_again(bundler, many, keys, target, fronts, faults):
    path, image = many
    refused = times(99, answer(403, {}), lambda r: r.command == "PUT" and "/manifests/" in r.path)
    first, again = fronts(target, refused, *faults), fronts(target, *faults)
    words = ("import", path, "--trust", keys[1], "--to")
    assert bundler(*words, first.host).code == 6
    assert (target.tags, first.count("PUT", "/uploads/")) == ({}, len(image.blobs))
    assert bundler(*words, again.host).code == 0
    assert again.count("PUT", "/uploads/") == 0
    assert target.tags
