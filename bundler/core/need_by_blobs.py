"""A need-list that names blobs: ``check`` writes it from a receipt, which does not say in which chunks they are.

The bundle on the builder's side says that. A blob that the bundle leaves out comes as a supplement, as ever.
"""

from __future__ import annotations

from bundler.core.manifest import BundleManifest
from bundler.core.need_line import Wanted


def with_chunks(wanted: Wanted, manifest: BundleManifest) -> Wanted:
    """The same request with chunks in place of the blobs that the bundle carries.

    A root manifest asks for its whole image: a receipt does not list the children of an index.

    Args:
        wanted: The request. Its numbers are those of the bundle.
        manifest: The bundle manifest.
    """
    roots = {image.manifests[-1]: image.needs_with_attachments for image in manifest.images}
    needed = {each for number in wanted.blobs for each in (number, *roots.get(number, ()))}
    carried = [manifest.blobs[number] for number in needed]
    chunks = {piece.chunk for blob in carried if not blob.is_left_out for piece in blob.stored.pieces}
    left_out = tuple(number for number in wanted.blobs if manifest.blobs[number].is_left_out)
    return Wanted(wanted.bundle_id, tuple(sorted({*wanted.chunks, *chunks})), left_out, wanted.files)
