"""Bundles in S3, with SeaweedFS: the same bytes as in a folder, whatever happens on the way."""

from __future__ import annotations

import hashlib
import http.client
import io
import itertools
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bundler
from bundler.bundle.s3.client import forget_client
from bundler.serving.verified import Verdicts, VerifiedBlob
from bundler.system.bundle_paths import bundle_path
from tests.conftest import Ran
from tests.support import images, s3 as support
from tests.support.aws_roles import TOKEN, roles
from tests.support.s3 import BUCKET, RealS3, asks, changed, cut, error, lost, once, reads
from tests.support.servers import Front
from tests.support.serving import get, serving
from tests.support.steps import Steps
from tests.support.sweeps import IS_FULL, some

MIB = 1 << 20
EPOCH = "1700000000"
LAYER = random.Random("layer").randbytes(17 * MIB + 4567)
"""Three parts of 8 MiB."""
LARGE = images.image([LAYER], uncompressed=[b"large"], layer_type=images.OCI_LAYER)
SMALL = images.simple("small", 300_000)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image list, and the layout that its images come from."""
    folder = tmp_path_factory.mktemp("source")
    LARGE.write_layout(folder / "layout", "large:1")
    SMALL.write_layout(folder / "layout", "small:1")
    entries = [{"image": f"r.example/{name}:1", "from": f"oci:{folder}/layout:{name}:1"} for name in ("large", "small")]
    (folder / "list.json").write_text(json.dumps({"name": "test", "images": entries}))
    return (folder / "list.json").rename(folder / "list.yaml")


@pytest.fixture(scope="module")
def in_folder(source: Path, made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the same bundle in a folder."""
    folder = tmp_path_factory.mktemp("folder")
    command = ["export", source, "-o", folder, "--key", made_keys / "tester.key"]
    made = Steps(command, {"SOURCE_DATE_EPOCH": EPOCH}).run()
    assert made.code == 0, made.err
    return {path.name: path.read_bytes() for path in (folder / "test").iterdir()}


@pytest.fixture
def front(weed: RealS3) -> Iterator[Front]:
    """A proxy before S3, which every command of these tests talks to."""
    proxy = Front(weed).start()  # type: ignore[arg-type]  # it asks for the port alone
    yield proxy
    proxy.stop()


_numbers = itertools.count()


@pytest.fixture
def prefix() -> str:
    return f"p{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def run(here: Callable[..., Ran], front: Front, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """A command with a proxy before S3. It shows no secret."""
    for name, value in {**support.environment(front.host), "SOURCE_DATE_EPOCH": EPOCH}.items():
        monkeypatch.setenv(name, value)
    forget_client()

    def command(*arguments: object) -> Ran:
        ran = here(*arguments)
        for secret in (support.SECRET, support.KEY_ID):
            assert secret not in ran.out + ran.err
        return ran

    yield command
    forget_client()


@pytest.fixture(scope="module")
def there(weed: RealS3, in_folder: dict[str, bytes]) -> str:
    """A prefix with the bundle, for tests that only read it."""
    for name, content in in_folder.items():
        weed.client().put_object(Bucket=BUCKET, Key=f"shared/test/{name}", Body=content)
    return f"s3://{BUCKET}/shared/test"


def chunk_of(files: dict[str, bytes]) -> str:
    return max(files, key=lambda name: len(files[name]))


def test_a_bundle_in_s3_has_the_bytes_of_one_in_a_folder(run, front, weed, source, in_folder, keys, prefix, target):
    key, public = keys
    place = f"s3://{BUCKET}/{prefix}"
    made = run("export", source, "-o", place, "--key", key, "--json")
    assert made.code == 0, made.err
    assert made.json["path"] == f"{place}/test"
    assert weed.objects(f"{prefix}/test") == in_folder
    written = [path.partition("?")[0].rpartition("/")[2] for method, path in front.requests if method == "PUT"]
    assert written[-2].endswith(".sig")
    assert written[-1] == "SHA256SUMS", "it makes the objects a bundle"
    assert not weed.uploads(prefix)
    again = run("export", source, "-o", place, "--key", key)
    assert (again.code, "already complete" in again.out) == (0, True)
    assert run("verify", f"{place}/test", "--trust", public).code == 0
    listed = run("inspect", place, "--trust", public, "-q")
    assert listed.out.split() == ["r.example/large:1", "r.example/small:1"], "a prefix is searched as a medium is"
    imported = run("import", f"{place}/test", "--trust", public, "--to", target.host)
    assert imported.code == 0, imported.err
    for name, image in (("large", LARGE), ("small", SMALL)):
        assert target.get(f"{name}/manifests/1") == image.content
    differs = run("export", source, "-o", place, "--key", key, "--chunk-size", "10MB")
    assert (differs.code, weed.objects(f"{prefix}/test") == in_folder) == (2, True)


def test_small_reads_share_a_request_and_no_byte_is_copied_on_its_way(
    run, front, there, in_folder, keys, tmp_path, monkeypatch
):
    def copies(*_: object) -> int:
        raise AssertionError("it makes new bytes for each piece")

    monkeypatch.setattr("botocore.response.StreamingBody.readinto", copies)
    imported = run("import", there, "--trust", keys[1], "--to", f"oci:{tmp_path / 'layout'}")
    assert imported.code == 0, imported.err
    requests = [(method, path.rpartition("/")[2]) for method, path in front.requests]
    assert requests.count(("GET", chunk_of(in_folder))) <= 6, "nine blobs and files, some of them read twice"
    assert [name for method, name in requests if method == "HEAD"] == [chunk_of(in_folder)], "small files are read"
    blobs = list((tmp_path / "layout/blobs/sha256").iterdir())
    assert max(blob.stat().st_size for blob in blobs) > 1 << 20, "one of them is written without the page cache"
    assert all(hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name for blob in blobs)


def test_a_bundle_in_s3_is_a_base_and_a_side_of_a_comparison(run, source, there, keys, prefix, target, tmp_path):
    key, public = keys
    images.simple("new", 300_000).write_layout(tmp_path / "layout", "new:1")
    entry = {"image": "r.example/new:1", "from": f"oci:{tmp_path}/layout:new:1"}
    entries = [*json.loads(source.read_text())["images"], entry]
    (tmp_path / "list.yaml").write_text(json.dumps({"name": "later", "images": entries}))
    place = f"s3://{BUCKET}/{prefix}"
    export = ("export", tmp_path / "list.yaml", "-o", place, "--key", key, "--since")
    assert run(*export, there).code == 5, "no key is trusted"
    assert run(*export, f"{place}/none", "--trust", public).code == 2
    made = run(*export, f"{there}/SHA256SUMS", "--trust", public, "--json")
    assert made.code == 0, made.err
    assert made.json["since"]["leftOutBytes"] > len(LAYER)
    differs = run("diff", there, f"{place}/later", "--trust", public, "--json")
    assert (differs.code, [each["name"] for each in differs.json["new"]]) == (1, ["r.example/new:1"]), differs.err
    assert run("export", tmp_path / "list.yaml", "-o", place, "--name", "whole", "--key", key).code == 0
    listed = run("inspect", place, "--trust", public, "--json").json["bundles"]
    assert [(each["name"], each["images"], each["complete"], each["bases"]) for each in listed] == [
        ("later", 3, True, ["test"]),
        ("whole", 3, True, []),
    ]
    found = run("search", "example/new", place, "--trust", public, "--json").json["found"]
    assert sorted((each["bundle"]["name"], each["verifiedBy"] != []) for each in found) == [
        ("later", True),
        ("whole", True),
    ]
    lacking = run("import", f"{place}/later", "--trust", public, "--to", target.host)
    assert lacking.code == 9, lacking.err
    both = run("import", f"{place}/later", there, "--trust", public, "--to", target.host)
    assert both.code == 0, both.err
    assert target.get("large/manifests/1") == LARGE.content
    written = run("mirrors", there, "--to", "m.example", "--for", "containerd", "-o", tmp_path / "m", "--trust", public)
    assert written.code == 0, written.err


def test_a_bundle_in_s3_is_signed_there(run, weed, in_folder, keys, prefix, tmp_path):
    for name, content in in_folder.items():
        weed.client().put_object(Bucket=BUCKET, Key=f"{prefix}/test/{name}", Body=content)
    place = f"s3://{BUCKET}/{prefix}/test"
    assert run("keygen", "second", "-d", tmp_path).code == 0
    sign = ("sign", place, "--key", tmp_path / "second.key", "--trust", keys[1])
    for _ in range(2):
        signed = run(*sign)
        assert signed.code == 0, signed.err
    assert run("verify", place, "--trust", tmp_path / "second.pub").code == 0
    assert len(weed.objects(f"{prefix}/test")) == len(in_folder) + 1
    chunk = chunk_of(in_folder)
    weed.client().put_object(Bucket=BUCKET, Key=f"{prefix}/test/{chunk}", Body=in_folder[chunk][::-1])
    assert run(*sign).code == 4, "what is damaged is not signed"


def test_what_works_on_folders_only_says_how_to_go_on(run, there, keys):
    for command in (
        ("copy", there, "-o", "x"),
        ("copy", "x", "-o", there),
        ("repair", there),
        ("label", there, "-o", "x.pdf"),
        ("parity", there, "--key", keys[0]),
    ):
        refused = run(*command)
        assert refused.code == 2, command
        assert f"{there}: this works on folders of this machine only" in refused.err, command
        assert "aws s3 cp --recursive" in refused.err


def test_real_clients_pull_from_s3_and_never_get_a_wrong_blob(run, front, there, in_folder, keys, tmp_path):
    reading = reads(chunk_of(in_folder))
    copy = ("skopeo", "copy", "--src-tls-verify=false")
    with serving(bundle_path(there), trust=(keys[1],)) as served:
        source = f"docker://{served.host}/r.example/large:1"

        def pulled(name: str) -> int:
            return subprocess.run(
                [*copy, source, f"dir:{tmp_path}/{name}"], capture_output=True, timeout=120
            ).returncode

        digest = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"
        blob = f"/v2/r.example/large/blobs/{digest}"
        part = get(served, blob, Range=f"bytes={MIB}-{2 * MIB}")
        assert (part.status, part.content) == (206, LAYER[MIB : 2 * MIB + 1])
        front.faults[:] = [once(cut(reading, 5 * MIB))]
        assert pulled("cut") == 0, "what breaks is read on"
        assert hashlib.sha256((tmp_path / "cut" / digest.removeprefix("sha256:")).read_bytes()).hexdigest() in digest
        for name, fault in (("bit", changed(reading, flipped)), ("gone", cut(reading, 0))):
            front.faults[:] = [fault]
            assert pulled(name) != 0, name
            try:
                got = get(served, blob)
            except http.client.HTTPException:
                continue
            assert got.status >= 500, name
        front.faults[:] = []
        assert get(served, blob).content == LAYER


def test_credentials_are_found_where_the_tools_of_aws_find_them(run, front, there, keys, monkeypatch, tmp_path):
    public = keys[1]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    login = f"aws_access_key_id = {support.KEY_ID}\naws_secret_access_key = {support.SECRET}\n"
    (tmp_path / "credentials").write_text(f"[backup]\n{login}")
    login = json.dumps({"Version": 1, "AccessKeyId": support.KEY_ID, "SecretAccessKey": support.SECRET})
    (tmp_path / "login.json").write_text(login)
    place = f"endpoint_url = http://{front.host}\nregion = us-east-1\ns3 =\n  addressing_style = path\n"
    (tmp_path / "config").write_text(
        f"[profile backup]\n{place}[profile by-process]\n{place}credential_process = cat {tmp_path}/login.json\n"
    )
    files = {"AWS_CONFIG_FILE": tmp_path / "config", "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "credentials"}
    with roles() as address:
        container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/container"}
        token, role = tmp_path / "token", "arn:aws:iam::123456789012:role/bundler"
        token.write_text(TOKEN)
        for given, code in (
            ({"AWS_PROFILE": "backup", "AWS_ENDPOINT_URL_S3": "", **files}, 0),
            ({"AWS_PROFILE": "by-process", "AWS_ENDPOINT_URL_S3": "", **files}, 0),
            ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN, **container}, 0),
            ({"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": role, "AWS_ENDPOINT_URL_STS": address}, 0),
            ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": address, "AWS_EC2_METADATA_DISABLED": "false"}, 0),
            ({"AWS_PROFILE": "none", **files}, 2),
            ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong", **container}, 2),
        ):
            with monkeypatch.context() as changed_here:
                for name, value in given.items():
                    changed_here.setenv(name, str(value))
                    if not value:
                        changed_here.delenv(name)
                forget_client()
                found = run("inspect", there, "--trust", public, "--json")
                assert found.code == code, (given, found.err)
                assert TOKEN not in found.out + found.err


def kill_points(count: int) -> list[int]:
    return list(range(1, count + 1)) if IS_FULL else list(some([count // 3, count // 2, count - 3], every=3))


def test_an_export_that_is_killed_is_finished_by_the_same_command(weed, front, source, in_folder, keys, prefix):
    environment = {**support.environment(front.host), "SOURCE_DATE_EPOCH": EPOCH}

    def steps(number: int) -> Steps:
        return Steps(["export", source, "-o", f"s3://{BUCKET}/{prefix}-{number}", "--key", keys[0]], environment)

    for number in kill_points(steps(0).count()):
        ended = steps(number).kill_at(number, after=number % 2 == 0)
        there = weed.objects(f"{prefix}-{number}/test")
        assert "SHA256SUMS" not in there or there == in_folder, ended.last
        front.requests.clear()
        done = steps(number).run()
        assert done.code == 0, (number, ended.last, done.err)
        assert weed.objects(f"{prefix}-{number}/test") == in_folder, (number, ended.last)
        assert not weed.uploads(f"{prefix}-{number}")


def test_what_breaks_on_the_way_is_asked_for_again(run, front, weed, source, in_folder, there, keys, prefix):
    key, public = keys
    chunk = chunk_of(in_folder)
    reading = reads(chunk)
    for number, fault in enumerate(
        (
            cut(reading, 5 * MIB),
            cut(reading, 0),
            error(reading, 503, "SlowDown"),
            error(reading, 500, "InternalError"),
            lost(reading),
        )
    ):
        front.faults[:] = [once(fault)]
        assert run("verify", there, "--trust", public).code == 0, number
    sending = asks("PUT", "partNumber=2")
    for number, fault in enumerate(
        (
            lost(sending),
            error(sending, 503, "SlowDown"),
            lost(asks("POST", "uploadId=")),
            lost(asks("PUT", "/SHA256SUMS")),
        )
    ):
        front.faults[:] = [once(fault)]
        made = run("export", source, "-o", f"s3://{BUCKET}/{prefix}-{number}", "--key", key)
        assert made.code == 0, (number, made.err)
        assert weed.objects(f"{prefix}-{number}/test") == in_folder, number


def flipped(headers: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
    middle = len(content) // 2
    return headers, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def page(headers: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": "text/html"}, b"<html>please log in</html>"


def other_range(headers: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
    return {**headers, "Content-Range": "bytes 5-99/100"}, content


def no_range(headers: dict[str, str], content: bytes) -> tuple[dict[str, str], bytes]:
    return {name: value for name, value in headers.items() if name.lower() != "content-range"}, content


def test_what_s3_refuses_or_gets_wrong_ends_with_its_exit_code(run, front, in_folder, there, keys, target):
    public = keys[1]
    reading = reads(chunk_of(in_folder))
    for name, code, fault in (
        ("never there", 7, error(reading, 503, "SlowDown")),
        ("always breaks", 7, cut(reading, 0)),
        ("denied", 6, error(reading, 403, "AccessDenied")),
        ("no key", 6, error(lambda request: True, 403, "InvalidAccessKeyId")),
        ("wrong clock", 6, error(lambda request: True, 403, "RequestTimeTooSkewed")),
        ("other region", 2, error(lambda request: True, 400, "AuthorizationHeaderMalformed")),
        ("another range", 4, changed(reading, other_range)),
        ("the whole in place of a range", 4, changed(reading, no_range)),
        ("a bit", 4, changed(reading, flipped)),
        ("no answer of S3", 4, changed(lambda request: "list-type" in request.path, page)),
        ("removed", 9, error(asks("HEAD", f"/{chunk_of(in_folder)}"), 404, "NoSuchKey")),
    ):
        front.faults[:] = [fault]
        ran = run("verify", there, "--trust", public)
        assert ran.code == code, (name, ran.out, ran.err)
        assert BUCKET in ran.out + ran.err or chunk_of(in_folder) in ran.out + ran.err, name
    front.faults[:] = [changed(reading, flipped)]
    imported = run("import", there, "--trust", public, "--to", target.host)
    assert imported.code in (3, 4), imported.err
    assert target.get("large/manifests/1") is None
    front.faults[:] = []
    for place, code in (
        ("s3://no-such-bucket/x", 6),
        (f"s3://{BUCKET}/nothing-here", 2),
        ("s3://x", 2),
    ):
        assert run("verify", place, "--trust", public).code == code, place


def test_an_object_that_is_replaced_in_the_middle_is_never_mixed_with_the_old_one(run, front, weed, in_folder, keys):
    chunk, key = chunk_of(in_folder), f"replaced/test/{chunk_of(in_folder)}"
    for name, content in in_folder.items():
        weed.client().put_object(Bucket=BUCKET, Key=f"replaced/test/{name}", Body=content)

    def replaces(request) -> bool:
        if not reads(chunk)(request):
            return False
        weed.client().put_object(Bucket=BUCKET, Key=key, Body=in_folder[chunk][::-1])
        return True

    def answer(front, request) -> bool:
        if not reads(chunk)(request):
            return False
        cut(asks("GET", ""), 3 * MIB)(front, request)
        return replaces(request)

    front.faults[:] = [once(answer)]
    ran = run("verify", f"s3://{BUCKET}/replaced/test", "--trust", keys[1])
    assert ran.code == 4, ran.err
    assert "replaced" in ran.out + ran.err


def test_bytes_that_change_on_their_way_to_s3_or_in_it_seal_nothing(run, front, weed, source, in_folder, keys, prefix):
    place, chunk = f"s3://{BUCKET}/{prefix}", chunk_of(in_folder)

    def spoils(front: Front, request) -> bool:
        if not asks("PUT", "partNumber=1")(request):
            return False
        plain = request.rfile
        body = plain.read(int(request.headers["Content-Length"]))
        request.rfile = io.BytesIO(body[:99] + bytes([body[99] ^ 1]) + body[100:])
        front.forward(request)
        request.rfile = plain
        return True

    for fault in (spoils, changed(reads(chunk), flipped)):
        front.faults[:] = [fault]
        made = run("export", source, "-o", place, "--key", keys[0])
        assert made.code == 4, made.err
        assert "SHA256SUMS" not in weed.objects(f"{prefix}/test")
        assert run("verify", f"{place}/test", "--trust", keys[1]).code in (2, 9)
    front.faults[:] = []
    assert run("export", source, "-o", place, "--key", keys[0]).code == 0
    assert weed.objects(f"{prefix}/test") == in_folder


def test_nothing_of_others_is_overwritten_and_what_was_given_up_is_cleared(
    run, front, weed, source, in_folder, keys, prefix
):
    place, client = f"s3://{BUCKET}/{prefix}", weed.client()
    front.faults[:] = [error(asks("PUT", "partNumber=3"), 403, "AccessDenied")]
    assert run("export", source, "-o", place, "--key", keys[0]).code == 6
    assert weed.uploads(prefix), "its parts wait for the next run"
    assert run("verify", f"{place}/test", "--trust", keys[1]).code == 9, "an export is going on there"
    strange = client.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/test/chunk-0009.tar")["UploadId"]
    front.faults[:] = []
    made = run("export", source, "-o", place, "--key", keys[0], "--restart")
    assert made.code == 0, made.err
    assert "1 multipart uploads that this export did not begin" in made.err
    assert weed.uploads(prefix) == [f"{prefix}/test/chunk-0009.tar"], "that of another machine stays"
    other = client.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/test/film.mp4")["UploadId"]
    client.upload_part(
        Bucket=BUCKET, Key=f"{prefix}/test/chunk-0009.tar", UploadId=strange, PartNumber=1, Body=bytes(MIB)
    )
    listed = run("doctor", place, "--json")
    answers, uploads = listed.json["checks"]
    assert (listed.code, answers["state"], uploads["state"]) == (0, "ok", "warn")
    assert "1 unfinished uploads of bundles, 1 MiB: test/chunk-0009.tar (0 days)" in uploads["found"]
    assert run("doctor", place, "--clear-uploads", "1").code == 0
    assert len(weed.uploads(prefix)) == 2, "both are younger than a day"
    week = bundler.DoctorRequest(now_seconds=time.time() + 8 * 86_400, paths=place, clear_uploads_days=8)
    assert bundler.doctor(week).exit_code == 0
    assert weed.uploads(prefix) == [f"{prefix}/test/film.mp4"], "no bundle has that"
    client.abort_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/test/film.mp4", UploadId=other)
    client.put_object(Bucket=BUCKET, Key=f"{prefix}-2/test/notes.txt", Body=b"mine")
    client.put_object(Bucket=BUCKET, Key=f"{prefix}-3/test/{chunk_of(in_folder)}", Body=b"of another machine")
    for number in (2, 3):
        before = weed.objects(f"{prefix}-{number}/test")
        for options in ((), ("--restart",)) if number == 2 else ((),):
            assert run("export", source, "-o", f"{place}-{number}", "--key", keys[0], *options).code == 2
        assert weed.objects(f"{prefix}-{number}/test") == before


def test_a_bundle_in_s3_is_served_and_the_report_of_one_is_written(run, front, there, in_folder, keys, tmp_path):
    report = run("report", there, "--trust", keys[1], "-o", tmp_path / "report.html")
    assert report.code == 0, report.err
    with bundler.open_bundle(there, keys[1]) as bundle:
        blob = max((blob.descriptor for blob in bundle.manifest.blobs), key=lambda each: each.size_bytes)
        assert b"".join(map(bytes, bundle.open_blob(blob, offset_bytes=MIB))) == LAYER[MIB:]
        assert bundle.read_document(bundle.images[0].root) == LARGE.content
        for _ in range(2):
            served = VerifiedBlob(bundle, blob, verdicts := Verdicts())
            assert b"".join(map(bytes, served.parts(5, 2 * MIB, is_hashed=False))) == LAYER[5 : 2 * MIB]
            assert not served.is_verified, "an object may change, and its state is not seen: each pull verifies it"
        front.faults[:] = [changed(reads(chunk_of(in_folder)), flipped)]
        with pytest.raises(bundler.Damaged):
            list(VerifiedBlob(bundle, blob, verdicts).parts(5, 2 * MIB, is_hashed=False))
