"""The search for attachments, over a source in memory that lists whatever a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bundler.core import oci
from bundler.core.attachment_choice import ALL_ATTACHMENTS, AttachmentChoice
from bundler.core.attachments import LAYOUT, REFERRERS, TAG, FoundAttachment
from bundler.core.digest import Digest
from bundler.core.journal import PinnedAttachment, PinnedAttachments
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage
from bundler.core.protocols import Pieces
from bundler.core.reference import Reference
from bundler.errors import Damaged, Interrupted, NotFound, Refused
from bundler.exporting.attached import Attached, AttachmentSource, with_attachments
from tests.support import images
from tests.support.attachments import SPDX, cosign, dashed, fallback_index, referrer
from tests.support.errors import raises

Answer = TypeVar("Answer")
SUBJECT = images.simple("subject")
IMAGE = ResolvedImage(
    Reference.parse("example.com/app:1"),
    "docker://example.com/app:1",
    (oci.parse_manifest(SUBJECT.content, SUBJECT.media_type, what="subject"),),
    (),
)
ROOT = IMAGE.root.digest


def found(image: images.Image, *, tag: str = "") -> FoundAttachment:
    descriptor = Descriptor(image.media_type, Digest.parse(image.digest), len(image.content))
    return FoundAttachment(descriptor, LAYOUT if tag else REFERRERS, "other", tag=tag)


@dataclass
class Memory:
    """A source with some manifests, and a list for each subject."""

    listed: dict[Digest, list[FoundAttachment]] = field(default_factory=dict)
    manifests: dict[Digest, images.Image] = field(default_factory=dict)
    tags: dict[str, images.Image] = field(default_factory=dict)
    asked: list[Digest] = field(default_factory=list)
    error: Exception | None = None
    is_remote: bool = False

    def attach(self, subject: images.Image, *attached: images.Image) -> None:
        self.listed.setdefault(Digest.parse(subject.digest), []).extend(map(found, attached))
        self.keep(*attached)

    def keep(self, *manifests: images.Image) -> None:
        self.manifests.update({Digest.parse(each.digest): each for each in manifests})

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        self.asked.append(subject)
        if self.error:
            raise self.error
        return tuple(self.listed.get(subject, ()))

    def resolve(self, name: str | None) -> Descriptor:
        image = self.tags.get(name or "") or self.manifests[Digest.parse(name)]
        return Descriptor(image.media_type, Digest.parse(image.digest), len(image.content))

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self.manifests:
            raise NotFound("no such manifest")
        return self.manifests[descriptor.digest].content

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        raise NotImplementedError


def once(ask: Callable[[], Answer]) -> Answer:
    return ask()


def search(
    source: Memory, choice: AttachmentChoice = ALL_ATTACHMENTS, image: ResolvedImage = IMAGE, **more: object
) -> Attached:
    return with_attachments(image, AttachmentSource(source, lambda _: b"{}", once), choice, **more)  # type: ignore[arg-type]


def digests(result: Attached) -> list[str]:
    return [str(each.root.digest) for each in result.image.attachments]


def test_a_subject_comes_before_its_attachments_and_documents_are_kept():
    source, sbom = Memory(), referrer(SUBJECT)
    signature = referrer(sbom, "application/vnd.cncf.notary.signature")
    source.attach(SUBJECT, sbom)
    source.attach(sbom, signature)
    result = search(source)
    assert digests(result) == [sbom.digest, signature.digest]
    assert [each.kind for each in result.image.attachments] == ["sbom", "signature"]
    assert result.documents[Digest.parse(sbom.digest)] == sbom.content
    assert source.asked == [ROOT, *map(Digest.parse, (sbom.digest, signature.digest))]


def test_an_attachment_that_is_an_index_has_attachments_of_its_parts():
    part = referrer(SUBJECT)
    whole = fallback_index(part, subject=SUBJECT.descriptor())
    signature = referrer(part, "application/vnd.cncf.notary.signature")
    source = Memory()
    source.attach(SUBJECT, whole)
    source.attach(part, signature)
    source.keep(part)
    assert digests(search(source)) == [whole.digest, signature.digest]


def test_an_attachment_that_is_listed_twice_is_carried_once_and_asked_about_once():
    source, sbom = Memory(), referrer(SUBJECT)
    source.attach(SUBJECT, sbom, sbom)
    assert digests(search(source)) == [sbom.digest]
    assert source.asked.count(Digest.parse(sbom.digest)) == 1


def test_a_loop_of_tags_ends():
    one, two = cosign(SUBJECT), cosign(images.simple("other"))
    tags = [dashed(each, ".sig") for each in (SUBJECT, one, two)]
    source = Memory(
        {
            ROOT: [found(one, tag=tags[0])],
            Digest.parse(one.digest): [found(two, tag=tags[1])],
            Digest.parse(two.digest): [found(one, tag=tags[2])],
        }
    )
    source.keep(one, two)
    assert digests(search(source)) == [one.digest, two.digest, one.digest]
    assert len(source.asked) == 3


def test_of_two_manifests_with_one_tag_only_one_is_carried():
    """A layout can name two. FORMAT.md 5.11: the last one would have the tag at the target."""
    one, two = cosign(SUBJECT), cosign(SUBJECT, "application/vnd.dsse.envelope.v1+json")
    tag = dashed(SUBJECT, ".sig")
    source = Memory({ROOT: [found(one, tag=tag), found(two, tag=tag)]})
    source.keep(one, two)
    result = search(source)
    assert digests(result) == [one.digest]
    assert len(result.remarks) == 1


def test_nobody_is_asked_about_manifests_that_were_made_here():
    source = Memory()
    search(source, made=[ROOT])
    assert source.asked == []


def test_manifests_of_the_image_are_no_attachments_of_each_other():
    """BuildKit's attestations may name a subject, and registries list them: they are children of the index already."""
    source, child = Memory(), referrer(SUBJECT)
    source.attach(SUBJECT, child)
    parsed = oci.parse_manifest(child.content, child.media_type, what="child")
    image = ResolvedImage(IMAGE.reference, IMAGE.source, (*IMAGE.manifests, parsed), ())
    result = search(source, image=image)
    assert (digests(result), result.left, result.remarks) == ([], (), ())


def test_remarks_are_bounded():
    source = Memory()
    source.attach(SUBJECT, *(referrer(images.simple(f"other {number}")) for number in range(20)))
    assert len(search(source).remarks) == 5


def test_the_lists_of_the_index_of_the_source_are_counted_and_not_read():
    source, whole = Memory(), Digest.of(b"index")
    source.listed[whole] = [FoundAttachment(None, TAG, "signature", tag="x.sig")]
    image = ResolvedImage(IMAGE.reference, IMAGE.source, IMAGE.manifests, (), made_from=whole)
    assert search(source, image=image).left == (("new-index", "signature", 1),)


def test_an_attestation_that_the_source_lacks_is_skipped_as_in_an_index():
    gone = Descriptor(oci.OCI_MANIFEST, Digest.of(b"gone"), 4, attests=ROOT)
    result = search(Memory(), cut_off=[gone])
    assert (digests(result), result.left, len(result.remarks)) == ([], (), 1)


def test_the_pinned_ones_are_read_and_nothing_is_looked_for():
    source, sbom, signature = Memory(), referrer(SUBJECT), cosign(SUBJECT)
    source.keep(sbom, signature)
    tag = dashed(SUBJECT, ".sig")
    source.tags[tag] = images.simple("moved")
    pinned = PinnedAttachments(
        (
            PinnedAttachment(ROOT, Digest.parse(signature.digest), TAG, tag),
            PinnedAttachment(ROOT, Digest.parse(sbom.digest), REFERRERS),
        ),
        (("not-chosen", "attestation", 2),),
    )
    result = search(source, pinned=pinned)
    assert digests(result) == [signature.digest, sbom.digest]
    assert [(each.found, each.tag, each.kind) for each in result.image.attachments] == [
        (TAG, tag, "signature"),
        (REFERRERS, "", "sbom"),
    ]
    assert result.left == pinned.left
    assert source.asked == []


def test_what_is_not_chosen_is_counted_and_its_own_attachments_are_not_looked_for():
    source, sbom = Memory(), referrer(SUBJECT)
    source.attach(SUBJECT, sbom)
    result = search(source, AttachmentChoice.parse(["signatures"]))
    assert (digests(result), result.left) == ([], (("not-chosen", "sbom", 1),))
    assert source.asked == [ROOT]
    assert digests(search(source, AttachmentChoice.parse([SPDX]))) == [sbom.digest]


def test_only_a_run_that_wants_none_goes_on_without_an_answer():
    source = Memory(error=Damaged("not a list"))
    with raises(Damaged):
        search(source, AttachmentChoice.parse(["signatures"]))
    none = AttachmentChoice.parse(["none"])
    assert search(source, none).left == (("not-asked", "", 1),)
    source.error = Interrupted()
    with raises(Interrupted):
        search(source, none)


def test_an_attachment_that_is_gone_is_no_missing_image():
    source, sbom = Memory(), referrer(SUBJECT)
    source.attach(SUBJECT, sbom)
    source.manifests.clear()
    with raises(Refused, code="attachment-missing", subject=f"{IMAGE.reference} ({sbom.digest})") as caught:
        search(source)
    assert not isinstance(caught.value, NotFound)


def test_a_subject_that_is_not_valid_is_damage():
    document = json.loads(referrer(SUBJECT).content)
    content = json.dumps({**document, "subject": {"digest": SUBJECT.digest.upper()}}).encode()
    source = Memory()
    source.attach(SUBJECT, images.Image(images.OCI_MANIFEST, content))
    with raises(Damaged):
        search(source)
