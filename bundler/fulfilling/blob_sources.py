"""The source of each blob of the chunks that are made again: documents that are made here, or any place that has it.

Blobs are fetched by digest, so a tag that moved in the meantime changes nothing. Some documents and layers were made by
the export: the files of the layout, indexes for chosen platforms, manifests and layers of Docker daemons. They are made
again in the same way, and the digest decides.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial

from bundler.core import manifest as bundle_manifest, oci
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest
from bundler.core.limits import PLACES_OF_BLOB
from bundler.core.manifest import BundleManifest, Image, Stored
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import (
    OCI_LAYOUT,
    ResolvedAttachment,
    ResolvedImage,
    docker_manifest_json,
    docker_variant,
    index_json,
)
from bundler.core.protocols import BlobSink, ImageSource, Passed, Pieces
from bundler.errors import BundlerError, Interrupted, Refused
from bundler.exporting.blob_index import Documents, Manifests
from bundler.fulfilling.asked import Asked
from bundler.fulfilling.places import given_places, make_places_ready
from bundler.fulfilling.supplement import platforms_of
from bundler.graph import follow
from bundler.run import retrying
from bundler.stores.opened import Stores
from bundler.transfer import BlobCopy, Destination
from bundler.transports.transport import SourceLocation
from bundler.verified_blob import read_small_blob

_BYTES = "application/octet-stream"


class AnyOf:
    """Gives a blob from the first of several places that has it. A source of blobs, thread-safe as these are."""

    is_remote = True

    def __init__(
        self, places: Sequence[SourceLocation], open_: Callable[[SourceLocation], ImageSource], *, is_manifest: bool
    ) -> None:
        """Opens nothing yet.

        Args:
            places: At least one, in the order in which they are asked.
            open_: Opens a place.
            is_manifest: True if the blob is a manifest: registries have another endpoint for those.
        """
        self._places = places
        self._open = open_
        self._is_manifest = is_manifest
        self._first = 0
        self._last = 0
        """The place that gave bytes last."""
        self.was_remote = True
        """False if that place is on this machine: it gives the same bytes again at once."""

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob.

        Raises:
            BundlerError: No place gives it. An error that goes away by itself is preferred, so that it is tried again.
        """
        errors: list[BundlerError] = []
        for number in range(self._first, len(self._places)):
            place, self._last = self._places[number], number
            try:
                store = self._open(place)
                source = Manifests(store) if self._is_manifest else store
                pieces = source.open_blob(descriptor, offset_bytes=offset_bytes)
                first = next(pieces, None)
            except Interrupted:
                raise
            except BundlerError as error:
                errors.append(error)
                continue
            self.was_remote = store.is_remote
            if first is not None:
                yield first
                yield from pieces
            return
        raise next((error for error in errors if error.retryable), errors[0])


class AnyOfMany(AnyOf):
    """The same, for sinks that take a blob a second time: a place with wrong bytes is not asked again for the blob."""

    def find_whole(self, descriptor: Descriptor, passed: Passed) -> bool:
        """Goes on to the next place, after the bytes of the last one were wrong; True if there is one."""
        del descriptor, passed
        self._first = self._last + 1
        return self._first < len(self._places)


class BlobSources:
    """The sources of all blobs of some chunks."""

    def __init__(self, asked: Asked, manifest: BundleManifest, wanted: Sequence[Stored], stores: Stores) -> None:
        """Finds the places, and makes ready what must be read first.

        Args:
            asked: The request.
            manifest: The manifest of the bundle.
            wanted: The blobs and files.
            stores: Opens the places.

        Raises:
            Misuse: A list is wrong, or an image has no place.
            BundlerError: A document of ours cannot be made again.
        """
        self._asked = asked
        self._manifest = manifest
        self._stores = stores
        self._documents = Documents()
        digests = {stored.digest for stored in wanted}
        with_layout = any(stored.file for stored in wanted)
        needed = [image for image in manifest.images if with_layout or _needs_any(manifest, image, digests)]
        places = given_places(asked, manifest.images, stores)
        found = [(image, places.of(image)) for image in needed]
        self._failed = make_places_ready(asked, found, stores)
        self._places: dict[Digest, tuple[SourceLocation, ...]] = {}
        self._kinds = {blob.descriptor.digest: blob for blob in manifest.blobs}
        for image, locations in found:
            for number in image.needs_with_attachments:
                blob = manifest.blobs[number]
                if blob.descriptor.digest in digests or (with_layout and blob.kind == bundle_manifest.MANIFEST):
                    self._add_places(blob.descriptor.digest, locations)
        for image, locations in found:
            if _is_made(manifest, image, digests, with_layout=with_layout):
                self._make_again(image, locations)
        if with_layout:
            self._documents.keep_made({Digest.of(each): each for each in self._layout()})

    def copy(self, stored: Stored, sink: BlobSink) -> BlobCopy:
        """The copy of something that is stored in the bundle, to a sink."""
        descriptor = Descriptor(_BYTES, stored.digest, stored.size_bytes)
        if stored.digest in self._documents:
            return BlobCopy(descriptor, self._documents, (Destination((sink,)),), stored.path)
        blob = self._kinds.get(stored.digest)
        if blob is None:
            raise Refused("this file of the layout cannot be made again by this version", subject=stored.path)
        source = self._source_of(blob.descriptor, is_manifest=blob.kind == bundle_manifest.MANIFEST)
        peer = self._places[stored.digest][0].peer
        return BlobCopy(blob.descriptor, source, (Destination((sink,), peer),), stored.digest.short)

    def _add_places(self, digest: Digest, locations: tuple[SourceLocation, ...]) -> None:
        """Adds places that may have a blob. A layer that all images share is asked of a few of them only.

        The blobs of an image share its tuple of places: there may be 60,000.
        """
        known = self._places.get(digest)
        if known is None:
            self._places[digest] = locations
        elif known != locations and len(known) < PLACES_OF_BLOB:
            self._places[digest] = tuple(dict.fromkeys((*known, *locations)))[:PLACES_OF_BLOB]

    def _open(self, location: SourceLocation) -> ImageSource:
        if location in self._failed:
            raise self._failed[location]
        return location.open(self._stores)

    def _source_of(self, descriptor: Descriptor, *, is_manifest: bool) -> AnyOf:
        places = self._places.get(descriptor.digest)
        if not places:
            raise Refused("no image of the bundle needs this blob", subject=str(descriptor.digest))
        # The group of a 7z archive starts again at its first blob.
        kind = AnyOfMany if self._manifest.archive is TAR else AnyOf
        return kind(places, self._open, is_manifest=is_manifest)

    def _read(self, descriptor: Descriptor, *, is_manifest: bool) -> bytes:
        """Reads a small blob or a manifest from any place that has it, verified."""
        if descriptor.digest in self._documents:
            return b"".join(map(bytes, self._documents.open_blob(descriptor, offset_bytes=0)))
        source = self._source_of(descriptor, is_manifest=is_manifest)
        content = read_small_blob(descriptor, source, self._asked.run)
        if source.was_remote:
            self._documents.keep_read({descriptor.digest: content})
        return content

    def _make_again(self, image: Image, locations: Sequence[SourceLocation]) -> None:
        """Makes the documents of an image that no place has, as its export made them.

        Raises:
            Refused: They come out with other digests.
            BundlerError: No place gives what they are made of.
        """
        errors: list[BundlerError] = []
        for location in locations:
            try:
                retrying(partial(self._follow, image, location), self._asked.run, subject=str(image.reference))
                return
            except Interrupted:
                raise
            except BundlerError as error:
                errors.append(error)
        raise errors[0].but(subject=str(image.reference)) from errors[0]

    def _follow(self, image: Image, location: SourceLocation) -> None:
        store = self._open(location)
        name = location.asked_for if image.repacked or image.made_from is None else str(image.made_from)
        read = partial(read_small_blob, source=store, run=self._asked.run, peer=location.peer)
        graph = follow(
            store.resolve(name).bare, platforms_of(image), store, lambda each: read(each), what=str(image.reference)
        )
        if graph.root.digest != image.root.digest:
            raise Refused(
                "made again, it has another digest",
                subject=str(image.reference),
                expected=str(image.root.digest),
                actual=str(graph.root.digest),
                hint="the image changed at its source, or another version of bundler made the bundle: copy the chunk",
            )
        self._documents.keep_made(graph.made)
        self._documents.keep_read(graph.documents)

    def _layout(self) -> Iterable[bytes]:
        """The files of the layout that come out as the bundle has them."""
        images, wanted = self._manifest.images, {file.digest for file in self._manifest.files}
        made = (
            OCI_LAYOUT,
            index_json(self._resolved(image) for image in images),
            docker_manifest_json(self._resolved(image, with_variant=True) for image in images),
        )
        return [content for content in made if Digest.of(content) in wanted]

    def _resolved(self, image: Image, *, with_variant: bool = False) -> ResolvedImage:
        """The facts of an image that the files of the layout are made of.

        Args:
            image: The image.
            with_variant: True to read the manifest of the variant for Docker. Those of 20,000 images are not kept.
        """
        blobs = self._manifest.blobs
        descriptors = [blobs[number].descriptor for number in image.manifests]
        by_digest = {variant.digest: variant for variant in image.variants}
        chosen = docker_variant(by_digest[each.digest] for each in descriptors if each.digest in by_digest)
        read = chosen.digest if chosen is not None and with_variant else None
        manifests = [self._parsed(each, image) if each.digest == read else Manifest(each) for each in descriptors]
        return ResolvedImage(
            image.reference,
            image.source,
            tuple(manifests),
            image.variants,
            attachments=tuple(
                ResolvedAttachment(
                    each.subject,
                    each.kind,
                    each.found,
                    (Manifest(blobs[each.manifests[-1]].descriptor),),
                    each.artifact_type,
                    each.tag,
                )
                for each in image.attachments
            ),
        )

    def _parsed(self, descriptor: Descriptor, image: Image) -> Manifest:
        content = self._read(descriptor, is_manifest=True)
        return oci.parse_manifest(content, descriptor.media_type, what=str(image.reference))


def _is_made(manifest: BundleManifest, image: Image, digests: Container[Digest], *, with_layout: bool) -> bool:
    """True if documents among some digests, or those that the layout needs, were made for an image."""
    if image.repacked is not None:
        return with_layout or _needs_any(manifest, image, digests)
    is_rebuilt = image.made_from is not None and image.root.is_index
    indexes = (manifest.blobs[number].descriptor for number in image.manifests)
    return is_rebuilt and any(each.is_index and each.digest in digests for each in indexes)


def _needs_any(manifest: BundleManifest, image: Image, digests: Container[Digest]) -> bool:
    return any(manifest.blobs[number].descriptor.digest in digests for number in image.needs_with_attachments)
