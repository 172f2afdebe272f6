"""The dates of images in registries, for choices by date."""

from __future__ import annotations

from bundler.core import oci
from bundler.core.limits import IMAGE_CONFIG_BYTES
from bundler.core.moments import seconds_of
from bundler.core.protocols import ImageSource
from bundler.run import Run
from bundler.verified_blob import read_small_blob


def created_of(store: ImageSource, tag: str, name: str, run: Run) -> int | None:
    """The time when an image was created, in seconds since 1970; of an index, its first platform. None if it has none.

    Raises:
        BundlerError: The image cannot be read.
    """
    descriptor = store.resolve(tag)
    manifest = oci.parse_manifest(store.read_manifest(descriptor), descriptor.media_type, what=name)
    child = next((each for each in manifest.children if each.platform is None or each.platform.is_known), None)
    if child is not None:
        manifest = oci.parse_manifest(store.read_manifest(child), child.media_type, what=name)
    config = manifest.config
    if config is None or config.media_type not in oci.IMAGE_CONFIG_TYPES or config.size_bytes > IMAGE_CONFIG_BYTES:
        return None
    created = oci.parse_image_config(read_small_blob(config, store, run), what=name).created
    try:
        return seconds_of(created)
    except ValueError:
        return None
