"""The index.json of an OCI image layout that is being added to: entries, found by the names that they give.

Image-spec ``image-layout.md``, "index.json file". Knows no files: `bundler.stores.oci_layout` reads and writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bundler.core import oci, strict_json
from bundler.core.oci import Descriptor

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
_UNSAVED_SHARE = 8
"""An eighth of the entries may be unsaved: to write all of them for each new one takes the square of their number."""


def names_of(entry: Mapping[str, Any]) -> frozenset[str]:
    """The names that an entry of index.json gives its image."""
    annotations = entry.get("annotations")
    texts = (annotations.get(REF_NAME), annotations.get(CONTAINERD_NAME)) if isinstance(annotations, dict) else ()
    return frozenset(text for text in texts if isinstance(text, str))


def named_entry(name: str, descriptor: Descriptor) -> dict[str, Any]:
    """The entry of index.json that gives a manifest its name."""
    return {**descriptor.to_json(), "annotations": {REF_NAME: name, CONTAINERD_NAME: name}}


def index_document(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of an index.json."""
    return strict_json.canonical({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": list(entries)})


class LayoutIndex:
    """Entries, in their order. For one thread at a time."""

    def __init__(self, entries: Iterable[dict[str, Any]]) -> None:
        self._entries: dict[int, dict[str, Any]] = {}
        self._numbers: dict[str, list[int]] = {}
        """Of the entries that give a name, in their order: there should be one, but nobody can be sure of that."""
        self._added = 0
        self.unsaved = 0
        """How many entries were added since somebody said that all are saved."""
        for entry in entries:
            self._add(entry)

    def find(self, name: str) -> dict[str, Any] | None:
        """The first entry of a name."""
        numbers = self._numbers.get(name)
        return self._entries[numbers[0]] if numbers else None

    def put(self, name: str, descriptor: Descriptor) -> None:
        """Gives a name to a manifest, and takes it from whatever had it."""
        for number in list(self._numbers.get(name, ())):
            for known in names_of(self._entries.pop(number)):
                self._numbers[known].remove(number)
        self._add(named_entry(name, descriptor))
        self.unsaved += 1

    @property
    def is_due(self) -> bool:
        """Whether so much was added that it is worth writing all of it."""
        return self.unsaved * _UNSAVED_SHARE >= len(self._entries)

    def to_json(self) -> bytes:
        """The bytes of index.json."""
        return index_document(self._entries.values())

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries[self._added] = entry
        for name in names_of(entry):
            self._numbers.setdefault(name, []).append(self._added)
        self._added += 1
