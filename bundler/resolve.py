"""Resolves an image: follows its manifests from the name to the last layer, and chooses platforms. Moves no layer.

Everything that is found is pinned by digest from here on: a tag that moves later changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.events import Listener, Noticed
from bundler.core.image_list import Entry
from bundler.core.limits import IMAGE_CONFIG_BYTES, INDEX_DEPTH
from bundler.core.manifest import Variant
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform, any_accepts
from bundler.core.protocols import ImageSource
from bundler.core.reference import Reference
from bundler.errors import Damaged, Refused

ReadBlob = Callable[[Descriptor], bytes]


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
    walk = _Walk(entry, source, read_blob, listener)
    chosen_root = walk.follow(root.bare)
    image = ResolvedImage(
        reference=_renamed(entry.reference, root, chosen_root, listener),
        source=str(entry.source),
        manifests=tuple(walk.manifests.values()),
        variants=tuple(walk.variants),
        made_from=root.digest if chosen_root.digest != root.digest else None,
    )
    return Resolved(image, walk.documents, walk.made, moved_to)


def _pin_hint(entry: Entry) -> str:
    if not entry.pinned_at:
        return f"if the change is meant, set the pin in {entry.where}"
    return (
        f"the tag is listed at {entry.where}, the digest at {entry.pinned_at}: remove one of them, "
        "or give one another name: {image: NAME:TAG, from: REFERENCE}"
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
            f"{entry.reference}: has moved since the export was begun, to {now}; "
            f"the bundle gets what it was then, {begun} (--restart takes the new one)"
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
        listener(Noticed(f"{reference}: with the chosen platforms its digest is {chosen.digest}"))
    return reference.pinned(chosen.digest)


@dataclass(slots=True)
class _Walk:
    entry: Entry
    source: ImageSource
    read_blob: ReadBlob
    listener: Listener
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    documents: dict[Digest, bytes] = field(default_factory=dict)
    made: dict[Digest, bytes] = field(default_factory=dict)
    variants: list[Variant] = field(default_factory=list)
    chosen: dict[Digest, Descriptor | None] = field(default_factory=dict)
    """What each child of an index became, so that indexes which share children are walked once."""

    def follow(self, root: Descriptor) -> Descriptor:
        """Follows the root and returns the descriptor that the image's name is to stand for."""
        content = self.source.read_manifest(root)
        manifest = self._parse(content, root)
        if not manifest.children or not self.entry.platforms:
            self._take(manifest, content, depth=0)
            if self.entry.platforms:
                self._check_single(manifest)
            return manifest.descriptor
        found = self._chosen(manifest, content, depth=0)
        if not found:
            raise self._no_platform(_offered(manifest))
        self._notice_absent()
        images = [d for d in self.manifests.values() if d.is_runnable]
        if len(images) == 1 and len(self.entry.platforms) == 1:
            return self._reduce_to(images[0])
        return found

    def _take(self, manifest: Manifest, content: bytes, *, depth: int) -> None:
        """Takes a manifest with all that it needs, children first."""
        if manifest.descriptor.digest in self.manifests:
            return
        if depth > INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=str(self.entry.reference))
        for child in manifest.children:
            if child.digest in self.manifests:
                continue
            child_content = self.source.read_manifest(child)
            self._take(self._parse(child_content, child), child_content, depth=depth + 1)
        if manifest.is_runnable:
            self._describe(manifest)
        self.documents[manifest.descriptor.digest] = content
        self.manifests[manifest.descriptor.digest] = manifest

    def _chosen(self, index: Manifest, content: bytes, *, depth: int) -> Descriptor | None:
        """Takes the chosen children of an index, and an index of them; None if nothing in it is chosen."""
        if depth > INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=str(self.entry.reference))
        kept: dict[Digest, Descriptor] = {}
        for child in oci.chosen_children(index.children, self.entry.platforms):
            if child.digest not in self.chosen:
                self.chosen[child.digest] = self._choose(child, depth=depth)
            chosen = self.chosen[child.digest]
            if chosen is not None:
                kept[child.digest] = chosen
        if not kept:
            return None
        if len(kept) == len(index.children) and all(digest == new.digest for digest, new in kept.items()):
            made = content
        else:
            made = oci.without_children(content, kept, what=str(self.entry.reference))
        descriptor = Descriptor(index.descriptor.media_type, Digest.of(made), len(made))
        (self.documents if made is content else self.made)[descriptor.digest] = made
        self.manifests[descriptor.digest] = oci.parse_manifest(
            made, descriptor.media_type, what=str(self.entry.reference)
        )
        return descriptor

    def _choose(self, child: Descriptor, *, depth: int) -> Descriptor | None:
        """Takes one child of an index; what it becomes, or None if nothing in it is chosen."""
        content = self.source.read_manifest(child)
        manifest = self._parse(content, child)
        if child.is_index and child.platform is None:
            return self._chosen(manifest, content, depth=depth + 1)
        self._take(manifest, content, depth=depth + 1)
        return manifest.descriptor

    def _reduce_to(self, manifest: Manifest) -> Descriptor:
        """One platform, one image: its own manifest is the root, byte for byte, and no index is needed."""
        digest = manifest.descriptor.digest
        self.manifests = {digest: manifest}
        self.made = {}
        self.documents = {
            d: c for d, c in self.documents.items() if d == digest or d in {b.digest for b in manifest.blobs}
        }
        return manifest.descriptor

    def _describe(self, manifest: Manifest) -> None:
        assert manifest.config is not None
        config = manifest.config
        if config.size_bytes > IMAGE_CONFIG_BYTES:
            return
        content = self.read_blob(config)
        self.documents[config.digest] = content
        what = f"{self.entry.reference}: config {config.digest}"
        size = sum(layer.size_bytes for layer in manifest.layers)
        self.variants.append(Variant(manifest.descriptor.digest, oci.parse_image_config(content, what=what), size))

    def _parse(self, content: bytes, descriptor: Descriptor) -> Manifest:
        parsed = oci.parse_manifest(
            content, descriptor.media_type, what=f"{self.entry.reference} ({descriptor.digest})"
        )
        # The digest may be of another algorithm than the one that a fresh parse computes.
        return Manifest(descriptor.bare, parsed.children, parsed.config, parsed.layers)

    def _check_single(self, manifest: Manifest) -> None:
        """A single image must be for a platform that was chosen; an artifact is for all."""
        if not manifest.is_runnable or not self.variants:
            return
        offered = self.variants[0].config.platform
        if not any_accepts(self.entry.platforms, offered):
            raise self._no_platform([offered])
        self._notice_absent()

    def _notice_absent(self) -> None:
        offered = [variant.config.platform for variant in self.variants]
        for wanted in self.entry.platforms:
            if not any(wanted.accepts(platform) for platform in offered):
                self.listener(Noticed(f"{self.entry.reference}: there is no {wanted}; the other platforms are carried"))

    def _no_platform(self, offered: list[Platform]) -> Refused:
        return Refused(
            "the image is not made for the chosen platforms",
            subject=str(self.entry.reference),
            expected=", ".join(map(str, self.entry.platforms)),
            actual=", ".join(map(str, offered)) or "none",
        )


def _offered(index: Manifest) -> list[Platform]:
    return [child.platform for child in index.children if child.platform]
