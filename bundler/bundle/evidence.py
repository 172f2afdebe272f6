"""The evidence on an image of a bundle, for policies: its root, its attachments, and their bytes from the chunks."""

from __future__ import annotations

from collections.abc import Mapping

from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import Blob, Image
from bundler.core.oci import Descriptor
from bundler.core.policy import Attached, SignedImage
from bundler.errors import Damaged


def evidence_of(bundle: Bundle, image: Image) -> SignedImage:
    """The evidence on an image: everything that the bundle carries for it. Nothing is read yet."""
    blobs = bundle.manifest.blobs
    attached = tuple(
        Attached(each.subject, blobs[each.manifests[-1]].descriptor, each.tag) for each in image.attachments
    )
    numbers = (*image.manifests, *(number for each in image.attachments for number in each.needs))
    documents = _Documents(bundle, {blobs[number].descriptor.digest: blobs[number] for number in numbers})
    return SignedImage(image.reference, image.root, attached, documents, image.made_from)


@frozen
class _Documents:
    """The manifests of one image, and the manifests and blobs of its attachments."""

    bundle: Bundle
    listed: Mapping[Digest, Blob]

    def read(self, descriptor: Descriptor) -> bytes:
        """Reads a document from its chunks, and verifies it."""
        blob = self.listed.get(descriptor.digest)
        if blob is None or blob.descriptor.size_bytes != descriptor.size_bytes:
            raise Damaged("a manifest needs a blob that the bundle does not list", subject=str(descriptor.digest))
        return self.bundle.read_document(blob.descriptor)
