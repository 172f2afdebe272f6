"""The names that the entries of an index.json give their images.

containerd, Docker with its image store, BuildKit, nerdctl, regctl and Hauler write the full name into
``io.containerd.image.name``, and only a tag or a path into ``org.opencontainers.image.ref.name``: OCI image-spec
(``annotations.md``) leaves its form open. skopeo, podman, crane and bundler write a full name there. So only a text
with a registry names an image; no registry is added to any other text.

Sources: containerd ``images/archive/exporter.go``, moby ``daemon/containerd/image_exporter.go``, Hauler
``pkg/consts/consts.go`` and ``pkg/store``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference, full_reference
from bundler.stores.held_images import HeldImage
from bundler.stores.layout_index import CONTAINERD_NAME, REF_NAME

_KIND = lazy_pattern(r"dev\.(?:hauler|cosignproject\.cosign)/(sigs|atts|sboms|referrers)(?:/.*)?")
"""Hauler's mark of an image's attachment. Such an entry has the names of that image."""

_SUBJECT = "hauler.dev/subject-digest"
_ENDINGS = {"sigs": "sig", "atts": "att", "sboms": "sbom"}
_COSIGN_TAG = lazy_pattern(r"sha256-[0-9a-f]{64}\.(?:sig|att|sbom)")


def held_images(entries: Sequence[Mapping[str, Any]], *, what: str) -> list[HeldImage[Descriptor]]:
    """Returns the images of an index.json with all their names. An image that is listed several times is returned once.

    Raises:
        Damaged: An entry is not a descriptor.
    """
    read = [
        _Entry(oci.parse_descriptor(entry, what=f"{what}: manifests[{number}]"), entry)
        for number, entry in enumerate(entries)
    ]
    subjects = _subjects(read) if any(entry.kind for entry in read) else {}
    found: dict[Descriptor, HeldImage[Descriptor]] = {}
    for entry in read:
        name = _name_of(entry, subjects)
        names = {str(name)} if name else set()
        aliases = _aliases_of(entry) - names
        known = found.get(entry.descriptor.bare)
        if known is not None:
            names.update(known.names)
            aliases.update(known.aliases)
        image = known.image if known else entry.descriptor
        found[entry.descriptor.bare] = HeldImage(tuple(sorted(names)), tuple(sorted(aliases)), image)
    return list(found.values())


def _subjects(entries: Sequence[_Entry]) -> dict[Reference, Digest]:
    """Returns the images that may have attachments, by their names."""
    return {entry.full: entry.descriptor.digest for entry in reversed(entries) if entry.full and not entry.kind}


@frozen
class _Entry:
    descriptor: Descriptor
    document: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Returns an annotation; empty if there is none, or it is not a text."""
        annotations = self.document.get("annotations")
        text = annotations.get(key) if isinstance(annotations, dict) else None
        return text if isinstance(text, str) else ""

    @property
    def full(self) -> Reference | None:
        """The full name in the annotations."""
        return full_reference(self.text(CONTAINERD_NAME)) or full_reference(self.text(REF_NAME))

    @property
    def kind(self) -> str:
        """The kind of attachment, in Hauler's word; empty for an image."""
        match = _KIND.fullmatch(self.text("kind"))
        return match[1] if match else ""


def _aliases_of(entry: _Entry) -> set[str]:
    given = [entry.text(key) for key in (REF_NAME, CONTAINERD_NAME)] if not entry.kind else []
    return {*filter(None, given), f"@{entry.descriptor.digest}"}


def _name_of(entry: _Entry, subjects: Mapping[Reference, Digest]) -> Reference | None:
    full = entry.full
    if full is None:
        return None
    if entry.kind == "referrers":
        return Reference(full.registry, full.repository, None, entry.descriptor.digest)
    if entry.kind:
        subject = entry.text(_SUBJECT) or str(subjects.get(full, ""))
        tag = f"{subject.replace(':', '-')}.{_ENDINGS[entry.kind]}"
        return Reference(full.registry, full.repository, tag) if _COSIGN_TAG.fullmatch(tag) else None
    return _attachment_name(entry, full) or full


def _attachment_name(entry: _Entry, full: Reference) -> Reference | None:
    """Returns the name of an attachment without a mark: Hauler from 2.1 on gives its path next to the image's name."""
    path = entry.text(REF_NAME)
    if "@" not in path and not _COSIGN_TAG.fullmatch(path.rpartition(":")[2]):
        return None  # most entries are images, and need no second parse
    own = full_reference(f"{full.registry}/{path}")
    if own is None or own.name != full.name:
        return None
    is_attachment = own.digest == entry.descriptor.digest if own.digest else _COSIGN_TAG.fullmatch(own.tag or "")
    return own if is_attachment else None
