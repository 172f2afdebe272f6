"""The bundle.json of an encrypted bundle may say little, and all else is refused."""

from __future__ import annotations

import json

import pytest

from bundler.core.archive_kind import SEVEN_ZIP
from bundler.core.manifest import BundleManifest, to_json
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.errors import Damaged, Refused
from tests.support.tables import each_case
from tests.unit.values import layer, plan_with, resolved

ARCHIVES = plan_with(
    [resolved("example.org/a/b:1", layer("x", 3_000_000))],
    name="test-1.0",
    created="2026-11-23T00:00:00Z",
    tool="bundler test",
    signed=True,
    chunk_size_bytes=1 << 20,
    archive=SEVEN_ZIP,
).manifest
OUTER = OuterManifest.of(ARCHIVES)


def document(**changes: object) -> bytes:
    changed = {**json.loads(OUTER.to_json()), **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not ...}).encode()


def test_it_is_distinguished_from_the_bundle_manifest_by_one_field():
    assert read_manifest(OUTER.to_json(), what="test") == OUTER
    assert isinstance(read_manifest(to_json(ARCHIVES), what="test"), BundleManifest)


def test_it_has_these_fields_and_no_others():
    assert list(json.loads(OUTER.to_json())) == [
        "format", "name", "created", "tool", "signed", "chunkSize", "archive", "encrypted", "chunks",
    ]  # fmt: skip


def test_unknown_fields_are_ignored():
    assert read_manifest(document(future=1), what="test") == OUTER


@each_case(
    "changes",
    [
        {"encrypted": False},
        {"encrypted": "yes"},
        {"encrypted": None},
        {"archive": "tar"},
        {"archive": ...},
        {"archive": "zip"},
        {"archive": 7},
        {"chunks": []},
        {"chunks": ...},
        {"chunks": {"file": "chunk-0001.7z"}},
        {"chunks": [{"file": "chunk-0001.tar", "size": 5}]},
        {"chunks": [{"file": "chunk-0002.7z", "size": 5}]},
        {"chunks": [{"file": "../chunk-0001.7z", "size": 5}]},
        {"chunks": [{"file": "chunk-0001.7z", "size": -1}]},
        {"name": "../x"},
        {"signed": 1},
        {"chunkSize": 1 << 60},
        {"tool": ...},
    ],
)
def test_what_contradicts_the_format_is_damage(changes):
    with pytest.raises(Damaged):
        read_manifest(document(**changes), what="test")


def test_another_format_is_refused_before_anything_else_is_looked_at():
    with pytest.raises(Refused):
        read_manifest(document(format="bundler/2", encrypted="whatever"), what="test")


@pytest.mark.parametrize("archive", ["7z", "zip", 5, None])
def test_a_bundle_of_tars_is_not_taken_for_another_kind(archive):
    manifest = plan_with(
        [resolved("example.org/a/b:1")],
        name="test-1.0",
        created="2026-11-23T00:00:00Z",
        tool="bundler test",
        signed=True,
        chunk_size_bytes=1 << 20,
    ).manifest
    assert b"archive" not in to_json(manifest)
    with pytest.raises(Damaged):
        read_manifest(json.dumps({**json.loads(to_json(manifest)), "archive": archive}).encode(), what="test")
