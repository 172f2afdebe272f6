"""The index.json of an OCI image layout that is being written: its entries, found by the names in them.

Image-spec ``image-layout.md``, "index.json file". Knows no files: `bundler.stores.oci_layout` reads and writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
_UNSAVED_SHARE = 8
"""One eighth of the entries may be unsaved: writing all of them for each new one would take quadratic time."""


def names_of(entry: Mapping[str, Any]) -> frozenset[str]:
    """Returns the names that an entry of index.json gives its image."""
    annotations = entry.get("annotations")
    texts = (annotations.get(REF_NAME), annotations.get(CONTAINERD_NAME)) if isinstance(annotations, dict) else ()
    return frozenset(text for text in texts if isinstance(text, str))


def named_entry(name: str, descriptor: Descriptor) -> dict[str, Any]:
    """Returns the entry of index.json that gives a manifest its name."""
    return {**descriptor.to_json(), "annotations": {REF_NAME: name, CONTAINERD_NAME: name}}


def index_document(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Returns the bytes of an index.json."""
    return strict_json.canonical({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": list(entries)})


class LayoutIndex:
    """The entries, in order. For one thread at a time."""

    def __init__(self, entries: Iterable[dict[str, Any]]) -> None:
        self._entries: dict[int, dict[str, Any]] = {}
        self._numbers: dict[str, list[int]] = {}
        """The numbers of the entries with a name, in order. There should be one, but a file may have more."""
        self._digests: Counter[object] = Counter()
        self._added = 0
        self.unsaved = 0
        """The number of entries that were added since the caller saved all of them."""
        for entry in entries:
            self._add(entry)

    def find(self, name: str) -> dict[str, Any] | None:
        """Returns the first entry with a name."""
        numbers = self._numbers.get(name)
        return self._entries[numbers[0]] if numbers else None

    def put(self, name: str, descriptor: Descriptor) -> None:
        """Gives a name to a manifest, and removes it from every other one."""
        for number in list(self._numbers.get(name, ())):
            gone = self._entries.pop(number)
            self._digests[gone.get("digest")] -= 1
            for known in names_of(gone):
                self._numbers[known].remove(number)
        self._add(named_entry(name, descriptor))
        self.unsaved += 1

    def lists(self, digest: Digest) -> bool:
        """True if an entry has this digest, with or without a name."""
        return self._digests[str(digest)] > 0

    def add(self, entry: Mapping[str, Any]) -> None:
        """Adds an entry, unless one has its digest."""
        if not self._digests[entry["digest"]]:
            self._add(dict(entry))
            self.unsaved += 1

    @property
    def is_due(self) -> bool:
        """True if enough was added to write all of it."""
        return self.unsaved * _UNSAVED_SHARE >= len(self._entries)

    def to_json(self) -> bytes:
        """Returns the bytes of index.json."""
        return index_document(self._entries.values())

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries[self._added] = entry
        self._digests[entry.get("digest")] += 1
        for name in names_of(entry):
            self._numbers.setdefault(name, []).append(self._added)
        self._added += 1
