"""Drift: images that an import put into a registry, and the parts of them that are not there any more, or not whole.

An image is wanted by a receipt or by a bundle. The faults are found by `bundler.standing.check`; the judgement is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import BundlerError

WHOLE, MOVED, MISSING, DAMAGED, UNREAD = "whole", "moved", "missing", "damaged", "unread"
"""The states of images. ``moved``: its tag refers to another digest. ``unread``: the registry does not give a part."""
STATES = (DAMAGED, UNREAD, MISSING, MOVED, WHOLE)
"""The states, the worst first."""


@frozen
class Part:
    """A manifest, config or layer.

    Attributes:
        digest: Its digest.
        size_bytes: Its size; None if it is not known.
        is_manifest: True for a manifest or an index.
    """

    digest: Digest
    size_bytes: int | None
    is_manifest: bool = False


@frozen
class WantedAttachment:
    """An attachment that should be there: its subject, the digest of its manifest, its kind, and its tag, if any.

    ``is_kept`` is True if its tag had another manifest already, which has all of its signatures.
    """

    subject: Digest
    digest: Digest
    kind: str
    tag: str = ""
    is_kept: bool = False


@frozen
class WantedImage:
    """An image that should be there.

    Attributes:
        reference: Its name in the bundle.
        name: Its name at the registry.
        root: The digest that its name should have.
        parts: Its manifests, configs and layers, with those of its attachments, as far as they are known.
        is_known: True if these are all. Else its manifests at the registry name the others.
        attached: Its attachments.
    """

    reference: str
    name: Reference
    root: Digest
    parts: tuple[Part, ...]
    is_known: bool
    attached: tuple[WantedAttachment, ...] = ()


@frozen
class PartFault:
    """Something that is not as it should be.

    Attributes:
        state: `MOVED`, `MISSING`, `DAMAGED` or `UNREAD`.
        what: The tag, the digest or the attachment.
        error: The error for people, and for the exit code.
    """

    state: str
    what: str
    error: BundlerError


@frozen
class ImageDrift:
    """An image, compared with the registry.

    Attributes:
        wanted: The image.
        faults: Its faults.
        unknown: The limits of this comparison, in words: an index that is gone does not say what it lists.
    """

    wanted: WantedImage
    faults: tuple[PartFault, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The worst state of its parts."""
        found = {fault.state for fault in self.faults}
        return next((state for state in STATES if state in found), WHOLE)

    @property
    def needs_bytes(self) -> bool:
        """True if something must be carried again. A tag that others moved needs a decision instead."""
        return self.state not in (WHOLE, MOVED)


def counts(images: Iterable[ImageDrift]) -> dict[str, int]:
    """The number of images in each state, the worst first; states without an image are left out."""
    found = dict.fromkeys(STATES, 0)
    for each in images:
        found[each.state] += 1
    return {state: number for state, number in found.items() if number}


def at_place(image: WantedImage, before: str, after: str) -> WantedImage:
    """The same image at another registry: a copy, or the same one by another name.

    Args:
        image: The image.
        before: The place in its name: HOST or HOST/PREFIX.
        after: The other place.
    """
    name = image.name
    moved = Reference.parse(f"{after}{name.name.removeprefix(before)}:{name.tag or 'x'}")
    return replace(image, name=replace(moved, tag=name.tag, digest=name.digest))
