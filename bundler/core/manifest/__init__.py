"""The bundle manifest, ``bundle.json``: the description of a bundle. FORMAT.md, section 5.

There is one module for each idea: blobs and their places, chunks, images, attachments, series and bases, media; and one
for the document that joins them.
"""

from bundler.core.manifest.attachments import Attachment
from bundler.core.manifest.blobs import CONFIG, LAYER, MANIFEST, Blob, InBase, Piece, Stored
from bundler.core.manifest.chunks import Chunk, chunk_file
from bundler.core.manifest.document import (
    FORMAT,
    FORMAT_WITH_BASES,
    BundleManifest,
    document_of,
    from_document,
    from_json,
    is_plan_of,
    json_pieces,
    lines_of,
    plan_digest,
    to_json,
)
from bundler.core.manifest.images import Image, MissingImage, Variant, Verdict, is_refusal
from bundler.core.manifest.media import Medium
from bundler.core.manifest.series import BUNDLE, INVENTORY, RECEIPT, Base, Series

__all__ = [
    "BUNDLE",
    "CONFIG",
    "FORMAT",
    "FORMAT_WITH_BASES",
    "INVENTORY",
    "LAYER",
    "MANIFEST",
    "RECEIPT",
    "Attachment",
    "Base",
    "Blob",
    "BundleManifest",
    "Chunk",
    "Image",
    "InBase",
    "Medium",
    "MissingImage",
    "Piece",
    "Series",
    "Stored",
    "Variant",
    "Verdict",
    "chunk_file",
    "document_of",
    "from_document",
    "from_json",
    "is_plan_of",
    "is_refusal",
    "json_pieces",
    "lines_of",
    "plan_digest",
    "to_json",
]
