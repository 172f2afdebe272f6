"""The graph of an image: all manifests below its root, or those that chosen platforms need. FORMAT.md, section 8.

One walk serves export and import: an export asks a registry, an import asks the bundle. It moves no layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import IMAGE_CONFIG_BYTES, IMAGE_DOCUMENTS_BYTES, INDEX_DEPTH, MANIFEST_BYTES
from bundler.core.manifest import Variant
from bundler.core.oci import Descriptor, ImageConfig, Manifest
from bundler.core.platform import Platform, any_accepts
from bundler.errors import Damaged, NotFound, Refused
from bundler.texts import text

ReadBlob = Callable[[Descriptor], bytes]


class ManifestSource(Protocol):
    """Gives manifests by their digests."""

    def resolve(self, name: str | None) -> Descriptor:
        """Resolves a digest. Asked where an index does not give the media type of its child."""

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified."""


@frozen
class Graph:
    """The manifests of an image, with what was read on the way.

    Attributes:
        manifests: Children before parents, the root last.
        variants: The runnable images among them.
        documents: The bytes of manifests and configs, by digest, as they were read.
        made: The bytes of indexes that were made here, by digest.
        remarks: Notices for people.
        cut_off: The attestations of its manifests that only an index lists which is not among them.
    """

    manifests: tuple[Manifest, ...]
    variants: tuple[Variant, ...]
    documents: dict[Digest, bytes]
    made: dict[Digest, bytes]
    remarks: tuple[str, ...]
    cut_off: tuple[Descriptor, ...] = ()

    @property
    def root(self) -> Descriptor:
        """The descriptor that the image's name is to refer to."""
        return self.manifests[-1].descriptor


def follow(
    root: Descriptor, platforms: tuple[Platform, ...], source: ManifestSource, read_blob: ReadBlob, *, what: str
) -> Graph:
    """Follows an image from its root to the last manifest, and chooses platforms.

    Args:
        root: Of the image.
        platforms: The wanted platforms; empty for all. A manifest without a platform is always wanted.
        source: Where the manifests are.
        read_blob: Reads a small blob, verified.
        what: The image's name, for messages.

    Raises:
        Refused: It lacks the platforms, or the source lacks a part of it.
        Damaged: Something on the way is not what its descriptor says.
        BundlerError: As the source has it.
    """
    return _GraphReader(platforms, source, read_blob, what).follow(root)


@frozen
class _Node:
    """A manifest that is carried, with those below it."""

    manifest: Manifest
    content: bytes
    children: tuple[_Node, ...] = ()
    is_made: bool = False

    @property
    def digest(self) -> Digest:
        return self.manifest.descriptor.digest

    @property
    def has_images(self) -> bool:
        """True if something can be run. Each part of a whole image is examined once, though indexes may share it."""
        return any(node.manifest.is_runnable for node in _in_order(self))


class _Sparse(Refused):
    """The source does not have all that an index lists."""


class _GraphReader:
    def __init__(self, platforms: tuple[Platform, ...], source: ManifestSource, read_blob: ReadBlob, what: str) -> None:
        self._platforms = platforms
        self._source = source
        self._read_blob = read_blob
        self._what = what
        self._read_already: dict[Digest, tuple[Manifest, bytes]] = {}
        self._whole_already: dict[Digest, _Node] = {}
        self._chosen_already: dict[Digest, _Node | None] = {}
        """The result for each nested index, so that indexes which share children are followed once."""
        self._blobs: dict[Digest, bytes] = {}
        self._configs: dict[Digest, ImageConfig] = {}
        self._offered: dict[Platform, None] = {}
        """All platforms that were seen, in their order."""
        self._remarks: list[str] = []
        self._size_bytes = 0

    def follow(self, root: Descriptor) -> Graph:
        manifest, content = self._read(root)
        if not self._platforms:
            return self._graph(self._whole(root, depth=0))
        if not manifest.descriptor.is_index:
            node = self._whole(root, depth=0)
            return replace(self._graph(node), remarks=tuple(self._check_single(manifest)))
        chosen = self._chosen(manifest, content, depth=0)
        if chosen is None:
            raise self._no_platform()
        images = [node for node in _in_order(chosen) if node.manifest.is_runnable]
        if len(images) == 1 and len(self._platforms) == 1:
            # One platform, one image: its own manifest is the root, byte for byte, and no index is needed.
            attesting = (child for child in manifest.children if child.attests == images[0].digest)
            return replace(self._graph(images[0]), cut_off=tuple(attesting))
        if images:
            self._remarks += self._absent_platforms()
        graph = self._graph(chosen)
        return replace(graph, remarks=(*graph.remarks, *self._remarks))

    def _read(self, descriptor: Descriptor) -> tuple[Manifest, bytes]:
        """A manifest with its true media type and size: a descriptor may lack the one, and be wrong about the other."""
        if descriptor.digest not in self._read_already:
            typed = descriptor if descriptor.media_type else self._source.resolve(str(descriptor.digest))
            content = self._source.read_manifest(typed)
            what = f"{self._what} ({descriptor.digest})"
            parsed = oci.parse_manifest(content, typed.media_type, what=what, digest=descriptor.digest)
            self._count(content)
            self._read_already[descriptor.digest] = parsed, content
        return self._read_already[descriptor.digest]

    def _config_of(self, manifest: Manifest) -> ImageConfig | None:
        """The config of a runnable image; None for anything else, and for one that is too large to be read."""
        config = manifest.config
        if config is None or not manifest.is_runnable or config.size_bytes > IMAGE_CONFIG_BYTES:
            return None
        if config.digest not in self._configs:
            what = f"{self._what}: config {config.digest}"
            self._configs[config.digest] = oci.parse_image_config(self._blob(config), what=what)
        return self._configs[config.digest]

    def _blob(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._blobs:
            self._blobs[descriptor.digest] = self._read_blob(descriptor)
            self._count(self._blobs[descriptor.digest])
        return self._blobs[descriptor.digest]

    def _count(self, content: bytes) -> None:
        """Counts a document that is kept in memory."""
        self._size_bytes += len(content)
        if self._size_bytes > IMAGE_DOCUMENTS_BYTES:
            raise Refused(
                "the manifests and configs of the image are too large",
                subject=self._what,
                expected=text("at most {size:,} bytes", size=IMAGE_DOCUMENTS_BYTES),
                actual="more",
            )

    def _whole(self, descriptor: Descriptor, *, depth: int) -> _Node:
        """A manifest with all that is below it."""
        if descriptor.digest not in self._whole_already:
            self._check_depth(depth)
            manifest, content = self._read(descriptor)
            self._config_of(manifest)
            self._check_blobs_of(manifest)
            children, missing = self._those_there(manifest.children, depth=depth)
            if missing:
                raise self._sparse(manifest, missing, depth=depth)
            self._whole_already[descriptor.digest] = _Node(manifest, content, tuple(children))
        return self._whole_already[descriptor.digest]

    def _those_there(self, children: Iterable[Descriptor], *, depth: int) -> tuple[list[_Node], list[Descriptor]]:
        """The children of an index that the source has, and those that it has not."""
        found, missing = [], []
        for child in _each_once(children):
            try:
                found.append(self._whole(child, depth=depth + 1))
            except NotFound:
                missing.append(child)
        return found, missing

    def _check_blobs_of(self, manifest: Manifest) -> None:
        """Makes sure that no manifest goes by the media type of a blob: what it needs would not be carried."""
        for blob in manifest.layers if manifest.descriptor.is_index else ():
            if blob.size_bytes <= MANIFEST_BYTES and not oci.is_layer_type(blob.media_type):
                oci.refuse_disguise(self._blob(blob), blob.media_type, what=f"{self._what} ({blob.digest})")

    def _chosen(self, index: Manifest, content: bytes, *, depth: int) -> _Node | None:
        """The part of an index that the platforms choose; an index of artifacts is for all of them, as a whole.

        Returns:
            None if it has images, and none for the platforms.
        """
        self._check_depth(depth)
        missing: list[Descriptor] = []
        kept: dict[Digest, _Node] = {}
        for child in index.children:
            if child.attests is not None or child.digest in kept:
                continue
            try:
                node = self._choose(child, depth=depth)
            except NotFound:
                missing.append(child)
                continue
            if node is not None:
                kept[child.digest] = node
        if any(child.platform and any_accepts(self._platforms, child.platform) for child in missing) or (
            missing and not kept
        ):
            raise self._sparse(index, missing, depth=depth)
        if not any(node.has_images for node in kept.values()):
            return self._of_artifacts(index, depth=depth)
        attesting = [child for child in index.children if child.attests in kept]
        attestations, absent = self._those_there(attesting, depth=depth)
        kept |= {node.digest: node for node in attestations}
        self._remarks += [
            text(
                "{what}: {digest} is listed, but the source does not have it; skipped",
                what=self._what,
                digest=child.digest,
            )
            for child in (*missing, *absent)
        ]
        return self._reduced(index, content, kept)

    def _choose(self, child: Descriptor, *, depth: int) -> _Node | None:
        """The result for one child of an index; None if it is not wanted."""
        platform = self._platform_of(child)
        if platform is None:
            manifest, content = self._read(child)
            if manifest.descriptor.is_index:
                return self._chosen_nested(manifest, content, depth=depth + 1)
            config = self._config_of(manifest)
            platform = config.platform if config else None
        if platform is not None:
            self._offered[platform] = None
            if not any_accepts(self._platforms, platform):
                return None
        return self._whole(child, depth=depth + 1)

    def _chosen_nested(self, index: Manifest, content: bytes, *, depth: int) -> _Node | None:
        digest = index.descriptor.digest
        if digest not in self._chosen_already:
            self._chosen_already[digest] = self._chosen(index, content, depth=depth)
        return self._chosen_already[digest]

    def _platform_of(self, child: Descriptor) -> Platform | None:
        """The platform that an index gives a child. A version that is asked for and not given is in the config."""
        platform = child.platform
        if platform is None or not platform.is_known:
            return None
        asking = [wanted for wanted in self._platforms if wanted.accepts_but_for_version(platform)]
        if platform.os_version or not any(wanted.os_version for wanted in asking):
            return platform
        config = self._config_of(self._read(child)[0])
        return replace(platform, os_version=config.platform.os_version) if config else platform

    def _of_artifacts(self, index: Manifest, *, depth: int) -> _Node | None:
        """An index as a whole, if nothing in it is an image."""
        try:
            node = self._whole(index.descriptor, depth=depth)
        except _Sparse:
            return None  # the list of the platforms there are is the better answer to a request for another one
        return None if node.has_images else node

    def _reduced(self, index: Manifest, content: bytes, kept: dict[Digest, _Node]) -> _Node:
        """An index with some of its children: itself if these are all, else a new one."""
        self._check_blobs_of(index)
        blobs = {
            blob.digest: blob.bare
            for blob in index.layers
            if blob.platform is None or any_accepts(self._platforms, blob.platform)
        }
        children = tuple(kept[child.digest] for child in _each_once(index.children) if child.digest in kept)
        listed = {child.digest for child in (*index.children, *index.layers)}
        if listed == kept.keys() | blobs.keys() and all(digest == node.digest for digest, node in kept.items()):
            return _Node(index, content, children)
        replaced = {digest: node.manifest.descriptor for digest, node in kept.items()}
        made = oci.without_children(content, replaced | blobs, what=self._what)
        return _Node(oci.parse_manifest(made, index.descriptor.media_type, what=self._what), made, children, True)

    def _graph(self, root: _Node) -> Graph:
        nodes = list(_in_order(root))
        blobs = {blob.digest for node in nodes for blob in node.manifest.blobs}
        return Graph(
            manifests=tuple(node.manifest for node in nodes),
            variants=tuple(
                Variant(node.digest, config, sum(layer.size_bytes for layer in node.manifest.layers))
                for node in nodes
                if (config := self._config_of(node.manifest)) is not None
            ),
            documents={node.digest: node.content for node in nodes if not node.is_made}
            | {digest: content for digest, content in self._blobs.items() if digest in blobs},
            made={node.digest: node.content for node in nodes if node.is_made},
            remarks=tuple(self._wrong_sizes(nodes)),
        )

    def _wrong_sizes(self, nodes: Iterable[_Node]) -> Iterator[str]:
        """The children whose sizes are not those that their index says: registries take them, some clients do not."""
        sizes = {node.digest: len(node.content) for node in nodes}
        for node in nodes:
            for child in node.manifest.children:
                actual = sizes[child.digest]
                if child.size_bytes != actual:
                    image, digest, said = self._what, child.digest, child.size_bytes
                    yield (
                        text(
                            "{image}: its index says that {digest} has {said} bytes, but it has {actual}; it is "
                            "carried unchanged, but some clients cannot pull it",
                            image=image,
                            digest=digest,
                            said=said,
                            actual=actual,
                        )
                    )

    def _check_depth(self, depth: int) -> None:
        if depth > INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=self._what)

    def _check_single(self, manifest: Manifest) -> list[str]:
        """A single image must be for a chosen platform; an artifact is for all. Returns the remarks."""
        config = self._config_of(manifest)
        if config is None:
            return []
        self._offered[config.platform] = None
        if not any_accepts(self._platforms, config.platform):
            raise self._no_platform()
        return self._absent_platforms()

    def _absent_platforms(self) -> list[str]:
        return [
            text("{what}: it has no {wanted}; the other platforms are carried", what=self._what, wanted=wanted)
            for wanted in self._platforms
            if not any(map(wanted.accepts, self._offered))
        ]

    def _no_platform(self) -> Refused:
        return Refused(
            "the image does not exist for this platform",
            subject=self._what,
            expected=", ".join(map(str, self._platforms)),
            actual=", ".join(map(str, self._offered)) or "none",
            hint="choose an existing platform with --platform OS/ARCH, or leave the image out with --except",
        )

    def _sparse(self, index: Manifest, missing: Iterable[Descriptor], *, depth: int) -> _Sparse:
        """The error for an index of which the source has only a part."""
        gone = {child.digest for child in missing}
        others = [child for child in index.children if child.platform and child.digest not in gone]
        there, _ = self._those_there(others, depth=depth)
        digests = {node.digest for node in there}
        platforms = _names(child for child in others if child.digest in digests and child.attests is None)
        choice = " ".join(f"--platform {platform}" for platform in platforms)
        return _Sparse(
            "the source has only a part of this image",
            subject=self._what,
            expected=text("also {names}", names=", ".join(_missing(c for c in index.children if c.digest in gone))),
            actual=text("only {names}", names=", ".join(platforms)) if platforms else text("no platform"),
            hint=text(
                "carry the existing platforms with {choice}, or copy the image to the source again with all its "
                "platforms",
                choice=choice,
            )
            if platforms
            else "copy the image to the source again with all its platforms (skopeo copy --all, crane copy)",
        )


def _in_order(root: _Node) -> Iterator[_Node]:
    """All nodes, each once, children before parents."""
    seen: set[Digest] = set()

    def below(node: _Node) -> Iterator[_Node]:
        if node.digest in seen:
            return
        seen.add(node.digest)
        for child in node.children:
            yield from below(child)
        yield node

    return below(root)


def _each_once(children: Iterable[Descriptor]) -> list[Descriptor]:
    """The children of an index in their order, without those that it lists again."""
    found: dict[Digest, Descriptor] = {}
    for child in children:
        found.setdefault(child.digest, child)
    return list(found.values())


def _missing(children: Iterable[Descriptor]) -> list[str]:
    """The children that a source lacks, by platform and digest."""
    children = tuple(children)
    names = zip(_names(children), children, strict=True)
    return [f"{name} ({child.digest})" for name, child in names]


def _names(children: Iterable[Descriptor]) -> list[str]:
    """The names of the children of an index, for people."""
    return [
        str(child.platform) if child.platform and child.platform.is_known else child.digest.short for child in children
    ]
