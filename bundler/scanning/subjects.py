"""The objects of a bundle as engines see them: each blob, and each image of one platform with all that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.frozen import frozen, slotted
from bundler.core.limits import IMAGE_CONFIG_BYTES
from bundler.core.manifest import MANIFEST
from bundler.core.oci import Descriptor, Manifest, parse_manifest
from bundler.core.protocols import Passed, Pieces
from bundler.core.scan import Contents, Subject, Unit, Verdict, contents_of, not_scanned
from bundler.errors import BundlerError, Damaged, Incomplete
from bundler.run import Run
from bundler.texts import text

_LAYERS = ("image.layer", "image.rootfs")
"""Words in the media types of layers, also of those that only some runtimes know: encrypted ones, for example."""


@slotted
class CheckedBlobs:
    """Gives the blobs of a bundle to an engine, compares them with their digests, and remembers the error of a blob.

    Engines may turn an error into a verdict; the scan looks here for the errors of the bundle itself.
    """

    bundle: Bundle
    passed: Passed
    fault: BundlerError | None = None
    whole: set[Digest] = field(default_factory=set)
    """The blobs that were read to their end."""

    def open(self, descriptor: Descriptor) -> Pieces:
        """The bytes of a blob; see `bundler.core.scan.SubjectBlobs`."""
        try:
            yield from self._verified(self._listed(descriptor))
        except BundlerError as error:
            self.fault = error
            raise

    def read(self, descriptor: Descriptor) -> bytes:
        """A manifest or config; see `bundler.core.scan.SubjectBlobs`."""
        try:
            listed = self._listed(descriptor)
            if listed.size_bytes > IMAGE_CONFIG_BYTES:
                raise Damaged("too large to be a manifest or a config", subject=str(listed.digest))
            return self.bundle.read_document(listed)
        except BundlerError as error:
            self.fault = error
            raise

    def _listed(self, descriptor: Descriptor) -> Descriptor:
        """The descriptor of the same blob in the bundle.

        Raises:
            Incomplete: The bundle does not list it, as it is with foreign layers.
        """
        blob = self.bundle.find_blob(descriptor.digest)
        if blob is None:
            raise Incomplete("the bundle does not have a blob of this image", subject=str(descriptor.digest))
        return blob.descriptor

    def _verified(self, descriptor: Descriptor) -> Pieces:
        hasher, size_bytes = descriptor.digest.hasher(), 0
        for piece in self.bundle.open_blob(descriptor, offset_bytes=0):
            hasher.update(piece)
            size_bytes += len(piece)
            self.passed(len(piece))
            yield piece
        if hasher.hexdigest() != descriptor.digest.encoded or size_bytes != descriptor.size_bytes:
            raise Damaged(
                "the bytes of a blob do not match its digest",
                subject=str(descriptor.digest),
                expected=text("{size_bytes:,} bytes of this digest", size_bytes=descriptor.size_bytes),
                actual=text("{size_bytes:,} bytes of another digest", size_bytes=size_bytes),
                hint="find what is damaged: bundler verify PATH --trust PUB",
            )
        self.whole.add(descriptor.digest)


@frozen
class Subjects:
    """The objects of an open bundle.

    Attributes:
        bundle: The bundle.
        contents: Its objects.
        platforms: The platforms of images, by the digests of their manifests.
        absent: The blobs that the bundle leaves out and that no other bundle here has.
    """

    bundle: Bundle
    contents: Contents
    platforms: Mapping[Digest, str]
    absent: frozenset[Digest]

    def objects(self, unit: Unit) -> tuple[Digest, ...]:
        """The objects of a kind: those that every record must have, and for scanners of images also the unlisted ones.

        Raises:
            Damaged, Incomplete, Refused: A manifest cannot be read.
        """
        listed = self.contents.objects(unit)
        return listed if unit is Unit.BLOB else (*listed, *self._unlisted(set(listed)))

    def _unlisted(self, listed: set[Digest]) -> Iterator[Digest]:
        """The manifests with layers that bundle.json calls no image: children of an index, and attachments.

        A runtime may run what the exporter did not take for an image, for example one whose config has another type.
        """
        for number, blob in enumerate(self.bundle.manifest.blobs):
            descriptor, digest = blob.descriptor, blob.descriptor.digest
            if blob.kind != MANIFEST or descriptor.is_index or digest in listed or number in self.bundle.absent:
                continue
            content = self.bundle.read_document(descriptor)
            layers = parse_manifest(content, descriptor.media_type, what=str(digest)).layers
            if any(word in layer.media_type for layer in layers for word in _LAYERS):
                yield digest

    def size_of(self, digest: Digest) -> int:
        """The size of an object in bytes, without what it needs."""
        blob = self.bundle.find_blob(digest)
        return blob.descriptor.size_bytes if blob else 0

    def subject(self, digest: Digest, unit: Unit, blobs: CheckedBlobs, run: Run) -> Subject | Verdict:
        """An object for an engine; a verdict if no engine can look at it.

        Args:
            digest: Its digest, one of the objects of the bundle.
            unit: The kind of object.
            blobs: Reads its bytes.
            run: Can be stopped.

        Raises:
            Damaged, Incomplete, Refused: The manifest of an image cannot be read.
        """
        blob = self.bundle.find_blob(digest)
        assert blob is not None
        descriptor = blob.descriptor
        names = self.contents.names(digest)
        name = names[0] if names else str(digest)
        if unit is Unit.BLOB:
            return Subject(descriptor, name, blobs, check=run.cancellation.check)
        manifest = parse_manifest(blobs.read(descriptor), descriptor.media_type, what=str(digest))
        if not manifest.is_runnable:
            return not_scanned(f"not a container image: {_kind(manifest)}")
        missing = next((each.digest for each in manifest.blobs if self._lacks(each.digest)), None)
        if missing is not None:
            return not_scanned(f"a blob of the image is not here: {missing}")
        platform = self.platforms.get(digest, "")
        return Subject(descriptor, name, blobs, manifest.blobs, platform, run.cancellation.check)

    def _lacks(self, digest: Digest) -> bool:
        """True if a blob is in a base that is not here, or is not listed at all, as foreign layers are."""
        return digest in self.absent or self.bundle.find_blob(digest) is None


def subjects_of(bundle: Bundle) -> Subjects:
    """The objects of an open bundle."""
    platforms = {each.digest: str(each.config.platform) for image in bundle.images for each in image.variants}
    absent = bundle.absent
    contents = contents_of(bundle.id, bundle.manifest, absent)
    left = frozenset(bundle.manifest.blobs[number].descriptor.digest for number in absent)
    return Subjects(bundle, contents, platforms, left)


def _kind(manifest: Manifest) -> str:
    return manifest.config.media_type if manifest.config else manifest.descriptor.media_type
