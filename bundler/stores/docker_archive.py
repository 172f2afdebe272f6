"""The format of ``docker save``: ``manifest.json`` with configs and uncompressed layers, and nothing of the registry.

So we make the manifest of such an image, and compress its layers if they are uncompressed. Its digest is ours. Its
config is the archive's byte for byte, and so is its image id. Source: moby ``image/spec``, ``image/tarexport``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import IMAGE_CONFIG_BYTES
from bundler.core.oci import Descriptor
from bundler.errors import Damaged
from bundler.stores.archive_contents import Contents
from bundler.stores.held_images import HeldImage, completed
from bundler.stores.staging import StagedFiles, StagedLayer, StagingCache, manifest_of
from bundler.texts import text

MANIFEST = "manifest.json"


@frozen
class ArchivedImage:
    """One entry of manifest.json: its names as written there, and its members."""

    tags: tuple[str, ...]
    config: str
    layers: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Its tags in full: Docker writes them short, and reads ``app:1`` as ``docker.io/library/app:1``."""
        return tuple(sorted(set(filter(None, map(completed, self.tags)))))


def read_images(contents: Contents) -> tuple[ArchivedImage, ...]:
    """Returns the images of manifest.json.

    Raises:
        Damaged: Its format is wrong.
    """
    what = f"{contents.what}: {MANIFEST}"
    document = strict_json.loads(contents.document(MANIFEST), what=what)
    if not isinstance(document, list) or not document:
        raise Damaged("not a list of images", subject=what)
    images = tuple(_image(entry, f"{what}[{number}]") for number, entry in enumerate(document))
    seen: set[str] = set()
    for tag in (tag for image in images for tag in image.tags):
        if tag in seen:
            raise Damaged("two images have the same name", subject=f"{what}: {tag[:200]!r}")
        seen.add(tag)
    return images


def _image(entry: Any, what: str) -> ArchivedImage:
    strict_json.check_fields(entry, ("Config", "RepoTags", "Layers"), what=what)
    if not isinstance(entry, dict) or not isinstance(entry.get("Config"), str):
        raise Damaged("an image without Config", subject=what)
    tags = entry.get("RepoTags") or []
    layers = entry.get("Layers") or []
    for names, field in ((tags, "RepoTags"), (layers, "Layers")):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Damaged(text("{field} is not a list of names", field=field), subject=what)
    return ArchivedImage(tuple(tags), _member(entry["Config"], what), tuple(_member(name, what) for name in layers))


def _member(name: str, what: str) -> str:
    normal = posixpath.normpath(name)
    if normal.startswith(("/", "..")) or not name:
        raise Damaged("a path that leads out of the archive", subject=f"{what}: {name[:200]!r}")
    return normal


@lru_cache(maxsize=16)  # an archive may name one large config many times
def diff_ids_of(config: bytes, *, what: str) -> tuple[Digest, ...]:
    """Returns the digests of an image's uncompressed layers from its config.

    Raises:
        Damaged: The config lists none.
    """
    if len(config) > IMAGE_CONFIG_BYTES:
        raise Damaged("the image config is too large", subject=what)
    document = strict_json.loads(config, what=what)
    strict_json.check_fields(document, ("rootfs", "os", "architecture", "config"), what=what)
    rootfs = document.get("rootfs") if isinstance(document, dict) else None
    strict_json.check_fields(rootfs, ("type", "diff_ids"), what=what)
    diff_ids = (rootfs.get("diff_ids") or []) if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list):
        raise Damaged("the image config lists no layers (rootfs.diff_ids)", subject=what)
    try:
        return tuple(map(Digest.parse, diff_ids))
    except Damaged as error:
        raise Damaged(error.message, subject=what, expected=error.expected, actual=error.actual) from error


def check_image(
    image: ArchivedImage, contents: Contents, diff_id_of: Callable[[str], Digest], warn: Callable[[str], None]
) -> tuple[bytes, tuple[Digest, ...]]:
    """Checks that an image of an archive is complete and consistent.

    Args:
        image: The image.
        contents: The contents of the archive.
        diff_id_of: Returns the digest of a layer's uncompressed tar, by the name of its member.
        warn: Receives oddities that do no harm.

    Returns:
        The image config, and the diff_ids in it.

    Raises:
        Damaged: A layer is missing, or differs from the config.
    """
    what = f"{contents.what}: {image.config}"
    config = contents.document(image.config)
    found = Digest.of(config)
    stem = posixpath.basename(image.config).removesuffix(".json").removeprefix("sha256:")
    if len(stem) == len(found.encoded) and stem != found.encoded:
        warn(text("{what}: its name differs from its digest; the image id is {found}", what=what, found=found))
    diff_ids = diff_ids_of(config, what=what)
    if len(diff_ids) != len(image.layers):
        raise Damaged(
            "the image config and manifest.json disagree about the layers",
            subject=what,
            expected=text("{count} layers", count=len(diff_ids)),
            actual=f"{len(image.layers)}",
        )
    for number, (name, expected) in enumerate(zip(image.layers, diff_ids, strict=True), start=1):
        member = contents.find(name)
        if member is None:
            raise Damaged(
                text("layer {number} of {count} is missing", number=number, count=len(diff_ids)),
                subject=f"{contents.what}: {name}",
            )
        actual = diff_id_of(member.name)
        if actual != expected:
            raise Damaged(
                text(
                    "layer {number} of {count} differs from the one in the image config",
                    number=number,
                    count=len(diff_ids),
                ),
                subject=text(
                    "{what}: {name} at offset {offset_bytes}",
                    what=contents.what,
                    name=name,
                    offset_bytes=member.offset_bytes,
                ),
                expected=str(expected),
                actual=str(actual),
                hint="copy this file again, or ask for a new one",
            )
    return config, diff_ids


def assemble(
    images: Sequence[HeldImage[ArchivedImage]],
    contents: Contents,
    layers: Mapping[str, StagedLayer],
    staging_cache: StagingCache,
    warn: Callable[[str], None],
) -> tuple[StagedFiles, list[HeldImage[Descriptor]]]:
    """Makes a layout of images with staged layers.

    Args:
        images: Some images of the archive.
        contents: The contents of the archive.
        layers: The staged layers, by the names of their members.
        staging_cache: The blobs that are already staged.
        warn: Receives oddities that do no harm.

    Returns:
        The files of the layout, and the names and the manifest of each image.

    Raises:
        Damaged: As `check_image`.
    """
    files = StagedFiles(contents.what, staging_cache)
    entries = []
    for held in images:
        image = held.image
        config, _ = check_image(image, contents, lambda name: _staged(name, layers, contents).diff_id, warn)
        config_descriptor = Descriptor(oci.OCI_CONFIG, Digest.of(config), len(config))
        own = [layers[member.name] for name in image.layers if (member := contents.find(name))]
        manifest = manifest_of(config_descriptor, [layer.descriptor for layer in own])
        descriptor = Descriptor(oci.OCI_MANIFEST, Digest.of(manifest), len(manifest))
        files.add_document(config_descriptor.digest.path, config)
        files.add_document(descriptor.digest.path, manifest)
        for layer in own:
            files.add_blob(layer.descriptor.digest.path, layer.location)
        entries.append(HeldImage(held.names, held.aliases, descriptor))
    return files, entries


def _staged(name: str, layers: Mapping[str, StagedLayer], contents: Contents) -> StagedLayer:
    layer = layers.get(name)
    if layer is None:
        is_document = name in contents.documents
        raise Damaged(
            "a layer that is a JSON document" if is_document else "the file changed during reading",
            subject=f"{contents.what}: {name}",
        )
    return layer
