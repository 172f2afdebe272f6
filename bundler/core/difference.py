"""How the content of a bundle differs from what an export would make now, in words."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.manifest import BundleManifest, Image


def differences(there: BundleManifest, wanted: BundleManifest) -> list[str]:
    """How a bundle differs from a plan; empty if both have the same images in the same chunks.

    When and by which version it was made makes no difference, nor do the sizes that 7z archives come to have.
    """
    found = []
    if there.chunk_size_bytes != wanted.chunk_size_bytes:
        found.append(f"--chunk-size: {there.chunk_size_bytes} there, {wanted.chunk_size_bytes} now")
    if there.archive is not wanted.archive:
        found.append(f"--format: {there.archive.name} there, {wanted.archive.name} now")
    old, new = ({image.reference: image for image in manifest.images} for manifest in (there, wanted))
    found += [f"not wanted any more: {reference}" for reference in old if reference not in new]
    found += [f"not in it: {reference}" for reference in new if reference not in old]
    found += [f"missing then: {image.reference}" for image in there.missing if image.reference in new]
    found += [f"missing now: {image.reference}" for image in wanted.missing if image.reference in old]
    for reference, image in new.items():
        if reference in old:
            found += _of_image(old[reference], image)
    if not found and _without_making(there, wanted) != _without_making(wanted, wanted):
        found.append("the images stand in another order, or lie in the chunks in another one")
    return found


def _of_image(there: Image, wanted: Image) -> list[str]:
    name = wanted.reference
    if there.source_digest != wanted.source_digest:
        return [f"moved: {name}: {there.source_digest} there, {wanted.source_digest} now"]
    if there.root != wanted.root:
        return [f"other platforms: {name}: {there.root.digest} there, {wanted.root.digest} now"]
    if there.source != wanted.source:
        return [f"from another source: {name}: {there.source} there, {wanted.source} now"]
    if there.repacked != wanted.repacked:
        return [f"--layer-compression: {name}: {there.repacked} there, {wanted.repacked} now"]
    return []


def _without_making(manifest: BundleManifest, like: BundleManifest) -> BundleManifest:
    return replace(manifest, created="", tool="", signed=like.signed, chunks=like.chunks)
