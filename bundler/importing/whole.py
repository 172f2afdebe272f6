"""Makes sure that the bundle lists all that its manifests need, before anything is sent.

A bundle manifest that contradicts the manifests in its bundle would lead to images without a part, or to attachments of
other images than those that the user sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.attachments import facts_of
from bundler.core.digest import Digest
from bundler.core.manifest import Attachment, Image
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused
from bundler.importing.leg import Leg

Thing = TypeVar("Thing")


def with_whole_graphs(bundle: Bundle, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """Fails the images whose manifests, or whose attachments' manifests, need a blob that the bundle does not list."""
    images = {each.image.reference: each.image for leg in reversed(legs) for each in leg.result.open_images}
    faults = _faults(images, lambda image: _fault_of_image(bundle, image))
    attached: dict[Reference, dict[Attachment, None]] = {}  # the targets may lack different ones
    for each in (each for leg in legs for each in leg.result.open_images if each.open_attachments):
        attached.setdefault(each.image.reference, {}).update(
            dict.fromkeys(item.attachment for item in each.open_attachments)
        )
    of_attached = _faults(attached, lambda attachments: _fault_of_attachments(bundle, attachments))
    return tuple(_failing(leg, faults, of_attached) for leg in legs)


def _failing(leg: Leg, faults: Mapping[Reference, BundlerError], of_attached: Mapping[Reference, BundlerError]) -> Leg:
    concerned = {each.image.reference for each in leg.result.open_images if each.open_attachments}
    also = {reference: fault for reference, fault in of_attached.items() if reference in concerned}
    return leg.failing({**also, **faults})


def _faults(
    things: Mapping[Reference, Thing], check: Callable[[Thing], BundlerError | None]
) -> dict[Reference, BundlerError]:
    found = ((reference, check(thing)) for reference, thing in things.items())
    return {reference: fault for reference, fault in found if fault is not None}


def _fault_of_image(bundle: Bundle, image: Image) -> BundlerError | None:
    try:
        _check_graph(bundle, image, what=str(image.reference))
    except (Damaged, Refused, Incomplete, LocalStorage) as error:
        return error
    return None


def _fault_of_attachments(bundle: Bundle, attachments: Iterable[Attachment]) -> BundlerError | None:
    try:
        for each in attachments:
            root = bundle.manifest.blobs[each.manifests[-1]].descriptor
            _check_graph(bundle, each, what=str(root.digest))
            if not each.tag:
                _check_subject(bundle, each)
    except (Damaged, Refused, Incomplete, LocalStorage) as error:
        return error
    return None


def _check_graph(bundle: Bundle, what_needs: Image | Attachment, *, what: str) -> None:
    blobs = bundle.manifest.blobs
    listed: dict[Digest, int] = {
        blobs[number].descriptor.digest: blobs[number].descriptor.size_bytes for number in what_needs.needs
    }
    reached = {blobs[what_needs.manifests[-1]].descriptor.digest}
    for number in reversed(what_needs.manifests):  # parents before children
        descriptor = blobs[number].descriptor
        if descriptor.digest not in reached:  # a signature of the root says nothing of it
            raise Damaged(
                "the bundle lists a manifest that is not below the root", subject=what, actual=str(descriptor.digest)
            )
        content = bundle.read_document(descriptor)
        manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
        reached.update(child.digest for child in manifest.children)
        # Registries take an index that gives a child a wrong size; the bundle lists the true one.
        lacks_child = any(child.digest not in listed for child in manifest.children)
        for needed in manifest.children if lacks_child else manifest.blobs:
            if listed.get(needed.digest) != needed.size_bytes:
                raise Damaged("a manifest needs a blob that the bundle does not list", subject=str(needed.digest))


def _check_subject(bundle: Bundle, attachment: Attachment) -> None:
    """Makes sure that the manifest names the subject of the bundle manifest: registries see the manifest alone."""
    root = bundle.manifest.blobs[attachment.manifests[-1]].descriptor
    found = facts_of(bundle.read_document(root), "", what=str(root.digest)).subject
    if found != attachment.subject:
        raise Damaged(
            "the manifest of an attachment names another subject than the bundle manifest",
            subject=str(root.digest),
            expected=str(attachment.subject),
            actual=str(found) if found else "none",
        )
