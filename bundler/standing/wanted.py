"""The images that should be at a registry: by the receipt of an import, or by a bundle and an import's names for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bundler.bundle.reader import Bundle
from bundler.core.arrivals import IN_PLACE
from bundler.core.digest import Digest
from bundler.core.drift import Part, WantedAttachment, WantedImage, at_place
from bundler.core.frozen import frozen
from bundler.core.location import REGISTRY
from bundler.core.manifest import Image
from bundler.core.mapping import Naming, target_names
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.receipt_attachments import ReceiptAttachment
from bundler.core.reference import Reference
from bundler.errors import Damaged, Misuse
from bundler.importing.chosen import selected
from bundler.run import Run
from bundler.standing.check_request import CheckRequest
from bundler.texts import some, text

_ATTACHED = frozenset({"pushed", "present", "kept"})


@frozen
class Wanted:
    """The images that should be at a place.

    Attributes:
        place: HOST or HOST/PREFIX.
        images: The images.
        left_out: The number of images that are not expected there.
    """

    place: str
    images: tuple[WantedImage, ...]
    left_out: int = 0


def wanted_by_bundle(bundle: Bundle, request: CheckRequest, run: Run) -> Wanted:
    """The images of a bundle, by the names that an import with the same options gives them.

    Raises:
        Misuse: No registry was given, or the selection or a name is not valid.
    """
    target = request.target
    if target is None or target.pushed_to is None:
        raise Misuse("a bundle does not say where its images are", hint="give the registry: --to HOST[/PREFIX]")
    manifest = bundle.manifest
    chosen = selected([image.reference for image in manifest.images], request.selection, run)
    images = [image for image in manifest.images if image.reference in chosen]
    date = manifest.created[:10].replace("-", "")
    naming = Naming(request.mapping, request.rules, manifest.name, date, request.has_digest_tags)
    names = target_names({image.reference: image.root.digest for image in images}, target, naming)
    found = tuple(_of_bundle(bundle, image, names[image.reference], request) for image in images)
    return Wanted(str(target.pushed_to), found, len(manifest.images) - len(images))


def _of_bundle(bundle: Bundle, image: Image, name: Reference, request: CheckRequest) -> WantedImage:
    blobs = bundle.manifest.blobs
    attachments = image.attachments if request.has_attachments else ()
    needs = image.needs_with_attachments if attachments else image.needs
    manifests = {*image.manifests, *(number for each in attachments for number in each.manifests)}
    return WantedImage(
        str(image.reference),
        name,
        image.root.digest,
        tuple(
            Part(blobs[number].descriptor.digest, blobs[number].descriptor.size_bytes, number in manifests)
            for number in needs
        ),
        is_known=True,
        attached=tuple(
            WantedAttachment(each.subject, blobs[each.manifests[-1]].descriptor.digest, each.kind, each.tag)
            for each in attachments
        ),
    )


def wanted_by_receipt(receipt: Receipt, request: CheckRequest, run: Run) -> Wanted:
    """The images that an import has put into a registry.

    Raises:
        Misuse: The receipt is about no registry, or about several and none was chosen; or the selection has no image.
        Damaged: A name or digest in it is not valid.
    """
    target = _target(receipt, request)
    arrived = [image for image in target.images if image.outcome in IN_PLACE]
    try:
        found = [_of_receipt(receipt, image, request) for image in arrived]
        chosen = selected([Reference.parse(each.reference) for each in found], request.selection, run)
        images = [each for each in found if Reference.parse(each.reference) in chosen]
    except (Misuse, Damaged) as error:
        if request.selection.only or request.selection.except_:
            raise
        raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=receipt.bundle_name) from error
    place = str(request.target.pushed_to) if request.target and request.target.pushed_to else target.target
    if place != target.target:
        images = [at_place(each, target.target, place) for each in images]
    return Wanted(place, tuple(images), len(target.images) - len(images))


def _target(receipt: Receipt, request: CheckRequest) -> ReceiptTarget:
    """The target of a receipt that is checked: the one of this name, or the only registry."""
    targets = [target for target in receipt.targets if target.kind == REGISTRY]
    if request.target is not None and request.target.pushed_to is not None:
        place = str(request.target.pushed_to)
        targets = [target for target in targets if target.target == place] or targets
    if not targets:
        raise Misuse("the receipt is about no registry", subject=receipt.bundle_name or "-")
    if len(targets) > 1:
        names = some(target.target for target in targets)
        raise Misuse(
            "the receipt is about several registries",
            subject=receipt.bundle_name,
            actual=names,
            hint="choose one of them: --to HOST[/PREFIX]",
        )
    return targets[0]


def _of_receipt(receipt: Receipt, image: ReceiptImage, request: CheckRequest) -> WantedImage:
    attached = tuple(each for each in image.attached if each.outcome in _ATTACHED) if request.has_attachments else ()
    root = Digest.parse(image.read_back or image.digest)
    return WantedImage(
        image.reference,
        replace(Reference.parse(image.name), digest=None),
        root,
        tuple(_blobs(receipt, image)),
        is_known=False,
        attached=tuple(map(_attachment, attached)),
    )


def _attachment(each: ReceiptAttachment) -> WantedAttachment:
    subject, digest = Digest.parse(each.subject), Digest.parse(each.digest)
    return WantedAttachment(subject, digest, each.kind, each.tag, is_kept=each.outcome == "kept")


def _blobs(receipt: Receipt, image: ReceiptImage) -> Iterator[Part]:
    """The configs and layers of an image; a receipt does not list its manifests."""
    for number in image.blobs:
        if number < len(receipt.blobs):
            size_bytes = receipt.blob_sizes[number] if receipt.blob_sizes else None
            yield Part(Digest.parse(receipt.blobs[number]), size_bytes)
