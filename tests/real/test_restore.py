"""restore.py against a real docker-registry: the same state as an import leaves, by any Python from 3.6 on, whatever goes wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler import cli
from bundler.bundle import restore
from tests.conftest import Ran
from tests.support import faults, images, months
from tests.support.attachments import cosign, dashed, push_all
from tests.support.images import every_kind, layer_tar
from tests.support.parts import RealRegistry, require, shell
from tests.support.referrers import Referrers
from tests.support.servers import Front, TokenServer, certificates

BIG = images.image([images.packed(layer_tar("big", 2_500_000)), images.packed(layer_tar("small"))])
SYSTEM_PYTHON = Path("/usr/bin/python3")
SECRET = "s3cret"


def pythons() -> dict[str, Path]:
    """The other versions of Python on this machine, the oldest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return {
        version: path
        for version in ("3.6", "3.8", "3.9", "3.11", "3.13")
        for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    }


PYTHONS = (SYSTEM_PYTHON, *pythons().values())


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[RealRegistry]:
    """A registry in which each test has a prefix of its own."""
    registry = RealRegistry(tmp_path_factory.mktemp("shared")).start()
    yield registry
    registry.stop()
    shutil.rmtree(registry.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def zoo(origin, shared, made_keys, tmp_path_factory) -> Path:
    """A bundle with an image of every kind, cut blobs, attachments of each form, and a name without a tag."""
    source = "source/app"
    push_all(shared, source, images.simple("subject"))
    BIG.push(shared, "source/big", "1")
    listed = [f"{origin.host}/{name}" for name in every_kind()]
    listed += [f"{shared.host}/{source}:1", f"{shared.host}/source/big:1", f"{shared.host}/source/big@{BIG.digest}"]
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "list").write_text("\n".join(listed) + "\n")
    export = [
        "export",
        str(folder / "list"),
        "-o",
        str(folder),
        "--name",
        "zoo",
        "--key",
        str(made_keys / "tester.key"),
    ]
    assert cli.run([*export, "--chunk-size", "1MiB", "-q"]) == 0
    return folder / "zoo"


@pytest.fixture(scope="module")
def small(made_keys, tmp_path_factory) -> Path:
    """A bundle with two images that share a layer, in some chunks."""
    folder = tmp_path_factory.mktemp("small")
    base = gzip.compress(layer_tar("base", 900_000), mtime=0)
    made = {
        "a/one": images.image([base, gzip.compress(layer_tar("one", 700_000), mtime=0)]),
        "b/two": images.image([base]),
    }
    for name, image in made.items():
        image.write_layout(folder / "layout", f"example.org/{name}:1")
    sources = [f"oci:{folder}/layout:example.org/{name}:1" for name in made]
    export = ["export", *sources, "-o", str(folder), "--name", "small", "--key", str(made_keys / "tester.key")]
    assert cli.run([*export, "--chunk-size", "1MiB", "-q"]) == 0
    return folder / "small"


@pytest.fixture
def restored(made_keys, capfd, monkeypatch) -> Callable[..., Ran]:
    """Runs it in this process, without pauses. The end of a process closes connections; here that is done for it."""
    monkeypatch.setattr(restore.time, "sleep", lambda seconds: None)
    connect, lines = restore.Registry._connection, []
    monkeypatch.setattr(restore.Registry, "_connection", lambda *given: lines.append(connect(*given)) or lines[-1])

    def run(*arguments: object, trust: Path | None = None) -> Ran:
        capfd.readouterr()
        code = restore.main(["--trust", str(trust or made_keys / "tester.pub"), *map(str, arguments)])
        for line in lines:
            line.close()
        done = capfd.readouterr()
        assert "Traceback" not in done.err
        return Ran(code, done.out, done.err)

    return run


def started(python: Path, bundle: Path, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own, of some Python, that runs the script in the bundle's folder."""
    command = [str(python), "-I", "restore.py", *map(str, arguments)]
    return subprocess.Popen(command, cwd=bundle, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> Ran:
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return Ran(process.returncode, out, err)


def state(registry: RealRegistry, prefix: str) -> dict[str, str]:
    """All tags and manifests of the repositories below a prefix, with their digests, as they are in the storage."""
    root = registry.storage / "docker/registry/v2/repositories" / prefix
    links = {str(path.parent.relative_to(root)): path.read_text() for path in root.glob("**/current/link")}
    found = {**links, **{str(path.parent.relative_to(root)): "" for path in root.glob("**/revisions/*/*/link")}}
    return found | {str(path.parent.relative_to(root)): "" for path in root.glob("**/_layers/*/*/link")}


def tagged(registry: RealRegistry, prefix: str) -> set[str]:
    """The repositories below a prefix that have a tag."""
    return {
        name.removeprefix(f"{prefix}/")
        for name, tags in registry.tags.items()
        if name.startswith(f"{prefix}/") and tags
    }


def test_the_same_state_as_an_import_leaves_by_the_oldest_python(shared, zoo, made_keys, tmp_path):
    run = [
        "import",
        str(zoo),
        "--trust",
        str(made_keys / "tester.pub"),
        "-q",
        "--receipt",
        str(tmp_path / "receipt.json"),
    ]
    assert cli.run([*run, "--to", f"{shared.host}/theirs"]) == 0
    expected = state(shared, "theirs")
    assert len(expected) > 100
    oldest = (*PYTHONS[1:], SYSTEM_PYTHON)[0]
    front = Front(shared).start()
    try:
        run = ["--trust", made_keys / "tester.pub", "--to", f"{front.host}/ours"]
        done = ended(started(oldest, zoo, *run))
        assert done.code == 0, done.err
        assert state(shared, "ours") == expected
        check_order(front.requests)
        front.requests.clear()
        again = ended(started(SYSTEM_PYTHON, zoo, *run))
        assert again.code == 0, again.err
        assert {method for method, _ in front.requests} == {"HEAD", "GET"}, "all of it is there"
    finally:
        front.stop()


def check_order(requests: list[tuple[str, str]]) -> None:
    """A blob is looked for before it is sent, and the tag of an image comes after everything else of it."""
    tags = [path for method, path in requests if method == "PUT" and path.endswith("/manifests/1")]
    assert len(tags) > 10
    for path in tags:
        repository = path[: -len("/manifests/1")] + "/"
        own = [
            (method, each) for method, each in requests if each.startswith(repository) and method not in ("HEAD", "GET")
        ]
        assert own[-1][1] in (
            path,
            f"{repository}manifests/digest-{BIG.digest[7:19]}",
            f"{repository}manifests/same",
        ), path
        first = [method for method, each in requests if each.startswith(f"{repository}blobs/")]
        assert first[0] == "HEAD"


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.name)
def test_each_python_checks_and_pushes(shared, small, made_keys, python):
    prefix = python.name.replace(".", "-")
    done = ended(started(python, small, "--trust", made_keys / "tester.pub", "--to", f"{shared.host}/{prefix}"))
    assert done.code == 0, done.err
    assert tagged(shared, prefix) == {"a/one", "b/two"}
    done = ended(started(python, small, "--trust", made_keys / "tester.pub"))
    assert (done.code, done.err.splitlines()[-1]) == (0, "everything is right")


def test_a_killed_run_leaves_no_tag_without_its_image_and_the_same_command_goes_on(shared, small, made_keys):
    """Killed before every third request that changes something, until a run comes to its end."""
    running: list[subprocess.Popen[str]] = []
    left = [0]

    def kill(front, request) -> bool:
        left[0] -= request.command in ("POST", "PUT")
        if left[0] >= 0:
            return False
        running[-1].kill()
        request.close_connection = True
        return True

    def run(prefix: str, requests: int) -> int:
        left[0] = requests
        running.append(
            started(SYSTEM_PYTHON, small, "--trust", made_keys / "tester.pub", "--to", f"{front.host}/{prefix}")
        )
        return ended(running[-1]).code

    front = Front(shared, [kill]).start()
    try:
        for number in range(1, 40, 3):
            prefix = f"kill{number}"
            code = run(prefix, number)
            there = state(shared, prefix)
            for name in ("a/one", "b/two"):
                digest = there.get(f"{name}/_manifests/tags/1/current", "")
                assert not digest or f"{name}/_manifests/revisions/{digest.replace(':', '/')}" in there
            if code == 0:
                break
            assert (code, tagged(shared, prefix) == {"a/one", "b/two"}) == (-9, False)
            assert run(prefix, 10**6) == 0
            assert tagged(shared, prefix) == {"a/one", "b/two"}
    finally:
        front.stop()
    assert (code, number > 10) == (0, True)


def test_media_chunks_that_are_missing_or_damaged_and_keys_of_others(shared, small, made_keys, restored, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    shutil.copytree(small, one)
    shutil.copytree(small, two)
    chunks = sorted(path.name for path in small.glob("chunk-*"))
    assert len(chunks) >= 2
    (one / chunks[-1]).unlink()
    for name in chunks[:-1]:
        (two / name).unlink()
    alone = restored("--to", f"{shared.host}/alone", one)
    assert (alone.code, f"{chunks[-1]} of small in {one}: missing" in alone.err) == (9, True)
    assert tagged(shared, "alone") == {"b/two"}
    checked = restored(two)
    assert (checked.code, f"{chunks[0]} of small: missing in {two}" in checked.err) == (9, True)
    for prefix, folders in (("alone", (two, one)), ("both", (one, two))):
        done = restored("--to", f"{shared.host}/{prefix}", *folders)
        assert done.code == 0, done.err
        assert tagged(shared, prefix) == {"a/one", "b/two"}
    last = two / chunks[-1]
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    damaged = restored("--to", f"{shared.host}/damaged", one, two)
    assert (damaged.code, f"{chunks[-1]} of small: damaged" in damaged.err) == (4, True)
    assert tagged(shared, "damaged") == {"b/two"}
    assert cli.run(["keygen", "other", "-d", str(tmp_path), "-q"]) == 0
    for trust in ([], ["--trust", str(tmp_path / "other.pub")]):
        assert restore.main([*trust, "--to", f"{shared.host}/other", str(small)]) == 5
    assert not state(shared, "other")


def test_a_read_only_medium_is_enough_and_nothing_is_written(shared, small, made_keys, tmp_path):
    require("unshare")
    script = f"""
      mkdir medium home && mount --bind {small} medium && mount -o remount,ro,bind medium
      cd medium && HOME=$PWD/../home {SYSTEM_PYTHON} restore.py --trust {made_keys}/tester.pub --to {shared.host}/readonly
    """
    shell(f"unshare -m bash -euc '{script}'", cwd=tmp_path)
    assert tagged(shared, "readonly") == {"a/one", "b/two"}
    assert list((tmp_path / "home").iterdir()) == []


def test_a_tag_with_another_image_moves_only_if_that_is_asked_for(shared, small, restored):
    other = images.simple("other")
    other.push(shared, "taken/a/one", "1")
    before = state(shared, "taken")
    done = restored("--to", f"{shared.host}/taken", small)
    assert (done.code, f"taken/a/one:1 is {other.digest} at {shared.host}/taken; --replace moves it" in done.err) == (
        6,
        True,
    )
    assert state(shared, "taken") == before
    assert restored("--to", f"{shared.host}/taken", "--replace", small).code == 0
    assert state(shared, "taken")["a/one/_manifests/tags/1/current"] != other.digest


def test_a_tag_that_another_client_sets_during_the_run_stays(shared, small, restored):
    other = images.simple("during")

    def push(front, request) -> bool:
        other.push(shared, "during/a/one", "1")
        return False

    front = Front(shared, [faults.times(1, push, lambda request: request.command == "PUT")]).start()
    try:
        done = restored("--to", f"{front.host}/during", small)
    finally:
        front.stop()
    assert (done.code, "was moved" in done.err) == (6, True)
    assert state(shared, "during")["a/one/_manifests/tags/1/current"] == other.digest


def test_a_registry_that_takes_no_pushes_and_says_no_sizes_is_enough_if_it_has_all(shared, small, restored):
    assert restored("--to", f"{shared.host}/frozen", small).code == 0

    def answer(front, request) -> bool:
        is_write = request.command not in ("GET", "HEAD")
        if not is_write and not (request.command == "HEAD" and "/blobs/" in request.path):
            return False
        request.send_response(405 if is_write else 200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        return True

    front = Front(shared, [answer]).start()
    try:
        done = restored("--to", f"{front.host}/frozen", small)
    finally:
        front.stop()
    assert done.code == 0, done.err
    assert any(method == "HEAD" for method, _ in front.requests)


@pytest.mark.parametrize("part", ["layer", "manifest"])
def test_no_tag_moves_to_an_image_of_which_the_registry_keeps_a_damaged_part(new_registry, small, restored, part):
    """The registry says of each part that it is there, and keeps the old bytes when it is sent again."""
    registry = new_registry()
    assert restored(small, "--to", f"{registry.host}/first").code == 0
    content = registry.get("first/a/one/manifests/1")
    layer = json.loads(content)["layers"][1]["digest"].split(":")[1]
    name = layer if part == "layer" else hashlib.sha256(content).hexdigest()
    stored = registry.storage / f"docker/registry/v2/blobs/sha256/{name[:2]}/{name}/data"
    stored.write_bytes(content.replace(b"sha256:", b"sha256:0", 1) if part == "manifest" else b"x" * 10)
    for prefix in ("first", "second"):
        shutil.rmtree(registry.storage / f"docker/registry/v2/repositories/{prefix}/a/one/_manifests/tags", True)
        done = restored(small, "--to", f"{registry.host}/{prefix}")
        assert (done.code, "damaged" in done.err, "a/one" in tagged(registry, prefix)) == (6, True, False), done.err


def test_bases_are_proved_at_the_registry_or_given(shared, made_keys, restored, tmp_path):
    key, trust = made_keys / "tester.key", made_keys / "tester.pub"
    since: list[object] = []
    for name, month in list(months.MONTHS.items())[:2]:
        layout = months.write_layout(month, tmp_path / "layouts" / name)
        export = ["export", f"oci:{layout}", "-o", tmp_path, "--name", name, "--key", key, "-q", *since]
        assert cli.run([str(each) for each in export]) == 0
        since = ["--since", tmp_path / name, "--trust", trust]
    first, second = tmp_path / "month-1", tmp_path / "month-2"
    lacking = restored("--to", f"{shared.host}/bases", second)
    assert (lacking.code, "name bundle month-1, chunks [1], too" in lacking.err) == (9, True)
    assert not state(shared, "bases")
    done = restored("--to", f"{shared.host}/given", second, first)
    assert done.code == 0, done.err
    assert restored("--to", f"{shared.host}/there", first).code == 0
    there = restored("--to", f"{shared.host}/there", "--replace", second)
    assert there.code == 0, there.err
    for prefix in ("given", "there"):
        found = state(shared, prefix)
        for name, digest in months.digests(months.MONTHS["month-2"]).items():
            assert found[f"{name}/_manifests/tags/1/current"] == digest


def test_a_registry_that_lists_referrers_gets_no_index_and_other_entries_stay(
    shared, restored, made_keys, tmp_path, zoo
):
    subject = images.simple("subject")
    front = Front(shared, [Referrers()]).start()
    try:
        assert restored("--to", f"{front.host}/api", zoo).code == 0
        assert not [name for name in state(shared, "api") if name.endswith(f"{dashed(subject)}/current")]
    finally:
        front.stop()
    other = images.simple("stranger")
    other.push(shared, "kept/source/app", "x")
    index = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [other.descriptor()], "x": 1}
    shared.put(f"kept/source/app/manifests/{dashed(subject)}", json.dumps(index).encode(), images.OCI_INDEX)
    assert restored("--to", f"{shared.host}/kept", zoo).code == 0
    now = json.loads(shared.get(f"kept/source/app/manifests/{dashed(subject)}") or b"")
    assert (now["x"], now["manifests"][0], len(now["manifests"])) == (1, other.descriptor(), 2)
    cosign(other).push(shared, "signed/source/app", dashed(subject, ".sig"))
    assert restored("--to", f"{shared.host}/signed", zoo).code == 6, "signatures of others are not lost"


def test_logins_come_from_dockers_config_or_from_standard_input(new_registry, small, restored, tmp_path, monkeypatch):
    require("htpasswd")
    shell(f"htpasswd -Bbn 'robot$ci' {SECRET} > {tmp_path}/htpasswd", cwd=tmp_path)
    guarded = new_registry(extra=f"auth: {{htpasswd: {{realm: basic, path: {tmp_path}/htpasswd}}}}\n")
    tokens = TokenServer(tmp_path)
    try:
        for registry in (guarded, new_registry(extra=tokens.registry_config)):
            denied = restored("--to", registry.host, small)
            assert (denied.code, "docker login" in denied.err) == (6, True)
            monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
            assert restored("--to", registry.host, "--user", "robot$ci", small).code == 6, "the password is wrong"
            login = base64.b64encode(f"robot$ci:{SECRET}".encode()).decode()
            (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
            monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
            done = restored("--to", registry.host, small)
            assert done.code == 0, done.err
            monkeypatch.delenv("DOCKER_CONFIG")
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
            assert restored("--to", f"{registry.host}/stdin", "--user", "robot$ci", small).code == 0
            assert set(registry.tags) == {"a/one", "b/two", "stdin/a/one", "stdin/b/two"}
            assert SECRET not in done.err + denied.err
        scopes = {scope for issued in tokens.issued for scope in issued}
        assert {"repository:a/one:pull,push", "repository:a/one:pull", "repository:b/two:pull,push"} <= scopes
    finally:
        tokens.server.stop()


def test_a_private_authority_is_named_and_nothing_else_is_trusted(shared, small, restored, tmp_path):
    made = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["server.crt"], made["server.key"])
    front = Front(shared, context=context).start()
    try:
        host = f"127.0.0.1:{front.server.port}"
        done = restored("--to", f"{host}/tls", "--cacert", made["ca.crt"], small)
        assert done.code == 0, done.err
        assert certificates_refused(
            restored("--to", f"{host}/tls2", "--cacert", "/etc/ssl/certs/ca-certificates.crt", small)
        )
        front.faults.append(faults.answer(401, {"WWW-Authenticate": f'Bearer realm="http://{shared.host}/token"'}))
        done = restored("--to", f"{host}/tls2", "--cacert", made["ca.crt"], small)
        assert (done.code, "wants a login without TLS" in done.err) == (6, True)
    finally:
        front.stop()
    assert not state(shared, "tls2")


def certificates_refused(done: Ran) -> bool:
    return done.code == 6 and "CERTIFICATE_VERIFY_FAILED" in done.err and "--cacert" in done.err


def test_a_registry_that_fails_is_asked_again_and_one_that_refuses_is_not(shared, small, restored):
    def to_blobs(request) -> bool:
        return request.command == "PUT" and "/blobs/" in request.path

    def located(place: str) -> faults.Fault:
        change = faults.rewritten(lambda status, headers, content: (status, {**headers, "Location": place}, content))
        return faults.times(1, change, lambda request: request.command == "POST")

    login = {"WWW-Authenticate": 'Bearer realm="http://example.org/token"'}

    cases = {
        "busy": (faults.times(2, faults.answer(503, {})), 0, "trying again"),
        "reset": (faults.times(2, lambda front, request: faults.reset(request) or True, to_blobs), 0, "trying again"),
        "down": (faults.answer(502, {}), 7, "run the same command again"),
        "full": (faults.times(99, faults.answer(413, {}, b'{"errors":[{"code":"\x1b[2J"}]}'), to_blobs), 6, "413"),
        "elsewhere": (located("http://example.org/upload?x=1"), 6, "another host, example.org"),
        "nowhere": (located("http://[upload"), 6, "Invalid IPv6 URL"),
        "login": (faults.times(1, faults.answer(401, login)), 6, "wants a login without TLS, at example.org"),
    }  # fmt: skip
    for prefix, (fault, code, says) in cases.items():
        front = Front(shared, [fault]).start()
        try:
            done = restored("--to", f"{front.host}/{prefix}", small)
        finally:
            front.stop()
        assert (done.code, says in done.err, "\x1b" in done.err) == (code, True, False), prefix + done.err
        assert bool(tagged(shared, prefix)) == (code == 0), prefix
