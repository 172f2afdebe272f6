"""The index at the fallback tag of a manifest, which clients keep where a registry has no referrers API.

OCI distribution-spec 1.1, "Pushing Manifests with Subject" and "Referrers Tag Schema". Other clients keep it too: what
they wrote, known or not, stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bundler import texts
from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.errors import Damaged, Refused

Entry = Mapping[str, Any]
"""A descriptor of an index, as its JSON object."""


def entry_of(descriptor: Descriptor, content: bytes, *, what: str) -> dict[str, Any]:
    """Returns the entry that lists a manifest with a ``subject``: as the referrers API has it.

    Args:
        descriptor: The manifest.
        content: Its bytes, whose digest was checked.
        what: The name of the manifest, for messages.

    Raises:
        Damaged: It is not a JSON object.
    """
    document = _object(content, what)
    config, annotations = document.get("config"), document.get("annotations")
    artifact_type = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    # One entry of another type would keep clients in Go from reading the whole list, signatures included.
    annotations = annotations.items() if isinstance(annotations, dict) else ()
    texts_only = {name: value for name, value in annotations if isinstance(value, str)}
    return {
        **descriptor.to_json(),
        **({"artifactType": artifact_type} if oci.is_media_type(artifact_type) else {}),
        **({"annotations": texts_only} if texts_only else {}),
    }


def digests_in(index: bytes, *, what: str) -> tuple[Digest, ...]:
    """Returns the digests that an index lists.

    Raises:
        Damaged: It is not an index of descriptors.
    """
    entries = _entries(_object(index, what), what)
    return tuple(oci.parse_descriptor(each, what=what).digest for each in entries)


def with_entries(index: bytes | None, entries: Iterable[Entry], *, what: str) -> bytes:
    """Returns an index with more entries, after its own ones. An entry whose digest is there is not added again.

    Args:
        index: The index; None if there is none.
        entries: The new entries.
        what: The name of the index, for messages.

    Raises:
        Damaged: It is not an index.
        Refused: It would be larger than registries accept.
    """
    document = _object(index, what) if index is not None else _EMPTY
    listed = _entries(document, what)
    known = {each.get("digest") for each in listed}
    content = _with(document, [*listed, *(each for each in entries if each["digest"] not in known)])
    if len(content) > MANIFEST_BYTES:
        raise Refused(
            "the list of attachments would be larger than registries accept",
            subject=what,
            expected=texts.text("at most {manifest_bytes} bytes", manifest_bytes=MANIFEST_BYTES),
            actual=texts.text("{size} bytes", size=len(content)),
        )
    return content


def without_entries(index: bytes, digests: Collection[Digest], *, what: str) -> bytes:
    """Returns an index without the entries of some digests.

    Raises:
        Damaged: It is not an index.
    """
    document = _object(index, what)
    gone = set(map(str, digests))
    return _with(document, [each for each in _entries(document, what) if each.get("digest") not in gone])


def has_all_layers(content: bytes, wanted: bytes, *, what: str) -> bool:
    """True if a manifest has all layers of another one, with the same annotations.

    cosign adds a layer for each signature to the manifest at its tag: such a manifest has all signatures of the other.

    Raises:
        Damaged: One of them is not a JSON object.
    """
    found = _object(content, what).get("layers")
    needed = _object(wanted, what).get("layers")
    if not isinstance(found, list) or not isinstance(needed, list) or not needed:
        return False
    there = set(map(_words, found))  # registries take manifests of some 30,000 layers
    return all(_words(layer) in there for layer in needed)


def _words(layer: object) -> str:
    """A layer as text, the same for the same fields in any order."""
    return json.dumps(layer, sort_keys=True)


_EMPTY: dict[str, Any] = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": []}


def _with(document: Mapping[str, Any], entries: list[Entry]) -> bytes:
    return strict_json.canonical({**document, "manifests": entries})


def _object(content: bytes, what: str) -> dict[str, Any]:
    document = strict_json.loads(content, what=what)
    if not isinstance(document, dict):
        raise Damaged("the manifest is not a JSON object", subject=what)
    return document


def _entries(document: Mapping[str, Any], what: str) -> list[Entry]:
    entries = document.get("manifests")
    entries = [] if entries is None else entries  # programs in Go write null for an empty list
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise Damaged("not an OCI index", subject=what)
    return entries
