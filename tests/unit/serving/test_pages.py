"""The page for people: complete without a script, and harmless whatever the names in a bundle are."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import replace

import pytest

import bundler
from bundler.serving.catalogue import Catalogue
from bundler.serving.heads import RequestHead
from bundler.views import serve_page
from bundler.views.serve_page import ServePage
from tests.support import images
from tests.support.attached_bundles import TRUSTED, write_bundle
from tests.support.serving import get

APP = images.simple("app")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    both = images.index(
        [(APP, images.platform("amd64")), (images.simple("arm", architecture="arm64"), images.platform("arm64"))]
    )
    return write_bundle(
        tmp_path_factory.mktemp("served"),
        {"docker.io/library/app:1.4": (APP, ()), "registry.example.com:5000/team/both:1": (both, ())},
        name="platform",
    )


@pytest.fixture(scope="module")
def served(bundle):
    request = bundler.ServeRequest(bundle, trust=TRUSTED, address="127.0.0.1:0")
    with bundler.serve(request, page=ServePage) as running:
        yield running


def test_the_page_has_all_that_one_needs_to_pull(served):
    got = get(served, "/")
    page = got.content.decode()
    assert got.status == 200
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    for words in (
        "docker.io/library/app:1.4",
        APP.digest,
        "linux/amd64, linux/arm64",
        f"docker pull {served.host}/registry.example.com-5000/team/both:1",
        served.catalogue.bundles[0].id,
        served.catalogue.bundles[0].signers[0],
        f"server = &quot;http://{served.host}&quot;",
    ):
        assert words in page, words


def test_the_page_runs_its_own_script_and_nothing_else(served):
    got = get(served, "/")
    page, policy = got.content.decode(), got.headers["content-security-policy"]
    (script,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"\bon[a-z]+=|\bsrc=|\bhref=\"(?!#)|fetch|XMLHttp|eval", page)


def test_the_page_knows_the_name_and_language_of_its_reader(served):
    assert (
        "docker pull registry.internal:5000/docker.io/library/app:1.4"
        in get(served, "/", host="registry.internal:5000").content.decode()
    )
    for hostile in ("<script>alert(1)</script>", "a b", '"', "x" * 300):
        page = get(served, "/", host=hostile).content.decode()
        assert f"docker pull {served.host}/docker.io" in page
        assert "alert(1)" not in page
    chinese = get(served, "/", accept_language="fr, zh-CN;q=0.9, en;q=0.8").content.decode()
    assert '<html lang="zh-Hans">' in chinese
    assert "镜像" in chinese
    assert '<html lang="en">' in get(served, "/").content.decode()


def test_the_page_is_sent_once_and_compressed(served):
    plain = get(served, "/")
    packed = get(served, "/", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert get(served, "/", if_none_match=plain.headers["etag"]).status == 304


def test_hostile_names_are_harmless(bundle):
    opened = bundler.open_bundle((bundle,), (TRUSTED,))
    hostile = '"><script>alert(1)</script>\u202e\x1b[2J'
    (first, *others) = opened.manifest.images
    variants = tuple(
        replace(each, config=replace(each.config, platform=replace(each.config.platform, os=hostile)))
        for each in first.variants
    )
    opened.manifest = replace(
        opened.manifest, name=hostile, created=hostile, images=(replace(first, variants=variants), *others)
    )
    head = RequestHead("GET", "/", {}, {"host": "a:1"}, False)
    with opened:
        page = ServePage(Catalogue([opened]), "http://a:1/")(head).content.decode()
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_only_a_few_pages_are_kept(bundle, monkeypatch):
    made = []
    real = serve_page.serve_page
    monkeypatch.setattr(serve_page, "serve_page", lambda *arguments: made.append(arguments[1]) or real(*arguments))
    with bundler.open_bundle((bundle,), (TRUSTED,)) as opened:
        page = ServePage(Catalogue([opened]), "http://a:1/")
        for number in [*range(20), *range(16, 20)]:
            page(RequestHead("GET", "/", {}, {"host": f"a:{number + 1}"}, False))
        assert len(made) == 20
        assert len(page._written) == 4
