"""Resolves an image: from its name at a source to all digests of its graph. Moves no layer.

Everything that is found is pinned by digest from here on: a tag that moves later changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.core.digest import Digest
from bundler.core.events import Listener, Noticed
from bundler.core.image_list import Entry
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage
from bundler.core.protocols import ImageSource
from bundler.core.reference import Reference
from bundler.errors import Damaged, Refused
from bundler.graph import ReadBlob, follow
from bundler.texts import text


@dataclass(slots=True)
class Resolved:
    """A resolved image, with the bytes of its manifests and configs by digest: as they were read, and made anew.

    ``moved_to`` is the digest that its name has now, if the bundle gets the one that it had when its export was begun.
    """

    image: ResolvedImage
    documents: dict[Digest, bytes]
    made: dict[Digest, bytes]
    moved_to: Digest | None = None


def resolve_image(
    entry: Entry,
    name: str | None,
    source: ImageSource,
    read_blob: ReadBlob,
    listener: Listener,
    *,
    begun: Digest | None = None,
) -> Resolved:
    """Resolves one entry of an image list.

    Args:
        entry: What to resolve.
        name: What the source is asked for: a tag or digest, None for its only image.
        source: Where the image is.
        read_blob: Reads a small blob of the source, verified.
        listener: Is told of what people should know.
        begun: The digest that the name had when an export was begun that is gone on with; it is kept.

    Raises:
        Refused: There is no such image, its digest is not the pinned one, or it lacks the platforms.
        Damaged: Something on the way is not what its descriptor says.
        Unavailable: The source does not answer.
    """
    root = source.resolve(name)
    moved_to = None
    if begun is not None and root.digest != begun:
        moved_to = root.digest
        root = _kept(entry, begun, root.digest, source, listener)
    if entry.pin is not None and entry.pin != root.digest:
        raise Refused(
            "the tag does not stand for the pinned digest",
            subject=str(entry.reference),
            expected=str(entry.pin),
            actual=str(root.digest),
            hint=_pin_hint(entry),
        )
    graph = follow(root.bare, entry.platforms, source, read_blob, what=str(entry.reference))
    for remark in graph.remarks:
        listener(Noticed(remark))
    image = ResolvedImage(
        reference=_renamed(entry.reference, root, graph.root, listener),
        source=str(entry.source),
        manifests=graph.manifests,
        variants=graph.variants,
        made_from=root.digest if graph.root.digest != root.digest else None,
    )
    return Resolved(image, graph.documents, graph.made, moved_to)


def _pin_hint(entry: Entry) -> str:
    if not entry.pinned_at:
        return text("if the change is meant, set the pin in {where}", where=entry.where)
    return text(
        "the tag is listed at {where}, the digest at {pinned_at}: remove one of them, or give"
        " one another name: {{image: NAME:TAG, from: REFERENCE}}",
        where=entry.where,
        pinned_at=entry.pinned_at,
    )


def _kept(entry: Entry, begun: Digest, now: Digest, source: ImageSource, listener: Listener) -> Descriptor:
    """What an image was when the export was begun, although its name stands for something else by now.

    Raises:
        Refused: The source does not have that any more.
    """
    try:
        root = source.resolve(str(begun))
    except (Refused, Damaged) as error:
        raise Refused(
            "the image has changed since the export was begun, and what it was is gone",
            subject=str(entry.reference),
            expected=str(begun),
            actual=str(now),
            hint="begin anew with --restart",
        ) from error
    listener(
        Noticed(
            text(
                "{reference}: has moved since the export was begun, to {now}; the bundle gets what it"
                " was then, {begun} (--restart takes the new one)",
                reference=entry.reference,
                now=now,
                begun=begun,
            )
        )
    )
    return root


def _renamed(reference: Reference, root: Descriptor, chosen: Descriptor, listener: Listener) -> Reference:
    """The name in the bundle: a digest in it is always that of the root.

    Raises:
        Refused: The name asks for other bytes than the source gave.
    """
    if reference.digest is None:
        return reference
    if reference.digest != root.digest:
        raise Refused(
            "the source gives another digest than the name asks for",
            subject=str(reference),
            expected=str(reference.digest),
            actual=str(root.digest),
        )
    if chosen.digest != root.digest:
        listener(
            Noticed(
                text(
                    "{reference}: with the chosen platforms its digest is {digest}",
                    reference=reference,
                    digest=chosen.digest,
                )
            )
        )
    return reference.pinned(chosen.digest)
