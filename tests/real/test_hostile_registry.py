"""Registries and images that lie, row by row (O of the threat model): nothing that is not what its digest says is sealed.

A liar answers from a table, because no real registry would hold such images.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.support.faults import answer, begin, times
from tests.support.images import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Image,
    descriptor,
    image,
    index,
    layer_tar,
    platform,
    sha256,
    simple,
)
from tests.support.servers import Front

ONE, TWO = simple("one"), simple("two")
OK = simple("ok")


class Liar:
    """Answers below /v2/ from a table of what is asked for, and 404 for all else."""

    def __init__(self) -> None:
        self.table: dict[str, tuple[dict[str, str], bytes]] = {"": ({}, b"{}")}

    def __call__(self, front: Front, request: Any) -> bool:
        found = self.table.get(request.path.removeprefix("/v2/"))
        front.send(request, 200 if found else 404, *(found or ({}, b"")))
        return True

    def hold(self, image: Image, *, repository: str = "a/x", tag: str | None = "1", **headers: str) -> Image:
        """Holds an image with all below; ``headers`` are those of its manifest."""
        for child in image.children:
            self.hold(child, repository=repository, tag=None)
        for digest, content in image.blobs.items():
            self.table[f"{repository}/blobs/{digest}"] = ({"Content-Type": "application/octet-stream"}, content)
        reported = {"Content-Type": image.media_type, **headers}
        for name in filter(None, (tag, image.digest)):
            self.table[f"{repository}/manifests/{name}"] = ({k: v for k, v in reported.items() if v}, image.content)
        return image


@pytest.fixture
def liar(target) -> Iterator[Liar]:
    made = Liar()
    made.hold(OK, repository="a/ok")
    made.front = Front(target, [made]).start()  # type: ignore[attr-defined]
    yield made
    made.front.stop()  # type: ignore[attr-defined]


@pytest.fixture
def front(liar) -> Front:
    return liar.front


@pytest.fixture
def export(here, front, tmp_path) -> Callable[..., Ran]:
    """Exports an image together with a good one."""

    def run(*more: object) -> Ran:
        names = [f"docker://{front.host}/a/{name}:1" for name in ("x", "ok")]
        return here("export", *names, "--name", "test", "-o", tmp_path, "--unsigned", *more)

    return run


def carried(tmp_path: Path) -> dict[str, str]:
    """The blobs of the bundle, by digest, with their media types."""
    manifest = json.loads((tmp_path / "test/bundle.json").read_text())
    return {blob["digest"]: blob["mediaType"] for blob in manifest["blobs"]}


def refused(done: Ran, code: int, reported: str, tmp_path: Path) -> None:
    assert done.code == code, done.err
    assert reported in done.err
    assert "a/x:1" in done.err
    assert "a/ok" not in done.err
    assert not (tmp_path / "test").exists()


def of(document: Any, media_type: str = OCI_MANIFEST, like: Image = ONE) -> Image:
    """A manifest with other bytes, and the blobs of an image."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Image(media_type, content, like.blobs, like.children)


DOCUMENT = json.loads(ONE.content)


# O01, O05, O06: the bytes that a name refers to


def test_O01_a_manifest_that_is_not_what_its_header_says_names_both_digests(liar, export, tmp_path):
    liar.hold(ONE, **{"Docker-Content-Digest": TWO.digest})
    done = export()
    refused(done, 4, TWO.digest, tmp_path)
    assert ONE.digest in done.err


def test_O01_a_manifest_that_is_not_the_digest_that_was_asked_for_names_both(liar, export, tmp_path):
    listed = index([(ONE, platform("amd64")), (TWO, platform("arm64"))])
    liar.hold(listed)
    changed = TWO.content.replace(b'"layers"', b'"LAYERS"')
    liar.table[f"a/x/manifests/{TWO.digest}"] = ({"Content-Type": OCI_MANIFEST}, changed)
    done = export()
    refused(done, 4, TWO.digest, tmp_path)
    assert sha256(changed) in done.err


def test_O01_a_digest_in_a_header_that_is_none_is_refused(liar, export, tmp_path):
    liar.hold(ONE, **{"Docker-Content-Digest": "sha256:../../../etc/passwd"})
    refused(export(), 4, "not a digest", tmp_path)


def test_O01_a_config_with_other_bytes_is_fetched_again_and_then_damage(liar, export, front, tmp_path):
    liar.hold(ONE)
    config = DOCUMENT["config"]["digest"]
    kind, content = liar.table[f"a/x/blobs/{config}"]
    liar.table[f"a/x/blobs/{config}"] = (kind, content.replace(b"amd64", b"arm64"))
    refused(export(), 4, config.removeprefix("sha256:")[:12], tmp_path)
    assert front.count("GET", config) == 5


def test_O05_a_tag_that_moves_after_it_was_resolved_changes_nothing(here, target, tmp_path):
    ONE.push(target, "a/x", "1")
    front = Front(target).start()

    def moves(front, request) -> bool:
        if request.command == "GET" and "/blobs/" in request.path:
            TWO.push(target, "a/x", "1")
        return False

    front.faults = [moves]
    try:
        done = here("export", f"docker://{front.host}/a/x:1", "--name", "test", "-o", tmp_path, "--unsigned")
    finally:
        front.stop()
    assert done.code == 0, done.err
    assert set(ONE.all_blobs()) <= set(carried(tmp_path))
    assert front.count("GET", "/manifests/1") == 1
    assert target.get("a/x/manifests/1") == TWO.content


def test_O06_a_pinned_tag_that_refers_to_something_else_is_refused_with_both_digests(here, target, tmp_path):
    TWO.push(target, "a/x", "1")
    ONE.push(target, "a/x")
    listed = tmp_path / "list.yaml"
    listed.write_text(f"name: test\nimages:\n- {{image: '{target.host}/a/x:1', digest: '{ONE.digest}'}}\n")
    done = here("export", listed, "-o", tmp_path, "--unsigned")
    assert done.code == 6
    assert ONE.digest in done.err
    assert TWO.digest in done.err
    assert not (tmp_path / "test").exists()


# O07, O08, O13: manifests that are not what they say


LAYERS = DOCUMENT["layers"]
MANIFESTS: dict[str, tuple[Image, dict[str, str], int, str]] = {
    "duplicate names": (of(ONE.content[:-2] + b',"layers":[]}'), {}, 4, "duplicate key"),
    "duplicate names within": (of(ONE.content.replace(b'"size"', b'"size":1,"size"', 1)), {}, 4, "duplicate key"),
    "a manifest and an index": (of({**DOCUMENT, "manifests": []}), {}, 4, "and an index"),
    "an index and a manifest": (
        of({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "layers": []}, OCI_INDEX), {}, 4, "and an index",
    ),
    "a type that it denies": (ONE, {"Content-Type": OCI_INDEX}, 4, "media type"),
    "no type at all": (of({"schemaVersion": 2}), {"Content-Type": ""}, 4, "neither an image manifest nor an index"),
    "both shapes and no type": (
        of({"schemaVersion": 2, "manifests": [], "layers": []}), {"Content-Type": ""}, 4, "neither",
    ),
    "an image of an unknown type": (ONE, {"Content-Type": "application/vnd.unknown+json"}, 4, "unknown media type"),
    "schema 1": (
        of({"schemaVersion": 1, "name": "a/x", "fsLayers": []}),
        {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, 6, "schema 1",
    ),
    "schema 1 without a type": (of({"schemaVersion": 1}), {"Content-Type": ""}, 6, "schema 1"),
    "schema 3": (of({**DOCUMENT, "schemaVersion": 3}), {}, 4, "schemaVersion"),
    "4 MiB and one byte": (of(ONE.content.ljust((4 << 20) + 1)), {}, 6, "too long"),
    "nested without end": (of(b'{"a":' * 100_000), {}, 4, ""),
    "not a number": (of(ONE.content.replace(b'"schemaVersion": 2', b'"schemaVersion": NaN')), {}, 4, ""),
    "bytes after the end": (of(ONE.content + b"{}"), {}, 4, ""),
    "not UTF-8": (of(b'{"schemaVersion": 2, "mediaType": "\xff"}'), {}, 4, ""),
    "a list": (of([]), {}, 4, "not a JSON object"),
    "nothing": (of(b""), {}, 4, ""),
    **{
        f"a size of {size!r}": (
            of({**DOCUMENT, "layers": [{**LAYERS[0], "size": size}]}), {}, 4, "size",
        )
        for size in (-1, 1 << 53 | 1, 1.5, "5", True, None)
    },
    "a digest that is a path": (
        of({**DOCUMENT, "layers": [{**LAYERS[0], "digest": "sha256:../../../../etc/passwd"}]}), {}, 4, "not a digest",
    ),
    "a digest of MD5": (of({**DOCUMENT, "layers": [{**LAYERS[0], "digest": "md5:" + "0" * 32}]}), {}, 4, "not a digest"),
    "data that are others": (
        of({**DOCUMENT, "layers": [{**LAYERS[0], "data": b64encode(b"other").decode()}]}), {}, 4, "do not match its digest",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lie", "headers", "code", "reported"), MANIFESTS.values(), ids=MANIFESTS)
def test_O07_O08_O13_a_manifest_that_is_none_is_refused_and_names_its_image(
    liar, export, front, tmp_path, lie, headers, code, reported
):
    liar.hold(lie, **headers)
    refused(export(), code, reported, tmp_path)
    assert not [path for _, path in front.requests if "etc" in path or "md5" in path]
    assert front.count("GET", LAYERS[0]["digest"]) == 0


@pytest.mark.parametrize(("said", "held"), [(10, 2000), (2_000_000, 2000)], ids=["smaller", "larger"])
def test_O04_a_layer_of_another_size_than_its_manifest_says_is_damage(liar, export, tmp_path, said, held):
    lied = of({**DOCUMENT, "layers": [{**LAYERS[0], "size": said}]})
    liar.hold(lied)
    refused(export(), 4, f"{said} bytes", tmp_path)


def test_data_in_a_descriptor_that_are_its_own_are_carried(liar, export, tmp_path):
    [layer] = [content for digest, content in ONE.blobs.items() if digest == LAYERS[0]["digest"]]
    own = liar.hold(of({**DOCUMENT, "layers": [{**LAYERS[0], "data": b64encode(layer).decode()}]}))
    assert export().code == 0
    assert set(own.all_blobs()) <= set(carried(tmp_path))


# O10, O11, O14, O15, O16: what an image is made of


def test_O10_every_child_that_is_not_there_is_named_and_nothing_is_sealed(liar, export, tmp_path):
    liar.hold(index([(ONE, platform("amd64")), (TWO, platform("arm64"))]))
    del liar.table[f"a/x/manifests/{TWO.digest}"]
    refused(export(), 6, TWO.digest, tmp_path)


def test_O10_a_child_that_was_not_chosen_is_not_missed(liar, export, tmp_path):
    liar.hold(index([(ONE, platform("amd64")), (TWO, platform("arm64"))]))
    del liar.table[f"a/x/manifests/{TWO.digest}"]
    assert export("--platform", "linux/amd64").code == 0


def test_O11_children_of_unknown_types_and_artifacts_are_carried_byte_for_byte(liar, export, tmp_path):
    strange = Image("application/vnd.example.strange+json", b'{"hello":  "world"}')
    config, nothing = b"{}", b""
    artifact = of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.sbom",
            "config": descriptor("application/vnd.oci.empty.v1+json", config, data=b64encode(config).decode()),
            "layers": [descriptor("application/octet-stream", nothing)],
            "subject": ONE.descriptor(),
            "org.example.unknown": [1.5, None],
        },
        like=Image("", b"", {sha256(config): config, sha256(nothing): nothing}),
    )
    whole = liar.hold(index([(ONE, platform("amd64")), (strange, {}), (artifact, {})]))
    done = export()
    assert done.code == 0, done.err
    assert set(whole.all_blobs()) <= set(carried(tmp_path))
    manifest = json.loads((tmp_path / "test/bundle.json").read_text())
    [listed] = [each for each in manifest["images"] if "/a/x:" in each["reference"]]
    assert listed["root"] == whole.digest or whole.digest in json.dumps(listed)


def test_O14_a_layer_is_never_inflated(liar, export, tmp_path):
    bomb = gzip.compress(bytes(64 << 20), mtime=0)[:-8]  # no end, and a wrong sum would follow
    made = image([bomb], uncompressed=[b""])
    liar.hold(made)
    done = export()
    assert done.code == 0, done.err
    assert sha256(bomb) in carried(tmp_path)


def test_O15_blobs_of_sha512_travel_both_ways(here, export, liar, new_registry, tmp_path):
    tar = layer_tar("long")
    layer = gzip.compress(tar, mtime=0)
    long = f"sha512:{hashlib.sha512(layer).hexdigest()}"
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [sha256(tar)]}}
    )
    made = Image(
        OCI_MANIFEST,
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": descriptor(OCI_CONFIG, config.encode()),
                "layers": [{"mediaType": f"{OCI_LAYER}+gzip", "digest": long, "size": len(layer)}],
            }
        ).encode(),
        {sha256(config.encode()): config.encode(), long: layer},
    )
    liar.hold(made)
    assert export().code == 0
    inside = new_registry()
    done = here("import", tmp_path / "test", "--insecure-no-signature", "--to", inside.host)
    assert done.code == 0, done.out + done.err
    assert inside.get("a/x/manifests/1") == made.content
    assert inside.get(f"a/x/blobs/{long}") == layer


def test_O15_a_blob_of_sha512_with_other_bytes_is_damage(liar, export, tmp_path):
    long = f"sha512:{hashlib.sha512(b'promised').hexdigest()}"
    layer = {"mediaType": f"{OCI_LAYER}+gzip", "digest": long, "size": 8}
    liar.hold(replace(of({**DOCUMENT, "layers": [layer]}), blobs={**ONE.blobs, long: b"provided"}))
    refused(export(), 4, long[:30], tmp_path)


def test_O16_a_platform_that_is_not_there_is_refused_with_those_that_are(liar, export, tmp_path):
    liar.hold(index([(ONE, platform("amd64")), (TWO, platform("arm64", "v8"))]))
    done = export("--platform", "linux/s390x")
    assert done.code == 6
    assert "linux/amd64, linux/arm64/v8" in done.err
    assert not (tmp_path / "test").exists()


# Foreign layers


FOREIGN = gzip.compress(layer_tar("foreign", 1_500_000), mtime=0)
FOREIGN_DIGEST = sha256(FOREIGN)
FOREIGN_TYPE = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.fixture
def vendor(target) -> Iterator[Front]:
    """The server of a stranger, which has the layer."""

    def serve(front, request) -> bool:
        front.seen.append(dict(request.headers.items()))
        if request.path != "/layers/1":
            front.send(request, 404, {}, b"")
            return True
        range_ = request.headers.get("Range", "")
        start = int(range_.removeprefix("bytes=").removesuffix("-") or 0)
        reported = {"Content-Range": f"bytes {start}-{len(FOREIGN) - 1}/{len(FOREIGN)}"} if start else {}
        front.send(request, 206 if start else 200, reported, FOREIGN[start:])
        return True

    front = Front(target, [serve]).start()
    front.seen = []  # type: ignore[attr-defined]
    yield front
    front.stop()


def with_foreign_layer(*urls: str) -> Image:
    layer = descriptor(FOREIGN_TYPE, FOREIGN, urls=list(urls))
    return of({**DOCUMENT, "layers": [*LAYERS, layer]})


def test_a_foreign_layer_is_not_fetched_unless_that_is_allowed(liar, export, vendor, tmp_path):
    liar.hold(with_foreign_layer(f"http://{vendor.host}/layers/1", "https://user:s3cret@files.example/x?key=s3cret"))
    done = export()
    refused(done, 6, f"--foreign-layers {vendor.host}", tmp_path)
    assert FOREIGN_DIGEST in done.err
    assert "https://files.example" in done.err
    assert "s3cret" not in done.err
    assert vendor.requests == []


@pytest.mark.parametrize("format_", ["tar", "7z"])
def test_a_foreign_layer_is_fetched_from_a_host_that_is_allowed_and_sent_with_the_rest(
    liar, export, vendor, here, target, tmp_path, format_
):
    docker_login(liar.front.host, vendor.host)
    made = liar.hold(with_foreign_layer("ftp://old.example/1", f"http://{vendor.host}/layers/1"))
    done = export("--foreign-layers", vendor.host, "--format", format_)
    assert done.code == 0, done.err
    assert FOREIGN_DIGEST in carried(tmp_path)
    assert vendor.requests == [("GET", "/layers/1")]
    assert not [headers for headers in vendor.seen if {"authorization", "cookie"} & {n.lower() for n in headers}]
    assert here("import", tmp_path / "test", "--insecure-no-signature", "--to", target.host).code == 0
    assert target.get("a/x/manifests/1") == made.content
    assert target.get(f"a/x/blobs/{FOREIGN_DIGEST}") == FOREIGN


def docker_login(*hosts: str) -> None:
    folder = Path(os.environ["HOME"]) / ".docker"
    folder.mkdir(exist_ok=True)
    auth = {"auth": b64encode(b"robot:s3cret").decode()}
    (folder / "config.json").write_text(json.dumps({"auths": dict.fromkeys(hosts, auth)}))


def test_a_registry_that_holds_a_foreign_layer_is_asked_and_nobody_else(liar, export, vendor):
    made = with_foreign_layer(f"http://{vendor.host}/layers/1")
    liar.hold(replace(made, blobs={**made.blobs, FOREIGN_DIGEST: FOREIGN}))
    assert export("--foreign-layers", vendor.host).code == 0
    assert vendor.requests == []


def test_a_foreign_layer_that_breaks_off_goes_on_where_it_was(liar, export, vendor):
    def broken(front, request) -> bool:
        begin(request, 200, {"Content-Length": str(len(FOREIGN))})
        request.wfile.write(FOREIGN[: 1 << 20])
        return True

    liar.hold(with_foreign_layer(f"http://{vendor.host}/layers/1"))
    vendor.faults.insert(0, times(1, broken))
    assert export("--foreign-layers", vendor.host).code == 0
    assert [headers.get("Range") for headers in vendor.seen] == [f"bytes={1 << 20}-"]


@pytest.mark.parametrize(
    ("fault", "code", "reported"),
    [
        (answer(200, {}, FOREIGN[:-1] + b"x"), 4, "do not match the digest"),
        (answer(200, {}, FOREIGN + b"x"), 4, "another size"),
        (answer(404, {}), 6, "not found"),
        (answer(401, {"WWW-Authenticate": 'Basic realm="x"'}), 6, "valid login"),
        (answer(503, {"Retry-After": "1"}), 7, "limits the rate"),
    ],
    ids=["other bytes", "too long", "404", "401", "503"],
)
def test_a_foreign_layer_is_believed_no_more_than_others(liar, export, vendor, tmp_path, fault, code, reported):
    docker_login(vendor.host)
    liar.hold(with_foreign_layer(f"http://{vendor.host}/layers/1"))
    seen: list[str | None] = []
    vendor.faults = [lambda front, request: seen.append(request.headers.get("Authorization")) or False, fault]
    refused(export("--foreign-layers", vendor.host), code, reported, tmp_path)
    assert set(seen) == {None}


def test_a_redirect_of_a_foreign_layer_is_followed_to_allowed_hosts_only(liar, export, vendor, target, tmp_path):
    second = Front(target, list(vendor.faults)).start()
    second.seen = []  # type: ignore[attr-defined]
    liar.hold(with_foreign_layer(f"http://{vendor.host}/old"))
    vendor.faults = [answer(302, {"Location": f"http://{second.host}/layers/1"})]
    try:
        done = export("--foreign-layers", vendor.host)
        refused(done, 6, f"--foreign-layers {second.host}", tmp_path)
        assert second.requests == []
        assert export("--foreign-layers", vendor.host, "--foreign-layers", second.host).code == 0
    finally:
        second.stop()


@pytest.mark.parametrize(
    "url",
    ["http://files.example/1", "http://127.0.0.1@files.example/1", "http://files.example\\@127.0.0.1/1",
     "file:///etc/passwd", "https://files.example.evil.example/1", "https://evil-files.example/1",
     "https://files.example:8443/1", "https://user@files.example/1", "//files.example/1", "", "https://[bad/"],
)  # fmt: skip
def test_an_address_of_a_foreign_layer_that_is_not_exactly_of_an_allowed_host_is_not_asked(
    liar, export, tmp_path, monkeypatch, url
):
    asked: list[str] = []
    monkeypatch.setattr("urllib3.util.connection.create_connection", refusing_all_but(liar.front.host, asked))
    liar.hold(with_foreign_layer(url))
    refused(export("--foreign-layers", "files.example"), 6, "--", tmp_path)
    assert asked == []


def refusing_all_but(host: str, asked: list[str]) -> Callable[..., Any]:
    from urllib3.util.connection import create_connection as really

    def connect(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
        if f"{address[0]}:{address[1]}" != host:
            asked.append(address[0])
            raise OSError("not in this test")
        return really(address, *arguments, **options)

    return connect


@pytest.mark.parametrize("host", ["https://files.example", "files.example/path", "*.example", "", "a b"])
def test_a_host_for_foreign_layers_is_a_host(export, host):
    assert export("--foreign-layers", host).code == 2
