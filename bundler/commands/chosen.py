"""Which images of a bundle are imported, and which platform of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.events import Noticed
from bundler.core.image_list import Entry, parse_image_list
from bundler.core.manifest import Image, Variant
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.selection import Selection
from bundler.errors import Misuse, Refused
from bundler.run import Run


def selected(references: Sequence[Reference], selection: Selection, run: Run) -> frozenset[Reference]:
    """The images that ``--only`` and ``--except`` mean; patterns that fit nothing are told.

    Raises:
        Misuse: None is left.
    """
    for pattern in selection.idle(references):
        run.listener(Noticed(f"--except {pattern} fits no image"))
    return selection.chosen(references)


def chosen_images(
    images: Sequence[Image], selection: Selection, retry: frozenset[Reference] | None, run: Run
) -> list[Image]:
    """The images that are meant.

    Args:
        images: All of the bundle.
        selection: ``--only`` and ``--except``.
        retry: Those of a list of failed images; None for all.
        run: Is told of patterns and names that fit nothing.

    Raises:
        Misuse: None is left.
    """
    references = [image.reference for image in images]
    chosen = selected(references, selection, run)
    if retry is not None:
        strange = sorted(map(str, retry - set(references)))
        if strange:
            run.listener(Noticed(f"not in this bundle: {', '.join(strange[:5])}"))
        chosen &= retry
        if not chosen:
            raise Misuse("no image of this bundle is to be tried again", subject="--retry-failed")
    return [image for image in images if image.reference in chosen]


def read_failed_list(text: str, *, source: str) -> frozenset[Reference]:
    """The images of a list of failed ones, or of any image list.

    Raises:
        Misuse: It is none.
    """
    parsed = parse_image_list(text, source=source)
    return frozenset(entry.reference for entry in parsed.entries if isinstance(entry, Entry))


def variant_for(image: Image, platform: Platform) -> Variant | None:
    """The runnable image for a platform; None for what is no container image.

    Raises:
        Refused: There is none for the platform.
    """
    fitting = next((variant for variant in image.variants if platform.accepts(variant.config.platform)), None)
    if fitting is None and image.variants:
        raise Refused(
            "the image is not there for this platform",
            subject=str(image.reference),
            expected=str(platform),
            actual=", ".join(str(variant.config.platform) for variant in image.variants),
            hint="choose another one with --platform OS/ARCH, or leave the image out with --except",
        )
    return fitting


def narrowed(bundle: Bundle, image: Image, *, platform: Platform) -> Image:
    """One platform of an image, byte for byte; what is no image for platforms stays as it is.

    Raises:
        Refused: There is none for the platform.
        Damaged, Incomplete, LocalStorage: Its manifest cannot be read.
    """
    variant = variant_for(image, platform)
    if variant is None or not image.root.is_index:
        return image
    blobs = bundle.manifest.blobs
    number = next(n for n in image.manifests if blobs[n].descriptor.digest == variant.digest)
    descriptor = blobs[number].descriptor
    content = bundle.read_document(descriptor)
    needed = {blob.digest for blob in oci.parse_manifest(content, descriptor.media_type, what=str(platform)).blobs}
    return replace(
        image,
        root=descriptor,
        manifests=(number,),
        blobs=tuple(n for n in image.blobs if blobs[n].descriptor.digest in needed),
        variants=(variant,),
        made_from=image.root.digest,
    )
