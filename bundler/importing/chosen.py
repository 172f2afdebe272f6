"""Chooses the images of a bundle to import, and their platforms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bundler import texts
from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.manifest import Attachment, BundleManifest, Image
from bundler.core.oci import Descriptor
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.selection import Selection
from bundler.core.shard import Shard
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse, Refused
from bundler.run import Run

if TYPE_CHECKING:
    from bundler.graph import Graph


def selected(references: Sequence[Reference], selection: Selection, run: Run) -> frozenset[Reference]:
    """Returns the images that ``--only`` and ``--except`` choose, and reports patterns that match no image.

    Raises:
        Misuse: No image is left.
    """
    for pattern in selection.idle(references):
        run.listener(Noticed(texts.text("--except {pattern} matches no image", pattern=pattern)))
    return selection.chosen(references)


@frozen
class Chosen:
    """The images that the user chose.

    Attributes:
        of_all_shards: The images that the patterns choose: no two of them may get one name.
        images: Those to import: of the shard, and in the list of failed ones.
    """

    of_all_shards: tuple[Image, ...]
    images: tuple[Image, ...]


def chosen_images(
    manifest: BundleManifest,
    selection: Selection,
    retry: frozenset[Reference] | None,
    run: Run,
    *,
    shard: Shard | None = None,
) -> Chosen:
    """Returns the images that the user chose.

    Args:
        manifest: The manifest of the bundle.
        selection: ``--only`` and ``--except``.
        retry: The images of a list of failed images; None for all.
        run: Receives a notice of patterns and names that match no image.
        shard: The part of the selection that is imported, which may have no image; None for all.

    Raises:
        Misuse: No image is left.
    """
    references = [image.reference for image in manifest.images]
    by_patterns = selected(references, selection, run)
    of_all_shards = tuple(image for image in manifest.images if image.reference in by_patterns)
    images = of_all_shards if shard is None else _of_shard(manifest, of_all_shards, shard)
    if retry is not None:
        strange = sorted(map(str, retry - set(references)))
        if strange:
            run.listener(Noticed(texts.text("not in this bundle: {strange}", strange=texts.some(strange, most=5))))
        images = tuple(image for image in images if image.reference in retry)
        if not images and shard is None:
            raise Misuse("the list has no image of this bundle", subject="--retry-failed")
    return Chosen(of_all_shards, images)


def _of_shard(manifest: BundleManifest, images: tuple[Image, ...], shard: Shard) -> tuple[Image, ...]:
    from bundler.core.shards import images_of_shard

    return images_of_shard(manifest, images, shard)


@frozen
class Narrowed:
    """Images reduced to platforms.

    Attributes:
        images: All images. An image that could not be reduced is unchanged.
        faults: The reasons for which images could not be reduced.
    """

    images: Sequence[Image]
    faults: dict[Reference, BundlerError]


def narrowed(bundle: Bundle, images: Sequence[Image], platforms: tuple[Platform, ...], run: Run) -> Narrowed:
    """Reduces images to the platforms that match. Manifests for no platform stay as they are.

    If one manifest matches, it becomes the root, byte for byte. If several match, an index is made from entries of the
    signed one, because registries refuse an index with missing children. The bundle receives the new indexes.
    """
    made: dict[Descriptor, bytes] = {}
    number_of = {blob.descriptor.digest: number for number, blob in enumerate(bundle.manifest.blobs)}
    reduced: list[Image] = []
    faults: dict[Reference, BundlerError] = {}
    for image in images:
        try:
            graph = graph_of(bundle, image, platforms)
        except (Refused, Damaged, Incomplete, LocalStorage) as error:
            faults[image.reference] = error
            reduced.append(image)
            continue
        for remark in graph.remarks:
            run.listener(Noticed(remark))
        for manifest in graph.manifests:
            digest = manifest.descriptor.digest
            if digest in graph.made and digest not in number_of:
                number_of[digest] = len(number_of)
                made[manifest.descriptor] = graph.made[digest]
        if graph.root.digest in graph.made:
            run.listener(
                Noticed(
                    texts.text(
                        "{reference}: it gets a new index for the chosen platforms; the digest of the index differs "
                        "from the source's, the digests of the platforms do not",
                        reference=image.reference,
                    )
                )
            )
        reduced.append(_with_graph(image, graph, number_of))
        _notice_left_out(image, reduced[-1], run)
    if made:
        bundle.add_made(made)
    return Narrowed(reduced, faults)


def _notice_left_out(image: Image, reduced: Image, run: Run) -> None:
    """Reports attachments of manifests that are not imported: a signature of an index is none of another index."""
    left_out = set(image.attachments) - set(reduced.attachments)
    if left_out:
        names = [f"{each.kind} of {each.subject.short}" for each in image.attachments if each in left_out]
        run.listener(
            Noticed(
                texts.text(
                    "{reference}: not imported, because the chosen platforms leave out their subjects: {attachments}",
                    reference=image.reference,
                    attachments=texts.some(names, most=4),
                )
            )
        )


def graph_of(bundle: Bundle, image: Image, platforms: tuple[Platform, ...]) -> Graph:
    """Follows the part of an image's graph that platforms choose.

    Raises:
        Refused: The image has no manifest for these platforms.
        Damaged, Incomplete, LocalStorage: Its manifests cannot be read, or the bundle does not list them.
    """
    from bundler.graph import follow

    documents = _Documents(bundle, image)
    return follow(image.root, platforms, documents, documents.read_blob, what=str(image.reference))


class _Documents:
    """The manifests and configs of one image of a bundle."""

    def __init__(self, bundle: Bundle, image: Image) -> None:
        blobs = bundle.manifest.blobs
        self._bundle = bundle
        self._listed = {blobs[n].descriptor.digest: blobs[n].descriptor for n in image.needs}

    def resolve(self, name: str | None) -> Descriptor:
        """Finds the descriptor that the bundle lists under a digest."""
        return self._found(Digest.parse(name))

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Reads and verifies a manifest."""
        return self._bundle.read_document(self._found(descriptor.digest))

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Reads and verifies a config. The caller has checked its size, so the bundle must list the same size."""
        found = self._found(descriptor.digest)
        if found.size_bytes != descriptor.size_bytes:
            raise _unlisted(descriptor.digest)
        return self._bundle.read_document(found)

    def _found(self, digest: Digest) -> Descriptor:
        if digest not in self._listed:
            raise _unlisted(digest)
        return self._listed[digest]


def _unlisted(digest: Digest) -> Damaged:
    return Damaged("a manifest needs a blob that the bundle does not list", subject=str(digest))


def _with_graph(image: Image, graph: Graph, number_of: Mapping[Digest, int]) -> Image:
    """Returns an image with only the blobs of a graph."""
    if graph.root.digest == image.root.digest:
        return image
    blobs = dict.fromkeys(number_of[blob.digest] for manifest in graph.manifests for blob in manifest.blobs)
    kept = {manifest.descriptor.digest for manifest in graph.manifests}
    return replace(
        image,
        root=graph.root,
        manifests=tuple(number_of[manifest.descriptor.digest] for manifest in graph.manifests),
        blobs=tuple(blobs),
        variants=graph.variants,
        made_from=image.root.digest,
        attachments=_of_subjects(image.attachments, kept, number_of),
    )


def _of_subjects(
    attachments: Sequence[Attachment], subjects: Collection[Digest], number_of: Mapping[Digest, int]
) -> tuple[Attachment, ...]:
    """The attachments of some manifests, and the attachments of these."""
    digest_of = {number: digest for digest, number in number_of.items()} if attachments else {}
    reached, kept = set(subjects), []
    for each in attachments:
        if each.subject in reached:
            kept.append(each)
            reached.update(digest_of[number] for number in each.manifests)
    return tuple(kept)
