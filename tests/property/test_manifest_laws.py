"""bundle.json is read back as it is written, whatever optional parts it has."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from bundler.bundle.chunk import members_by_chunk
from bundler.core import oci
from bundler.core.archive_kind import ARCHIVE_KINDS, SEVEN_ZIP
from bundler.core.digest import Digest
from bundler.core.manifest import (
    MANIFEST,
    Base,
    BundleManifest,
    Chunk,
    InBase,
    Medium,
    Series,
    Verdict,
    from_json,
    to_json,
)
from bundler.core.oci import Descriptor, Manifest
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from tests.property.strategies import digests, image_sets, law, repositories, texts
from tests.unit.values import plan_with

_words = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
_names = st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True).filter(lambda name: name not in ("con", "prn", "aux", "nul"))
_ids = digests.filter(lambda digest: digest.algorithm == "sha256").map(lambda digest: digest.encoded)
_types = st.sampled_from(["", "application/spdx+json", "application/vnd.dev.sigstore.bundle.v0.3+json"])
_verdicts = st.builds(Verdict, _ids, texts, st.sampled_from(["accepted", "refused", "later"]), texts, texts)
_series = st.one_of(
    st.none(),
    st.builds(Series, _names, st.just(1)),
    st.builds(Series, _names, st.integers(2, 1 << 53), st.one_of(st.none(), _ids)),
)
_bundles = st.builds(Base, _ids, st.just("bundle"), _names, texts, st.sampled_from(list(ARCHIVE_KINDS.values())))
_documents = st.builds(Base, _ids, st.sampled_from(["receipt", "inventory"]), texts.filter(bool), texts)


def _attached(draw: st.DrawFn, image: ResolvedImage) -> ResolvedImage:
    """An image with attachments, and attachments of those."""
    subjects = [manifest.descriptor.digest for manifest in image.manifests]
    layers = [layer for manifest in image.manifests for layer in manifest.layers]
    attachments: list[ResolvedAttachment] = []
    for number in range(draw(st.integers(0, 3))):
        word = f"{image.reference} attachment {number}".encode()
        subject = draw(st.sampled_from(subjects))
        config = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(b"{}"), 2)
        own = Descriptor("application/x", Digest.of(b"layer of " + word), draw(st.integers(0, 3000)))
        manifest = Manifest(
            Descriptor(oci.OCI_MANIFEST, Digest.of(word), draw(st.integers(2, 3000))),
            config=config,
            layers=(own, *draw(st.lists(st.sampled_from(layers), max_size=1) if layers else st.just([]))),
        )
        tag = f"{f'{subject.algorithm}-{subject.encoded}'[:128]}.sig"
        is_free = len(tag) <= 128 and tag not in {each.tag for each in attachments}
        tag = tag if is_free and draw(st.booleans()) else ""
        attachments.append(ResolvedAttachment(subject, draw(_words), draw(_words), (manifest,), draw(_types), tag))
        subjects.append(manifest.descriptor.digest)
    verdicts = tuple(draw(st.lists(_verdicts, max_size=2)))
    return replace(image, attachments=tuple(attachments), verdicts=verdicts)


def _place(draw: st.DrawFn, number: int, base: Base) -> InBase:
    if base.kind != "bundle":
        return InBase(number, (), tuple(draw(st.lists(repositories, max_size=2))))
    first = draw(st.integers(1, 10_000))
    return InBase(number, tuple(range(first, first + draw(st.integers(1, 3)))))


@st.composite
def manifests(draw: st.DrawFn) -> BundleManifest:
    """A bundle manifest with any of the parts that are optional."""
    images, chunk_size = draw(image_sets())
    images = [_attached(draw, image) for image in images]
    bases = draw(st.lists(st.one_of(_bundles, _documents), max_size=3, unique_by=lambda base: base.id))
    blobs = sorted({blob.digest for image in images for manifest in image.carried for blob in manifest.blobs})
    left_out = {}
    for digest in draw(st.lists(st.sampled_from(blobs), max_size=4, unique=True)) if bases and blobs else ():
        chosen = draw(st.lists(st.sampled_from(range(len(bases))), min_size=1, max_size=3, unique=True))
        left_out[digest] = tuple(_place(draw, number, bases[number]) for number in chosen)
    plan = plan_with(
        images,
        name="law",
        created="2026-11-23T00:00:00Z",
        tool="t",
        signed=True,
        chunk_size_bytes=chunk_size,
        archive=draw(st.sampled_from(list(ARCHIVE_KINDS.values()))),
        series=draw(_series),
        bases=bases,
        left_out=left_out,
    )
    numbers = list(range(1, len(plan.manifest.chunks) + 1))
    cut = draw(st.integers(0, len(numbers)))
    files = ("tool/a.whl", "parity-01.vol0+1.par2") if draw(st.booleans()) else ()
    media = (Medium(tuple(numbers[:cut]), files, draw(st.one_of(st.none(), st.integers(0, 1 << 53)))),)
    media += (Medium(tuple(numbers[cut:])),)
    return replace(plan.manifest, media=media if draw(st.booleans()) else ())


@law
@given(manifests())
def test_a_bundle_manifest_is_read_back_as_it_is_written(manifest: BundleManifest) -> None:
    content = to_json(manifest)
    assert from_json(content, what="test") == manifest
    assert to_json(from_json(content, what="test")) == content


@law
@given(manifests())
def test_each_blob_lies_in_the_chunks_or_in_a_base_and_a_manifest_in_the_chunks(manifest: BundleManifest) -> None:
    inside = {member.stored.digest for members in members_by_chunk(manifest) for member in members}
    for blob in manifest.blobs:
        assert (blob.descriptor.digest in inside) is not blob.is_left_out
        assert not (blob.is_left_out and blob.kind == MANIFEST)
    assert {place.base for blob in manifest.left_out for place in blob.bases} == set(range(len(manifest.bases)))
    assert (manifest.format == "bundler/1+base") is bool(manifest.left_out)


@law
@given(manifests())
def test_an_encrypted_bundle_says_outside_whether_it_is_whole(manifest: BundleManifest) -> None:
    outer = OuterManifest.of(replace(manifest, archive=SEVEN_ZIP, chunks=_renamed(manifest)))
    assert read_manifest(outer.to_json(), what="test") == outer
    assert outer.is_whole is not bool(manifest.left_out)


def _renamed(manifest: BundleManifest) -> tuple[Chunk, ...]:
    return tuple(replace(chunk, file=chunk.file.replace(".tar", ".7z")) for chunk in manifest.chunks)
