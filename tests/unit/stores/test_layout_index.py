"""Names are given, found and taken away, and index.json is not written for each of many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundler.core.oci import OCI_MANIFEST, Descriptor
from bundler.stores.layout_index import LayoutIndex, named_entry, names_of
from bundler.stores.oci_layout import FolderFiles, LayoutFolderSink, LayoutSource
from tests.unit.values import digest


def root(word: str) -> Descriptor:
    return Descriptor(OCI_MANIFEST, digest(word), 400)


def names(index: LayoutIndex) -> list[list[str]]:
    return [sorted(names_of(entry)) for entry in json.loads(index.to_json())["manifests"]]


def test_a_name_refers_to_what_it_was_given_last():
    index = LayoutIndex([])
    for word in ("one", "two"):
        index.put("a", root(word))
    index.put("b", root("one"))
    found = index.find("a")
    assert found is not None
    assert found["digest"] == str(digest("two"))
    assert names(index) == [["a"], ["b"]]
    assert index.find("c") is None


def test_what_is_there_twice_goes_as_a_whole():
    twice = [named_entry("a", root("one")), named_entry("a", root("two")), named_entry("b", root("three"))]
    twice[0]["annotations"]["io.containerd.image.name"] = "other"
    index = LayoutIndex(twice)
    assert index.find("a") == twice[0]
    index.put("a", root("four"))
    assert names(index) == [["b"], ["a"]]
    assert index.find("other") is None


def test_entries_without_a_name_stay():
    index = LayoutIndex([root("nameless").to_json(), {"annotations": "none"}])
    index.put("a", root("one"))
    assert names(index) == [[], [], ["a"]]


def test_an_attachment_is_listed_once_and_takes_no_name():
    index = LayoutIndex([named_entry("a", root("one"))])
    assert index.lists(digest("one"))
    assert not index.lists(digest("two"))
    for _ in range(2):
        index.add({**root("two").to_json(), "artifactType": "a/b"})
        index.add(root("one").to_json())
    assert index.unsaved == 1
    assert names(index) == [["a"], []]
    index.put("a", root("three"))
    assert not index.lists(digest("one")), "its entry went with its name"
    assert index.lists(digest("two"))


@pytest.mark.parametrize(("names_", "writes"), [(8, 8), (2000, 60)])
def test_a_few_names_are_written_one_by_one_and_many_in_few_steps(tmp_path: Path, monkeypatch, names_, writes):
    sink = LayoutFolderSink(tmp_path / "layout")
    sink.prepare()
    sink.put_manifest(root("one"), b"{}")
    written = []
    monkeypatch.setattr(
        LayoutIndex, "to_json", lambda index, make=LayoutIndex.to_json: written.append(1) or make(index)
    )
    for number in range(names_):
        sink.tag(root("one"), b"{}", f"example.com/a:{number}")
        assert sink.find(f"example.com/a:{number}") is not None
    assert len(written) <= writes
    sink.finish()
    sink.release()
    known = {name for held in LayoutSource(FolderFiles(tmp_path / "layout")).images for name in held.names}
    assert {f"example.com/a:{number}" for number in range(names_)} <= known
