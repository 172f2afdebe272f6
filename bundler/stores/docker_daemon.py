"""The Docker daemon as a source and as a destination. An image passes as one stream and is never in memory as a whole.

A daemon with the containerd image store saves and loads the blobs of a registry. Any other daemon keeps neither
manifests nor compressed layers, so we make the digests of its images. Source: Docker Engine API, ``/images/*``.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Sequence

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Absent, Damaged
from bundler.stores import docker_archive
from bundler.stores.archive_contents import Contents, survey
from bundler.stores.archives import Ready, Staging, documents_of
from bundler.stores.docker_sdk import Daemon, error_in_stream
from bundler.stores.held_images import HeldImage
from bundler.stores.image_file import PieceStream, tapped
from bundler.stores.oci_layout import INDEX, LayoutSource, index_json, marker_json, read_index
from bundler.stores.partial_layout import source_of_present
from bundler.stores.staging import InScratch, StagedLayer, into_scratch, stage_layer
from bundler.stores.tar_reader import TarMember
from bundler.stores.tar_sink import TarSink
from bundler.texts import text

_ERROR_BYTES = 64 << 10
"""The bytes at the end of a stream that are searched for the daemon's error."""

_LAST_PIECES = 4
"""An error is one piece, but the bytes before it may be in the same piece."""


def ready(name: str, daemon: Daemon, staging: Staging) -> Ready:
    """Prepares an image of a daemon for copying: one ``save``, each layer staged once in its final form.

    Args:
        name: The name or id of the image.
        daemon: The daemon.
        staging: The means.

    Raises:
        Refused: There is no such image.
        Damaged: The daemon's stream is not an image, or it is inconsistent.
        Unavailable, Unreachable, LocalStorage: The daemon failed, or scratch is full.
    """
    image = daemon.find(name)
    what = f"docker-daemon:{name}"
    if image is None:
        raise Absent("the Docker daemon has no such image", subject=what, hint="see: docker images")
    is_original = daemon.facts.has_containerd_store
    layers: dict[str, StagedLayer] = {}
    blobs: dict[str, InScratch] = {}

    def take(member: TarMember, pieces: Pieces) -> None:
        if is_original:
            blobs[member.name] = into_scratch(pieces, staging.scratch)
        elif posixpath.basename(member.name) != "VERSION":  # a file of Docker's first format
            layers[member.name] = _staged_layer(member, pieces, staging, f"{what}: {member.name}")

    try:
        contents = _saved(name, daemon, staging, take, what)
        if is_original:
            return Ready(_layout(name, contents, blobs, image.id, staging), is_repacked=False)
    except BaseException:
        for location in blobs.values():
            location.close()
        raise
    images = [HeldImage((name,), (), entry) for entry in docker_archive.read_images(contents)]
    if len(images) != 1:
        raise Damaged(text("the daemon gives {count} images instead of one", count=len(images)), subject=what)
    files, entries = docker_archive.assemble(images, contents, layers, staging.staging_cache, staging.warn)
    return Ready(LayoutSource(files, entries), is_repacked=True)


def _staged_layer(member: TarMember, pieces: Pieces, staging: Staging, what: str) -> StagedLayer:
    known = staging.staging_cache.recall(member.name, member.size_bytes, pieces)
    if known is not None:
        return known
    layer = stage_layer(pieces, staging.scratch, layer_compression=staging.layer_compression, what=what)
    staging.staging_cache.remember(member.name, member.size_bytes, layer)
    return layer


def _saved(
    name: str, daemon: Daemon, staging: Staging, take: Callable[[TarMember, Pieces], None], what: str
) -> Contents:
    last: deque[bytes] = deque(maxlen=_LAST_PIECES)

    def watch(piece: bytes | memoryview) -> None:
        last.append(bytes(piece[-_ERROR_BYTES:]))
        staging.tap(piece)

    try:
        stream = tapped(daemon.save(name), watch)
        contents = survey(PieceStream(stream), what=what, take=take)
        for _ in stream:
            pass
    except Damaged as error:
        reported = error_in_stream(b"".join(last)[-_ERROR_BYTES:])
        if reported is not None:
            raise reported.but(subject=what) from error
        raise
    return contents


def _layout(
    name: str, contents: Contents, blobs: dict[str, InScratch], image_id: Digest, staging: Staging
) -> LayoutSource:
    """Returns the layout that a daemon with the containerd store saves; its index names the image, or a part of it."""
    files = documents_of(contents, staging.staging_cache)
    for path, location in blobs.items():
        files.add_blob(path, location)
    if contents.find(INDEX) is None:
        raise Damaged("the daemon gives no OCI image layout", subject=contents.what)
    roots = {held.image.digest: held.image for held in read_index(files)}
    root = roots.get(image_id) or (next(iter(roots.values())) if len(roots) == 1 else None)
    if root is None:
        raise Damaged(text("the daemon gives {count} images instead of one", count=len(roots)), subject=contents.what)
    return source_of_present(files, [HeldImage((name,), (), root)], staging.warn)


class LoadSink(TarSink):
    """The tar that a daemon loads."""

    def begin(self, manifest: Descriptor, content: bytes, config: Descriptor, layers: Sequence[Descriptor]) -> None:
        """Writes the lists of the image's parts, without a name: as a layout, and as ``docker save``."""
        entry = {"Config": config.digest.path, "RepoTags": None, "Layers": [layer.digest.path for layer in layers]}
        self.put_file("oci-layout", marker_json())
        self.put_file(INDEX, index_json([], unnamed=[manifest.to_json()]))
        self.put_file(docker_archive.MANIFEST, strict_json.canonical([entry]))
        self.put_document(manifest, content)
