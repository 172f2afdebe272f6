"""Objects to scan, from bytes in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bundler.core.digest import Digest
from bundler.core.oci import OCI_MANIFEST, Descriptor
from bundler.core.protocols import Pieces
from bundler.core.scan import Subject
from bundler.errors import Damaged
from tests.support.images import OCI_LAYER, Image

PIECE_BYTES = 1 << 16
NAME = "quay.io/team/app:1"


@dataclass
class Blobs:
    """Blobs in memory. ``damaged`` ones give their bytes, and then the error of the bundle."""

    contents: Mapping[Digest, bytes]
    damaged: set[Digest] = field(default_factory=set)
    opened: list[Digest] = field(default_factory=list)

    def open(self, descriptor: Descriptor) -> Pieces:
        self.opened.append(descriptor.digest)
        content = self.contents[descriptor.digest]
        for begin in range(0, len(content), PIECE_BYTES):
            yield content[begin : begin + PIECE_BYTES]
        if descriptor.digest in self.damaged:
            raise Damaged("the bytes of a blob do not match its digest", subject=str(descriptor.digest))

    def read(self, descriptor: Descriptor) -> bytes:
        return b"".join(map(bytes, self.open(descriptor)))


def blob(
    content: bytes,
    media_type: str = f"{OCI_LAYER}+gzip",
    *,
    is_damaged: bool = False,
    check: Callable[[], object] = lambda: None,
) -> Subject:
    """A blob."""
    descriptor = Descriptor(media_type, Digest.of(content), len(content))
    return Subject(
        descriptor, NAME, Blobs({descriptor.digest: content}, {descriptor.digest} if is_damaged else set()), check=check
    )


def image_subject(image: Image, name: str = NAME) -> Subject:
    """An image of one platform."""
    contents = {Digest.parse(digest): content for digest, content in image.all_blobs().items()}
    document = json.loads(image.content)
    needs = tuple(_descriptor(each) for each in (document["config"], *document["layers"]))
    own = Descriptor(image.media_type or OCI_MANIFEST, Digest.parse(image.digest), len(image.content))
    return Subject(own, name, Blobs(contents), needs, "linux/amd64")


def _descriptor(document: Mapping[str, object]) -> Descriptor:
    return Descriptor(str(document["mediaType"]), Digest.parse(document["digest"]), int(str(document["size"])))
