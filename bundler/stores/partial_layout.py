"""The output of a daemon with the containerd image store: an index of many platforms, and blobs of only some of them.

Registries refuse an index with missing children. So an image is reduced to the present ones: to the manifest of its
only platform, byte for byte, or to a new index. Source: moby ``daemon/containerd/image_exporter.go``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores.held_images import HeldImage
from bundler.stores.oci_layout import LayoutFiles, LayoutSource
from bundler.system.buffers import pieces_in
from bundler.texts import text


def source_of_present(
    files: LayoutFiles, images: Sequence[HeldImage[Descriptor]], warn: Callable[[str], None]
) -> LayoutSource:
    """Returns the images of a layout, each reduced to the platforms that are present.

    Args:
        files: The files of the layout.
        images: The images in its index.
        warn: Receives a message for each reduced image.

    Raises:
        Damaged: No platform of an image is present.
    """
    reduced = [_reduced(files, held.image, warn) for held in images]
    made = {root.digest.path: content for root, content in reduced if content is not None}
    present = [replace(held, image=root) for held, (root, _) in zip(images, reduced, strict=True)]
    return LayoutSource(_WithDocuments(files, made) if made else files, present)


def _reduced(files: LayoutFiles, root: Descriptor, warn: Callable[[str], None]) -> tuple[Descriptor, bytes | None]:
    """The root of the platforms that are present, and its content if it is a new index."""
    what = f"{files.called}: {root.digest}"
    content = files.read(root.digest.path, MANIFEST_BYTES) if root.is_index else None
    if content is None:
        return root, None
    index = oci.parse_manifest(content, root.media_type, what=what)
    here = [child for child in index.children if files.size(child.digest.path) is not None]
    if len(here) == len(index.children):
        return root, None
    platforms = [child for child in here if child.attests is None]
    if not platforms:
        raise Damaged("all platforms of the image are missing", subject=what)
    names = ", ".join(str(child.platform or child.digest.short) for child in platforms)
    warn(text("{what}: it has only {names}; the index for all platforms is left out", what=what, names=names))
    if len(platforms) == 1:
        return platforms[0].bare, None
    remaining = oci.without_children(content, {child.digest: child.bare for child in here}, what=what)
    return Descriptor(root.media_type, Digest.of(remaining), len(remaining)), remaining


class _WithDocuments:
    """The files of a layout, and documents that we made."""

    def __init__(self, files: LayoutFiles, documents: dict[str, bytes]) -> None:
        self._files = files
        self._documents = documents

    @property
    def called(self) -> str:
        return self._files.called

    def size(self, path: str) -> int | None:
        return len(self._documents[path]) if path in self._documents else self._files.size(path)

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        if path in self._documents:
            yield from pieces_in(self._documents[path], offset_bytes)
        else:
            yield from self._files.open_at(path, offset_bytes)

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        return self._documents[path] if path in self._documents else self._files.read(path, limit_bytes)
