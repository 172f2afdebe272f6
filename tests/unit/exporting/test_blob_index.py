"""The sources of the bytes of a bundle: memory as far as it may be filled, then the source once more."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.manifest import Stored
from bundler.core.oci import OCI_MANIFEST, Descriptor, Manifest
from bundler.core.plan import ResolvedImage
from bundler.core.reference import Reference
from bundler.exporting.blob_index import BlobIndex, Documents, FoundImage
from bundler.stores.hosts import NetworkOptions
from bundler.stores.opened import Stores
from bundler.transports.registry import RegistryImage
from tests.unit.values import described

MANIFEST, CONFIG, LAYER, MADE = b"a manifest", b"a config", b"a layer", b"an index of ours"


class Source:
    """A registry: manifests and blobs are to be had at different places."""

    is_remote = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolve(self, name: str | None) -> Descriptor:
        raise AssertionError(name)

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        self.asked.append(descriptor.media_type)
        return MANIFEST

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int):
        self.asked.append(descriptor.digest.short)
        yield {Digest.of(each): each for each in (CONFIG, LAYER)}[descriptor.digest][offset_bytes:]


@frozen
class Place(RegistryImage):
    """An image whose source is its own."""

    source: Source

    def open(self, stores: Stores) -> Source:
        return self.source


def blob_index(documents: Documents, source: Source) -> BlobIndex:
    return origins_of(documents, {"example.com/a/b:1": (source, LAYER)})


def origins_of(documents: Documents, images: dict[str, tuple[Source, bytes]]) -> BlobIndex:
    """Of images by name, each with its source and its layer."""
    found = []
    for name, (source, layer) in images.items():
        location = Place(Reference.parse(name), source)
        manifest = Manifest(described(manifest_of(layer), OCI_MANIFEST), (), described(CONFIG), (described(layer),))
        image = ResolvedImage(Reference.parse(name), "", (manifest,), ())
        found.append(FoundImage(Entry(Reference.parse(name), location, where="list:1"), image))
    return BlobIndex((documents,), found, Stores(NetworkOptions()))


def manifest_of(layer: bytes) -> bytes:
    return MANIFEST if layer == LAYER else b"another manifest"


def bytes_of(blob_index: BlobIndex, content: bytes, sink: Any = None) -> tuple[bytes, str]:
    copy = blob_index.copy(Stored(Digest.of(content), len(content), ()), sink)
    with_offset = b"".join(map(bytes, copy.source.open_blob(copy.descriptor, offset_bytes=2)))
    assert with_offset == content[2:]
    return b"".join(map(bytes, copy.source.open_blob(copy.descriptor, offset_bytes=0))), copy.destinations[0].peer


def read(*contents: bytes) -> dict[Digest, bytes]:
    return {Digest.of(content): content for content in contents}


@pytest.mark.parametrize(("limit", "peer", "asked"), [(100, "", 0), (0, "example.com", 4)])
def test_documents_come_from_memory_or_are_asked_for_again(limit, peer, asked):
    documents, source = Documents(limit), Source()
    documents.keep_read(read(MANIFEST, CONFIG))
    found = blob_index(documents, source)
    assert bytes_of(found, MANIFEST) == (MANIFEST, peer)
    assert bytes_of(found, CONFIG) == (CONFIG, peer)
    assert len(source.asked) == asked
    assert source.asked[:2] == [OCI_MANIFEST] * min(2, asked), "a registry is asked for the type that the manifest has"
    assert bytes_of(found, LAYER) == (LAYER, "example.com")


def test_what_is_a_blob_of_one_image_and_a_manifest_of_another_is_asked_for_where_it_is_a_manifest():
    one, other = Source(), Source()
    found = origins_of(Documents(0), {"example.com/a/b:1": (one, MANIFEST), "example.org/a/b:1": (other, LAYER)})
    assert bytes_of(found, MANIFEST) == (MANIFEST, "example.org")
    assert (one.asked, other.asked) == ([], [OCI_MANIFEST] * 2)


def test_what_was_made_here_is_kept_however_little_room_there_is():
    documents = Documents(0)
    documents.keep_made(read(MADE))
    documents.keep_read(read(MANIFEST))
    assert bytes_of(blob_index(documents, Source()), MADE) == (MADE, "")
    assert Digest.of(MANIFEST) not in documents


def test_room_is_taken_once_for_what_several_images_share():
    documents = Documents(2 * max(len(zlib.compress(each, 1)) for each in (MANIFEST, CONFIG)))
    for _ in range(5):
        documents.keep_read(read(MANIFEST))
    documents.keep_read(read(CONFIG))
    assert Digest.of(CONFIG) in documents
