"""Tags of attachments travel with their subject; all others are images, and none is left out in silence."""

from __future__ import annotations

from bundler.core.digest import Digest
from bundler.core.inventory import HeldManifest, HeldRepository
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Descriptor
from bundler.core.whole_registry import AttachingTag, roots_of


def held(name: str, media_type: str = OCI_MANIFEST, children: tuple[int, ...] = ()) -> HeldManifest:
    return HeldManifest(Descriptor(media_type, Digest.of(name.encode()), 1), children)


def tag_for(name: str, suffix: str = "") -> str:
    return str(Digest.of(name.encode())).replace(":", "-") + suffix


MANIFESTS = (held("image"), held("sbom"), held("list", OCI_INDEX, (1,)), held("signature"))
IMAGE, _, LIST, SIGNATURE = range(4)


def test_tags_of_attachments_go_with_a_subject_that_is_there():
    tags = {
        "1": IMAGE,
        tag_for("image", ".sig"): SIGNATURE,
        tag_for("image"): LIST,
        tag_for("gone", ".sig"): SIGNATURE,
        tag_for("gone"): LIST,
    }
    found = roots_of(HeldRepository("app", tuple(tags.items()), (0, 1, 2, 3)), MANIFESTS)
    assert found.images == {"1": Digest.of(b"image")}
    assert [each.tag for each in found.attaching] == [tag_for("image", ".sig"), tag_for("image")]
    assert [each.subject for each in found.orphans] == [Digest.of(b"gone")] * 2
    assert found.attaching[1] == AttachingTag(
        "app", tag_for("image"), Digest.of(b"image"), Digest.of(b"list"), (Digest.of(b"sbom"),)
    )


def test_tags_that_only_look_like_those_of_attachments_are_images():
    tags = {tag_for("image", ".other"): SIGNATURE, tag_for("image"): SIGNATURE, "sha256-12.sig": IMAGE}
    found = roots_of(HeldRepository("app", tuple(tags.items()), (0, 3)), MANIFESTS)
    assert found.images.keys() == tags.keys()
    assert not found.attaching
    assert not found.orphans
