"""The index at the fallback tag: entries of others stay, ours are complete, and none can break the list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.fallback_index import digests_in, entry_of, has_all_layers, with_entries, without_entries
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import described

EMPTY = "application/vnd.oci.empty.v1+json"


def entry(document: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(document).encode()
    return entry_of(described(content, oci.OCI_MANIFEST), content, what="x")


def ours(word: str) -> dict[str, Any]:
    return {"mediaType": oci.OCI_MANIFEST, "digest": str(Digest.of(word.encode())), "size": 1, "artifactType": "a/b"}


ENTRIES = {
    "its own type, and all annotations": (
        {"artifactType": "a/b", "config": {"mediaType": EMPTY}, "annotations": {"one": "1", "two": "2"}},
        {"artifactType": "a/b", "annotations": {"one": "1", "two": "2"}},
    ),
    "the type of the config": ({"config": {"mediaType": "c/d"}}, {"artifactType": "c/d"}),
    "an index without a type": ({"manifests": []}, {}),
    "an empty type": ({"artifactType": "", "config": {"mediaType": "c/d"}}, {"artifactType": "c/d"}),
    "types that clients cannot read": (
        {"artifactType": {"a": 1}, "annotations": {"good": "1", "bad": 2}},
        {"annotations": {"good": "1"}},
    ),
    "annotations that are a list": ({"annotations": ["a"], "config": []}, {}),
}


@each_case("document, expected", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_has_what_the_api_would_list(document: dict[str, Any], expected: dict[str, Any]) -> None:
    content = json.dumps(document).encode()
    assert entry(document) == {**Descriptor(oci.OCI_MANIFEST, Digest.of(content), len(content)).to_json(), **expected}


def test_entries_of_others_and_other_fields_stay() -> None:
    foreign = {"mediaType": "x/y", "digest": str(Digest.of(b"foreign")), "size": 7, "urls": ["u"], "later": {"a": [1]}}
    there = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_INDEX,
        "manifests": [foreign],
        "annotations": {"a": "b"},
        "later": 1,
    }
    added = with_entries(json.dumps(there).encode(), [ours("one"), ours("two")], what="x")
    assert json.loads(added) == {**there, "manifests": [foreign, ours("one"), ours("two")]}
    assert with_entries(added, [ours("two")], what="x") == added, "nothing twice"
    assert digests_in(added, what="x") == tuple(Digest.of(word) for word in (b"foreign", b"one", b"two"))
    gone = without_entries(added, [Digest.of(b"one"), Digest.of(b"two"), Digest.of(b"other")], what="x")
    assert json.loads(gone) == there


def test_a_new_index_is_one_of_image_spec() -> None:
    made = json.loads(with_entries(None, [ours("one")], what="x"))
    assert made == {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": [ours("one")]}
    assert json.loads(with_entries(b'{"schemaVersion":2,"manifests":null}', [], what="x"))["manifests"] == []


def test_a_list_that_registries_would_refuse_is_not_made() -> None:
    large = {**ours("one"), "annotations": {"a": "x" * MANIFEST_BYTES}}
    with raises(Refused, subject="x"):
        with_entries(None, [large], what="x")


@each_case("content", [b"[]", b'{"manifests": {}}', b'{"manifests": ["a"]}', b"{"], ids=repr)
def test_what_is_no_index_is_refused(content: bytes) -> None:
    for change in (lambda: with_entries(content, [], what="x"), lambda: without_entries(content, [], what="x")):
        with raises(Damaged, subject="x"):
            change()


def signed(*signatures: str) -> bytes:
    layers = [
        {"mediaType": "a/b", "digest": str(Digest.of(b"payload")), "annotations": {"signature": each}}
        for each in signatures
    ]
    return json.dumps({"layers": layers}).encode()


LAYERS = {
    "the same": (signed("one"), signed("one"), True),
    "more": (signed("two", "one"), signed("one"), True),
    "less": (signed("one"), signed("one", "two"), False),
    "others over the same payload": (signed("two"), signed("one"), False),
    "fields in another order": (
        signed("one"),
        signed("one").replace(b'"mediaType": "a/b", ', b"").replace(b"}}", b'}, "mediaType": "a/b"}'),
        True,
    ),
    "no layers": (signed("one"), b'{"layers": []}', False),
    "an index": (b'{"manifests": []}', signed("one"), False),
}


@each_case("found, wanted, expected", LAYERS.values(), ids=LAYERS)
def test_a_manifest_with_all_signatures_of_another_one_is_found(found: bytes, wanted: bytes, expected: bool) -> None:
    assert has_all_layers(found, wanted, what="x") is expected


REAL = Path(__file__).parents[2] / "vectors/signatures"
"""Manifests that cosign 3.1.3 pushed to docker-registry 2.8.2; README there has the source."""


def test_the_index_of_a_real_cosign_keeps_its_entry_next_to_ours() -> None:
    index, manifest = (REAL / "c3idx.json").read_bytes(), (REAL / "c3man.json").read_bytes()
    same = entry_of(described(manifest, oci.OCI_MANIFEST), manifest, what="x")
    assert same["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope"
    (entry,) = json.loads(index)["manifests"]
    assert (same["digest"], same["artifactType"]) == (entry["digest"], entry["artifactType"])
    assert json.loads(with_entries(index, [same], what="x")) == json.loads(index), "cosign's entry has no annotations"
    assert json.loads(with_entries(index, [ours("one")], what="x"))["manifests"] == [entry, ours("one")]
