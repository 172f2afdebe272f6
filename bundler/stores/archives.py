"""Image files as sources: ``docker-archive:`` and ``oci-archive:``, plain, compressed or in 7z.

An archive is indexed once. Blobs that a plain file holds in their final form are read from there. All other blobs are
staged in scratch, in a second pass.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from bundler.core import oci, roles
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import INDEX_DEPTH
from bundler.core.oci import Descriptor, Manifest
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, Refused
from bundler.stores import docker_archive
from bundler.stores.archive_contents import Contents, Take, survey
from bundler.stores.docker_archive import ArchivedImage
from bundler.stores.held_images import Choice, HeldImage, completed
from bundler.stores.image_file import ImageFile, Tap, nothing, tapped
from bundler.stores.layout_attachments import LayoutAttachments, find_attachments
from bundler.stores.member_digests import MemberDigests
from bundler.stores.oci_archive import ArchiveFiles
from bundler.stores.oci_layout import INDEX, MARKER, LayoutFiles, LayoutSource, read_index
from bundler.stores.partial_layout import source_of_present
from bundler.stores.staging import InFile, StagedFiles, StagedLayer, StagingCache, stage_layer, staged
from bundler.stores.tar_reader import TarMember
from bundler.system.scratch import Scratch
from bundler.texts import text

DOCKER, OCI = "docker-archive", "oci-archive"


@frozen
class Staging:
    """The means to prepare images for copying.

    Attributes:
        scratch: The folder for staged blobs.
        staging_cache: The blobs that this run has staged so far.
        layer_compression: The compression of uncompressed layers: gzip, zstd or none.
        warn: Receives oddities that do no harm.
        tap: Receives the bytes that are read, for progress.
    """

    scratch: Scratch
    staging_cache: StagingCache
    layer_compression: str
    warn: Callable[[str], None]
    tap: Tap = nothing


@frozen
class Ready:
    """Images that can be copied. ``is_repacked`` is true if we made their manifests, and so their digests."""

    source: LayoutSource
    is_repacked: bool


class Archive:
    """An image file, indexed."""

    def __init__(self, file: ImageFile, contents: Contents, transport: str | None, *, is_layout: bool) -> None:
        self.file = file
        self.contents = contents
        self._transport = transport
        self.is_layout = is_layout
        """True if it is carried as the OCI image layout in it, byte for byte."""

    @classmethod
    def indexed(cls, file: ImageFile, transport: str | None = None, tap: Tap = nothing) -> Archive:
        """Reads the documents of an archive and the names of its members.

        Args:
            file: The archive.
            transport: `DOCKER` or `OCI` if the user named one.
            tap: Receives the bytes that are read.

        Raises:
            Damaged: It is not a tar, or it is truncated or inconsistent.
            Refused: It is not of the named transport.
        """
        with file.stream(tap) as stream:
            contents = survey(stream, what=file.called, take=_pass_over)
        return cls.of(file, contents, transport)

    @classmethod
    def of(cls, file: ImageFile, contents: Contents, transport: str | None = None) -> Archive:
        """Returns an archive with known contents.

        Raises:
            Damaged, Refused: As `indexed`.
        """
        has_layout, has_docker = contents.find(INDEX) is not None, contents.find(docker_archive.MANIFEST) is not None
        if transport == OCI and not has_layout:
            hint = text("write {docker}:{path}", docker=DOCKER, path=file.path) if has_docker else None
            raise Refused("not an OCI image layout: there is no index.json", subject=file.called, hint=hint)
        if transport == DOCKER and not has_docker:
            hint = text("write {oci}:{path}", oci=OCI, path=file.path) if has_layout else None
            raise Refused("not an archive of docker save: there is no manifest.json", subject=file.called, hint=hint)
        if not has_layout and not has_docker:
            raise Damaged(
                "not an image archive: there is neither index.json nor manifest.json",
                subject=file.called,
                hint=_hint_for_other_archive(contents),
            )
        if has_layout:
            _check_no_links(contents, is_docker=has_docker and transport != OCI)
        if has_layout and has_docker:
            _check_agreement(contents)
        is_layout = has_layout and (transport == OCI or not has_docker or _is_original(contents))
        return cls(file, contents, transport, is_layout=is_layout)

    @property
    def images(self) -> Sequence[HeldImage[object]]:
        """The images that are carried, with the names that they are carried under."""
        return self.layout_images if self.is_layout else self.docker_images

    @cached_property
    def docker_images(self) -> list[HeldImage[ArchivedImage]]:
        """The images of manifest.json. Their positions are aliases, as in skopeo: ``@0``."""
        images = docker_archive.read_images(self.contents)
        return [
            HeldImage(image.names, tuple(sorted({f"@{number}", *image.tags}.difference(image.names))), image)
            for number, image in enumerate(images)
        ]

    @cached_property
    def _attachments(self) -> LayoutAttachments:
        """The attachments in its layout."""
        files = documents_of(self.contents, StagingCache())
        return find_attachments(files, read_index(files))

    @cached_property
    def layout_images(self) -> list[HeldImage[Descriptor]]:
        """The images of index.json. An image without a name there has its names of manifest.json, if any."""
        images = list(self._attachments.images)
        if self.contents.find(docker_archive.MANIFEST) is None or all(held.names for held in images):
            return images
        tagged = {Digest.of(self.contents.document(held.image.config)): held.image.names for held in self.docker_images}

        def tags_of(root: Descriptor) -> tuple[str, ...]:
            configs = _configs_below(self.contents, root)
            return tuple(sorted({name for config in configs for name in tagged.get(config, ())}))

        return [held if held.names else replace(held, names=tags_of(held.image)) for held in images]

    @property
    def layout(self) -> LayoutSource:
        """The documents of its layout, without the blobs."""
        return LayoutSource(documents_of(self.contents, StagingCache()), self.layout_images)

    def ready(self, names: Iterable[str | None], staging: Staging) -> Ready:
        """Prepares images for copying.

        Args:
            names: The names of the wanted images; None for the only one.
            staging: The means.

        Raises:
            Refused: There is no image of a name.
            Damaged: The archive is inconsistent.
            LocalStorage: Scratch is full.
        """
        if not self.is_layout:
            return Ready(self._staged_images(names, staging), is_repacked=True)
        images = self.layout_images
        pick = Choice(images, called=self.file.called)
        roots = list(dict.fromkeys(pick(name) for name in names))
        files = self._checked_layout(roots, staging)
        if self._transport == OCI:
            return Ready(LayoutSource(files, images), is_repacked=False)
        wanted = {root.digest for root in roots}
        present = [held for held in images if held.image.digest in wanted]
        return Ready(source_of_present(files, present, staging.warn), is_repacked=False)

    def _checked_layout(self, roots: Sequence[Descriptor], staging: Staging) -> LayoutFiles:
        """Returns the layout, after comparing layers of some images with their configs; staged if it is not plain."""
        paths: dict[str, list[str]] = {}
        for descriptor in _blobs_below(self.contents, self._with_attachments(roots)):
            member = self.contents.find(descriptor.digest.path)
            if member is not None:
                paths.setdefault(member.name, []).append(descriptor.digest.path)
        expected = {
            member.name: (layer, diff_id)
            for layer, diff_id in _layers_below(self.contents, roots)
            if (member := self.contents.find(layer.digest.path))
        }
        files = documents_of(self.contents, staging.staging_cache)
        digests = MemberDigests()

        def take(member: TarMember, pieces: Pieces) -> None:
            if member.name in expected and self.file.is_plain:
                digests.take(member, pieces)
            elif member.name in paths and not self.file.is_plain:
                with staged(staging.scratch) as location:
                    digests.take(member, tapped(pieces, location.file.write))
                for path in paths[member.name]:
                    files.add_blob(path, location)

        self._read_again(take, staging)
        for name, (layer, diff_id) in expected.items():
            if name not in self.contents.documents and digests.inner(name) != diff_id:
                raise Damaged(
                    "a layer differs from the one in the image config",
                    subject=f"{self.file.called}: {layer.digest}",
                    expected=str(diff_id),
                    actual=str(digests.inner(name)),
                    hint="ask for a new file",
                )
        return ArchiveFiles(self.file.path) if self.file.is_plain else files

    def _with_attachments(self, roots: Sequence[Descriptor]) -> list[Descriptor]:
        """Returns some roots, with all that is attached to the manifests below them."""
        found = {root.digest: root for root in roots}
        left = list(roots)
        while left:
            for manifest in _manifests_below(self.contents, [left.pop()]):
                for each in self._attachments.by_subject.get(manifest.descriptor.digest, ()):
                    if each.descriptor is not None and each.descriptor.digest not in found:
                        found[each.descriptor.digest] = each.descriptor
                        left.append(each.descriptor)
        return list(found.values())

    def _staged_images(self, names: Iterable[str | None], staging: Staging) -> LayoutSource:
        pick = Choice(self.docker_images, called=self.file.called)
        images = list(dict.fromkeys(pick.held(name) for name in names))
        wanted = {member.name for held in images for name in held.image.layers if (member := self.contents.find(name))}
        layers: dict[str, StagedLayer] = {}

        def take(member: TarMember, pieces: Pieces) -> None:
            if member.name in wanted:
                layers[member.name] = self._staged_layer(member, pieces, staging)

        self._read_again(take, staging)
        return LayoutSource(
            *docker_archive.assemble(images, self.contents, layers, staging.staging_cache, staging.warn)
        )

    def _staged_layer(self, member: TarMember, pieces: Pieces, staging: Staging) -> StagedLayer:
        location = InFile(self.file.path, member.offset_bytes, member.size_bytes) if self.file.is_plain else None
        return stage_layer(
            pieces,
            staging.scratch,
            layer_compression=staging.layer_compression,
            what=f"{self.file.called}: {member.name}",
            location=location,
        )

    def _read_again(self, take: Take, staging: Staging) -> None:
        """Makes one more pass over the archive."""

        def take_tapped(member: TarMember, pieces: Pieces) -> None:
            take(member, tapped(pieces, staging.tap))

        with self.file.stream(nothing if self.file.is_plain else staging.tap) as stream:
            survey(stream, what=self.file.called, take=take_tapped if self.file.is_plain else take)


def _hint_for_other_archive(contents: Contents) -> str | None:
    # Every bundle has this file, and no image has it.
    if any(posixpath.basename(name) == roles.SUMS.file for name in contents.members):
        return "this archive holds a bundle: unpack it, and give the bundle's folder"
    return "the files of the image must be at the top level of the archive" if contents.members else None


def _pass_over(_member: TarMember, _pieces: Pieces) -> None:
    return


def documents_of(contents: Contents, staging_cache: StagingCache) -> StagedFiles:
    """Returns the documents of an archive as a layout that has no blobs yet."""
    files = StagedFiles(contents.what, staging_cache)
    for name in (*contents.documents, *contents.links):
        content = contents.documents.get(contents.links.get(name, name))
        if content is not None:
            files.add_document(name, content)
    return files


def _is_original(contents: Contents) -> bool:
    """True if the layers of an archive's layout come from a registry.

    Docker from 25 on writes a layout too. If it has no compressed layers, it makes one with uncompressed layers. So
    the layout is original if one layer is compressed, or if it has an artifact, which such a Docker cannot hold.
    """
    roots = [held.image for held in read_index(documents_of(contents, StagingCache()))]
    manifests = [each for each in _manifests_below(contents, roots) if not each.descriptor.is_index]
    layers = [blob for manifest in manifests for blob in manifest.layers if oci.is_layer_type(blob.media_type)]
    is_compressed = any(not layer.media_type.endswith(".tar") for layer in layers)
    return is_compressed or any(not manifest.is_runnable for manifest in manifests)


def _blobs_below(contents: Contents, roots: Iterable[Descriptor]) -> list[Descriptor]:
    """Returns the configs and layers of some manifests. Skips missing documents, which are reported later."""
    blobs = {blob.digest: blob for manifest in _manifests_below(contents, roots) for blob in manifest.blobs}
    return list(blobs.values())


def _manifests_below(contents: Contents, roots: Iterable[Descriptor]) -> list[Manifest]:
    manifests: dict[Digest, Manifest] = {}
    left = [(root, 0) for root in roots]
    while left:
        descriptor, depth = left.pop()
        content = contents.documents.get(contents.real(descriptor.digest.path))
        if content is None or descriptor.digest in manifests or depth > INDEX_DEPTH:
            continue
        what = f"{contents.what}: {descriptor.digest}"
        manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
        manifests[descriptor.digest] = manifest
        left += [(child, depth + 1) for child in manifest.children]
    return list(manifests.values())


def _layers_below(contents: Contents, roots: Iterable[Descriptor]) -> list[tuple[Descriptor, Digest]]:
    """Returns the layers of all runnable images below some manifests, with their diff_ids."""
    layers = []
    for manifest in _manifests_below(contents, roots):
        config = manifest.config and contents.documents.get(contents.real(manifest.config.digest.path))
        if manifest.is_runnable and config:
            layers += layers_of(manifest, config, what=f"{contents.what}: {manifest.descriptor.digest}")
    return layers


def layers_of(manifest: Manifest, config: bytes, *, what: str) -> list[tuple[Descriptor, Digest]]:
    """Returns the layers of an image, each with the digest of its uncompressed content.

    Raises:
        Damaged: Manifest and config have different numbers of layers.
    """
    diff_ids = docker_archive.diff_ids_of(config, what=what)
    if len(diff_ids) != len(manifest.layers):
        raise Damaged(
            "manifest and config disagree about the layers",
            subject=what,
            expected=text("{count} layers", count=len(diff_ids)),
            actual=str(len(manifest.layers)),
        )
    return list(zip(manifest.layers, diff_ids, strict=True))


def _check_no_links(contents: Contents, *, is_docker: bool) -> None:
    """Checks that a layout consists of files: programs that unpack it follow links in different ways.

    Docker links layers that it would save twice. In its archives, blobs may be links to other members.

    Raises:
        Damaged: A part of the layout is a link.
    """
    for name in contents.links:
        if name in (INDEX, MARKER) or (name.startswith("blobs/") and not is_docker):
            raise Damaged("a link; a regular file is expected", subject=f"{contents.what}: {name[:200]}")


def _configs_below(contents: Contents, root: Descriptor) -> dict[Digest, Manifest]:
    """Returns the manifests of the images below a root, by the digests of their configs."""
    return {found.config.digest: found for found in _manifests_below(contents, [root]) if found.config}


def _check_agreement(contents: Contents) -> None:
    """Checks that both forms in an archive have the same images. Else the checked image can differ from the loaded one.

    Raises:
        Damaged: manifest.json has an image that the layout lacks, or has with other names or other layers.
    """
    by_config: dict[Digest, Manifest] = {}
    configs: dict[str, set[Digest]] = {}
    for held in read_index(documents_of(contents, StagingCache())):
        below = _configs_below(contents, held.image)
        by_config |= below
        for name in held.names:
            configs.setdefault(_without_digest(name), set()).update(below)
    named = set[Digest]().union(*configs.values())
    for image in docker_archive.read_images(contents):
        what = f"{contents.what}: {image.config}"
        config = Digest.of(contents.document(image.config))
        manifest = by_config.get(config)
        if manifest is None:
            raise Damaged("manifest.json names an image that index.json does not", subject=what)
        layers = [contents.find(layer.digest.path) for layer in manifest.layers]
        if [contents.find(name) for name in image.layers] != layers:
            raise Damaged("manifest.json and the layout disagree about the layers", subject=what)
        for tag in image.tags:
            owners = configs.get(_without_digest(completed(tag) or tag), set())
            if config not in owners and (owners or config in named):
                raise Damaged(
                    "manifest.json and index.json disagree about a name", subject=f"{contents.what}: {tag[:200]!r}"
                )


def _without_digest(name: str) -> str:
    return name.partition("@")[0]
