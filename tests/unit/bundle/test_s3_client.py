"""Places in S3 as people write them, and the words for what is missing on this machine."""

from __future__ import annotations

import sys
from itertools import repeat
from types import SimpleNamespace

import pytest

from bundler.bundle.s3 import client, writing
from bundler.core.s3_path import S3Path
from bundler.errors import Damaged, Misuse
from bundler.system.bundle_paths import bundle_path, local
from tests.support.errors import raises


@pytest.mark.parametrize(
    ("given", "bucket", "key"),
    [
        ("s3://abc", "abc", ""),
        ("s3://abc/", "abc", ""),
        ("s3://a.b-c1/x/y/", "a.b-c1", "x/y"),
        ("s3://abc/Räume und mehr", "abc", "Räume und mehr"),
    ],
)
def test_a_place_is_read_as_it_is_printed(given, bucket, key):
    place = S3Path.parse(given)
    assert (place.bucket, place.key) == (bucket, key)
    assert S3Path.parse(str(place)) == place
    inner = place / "chunk-0001.tar"
    assert (inner.name, inner.suffix, inner.parent) == ("chunk-0001.tar", ".tar", place)
    assert inner.key.startswith(place.prefix)


def test_what_is_no_place_is_refused():
    for given in (
        *("s3://", "s3://ab", "s3://Abc/x", "s3://user:pass@abc/x", "s3://abc//x", "s3://abc/../x", "s3://abc/a/./b"),
        *("s3://abc/\x1b[2J", f"s3://abc/{'k' * 1000}", "s3:/abc/x", "abc"),
    ):
        with pytest.raises(Misuse) as caught:
            S3Path.parse(given)
        assert "pass" not in str(caught.value)
    with raises(Misuse, subject="s3://abc/x"):
        local(bundle_path("s3://abc/x"))


def test_without_botocore_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    monkeypatch.delitem(sys.modules, "bundler.bundle.s3.session", raising=False)
    client.forget_client()
    with raises(Misuse, hint="install it with: pip install 'image-bundler[s3]'"):
        client.s3_client()


def test_a_list_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(client, "S3_PAGES", 20)
    endless = SimpleNamespace(paginate=lambda **_: repeat({"IsTruncated": True}))
    lying = client.S3Client(SimpleNamespace(get_paginator=lambda _: endless))
    place = S3Path.parse("s3://abc/x")
    for ask in (lying.objects_in, lying.uploads_below, lambda place: lying.parts(place, "1")):
        with raises(Damaged, subject=str(place)):
            ask(place)


def test_no_more_of_an_object_is_read_than_is_compared(monkeypatch):
    limits = []
    monkeypatch.setattr(writing, "read_object", lambda path, limit_bytes: limits.append(limit_bytes) or b"other")
    assert not writing.has_content(S3Path.parse("s3://abc/README.txt"), b"1234567")
    assert limits == [7]
