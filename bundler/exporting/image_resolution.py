"""Resolves an image: from its name at a source to all digests of its graph. Moves no layer.

Everything that is found is pinned by digest from here on: a tag that moves later changes nothing.
"""

from __future__ import annotations

from bundler.core.digest import Digest
from bundler.core.events import Listener, Noticed
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage
from bundler.core.protocols import ImageSource
from bundler.core.reference import Reference
from bundler.errors import Damaged, Refused
from bundler.graph import ReadBlob, follow
from bundler.texts import text


@frozen
class Source:
    """The source of one image.

    Attributes:
        store: Gives its manifests.
        name: The image there: a tag or digest, None for its only image.
        read_blob: Reads a small blob of the store, verified.
        repacked: The compression of the layers, where the source has neither a manifest nor compressed layers.
    """

    store: ImageSource
    name: str | None
    read_blob: ReadBlob
    repacked: str | None = None


@frozen
class Resolution:
    """A resolved image, with the bytes of its manifests and configs by digest.

    Attributes:
        image: The image.
        documents: The manifests and configs that were read at the source.
        made: The manifests and configs that were made here; no source has them.
        moved_to: The digest that its name has now, if the bundle gets the one that it had when the export started.
        cut_off: The attestations that only the source's index lists, which is not in the bundle.
    """

    image: ResolvedImage
    documents: dict[Digest, bytes]
    made: dict[Digest, bytes]
    moved_to: Digest | None = None
    cut_off: tuple[Descriptor, ...] = ()


def resolve_image(entry: Entry, source: Source, listener: Listener, *, earlier: Digest | None = None) -> Resolution:
    """Resolves one entry of an image list.

    Args:
        entry: The entry.
        source: Where the image is.
        listener: Receives remarks for people.
        earlier: The digest that the name had when the resumed export started; it is kept.

    Raises:
        Refused: There is no such image, its digest is not the pinned one, or it lacks the platforms.
        Damaged: A manifest or config does not match its descriptor.
        Unavailable: The source does not answer.
    """
    root = source.store.resolve(source.name)
    moved_to = None
    if earlier is not None and root.digest != earlier:
        moved_to = root.digest
        root = _kept(entry, earlier, root.digest, source.store, listener)
    if entry.pin is not None and entry.pin != root.digest:
        raise Refused(
            "the tag does not point to the pinned digest",
            subject=str(entry.reference),
            expected=str(entry.pin),
            actual=str(root.digest),
            hint=_pin_hint(entry),
        )
    graph = follow(root.bare, entry.platforms, source.store, source.read_blob, what=str(entry.reference))
    for remark in graph.remarks:
        listener(Noticed(remark))
    image = ResolvedImage(
        reference=_renamed(entry.reference, root, graph.root, listener),
        source=str(entry.source),
        manifests=graph.manifests,
        variants=graph.variants,
        made_from=root.digest if graph.root.digest != root.digest else None,
        repacked=source.repacked,
    )
    return Resolution(image, graph.documents, graph.made, moved_to, graph.cut_off)


def _pin_hint(entry: Entry) -> str:
    if not entry.pinned_at:
        return text("if the change is intended, update the digest in {where}", where=entry.where)
    return text(
        "the tag is listed at {where}, the digest at {pinned_at}: remove one of them, or give one of them another "
        "name: {{image: NAME:TAG, from: REFERENCE}}",
        where=entry.where,
        pinned_at=entry.pinned_at,
    )


def _kept(entry: Entry, earlier: Digest, now: Digest, store: ImageSource, listener: Listener) -> Descriptor:
    """The descriptor of an image as it was when the export started, although its tag has moved since then.

    Raises:
        Refused: The source does not have that image any more.
    """
    try:
        root = store.resolve(str(earlier))
    except (Refused, Damaged) as error:
        raise Refused(
            "the image has changed since the export started, and the earlier image is gone",
            subject=str(entry.reference),
            expected=str(earlier),
            actual=str(now),
            hint="start again with --restart",
        ) from error
    listener(
        Noticed(
            text(
                "{reference}: the tag moved to {now} since the export started; the bundle gets the earlier image, "
                "{earlier} (--restart takes the new one)",
                reference=entry.reference,
                now=now,
                earlier=earlier,
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
            "the source has another digest than the name",
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
