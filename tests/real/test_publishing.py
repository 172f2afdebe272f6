"""The last steps before a tag moves, rows T of the table of attacks: what the registry really holds, who else is there,
what is lost in between. Against a real registry; fronts where it does not misbehave on demand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.images import Image, every_kind, simple
from tests.support.parts import RealRegistry, shell
from tests.support.servers import Front

KINDS = every_kind()
MULTI, PLAIN = KINDS["team/multi:1"], KINDS["team/plain:1"]
NAMES = ("library/oci:1", "team/multi:1", "team/plain:1")


@pytest.fixture(scope="module")
def made(origin, tmp_path_factory) -> tuple[Path, Path]:
    """A bundle of three images, and the key that it is signed with. Tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("made")
    listed = folder / "test.txt"
    listed.write_text("".join(f"{origin.host}/{name}\n" for name in NAMES))
    shell(
        f"{sys.executable} -m bundler keygen tester -d keys\n"
        f"{sys.executable} -m bundler export {listed} -o . --key keys/tester.key",
        cwd=folder,
    )
    return folder / "test", folder / "keys/tester.pub"


@pytest.fixture
def bring(bundler, made):
    """Imports the bundle."""
    return lambda to, *flags: bundler("import", made[0], "--trust", made[1], "--to", to, *flags)


def largest(image: Image) -> tuple[str, bytes]:
    return max(image.blobs.items(), key=lambda blob: len(blob[1]))


def stored(registry: RealRegistry, digest: str) -> Path:
    """The file in which the registry keeps the bytes of a blob."""
    digits = digest.removeprefix("sha256:")
    return registry.storage / f"docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def outcomes(ran) -> dict[str, str]:
    return {
        image["reference"].partition("/")[2]: image["outcome"]
        for target in ran.json["targets"]
        for image in target["images"]
    }


def answering(command: str, part: str, status: int, headers: dict[str, str], content: bytes = b""):
    """The answer to requests of a kind, whatever the registry would say."""

    def fault(front, request) -> bool:
        if request.command != command or part not in request.path:
            return False
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        front.send(request, status, {"Content-Type": "application/json", **headers}, content)
        return True

    return fault


def before_first(command: str, part: str, act):
    """Lets something happen before the first request of a kind is answered, as it would be otherwise."""
    seen: list[str] = []

    def fault(front, request) -> bool:
        if request.command == command and part in request.path and not seen:
            seen.append(request.path)
            act()
        return False

    return fault


# T05: what the registry really holds


def test_t05_without_the_flag_it_is_said_that_nothing_was_read_back(bring, bundler, target, tmp_path):
    mine = tmp_path / "r.json"
    done = bring(target.host, "--receipt", mine)
    assert "not read back" in done.out
    assert json.loads(mine.read_text())["targets"][0]["reRead"] is None
    assert "not read back" in bundler("receipt", "show", mine).out


def test_t05_what_is_whole_is_counted(bring, bundler, target, tmp_path):
    mine = tmp_path / "r.json"
    everything = {digest: content for name in NAMES for digest, content in KINDS[name].all_blobs().items()}
    counted = {"blobs": len(everything), "bytes": sum(map(len, everything.values())), "damaged": 0}
    for expected in ("pushed", "present"):
        done = bring(target.host, "--verify-target", "--receipt", mine, "--json")
        assert done.code == 0, done.err
        assert set(outcomes(done).values()) == {expected}
        assert done.json["targets"][0]["reRead"] == counted
        assert json.loads(mine.read_text())["targets"][0]["reRead"] == counted
        assert "all good" in bundler("receipt", "show", mine).out
        mine.unlink()
    assert f"{len(everything)} blobs" in bring(target.host, "--verify-target").out


@pytest.mark.parametrize("is_pushed_before", [False, True], ids=["new", "present"])
def test_t05_a_rotten_blob_is_found_and_its_image_gets_no_tag(bring, target, is_pushed_before):
    """F8: HEAD says 200 and the right length, and pushing again answers 201 and heals nothing."""
    if is_pushed_before:
        assert bring(target.host).code == 0
    digest, content = largest(PLAIN)
    target.put_blob("team/plain", digest, content)
    path = stored(target, digest)
    flip(path)
    rotten = path.read_bytes()
    target.put_blob("team/plain", digest, content)
    assert path.read_bytes() == rotten, "the registry heals nothing"
    before = target.tags
    done = bring(target.host, "--verify-target", "--json")
    assert done.code == 3
    others = "present" if is_pushed_before else "pushed"
    assert outcomes(done) == {"library/oci:1": others, "team/multi:1": others, "team/plain:1": "failed"}
    error = next(image["error"] for image in done.json["targets"][0]["images"] if image["error"])
    assert (error["exitCode"], error["code"]) == (6, "damaged-at-target")
    assert digest in error["subject"]
    assert "delete it in the registry's storage" in error["hint"]
    assert done.json["targets"][0]["reRead"]["damaged"] == 1
    assert target.tags.get("team/plain", []) == before.get("team/plain", [])
    shown = bring(target.host, "--verify-target")
    assert "1 DAMAGED" in shown.out
    path.unlink()  # as the hint says
    healed = bring(target.host, "--verify-target", "--json")
    assert healed.code == 0, healed.out
    assert path.read_bytes() == content
    assert set(target.tags) == {name.partition(":")[0] for name in NAMES}


@pytest.mark.parametrize("length", [0, 100], ids=["emptied", "cut"])
def test_t05_a_blob_that_is_cut_is_always_noticed(bring, target, length):
    """Also where another repository has it, so that our request is answered that it is not there, and its push is taken with 201."""
    digest, content = largest(PLAIN)
    target.put_blob("elsewhere", digest, content)
    os.truncate(stored(target, digest), length)
    done = bring(target.host, "--json")
    assert outcomes(done)["team/plain:1"] == "failed"
    error = next(image["error"] for image in done.json["targets"][0]["images"] if image["error"])
    assert (done.code, error["code"]) == (3, "damaged-at-target")
    assert (error["expected"], error["actual"]) == (f"{len(content)} bytes", f"{length} bytes")
    assert "team/plain" not in target.tags


def test_t05_a_cut_blob_is_noticed_when_it_is_mounted(bring, target, bundler, origin, keys, image_list, tmp_path):
    """The first repository has it whole when it is asked; it is cut before the second one mounts it."""
    shared, _ = largest(KINDS["team/other/shares:1"])
    front = Front(target).start()
    mount = f"team/other/shares/blobs/uploads/?mount={quote(shared)}"
    front.faults = [before_first("POST", mount, lambda: os.truncate(stored(target, shared), 7))]
    listed = image_list(origin, "library/oci:1", "team/other/shares:1")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", front.host, "--json")
    front.stop()
    assert front.count("POST", mount) >= 1
    assert "failed" in outcomes(done).values()
    assert any(
        image["error"] and image["error"]["code"] == "damaged-at-target" for image in done.json["targets"][0]["images"]
    )


def test_t05_a_manifest_that_is_another_one_is_noticed(bring, target):
    """Its length always, other bytes of the same length with the flag. One that is cut is no JSON, and gives 500."""
    child = MULTI.children[0]
    child.push(target, "elsewhere", "1")
    stored(target, child.digest).write_bytes(child.content + b"\n")
    done = bring(target.host, "--only", "*multi*", "--json")
    error = done.json["targets"][0]["images"][0]["error"]
    assert (done.code, error["code"]) == (6, "damaged-at-target")
    stored(target, child.digest).write_bytes(child.content.replace(b"linux", b"LINUX").replace(b"schema", b"sChema"))
    done = bring(target.host, "--only", "*multi*", "--verify-target", "--json")
    error = done.json["targets"][0]["images"][0]["error"]
    assert (done.code, error["code"]) == (6, "damaged-at-target")
    assert "team/multi" not in target.tags


@pytest.mark.parametrize("kind", ["blob", "manifest of a platform"])
def test_t05_what_is_missing_though_the_tag_is_there_is_sent_again(bring, target, kind):
    assert bring(target.host).code == 0
    digest = largest(MULTI.children[0])[0] if kind == "blob" else MULTI.children[0].digest
    stored(target, digest).unlink()
    assert outcomes(bring(target.host, "--json")) == dict.fromkeys(NAMES, "present"), "a tag says nothing of it"
    planned = bring(target.host, "--verify-target", "--dry-run", "--json")
    assert outcomes(planned)["team/multi:1"] == "would push"
    done = bring(target.host, "--verify-target", "--json")
    assert done.code == 0, done.out
    assert "missing or damaged at the target; sent again" in done.err
    assert stored(target, digest).read_bytes() == MULTI.all_blobs()[digest]
    assert done.json["targets"][0]["reRead"]["damaged"] == 0
    receipt = json.loads(Path(done.json["receipt"]).read_text())
    assert {image["outcome"] for image in receipt["targets"][0]["images"]} == {"present"}, "undo moves no tag for it"


def test_t05_a_rotten_blob_in_a_layout_is_written_again(bring, tmp_path):
    layout = tmp_path / "layout"
    assert bring(f"oci:{layout}").code == 0
    digest, content = largest(PLAIN)
    path = layout / "blobs/sha256" / digest.removeprefix("sha256:")
    flip(path)
    assert set(outcomes(bring(f"oci:{layout}", "--json")).values()) == {"present"}
    done = bring(f"oci:{layout}", "--verify-target", "--json")
    assert done.code == 0, done.out
    assert path.read_bytes() == content
    assert done.json["targets"][0]["reRead"]["damaged"] == 0


def test_t05_an_archive_is_read_back_before_it_gets_its_name(bring, tmp_path):
    done = bring(f"oci-archive:{tmp_path}/a.tar", "--verify-target", "--json")
    assert done.code == 0, done.out
    everything = {digest for name in NAMES for digest in KINDS[name].all_blobs()}
    assert done.json["targets"][0]["reRead"]["blobs"] == len(everything)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"a.tar"}


def test_t05_the_way_through_a_daemon_cannot_be_read_back(bring, target):
    done = bring(target.host, "--via-daemon", "--verify-target")
    assert (done.code, "not through the daemon" in done.err) == (2, True)


# T02 and T07: tags that others move


@pytest.mark.parametrize(
    ("policy", "code", "outcome"),
    [("fail", 3, "failed"), ("skip", 0, "skipped"), ("replace", 0, "pushed"), ("suffix", 0, "pushed")],
)
def test_t02_a_tag_that_moves_during_an_import_is_treated_as_if_it_had_been_so_from_the_beginning(
    bring, bundler, target, fronts, tmp_path, policy, code, outcome
):
    theirs, mine = simple("theirs"), tmp_path / "r.json"
    moved = before_first("PUT", "plain/blobs/uploads/", lambda: theirs.push(target, "team/plain", "1"))
    front = fronts(target, moved)
    done = bring(front.host, "--on-conflict", policy, "--receipt", mine, "--json")
    assert (done.code, outcomes(done)["team/plain:1"]) == (code, outcome)
    now = target.get("team/plain/manifests/1")
    assert now == (PLAIN.content if policy == "replace" else theirs.content)
    reported = next(
        image for image in json.loads(mine.read_text())["targets"][0]["images"] if "/plain:" in image["name"]
    )
    if policy == "fail":
        assert "moved during the import" in reported["reason"]
    elif policy == "suffix":
        assert (reported["replaced"], len(target.tags["team/plain"])) == (None, 2)
    else:
        assert reported["replaced"] == theirs.digest
    if policy == "replace":
        assert bundler("undo", mine).code in (0, 3)
        assert target.get("team/plain/manifests/1") == theirs.content


def test_t02_the_digest_of_a_tag_is_recorded_before_it_moves_also_when_it_moved_since_then(
    bring, target, fronts, tmp_path
):
    theirs, mine = simple("theirs"), tmp_path / "r.json"
    written: list[str] = []

    def read() -> None:
        reported = json.loads(mine.with_name("r.json.unfinished").read_text())["targets"][0]["images"]
        written.extend(image["replaced"] for image in reported if "/plain:" in image["name"])

    moved = before_first("PUT", "plain/blobs/uploads/", lambda: theirs.push(target, "team/plain", "1"))
    front = fronts(target, moved, before_first("PUT", "plain/manifests/1", read))
    assert bring(front.host, "--on-conflict", "replace", "--receipt", mine).code == 0
    assert written == [theirs.digest]


def test_t02_a_tag_that_another_user_moved_to_our_image_is_left_alone(bring, target, fronts):
    moved = before_first("PUT", "plain/blobs/uploads/", lambda: PLAIN.push(target, "team/plain", "1"))
    front = fronts(target, moved)
    done = bring(front.host, "--json")
    assert (done.code, outcomes(done)["team/plain:1"]) == (0, "present")
    assert front.count("PUT", "plain/manifests/1") == 0


# T04, T09, T12: what registries refuse


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (412, {"code": "PRECONDITION", "message": "Failed to process request due to 'x:1' configured as immutable."}, "tag-immutable"),
        (403, {"code": "DENIED", "message": "repository x is immutable: tag 1 cannot be overwritten"}, "tag-immutable"),
        (400, {"code": "TAG_INVALID", "message": "The image tag '1' already exists in the 'x' repository and cannot be overwritten because the repository is immutable."}, "tag-immutable"),
        (413, {"code": "MANIFEST_INVALID", "message": "manifest too large"}, "body-too-large"),
        (405, {"code": "UNSUPPORTED", "message": "The operation is unsupported."}, "registry-read-only"),
        (507, {"code": "UNKNOWN", "message": "insufficient storage"}, "target-disk-full"),
        (403, {"code": "DENIED", "message": "quota exceeded"}, "quota-exceeded"),
        (404, {"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}, "name-unknown"),
    ],
    ids=["Harbor", "Hub", "ECR", "too large", "read-only", "no space", "quota", "no project"],
)  # fmt: skip
def test_t04_t09_a_refusal_is_one_images_and_reported_with_its_cause(bring, target, fronts, status, content, code):
    body = json.dumps({"errors": [content]}).encode()
    front = fronts(target, answering("PUT", "plain/manifests/1", status, {}, body))
    done = bring(front.host, "--json")
    assert outcomes(done) == {"library/oci:1": "pushed", "team/multi:1": "pushed", "team/plain:1": "failed"}
    error = next(image["error"] for image in done.json["targets"][0]["images"] if image["error"])
    assert (done.code, error["code"]) == (3, code)
    assert error["exitCode"] == (7 if code == "target-disk-full" else 6)
    assert error["hint"]
    assert front.count("PUT", "plain/manifests/1") == 1, "what is refused for good is not tried again"


def test_t09_a_name_that_the_registry_takes_no_more_of_is_one_images(bring, target):
    """distribution counts 255 characters without the host, and its file system 255 in a part."""
    done = bring(f"{target.host}/{'a' * 300}", "--json")
    assert done.code in (2, 6)
    assert "Traceback" not in done.err
    assert target.tags == {}


@pytest.mark.parametrize("status", [201, 202, 401, 405])
def test_t12_a_mount_is_used_or_done_without(bundler, origin, target, fronts, keys, image_list, tmp_path, status):
    shared, content = largest(KINDS["team/other/shares:1"])
    faults = [] if status == 201 else [answering("POST", "mount=", status, {}, b'{"errors":[{"code":"UNSUPPORTED"}]}')]

    def plain_session(front, request) -> bool:
        """As a registry that knows no mounting: an upload begins."""
        if request.command != "POST" or "mount=" not in request.path:
            return False
        request.path = request.path.partition("?")[0]
        return False

    front = fronts(target, *([plain_session] if status == 202 else faults))
    listed = image_list(origin, "library/oci:1", "team/other/shares:1")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", front.host, "--json")
    assert (done.code, set(outcomes(done).values())) == (0, {"pushed"}), done.out
    uploads = sum(1 for method, path in front.requests if method == "PUT" and shared.replace(":", "%3A") in path)
    assert uploads == (1 if status == 201 else 2)
    assert target.get(f"team/other/shares/blobs/{shared}") == content


# T08, T13: what is lost in between


def test_t08_a_registry_that_is_killed_in_mid_upload_gets_that_blob_once_more(bundler, new_registry, keys, tmp_path):
    """Without http.secret every session is unknown after a restart (F6)."""
    source, target = new_registry(), new_registry()
    image = simple("large", 3_000_000)
    image.push(source, "a/large", "1")
    assert (
        bundler("export", f"docker://{source.host}/a/large:1", "--name", "t", "-o", tmp_path, "--key", keys[0]).code
        == 0
    )
    front = Front(target).start()

    def kill_once(front: Front, request) -> bool:
        if request.command != "PUT" or "/uploads/" not in request.path:
            return False
        if int(request.headers["Content-Length"]) < 1_000_000:
            return False
        front.faults.clear()
        request.rfile.read(1_500_000)
        process = target._process
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        target._serve()
        request.close_connection = True
        return True

    front.faults = [kill_once]
    done = bundler("import", tmp_path / "t", "--trust", keys[1], "--to", front.host, "--json")
    front.stop()
    assert done.code == 0, done.out + done.err
    layer, content = largest(image)
    assert sum(1 for m, p in front.requests if m == "PUT" and layer.replace(":", "%3A") in p) == 2
    assert target.get(f"a/large/blobs/{layer}") == content
    assert target.tags == {"a/large": ["1"]}


@pytest.mark.parametrize(
    "moment",
    [f"multi/manifests/{MULTI.children[0].digest}", "multi/manifests/1"],
    ids=["before the first manifest", "before the index and its tag"],
)
def test_t13_what_a_garbage_collection_takes_before_the_tag_is_sent_again(bring, target, fronts, moment):
    lost: list[set[str]] = []

    def collect() -> None:
        before = target.blobs
        target.collect_garbage()
        lost.append(before - target.blobs)

    for name in NAMES:  # docker-registry's collection with --delete-untagged fails where a repository has no tag at all
        simple("old").push(target, name.partition(":")[0], "old")
    done = bring(fronts(target, before_first("PUT", moment, collect)).host, "--json")
    assert done.code == 0, done.out
    assert lost[0], "nothing was collected"
    assert "sent again" in done.err
    assert set(outcomes(done).values()) == {"pushed"}
    for name in NAMES:
        repository, _, tag = name.partition(":")
        assert target.get(f"{repository}/manifests/{tag}") == KINDS[name].content
        for digest, content in KINDS[name].all_blobs().items():
            assert stored(target, digest).read_bytes() == content
    assert bring(target.host, "--verify-target").code == 0


def test_t13_what_a_garbage_collection_takes_while_it_is_read_back_is_sent_again(bring, target, fronts):
    for name in NAMES:
        simple("old").push(target, name.partition(":")[0], "old")
    front = fronts(target, before_first("GET", "/blobs/", lambda: target.collect_garbage()))
    done = bring(front.host, "--verify-target", "--json")
    assert done.code == 0, done.out
    assert "sent again" in done.err
    assert set(outcomes(done).values()) == {"pushed"}
    assert done.json["targets"][0]["reRead"]["damaged"] == 0
    assert bring(target.host, "--verify-target").code == 0


def test_t13_a_registry_that_remembers_what_it_has_not_any_more_is_found_out_by_reading(bring, new_registry, fronts):
    """distribution with ``cache: {blobdescriptor: inmemory}`` takes manifests whose blobs were collected."""
    target = new_registry(storage_extra=", cache: {blobdescriptor: inmemory}")
    for name in NAMES:
        simple("old").push(target, name.partition(":")[0], "old")
    moment = f"multi/manifests/{MULTI.children[0].digest}"

    def elsewhere(front, request) -> bool:
        """The registry promises the whole blob and breaks off; no front of ours passes that on as it is."""
        if request.command != "GET" or "/blobs/" not in request.path:
            return False
        front.send(request, 307, {"Location": f"http://{target.host}{request.path}"}, b"")
        return True

    front = fronts(target, before_first("PUT", moment, lambda: target.collect_garbage()), elsewhere)
    done = bring(front.host, "--only", "*multi*", "--verify-target", "--json")
    error = done.json["targets"][0]["images"][0]["error"]
    assert (done.code, error["exitCode"], "restart it" in error["hint"]) == (7, 7, True)
    assert target.tags["team/multi"] == ["old"]
    target.stop()
    target.start()
    assert bring(target.host, "--only", "*multi*", "--verify-target").code == 0, "as the hint says"


def test_t13_a_registry_that_never_has_the_parts_is_given_up(bring, target, fronts):
    body = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'
    front = fronts(target, answering("PUT", "plain/manifests/", 400, {}, body))
    done = bring(front.host, "--only", "*plain*", "--json")
    assert done.code == 6
    assert done.json["targets"][0]["images"][0]["error"]["code"] == "parts-missing"
    assert front.count("PUT", "plain/manifests/") <= 5


# T16 and T20


def test_t16_all_or_nothing_publishes_nothing_when_one_image_is_bad_on_the_medium(bundler, made, target, tmp_path):
    bundle = tmp_path / "test"
    shell(f"cp -r {made[0]} {bundle}", cwd=tmp_path)
    chunk = bundle / "chunk-0001.tar"
    content = bytearray(chunk.read_bytes())
    content[content.index(largest(PLAIN)[1]) + 500] ^= 1
    chunk.write_bytes(content)
    run = ["import", bundle, "--trust", made[1], "--to", target.host, "--json"]
    held = bundler(*run, "--all-or-nothing")
    assert held.code == 4
    assert outcomes(held) == {"library/oci:1": "held back", "team/multi:1": "held back", "team/plain:1": "failed"}
    assert not any(target.tags.values())
    done = bundler(*run)
    assert (done.code, sorted(outcomes(done).values())) == (4, ["failed", "pushed", "pushed"])
    assert Path(done.json["failedList"]).read_text().count("\n") == 3


def test_t16_all_or_nothing_publishes_nothing_when_one_image_is_rotten_at_the_target(bring, target):
    digest, content = largest(PLAIN)
    target.put_blob("team/plain", digest, content)
    flip(stored(target, digest))
    done = bring(target.host, "--all-or-nothing", "--verify-target", "--json")
    assert (done.code, sorted(outcomes(done).values())) == (6, ["failed", "held back", "held back"])
    assert not any(target.tags.values())


def test_t20_a_full_disk_for_the_receipt_is_found_before_anything_is_sent(bring, target, tmp_path):
    if os.geteuid():
        pytest.skip("mounting needs root")
    state = tmp_path / "state"
    state.mkdir()
    shell(f"mount -t tmpfs -o size=8k none {state}", cwd=tmp_path)
    try:
        assert os.path.ismount(state)
        (state / "full").write_bytes(bytes(os.statvfs(state).f_bavail * os.statvfs(state).f_frsize))
        done = bring(target.host, "--receipt", state / "r.json")
        assert [path.name for path in state.iterdir()] == ["full"], "nothing half written is left"
    finally:
        shell(f"umount {state}", cwd=tmp_path)
    assert done.code == 8
    assert target.blobs == set()
    assert target.tags == {}


# Two at once


def together(*runs: list[object]) -> list[subprocess.CompletedProcess[str]]:
    """Runs of the command side by side, to their ends."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bundler", *map(str, run)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for run in runs
    ]
    ended = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return ended


def receipts() -> list[Path]:
    return sorted((Path(os.environ["HOME"]) / ".local/state/bundler/receipts").iterdir())


def meeting(number: int):
    """Lets requests of a kind wait until so many have come, so that runs meet there."""
    barrier = threading.Barrier(number, timeout=60)
    left = [number]
    lock = threading.Lock()

    def fault(front, request) -> bool:
        if request.command == "POST" and request.path.endswith("/uploads/"):
            with lock:
                left[0] -= 1
                waits = left[0] >= 0
            if waits:
                barrier.wait()
        return False

    return fault


def test_t17_two_imports_of_one_bundle_to_one_registry_both_end_well(made, target, fronts):
    front = fronts(target, meeting(4))
    run = ["import", made[0], "--trust", made[1], "--to", front.host, "--json"]
    for done in together(run, run, run):
        assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        repository, _, tag = name.partition(":")
        assert target.get(f"{repository}/manifests/{tag}") == KINDS[name].content
    assert len(receipts()) == 3, "each has a receipt of its own, and nothing unfinished is left"
    for path in receipts():
        reported = json.loads(path.read_text())
        assert reported["exitCode"] == 0
        assert {image["readBack"] == image["digest"] for image in reported["targets"][0]["images"]} == {True}


def test_t17_two_imports_of_bundles_that_share_layers_both_end_well(bundler, origin, made, target, keys, tmp_path):
    names = [f"docker://{origin.host}/{name}" for name in ("library/docker:1", "team/other/shares:1")]
    other = ["export", *names, "--name", "other"]
    assert bundler(*other, "-o", tmp_path, "--key", keys[0]).code == 0
    runs = [
        ["import", bundle, "--trust", trust, "--to", target.host]
        for bundle, trust in (made, (tmp_path / "other", keys[1]))
    ]
    for done in together(*runs):
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(target.tags) == 5
    assert len(receipts()) == 2


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_t17_the_second_import_into_one_layout_is_shown_who_has_it(made, bring, target, fronts, tmp_path, kind):
    """The first one is kept busy by a registry that it serves too."""
    place = tmp_path / "place"
    reported: list[subprocess.CompletedProcess[str]] = []
    run = ["import", made[0], "--trust", made[1], "--to", f"{kind}:{place}"]
    front = fronts(target, before_first("PUT", "/manifests/", lambda: reported.extend(together(run))))
    first = subprocess.Popen(
        [sys.executable, "-m", "bundler", *map(str, run), "--to", front.host], stdout=subprocess.DEVNULL
    )
    assert first.wait(120) == 0
    assert reported[0].returncode == 7
    assert f"{kind}:{place}: process {first.pid} on " in reported[0].stderr
    assert "since 20" in reported[0].stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("place.")] == []
    if kind == "oci":
        assert len(json.loads((place / "index.json").read_text())["manifests"]) == 3
        assert not list(place.glob(".*"))
        assert bring(f"oci:{place}").code == 0


def test_t17_what_a_killed_import_left_in_a_layout_is_reported_and_removed(bring, tmp_path):
    place = tmp_path / "place"
    (place / "blobs/sha256").mkdir(parents=True)
    litter = place / f"blobs/sha256/.{'a' * 64}.123.456"
    litter.write_bytes(b"half")
    kept = place / "blobs/sha256/.hidden.by.user"
    kept.write_bytes(b"kept")
    (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (place / ".bundler-lock").write_text('{"pid": 999999, "host": "jump", "since": "2026-11-24T01:02:03Z"}\n')
    done = bring(f"oci:{place}")
    assert done.code == 0, done.err
    assert all(fact in done.err for fact in ("999999", "jump", "2026-11-24T01:02:03Z")), done.err
    assert not litter.exists()
    assert kept.exists()
    assert not (place / ".bundler-lock").exists()


def test_t17_two_imports_that_are_to_write_one_receipt_are_shown_each_other(made, target, fronts, tmp_path):
    mine = tmp_path / "r.json"
    reported: list[subprocess.CompletedProcess[str]] = []
    run = ["import", made[0], "--trust", made[1], "--receipt", mine, "--to"]
    act = lambda: reported.extend(together([*run, target.host]))  # noqa: E731
    front = fronts(target, before_first("PUT", "/manifests/", act))
    (done,) = together([*run, front.host])
    assert done.returncode == 0, done.stderr
    assert reported[0].returncode == 7
    assert "r.json: process" in reported[0].stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["r.json"]
