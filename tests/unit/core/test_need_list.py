"""A need-list says what is lacking, in a document or in one line, and whatever is wrong in it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundler.core.limits import NEED_LIST_NUMBERS, NEED_LIST_PIECES
from bundler.core.need_line import Wanted, is_line, parse_line
from bundler.core.need_list import NeedList, parse_need_list
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.bundle.chunks import CUT, SMALL, plan_of

ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HEX = "ab" * 32


def document() -> dict[str, Any]:
    piece = {"digest": f"sha256:{HEX}", "size": 90, "mediaType": "a/b", "part": [1, 2], "offset": 512, "length": 40}
    chunk = {"file": "chunk-0002.tar", "size": 99, "sha256": HEX, "state": "missing", "images": [0]}
    blob = {"digest": f"sha256:{HEX}", "size": 7, "mediaType": "a/b", "images": [0], "bases": ["old"]}
    return {
        "document": "bundler.need/1",
        "created": "2026-11-29T12:00:00Z",
        "tool": "bundler 0.2",
        "bundle": {"id": ID, "name": "test", "archive": "tar", "encrypted": False, "chunkSize": 1000, "chunks": 3},
        "line": f"BUNDLER-NEED:1:{ID.upper()}:C2:B5",
        "images": [{"reference": "docker.io/library/a:1", "source": "docker://docker.io/library/a:1"}],
        "chunks": [{"number": 2, **chunk, "held": 1, "holds": [piece]}],
        "files": [{"file": "README.txt", "sha256": HEX, "state": "damaged"}],
        "blobs": [{"number": 5, **blob}],
    }


def parsed(changed: dict[str, Any]) -> NeedList | Wanted:
    return parse_need_list(json.dumps(changed).encode(), what="need.json")


def test_a_document_is_read_as_it_was_printed():
    need = parsed(document())
    assert isinstance(need, NeedList)
    assert json.loads(need.to_json()) == document()
    assert parse_need_list(need.to_json(), what="x") == need
    assert need.wanted == Wanted(ID, (2,), (5,), ("README.txt",))
    assert need.size_bytes == 99 + 7


LINES = {
    "C1": Wanted(ID, (1,)),
    "C7+9-12": Wanted(ID, (7, 9, 10, 11, 12)),
    "B0": Wanted(ID, (), (0,)),
    "C1-2:B0+4-5": Wanted(ID, (1, 2), (0, 4, 5)),
}


@each_case("parts, wanted", LINES.items())
def test_the_line_is_read_as_it_was_printed(parts, wanted):
    assert wanted.line == f"BUNDLER-NEED:1:{ID.upper()}:{parts}"
    assert parse_line(wanted.line, what="x") == wanted
    assert parse_need_list(f"\n {wanted.line.lower()}\n".encode(), what="x") == wanted
    assert is_line(wanted.line.lower())


BAD_LINES = [
    f"1:{ID}",
    f"1:{ID}:C",
    f"1:{ID}:C0",
    f"1:{ID}:C2+1",
    f"1:{ID}:C2+2",
    f"1:{ID}:C3-2",
    f"1:{ID}:C1:C2",
    f"1:{ID}:X1",
    f"1:{ID}:C1-{NEED_LIST_NUMBERS + 1}",
    f"1:{ID}:C1-9999999999",
    f"1:{ID[1:]}:C1",
    f"1:{ID}:C1/../../x",
    f"1:{ID}:C1\0",
    "",
]


@each_case("line", BAD_LINES)
def test_a_line_that_is_wrong_is_refused(line):
    with raises(Damaged, subject="x"):
        parse_line(f"BUNDLER-NEED:{line}", what="x")


@each_case("content", [f"BUNDLER-NEED:2:{ID}:C1".encode(), json.dumps({"document": "bundler.need/2"}).encode()])
def test_a_later_version_is_refused(content):
    with raises(Refused, subject="x"):
        parse_need_list(content, what="x")


CHANGES: dict[str, Any] = {
    "another document": {"document": "bundler.receipt/1"},
    "no bundle": {"bundle": None},
    "id with a path": {"bundle.id": "../" * 21 + "x"},
    "name with a path": {"bundle.name": "../../etc"},
    "unknown archive": {"bundle.archive": "zip"},
    "chunk 0": {"chunks.0.number": 0},
    "chunk out of range": {"chunks.0.number": 4, "chunks.0.file": "chunk-0004.tar"},
    "huge chunk number": {"chunks.0.number": 1 << 60},
    "a number that is a text": {"chunks.0.number": "2"},
    "chunk of another number": {"chunks.0.file": "chunk-0003.tar"},
    "chunk with a path": {"chunks.0.file": "../chunk-0002.tar"},
    "chunk of another archive": {"chunks.0.file": "chunk-0002.7z"},
    "a digest that is none": {"chunks.0.sha256": HEX[1:]},
    "a digest in capitals": {"chunks.0.sha256": HEX.upper()},
    "unknown state": {"chunks.0.state": "lost"},
    "negative size": {"chunks.0.size": -1},
    "an image that is not listed": {"chunks.0.images": [1]},
    "an image twice": {"chunks.0.images": [0, 0]},
    "a part out of range": {"chunks.0.holds.0.part": [3, 2]},
    "part 0": {"chunks.0.holds.0.part": [0, 2]},
    "a file with a path": {"files.0.file": "../README.txt"},
    "an absolute file": {"files.0.file": "/etc/passwd"},
    "a chunk among the files": {"files.0.file": "chunk-0001.tar"},
    "a source with control characters": {"images.0.source": "docker://a\x1b[2J"},
    "a source that is too long": {"images.0.source": "x" * 5000},
    "no reference": {"images.0.reference": "http://evil.example/"},
    "a blob whose image is not listed": {"blobs.0.images": [7]},
    "a base with control characters": {"blobs.0.bases": ["\n"]},
    "too many bases": {"blobs.0.bases": ["a"] * 101},
}


def with_change(path: str, value: object) -> dict[str, Any]:
    changed = document()
    at: Any = changed
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    return changed


@each_case("changes", CHANGES.values(), ids=CHANGES)
def test_a_document_that_is_wrong_is_refused(changes):
    changed = document()
    for path, value in changes.items():
        at: Any = changed
        *way, last = path.split(".")
        for step in way:
            at = at[int(step)] if step.isdigit() else at[step]
        at[last] = value
    with raises(Damaged, subject="need.json"):
        parsed(changed)


@each_case("field", ["chunks", "files", "blobs"])
def test_nothing_is_listed_twice(field):
    changed = document()
    changed[field] *= 2
    with raises(Damaged):
        parsed(changed)


def test_a_document_that_asks_for_nothing_is_refused():
    with raises(Damaged):
        parsed({**document(), "chunks": [], "files": [], "blobs": []})


def test_more_pieces_than_a_reader_wants_are_refused():
    changed = document()
    changed["chunks"][0]["holds"] *= NEED_LIST_PIECES + 1
    with raises(Damaged):
        parsed(changed)


@pytest.fixture(scope="module")
def bundle():
    manifest = plan_of(CUT, SMALL).manifest
    return manifest, {chunk.file: HEX for chunk in manifest.chunks} | {"README.txt": HEX}


def need_for(bundle) -> dict[str, Any]:
    manifest, _ = bundle
    return {**with_change("chunks.0.size", manifest.chunks[1].size_bytes), "blobs": []}


def contradiction(bundle, changed: dict[str, Any]) -> object:
    manifest, sums = bundle
    need = parsed(changed)
    assert isinstance(need, NeedList)
    return need.contradiction(manifest.chunks, manifest.blobs, sums)


def test_a_need_list_of_the_bundle_contradicts_nothing(bundle):
    assert contradiction(bundle, need_for(bundle)) is None


@each_case("field, value", [("size", 1), ("sha256", "cd" * 32), ("number", 3)])
def test_a_need_list_that_says_something_else_than_the_bundle_contradicts_it(bundle, field, value):
    changed = need_for(bundle)
    changed["chunks"][0][field] = value
    if field == "number":
        changed["chunks"][0]["file"] = "chunk-0003.tar"
    assert contradiction(bundle, changed) is not None


def test_a_blob_of_another_number_contradicts_the_bundle(bundle):
    assert contradiction(bundle, {**need_for(bundle), "blobs": document()["blobs"]}) is not None
