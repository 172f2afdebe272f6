"""A server over bundles in the process of the test: each endpoint, and what it says of what is not there."""

from __future__ import annotations

import json

import pytest

import bundler
from tests.support import images
from tests.support.attached_bundles import TRUSTED, To, write_bundle
from tests.support.attachments import SPDX, cosign, dashed, referrer
from tests.support.errors import raises
from tests.support.images import OCI_INDEX
from tests.support.serving import get, serving
from tests.support.tables import each_case

APP, TOOL = images.simple("app"), images.simple("tool")
BOTH = images.index(
    [(images.simple("amd64"), images.platform("amd64")), (images.simple("arm64"), images.platform("arm64"))]
)
NOTHING = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Names with and without a port, one short name twice, an index, and a digest without a tag."""
    folder = write_bundle(
        tmp_path_factory.mktemp("served"),
        {
            "docker.io/library/app:1.4": (APP, ()),
            "docker.io/library/app:2.0": (BOTH, ()),
            "quay.io/library/app:1.4": (TOOL, ()),
            "registry.example.com:5000/team/tool:1": (TOOL, ()),
            f"registry.example.com:5000/team/tool@{BOTH.digest}": (BOTH, ()),
        },
        name="names",
    )
    with serving(folder) as running:
        yield running


def test_it_says_that_it_is_a_registry(served):
    got = get(served, "/v2/")
    assert (got.status, got.json) == (200, {})
    assert got.headers["docker-distribution-api-version"] == "registry/2.0"
    assert got.headers["content-type"].startswith("application/json")


@each_case("name, reference, image", [
    ("docker.io/library/app", "1.4", APP),
    ("docker.io/library/app", APP.digest, APP),
    ("docker.io/library/app", BOTH.children[1].digest, BOTH.children[1]),
    ("quay.io/library/app", "1.4", TOOL),
    ("registry.example.com:5000/team/tool", "1", TOOL),
    ("registry.example.com-5000/team/tool", BOTH.digest, BOTH),
    ("team/tool", "1", TOOL),
    ("app", "2.0", BOTH),
])  # fmt: skip
def test_a_manifest_comes_byte_for_byte_with_its_type(served, name, reference, image):
    got = get(served, f"/v2/{name}/manifests/{reference}", accept="text/plain")
    assert (got.status, got.content) == (200, image.content)
    assert got.headers["content-type"] == image.media_type
    assert got.headers["docker-content-digest"] == image.digest
    assert got.headers["etag"] == f'"{image.digest}"'


def test_head_has_the_headers_of_get_and_no_bytes(served):
    for path in (
        f"/v2/team/tool/manifests/{TOOL.digest}",
        f"/v2/team/tool/blobs/{config_of(TOOL)}",
        "/v2/",
        "/v2/no/tags/list",
    ):
        got, head = get(served, path), get(served, path, method="HEAD")
        assert head.content == b""
        assert int(head.headers["content-length"]) == len(got.content) > 0
        assert {**head.headers, "date": ""} == {**got.headers, "date": ""}, path
        assert head.status == got.status


def config_of(image: images.Image) -> str:
    return str(json.loads(image.content)["config"]["digest"])


def test_a_client_that_has_it_gets_304_and_no_bytes(served):
    for path, digest in (
        ("/v2/team/tool/manifests/1", TOOL.digest),
        (f"/v2/team/tool/blobs/{config_of(TOOL)}", config_of(TOOL)),
    ):
        got = get(served, path, if_none_match=f'"{digest}"')
        assert (got.status, got.content) == (304, b"")
        assert get(served, path, if_none_match=f'"{NOTHING}"').status == 200


@each_case("path, status, code", [
    ("/v2/team/none/manifests/1", 404, "NAME_UNKNOWN"),
    ("/v2/team/tool/manifests/2", 404, "MANIFEST_UNKNOWN"),
    (f"/v2/team/tool/manifests/{NOTHING}", 404, "MANIFEST_UNKNOWN"),
    (f"/v2/team/tool/manifests/{config_of(TOOL)}", 404, "MANIFEST_UNKNOWN"),
    (f"/v2/team/tool/manifests/{APP.digest}", 404, "MANIFEST_UNKNOWN"),
    (f"/v2/team/tool/blobs/{NOTHING}", 404, "BLOB_UNKNOWN"),
    (f"/v2/team/tool/blobs/{config_of(APP)}", 404, "BLOB_UNKNOWN"),
    ("/v2/team/none/tags/list", 404, "NAME_UNKNOWN"),
    ("/v2/team/tool/blobs/uploads/", 404, "UNSUPPORTED"),
    ("/v2/team/tool/blobs/x", 400, "DIGEST_INVALID"),
    ("/v1/search", 404, "UNSUPPORTED"),
    ("/etc/passwd", 404, "UNSUPPORTED"),
    ("/v2/%2e%2e/%2e%2e/etc/passwd/tags/list", 404, "NAME_UNKNOWN"),
    ("/v2/team/tool/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
])  # fmt: skip
def test_what_is_not_there_is_an_error_of_the_specification(served, path, status, code):
    got = get(served, path)
    assert (got.status, got.code) == (status, code)


def test_a_short_name_of_two_repositories_is_refused_with_both(served):
    got = get(served, "/v2/library/app/manifests/1.4")
    assert (got.status, got.code) == (404, "NAME_UNKNOWN")
    assert "docker.io/library/app, quay.io/library/app" in got.message


@each_case("name, origin, digest", [
    ("library/app", "docker.io", APP.digest),
    ("library/app", "registry-1.docker.io", APP.digest),
    ("library/app", "quay.io", TOOL.digest),
    ("team/tool", "registry.example.com:5000", TOOL.digest),
    ("docker.io/library/app", "docker.io", APP.digest),
    ("library/app", "gcr.io", None),
    ("team/tool", "docker.io", None),
])  # fmt: skip
def test_a_mirror_of_containerd_says_the_origin(served, name, origin, digest):
    got = get(served, f"/v2/{name}/manifests/{'1' if 'tool' in name else '1.4'}?ns={origin}")
    assert got.headers.get("docker-content-digest") == digest
    assert got.status == (200 if digest else 404)


@each_case("method", ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_nothing_can_be_written(served, method):
    got = get(served, "/v2/team/tool/manifests/1", method=method, body=b"x" * 100_000)
    assert (got.status, got.code) == (405, "UNSUPPORTED")
    assert got.headers["allow"] == "GET, HEAD"


def test_the_catalog_and_tags_come_in_pages(served):
    names = ["docker.io/library/app", "quay.io/library/app", "registry.example.com-5000/team/tool"]
    assert get(served, "/v2/_catalog").json == {"repositories": names}
    got = get(served, "/v2/_catalog?n=2")
    assert got.json == {"repositories": names[:2]}
    link = got.headers["link"]
    assert link.endswith('; rel="next"')
    last = get(served, link.partition("<")[2].partition(">")[0])
    assert last.json == {"repositories": names[2:]}
    assert "link" not in last.headers
    assert get(served, "/v2/app/tags/list").json == {"name": "app", "tags": ["1.4", "2.0"]}
    assert get(served, "/v2/app/tags/list?n=0").json == {"name": "app", "tags": []}
    assert get(served, "/v2/app/tags/list?n=1&last=1.4").json == {"name": "app", "tags": ["2.0"]}
    assert get(served, "/v2/quay.io/library/app/tags/list?ns=&n=99999999999999").status == 200


def test_a_range_of_a_blob_is_sent_and_no_other(served):
    (layer,) = json.loads(TOOL.content)["layers"]
    content, path = TOOL.blobs[layer["digest"]], f"/v2/team/tool/blobs/{layer['digest']}"
    whole = get(served, path)
    assert (whole.status, whole.content) == (200, content)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "application/octet-stream"
    for asked, begin, end in (
        ("bytes=5-", 5, len(content)),
        ("bytes=0-9", 0, 10),
        ("bytes=-7", len(content) - 7, len(content)),
    ):
        got = get(served, path, range=asked)
        assert (got.status, got.content) == (206, content[begin:end])
        assert got.headers["content-range"] == f"bytes {begin}-{end - 1}/{len(content)}"
    beyond = get(served, path, range=f"bytes={len(content)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    assert get(served, path, range="bytes=0-1", if_range='"other"').content == content
    assert get(served, path, range="bytes=0-1,3-4").content == content


def test_referrers_are_those_with_a_subject(tmp_path):
    sbom = referrer(APP, annotations={"a": "b"})
    other = referrer(APP, "application/x-other", b"[]")
    tagged = cosign(APP)
    attached = [To(APP, sbom), To(APP, other, kind="other"), To(APP, tagged, ".sig", "signature")]
    folder = write_bundle(tmp_path, {"quay.io/team/app:1": (APP, attached)})
    with serving(folder) as served:
        path = f"/v2/quay.io/team/app/referrers/{APP.digest}"
        got = get(served, path)
        entries = [
            {**each.descriptor(), "artifactType": kind, **more}
            for each, kind, more in (
                (sbom, SPDX, {"annotations": {"a": "b"}}),
                (other, "application/x-other", {}),
            )
        ]
        entries.sort(key=lambda each: each["digest"])
        assert got.status == 200
        assert got.headers["content-type"] == OCI_INDEX
        assert got.json == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        assert "oci-filters-applied" not in got.headers
        filtered = get(served, f"{path}?artifactType={SPDX.replace('+', '%2B')}")
        assert [each["digest"] for each in filtered.json["manifests"]] == [sbom.digest]
        assert filtered.headers["oci-filters-applied"] == "artifactType"
        first = get(served, f"{path}?n=1")
        assert first.json["manifests"] == entries[:1]
        following = get(served, first.headers["link"].partition("<")[2].partition(">")[0])
        assert following.json["manifests"] == entries[1:]
        for unknown in (f"/v2/team/app/referrers/{NOTHING}", f"/v2/none/referrers/{APP.digest}"):
            assert get(served, unknown).json["manifests"] == []
        assert get(served, "/v2/team/app/tags/list").json["tags"] == ["1", dashed(APP, ".sig")]
        assert get(served, f"/v2/team/app/manifests/{dashed(APP, '.sig')}").content == tagged.content
        assert get(served, f"/v2/team/app/manifests/{sbom.digest}").content == sbom.content


def test_the_newest_of_several_bundles_has_a_tag(tmp_path):
    old = write_bundle(tmp_path, {"quay.io/team/app:1": (APP, ())}, name="old")
    new = write_bundle(tmp_path, {"quay.io/team/app:1": (TOOL, ())}, name="new", created="2026-11-24T12:00:00Z")
    for paths in ((old, new), (new, old), (tmp_path,)):
        with serving(*paths) as served:
            assert get(served, "/v2/team/app/manifests/1").content == TOOL.content
            assert get(served, f"/v2/team/app/manifests/{APP.digest}").content == APP.content
            (moved,) = served.catalogue.moved
            assert (moved.served.name, moved.other.name) == ("new", "old")


def test_an_untrusted_bundle_is_not_served(tmp_path):
    folder = write_bundle(tmp_path, {"quay.io/team/app:1": (APP, ())})
    good = write_bundle(tmp_path, {"quay.io/team/tool:1": (TOOL, ())}, name="good")
    next(folder.glob("*.sig")).unlink()
    for paths in ((folder,), (good, folder)):
        with raises(bundler.Untrusted):
            bundler.serve(bundler.ServeRequest(paths, trust=TRUSTED, address="127.0.0.1:0"))
    with serving(folder, is_without_signature=True) as served:
        assert served.catalogue.bundles[0].signers == ()
        assert get(served, "/v2/team/app/manifests/1").content == APP.content


@each_case("address", ["", "127.0.0.1:x", "127.0.0.1:70000", ":5000", "::1:5000", "nowhere.invalid:0", "256.1.1.1:1"])
def test_an_address_that_is_none_is_misuse(address, tmp_path_factory):
    folder = write_bundle(tmp_path_factory.mktemp("address"), {"quay.io/team/app:1": (APP, ())})
    with raises(bundler.Misuse):
        bundler.serve(bundler.ServeRequest(folder, trust=TRUSTED, address=address))


def test_an_address_that_is_taken_is_misuse_with_a_way_out(served, tmp_path):
    folder = write_bundle(tmp_path, {"quay.io/team/app:1": (APP, ())})
    with raises(bundler.Misuse, subject=served.host) as caught:
        bundler.serve(bundler.ServeRequest(folder, trust=TRUSTED, address=served.host))
    assert ":0 takes a free one" in str(caught.value.hint)
