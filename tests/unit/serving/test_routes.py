"""Paths become endpoints."""

from __future__ import annotations

from bundler.core.digest import Digest
from bundler.serving import routes
from bundler.serving.routes import route_of
from tests.support.tables import each_case

DIGEST = Digest.of(b"")


@each_case("path, route", [
    ("/v2/", routes.Version()),
    ("/v2", routes.Version()),
    ("/", routes.Page()),
    ("/v2/_catalog", routes.Catalog()),
    ("/v2/a/manifests/1.0", routes.Manifest("a", "1.0")),
    (f"/v2/a/b/manifests/{DIGEST}", routes.Manifest("a/b", DIGEST)),
    (f"/v2/h:1/a/blobs/{DIGEST}", routes.Blob("h:1/a", DIGEST)),
    ("/v2/manifests/blobs/tags/tags/list", routes.Tags("manifests/blobs/tags")),
    ("/v2/tags/list/tags/list", routes.Tags("tags/list")),
    (f"/v2/a/referrers/{DIGEST}", routes.Referrers("a", DIGEST)),
    ("/v2/_catalog/manifests/1", routes.Manifest("_catalog", "1")),
])  # fmt: skip
def test_each_endpoint_has_its_path(path, route):
    assert route_of(path) == route


@each_case("path, code", [
    ("", "UNSUPPORTED"),
    ("*", "UNSUPPORTED"),
    ("/v1/", "UNSUPPORTED"),
    ("/v2/a", "UNSUPPORTED"),
    ("/v2//manifests/1", "UNSUPPORTED"),
    ("/v2/a/manifests/", "UNSUPPORTED"),
    ("/v2/a/tags/other", "UNSUPPORTED"),
    ("/v2/a/blobs/uploads/", "UNSUPPORTED"),
    ("/v2/../etc/manifests/1", "MANIFEST"),
    ("/v2/a//b/manifests/1", "NAME_INVALID"),
    ("/v2/a b/manifests/1", "NAME_INVALID"),
    ("/v2/a/é/manifests/1", "NAME_INVALID"),
    ("/v2/" + "a" * 600 + "/manifests/1", "NAME_INVALID"),
    ("/v2/a/manifests/sha256:12", "DIGEST_INVALID"),
    ("/v2/a/manifests/-x", "DIGEST_INVALID"),
    ("/v2/a/blobs/latest", "DIGEST_INVALID"),
    (f"/v2/a/blobs/{str(DIGEST).upper()}", "DIGEST_INVALID"),
    ("/v2/a/referrers/latest", "DIGEST_INVALID"),
])  # fmt: skip
def test_other_paths_say_why(path, code):
    found = route_of(path)
    if code == "MANIFEST":  # names are keys of a table, and never paths of files
        assert isinstance(found, routes.Manifest)
    else:
        assert isinstance(found, routes.Invalid)
        assert found.code == code
