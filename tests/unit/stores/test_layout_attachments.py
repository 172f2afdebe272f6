"""Attachments of layouts are found by their subjects and by names of cosign's form, in layouts of any tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bundler.core.attachments import FoundAttachment
from bundler.core.digest import Digest
from bundler.core.limits import INDEX_DEPTH, MANIFEST_BYTES
from bundler.errors import Damaged
from bundler.stores.held_images import Choice
from bundler.stores.layout_attachments import LayoutAttachments, find_attachments
from bundler.stores.layout_names import held_images
from tests.support import images
from tests.support.attachments import cosign, dashed, fallback_index, referrer
from tests.support.tables import each_case

SUBJECT = images.simple("subject")
NAME = "example.com/app:1"
SBOM, SIGNATURE = referrer(SUBJECT), cosign(SUBJECT)
TAG = dashed(SUBJECT, ".sig")
REF, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"


@dataclass
class Documents:
    """The documents of a layout, in memory."""

    contents: dict[str, bytes] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    called: str = "oci:test"

    def size(self, path: str) -> int | None:
        content = self.read(path, MANIFEST_BYTES)
        return None if content is None else len(content)

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        if path in self.broken:
            raise Damaged("a link")
        return self.contents.get(path)


def entry(image: images.Image, **annotations: str) -> dict[str, Any]:
    return image.descriptor(**({"annotations": annotations} if annotations else {}))


def search(*entries: tuple[images.Image, Mapping[str, str]], absent: images.Image | None = None) -> LayoutAttachments:
    """Finds the attachments of a layout whose index has these entries."""
    files = Documents()
    for image, _ in entries:
        for digest, content in image.all_blobs().items():
            files.contents[Digest.parse(digest).path] = content
    if absent:
        del files.contents[Digest.parse(absent.digest).path]
    held = held_images([entry(image, **annotations) for image, annotations in entries], what="test")
    return find_attachments(files, held)


def found(layout: LayoutAttachments, subject: images.Image = SUBJECT) -> list[tuple[str, str, str]]:
    attached = layout.by_subject.get(Digest.parse(subject.digest), ())
    return [(str(each.descriptor and each.descriptor.digest), each.kind, each.tag) for each in attached]


def proper(layout: LayoutAttachments) -> list[str]:
    """The digests of the images that are not attached to others."""
    return [str(held.image.digest) for held in layout.images if not held.is_attached]


@each_case(
    "attached, annotations, expected",
    [
        (SBOM, {}, ("sbom", "")),
        (SBOM, {REF: f"example.com/app@{SBOM.digest}"}, ("sbom", "")),
        (SIGNATURE, {REF: TAG}, ("signature", TAG)),
        (SIGNATURE, {REF: f"example.com/app:{TAG}"}, ("signature", TAG)),
        (SIGNATURE, {CONTAINERD: NAME, "kind": "dev.hauler/sigs"}, ("signature", TAG)),
        (SIGNATURE, {CONTAINERD: NAME, "kind": "dev.cosignproject.cosign/sigs"}, ("signature", TAG)),
        (SBOM, {CONTAINERD: NAME, "kind": "dev.hauler/referrers/x"}, ("sbom", "")),
        (fallback_index(SBOM), {REF: dashed(SUBJECT)}, ("sbom", "")),
        (fallback_index(SBOM), {}, ("sbom", "")),
    ],
    ids=[
        "oras",
        "a digest of its own",
        "a tag",
        "a full name",
        "Hauler",
        "an older Hauler",
        "a referrer by Hauler",
        "regctl",
        "nested",
    ],
)
def test_it_is_found_as_each_tool_writes_it(attached, annotations, expected):
    layout = search((SUBJECT, {CONTAINERD: NAME}), (attached, annotations))
    root = SBOM if attached.children else attached
    assert found(layout) == [(root.digest, *expected)]
    assert proper(layout) == [SUBJECT.digest]


def test_an_artifact_with_a_subject_and_a_name_of_its_own_is_both():
    layout = search((SUBJECT, {REF: NAME}), (SBOM, {REF: "example.com/sbom:1"}))
    assert found(layout) == [(SBOM.digest, "sbom", "")]
    assert proper(layout) == [SUBJECT.digest, SBOM.digest]


@each_case("attached, annotations", [(SBOM, {}), (SIGNATURE, {REF: f"example.com/app:{TAG}"})])
def test_without_its_subject_it_is_an_image(attached, annotations):
    layout = search((SUBJECT, {REF: NAME}), (attached, annotations), absent=SUBJECT)
    assert found(layout) == []
    assert attached.digest in proper(layout)


def test_a_name_of_the_image_itself_attaches_nothing():
    layout = search((SUBJECT, {REF: f"example.com/app:{TAG}"}))
    assert (found(layout), proper(layout)) == ([], [SUBJECT.digest])


def test_the_children_of_an_image_are_no_attachments_of_the_layout():
    """They are part of the image, and of an index with a name none is read."""
    index = images.index([(SUBJECT, {}), (SBOM, {})])
    layout = search((index, {REF: NAME}))
    assert (found(layout), proper(layout)) == ([], [index.digest])


def test_an_index_with_an_image_and_an_attachment_is_an_image():
    index = images.index([(images.simple("other"), {}), (SBOM, {})])
    layout = search((SUBJECT, {REF: NAME}), (index, {}))
    assert found(layout) == [(SBOM.digest, "sbom", "")]
    assert proper(layout) == [SUBJECT.digest, index.digest]


def test_attachments_in_nested_indexes_are_found_to_a_depth():
    nested = fallback_index(SBOM)
    for _ in range(INDEX_DEPTH):
        nested = images.index([(nested, {})])
    assert found(search((SUBJECT, {REF: NAME}), (nested, {}))) == [(SBOM.digest, "sbom", "")]
    assert found(search((SUBJECT, {REF: NAME}), (images.index([(nested, {})]), {}))) == []


@each_case(
    "content",
    [b'{"subject": 1}', b'"subject"', b'{"subject": {"digest": "x"}}', b"{", b'{"manifests": [1], "subject": null}'],
)
def test_a_document_that_cannot_be_read_is_no_attachment(content):
    for media_type in (images.OCI_MANIFEST, images.OCI_INDEX):
        broken = images.Image(media_type, content)
        layout = search((SUBJECT, {REF: NAME}), (broken, {}))
        assert found(layout) == []
        assert broken.digest in proper(layout)


def test_a_link_in_the_place_of_a_document_is_no_attachment():
    files = Documents({Digest.parse(SUBJECT.digest).path: SUBJECT.content})
    files.broken.add(Digest.parse(SBOM.digest).path)
    layout = find_attachments(files, held_images([entry(SUBJECT), entry(SBOM)], what="test"))
    assert found(layout) == []


def test_the_only_image_is_the_one_that_is_not_attached():
    layout = search((SUBJECT, {REF: NAME}), (SBOM, {}))
    choose = Choice(layout.images, called="test")
    assert str(choose(None).digest) == SUBJECT.digest
    assert str(choose(SBOM.digest).digest) == SBOM.digest


def test_many_attachments_are_not_compared_with_each_other(monkeypatch):
    compared = []
    monkeypatch.setattr(FoundAttachment, "__eq__", lambda one, other: compared.append(1) or one is other)
    many = [referrer(SUBJECT, content=f"{number}".encode()) for number in range(100)]
    layout = search((SUBJECT, {REF: NAME}), *((each, {}) for each in many))
    assert len(found(layout)) == len(many)
    assert len(compared) < len(many)
