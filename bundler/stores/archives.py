"""Image files as sources: ``docker-archive:`` and ``oci-archive:``, plain, compressed or in 7z.

An archive is indexed once. What lies in a plain file as it is to be carried is read from there; everything else that is
wanted is staged in scratch, in one more pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.limits import INDEX_DEPTH
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, Refused
from bundler.scratch import Scratch
from bundler.stores import docker_archive
from bundler.stores.archive_contents import Contents, Take, survey
from bundler.stores.docker_archive import ArchivedImage
from bundler.stores.image_file import ImageFile, Tap, nothing, tapped
from bundler.stores.oci_archive import ArchiveFiles
from bundler.stores.oci_layout import INDEX, LayoutFiles, LayoutSource, chosen, read_index
from bundler.stores.partial_layout import source_of_present
from bundler.stores.staging import InFile, Shelf, StagedFiles, StagedLayer, put_down, stage_layer
from bundler.stores.tar_reader import Member

DOCKER, OCI = "docker-archive", "oci-archive"


@dataclass(frozen=True, slots=True)
class Staging:
    """How images are made ready.

    Attributes:
        scratch: Where blobs are put down.
        shelf: What the run has staged so far.
        layer_compression: What uncompressed layers are compressed with: gzip, zstd or none.
        warn: Is told what is odd and does no harm.
        tap: Is shown what is read, for progress.
    """

    scratch: Scratch
    shelf: Shelf
    layer_compression: str
    warn: Callable[[str], None]
    tap: Tap = nothing


@dataclass(frozen=True, slots=True)
class Ready:
    """Images that can be copied, and whether their manifests, and so their digests, are ours."""

    source: LayoutSource
    is_repacked: bool


class Archive:
    """An image file, indexed."""

    def __init__(self, file: ImageFile, contents: Contents, transport: str | None, *, is_layout: bool) -> None:
        self.file = file
        self.contents = contents
        self._transport = transport
        self.is_layout = is_layout
        """Whether it is carried as the OCI image layout that it holds, byte for byte."""

    @classmethod
    def indexed(cls, file: ImageFile, transport: str | None = None, tap: Tap = nothing) -> Archive:
        """Reads an archive's documents and the names of its members.

        Args:
            file: The archive.
            transport: `DOCKER` or `OCI` where somebody said what it is.
            tap: Is shown what is read.

        Raises:
            Damaged: It is no tar, or cut or inconsistent.
            Refused: It is not what somebody said.
        """
        with file.stream(tap) as stream:
            contents = survey(stream, what=file.called, take=_pass_over)
        return cls.of(file, contents, transport)

    @classmethod
    def of(cls, file: ImageFile, contents: Contents, transport: str | None = None) -> Archive:
        """An archive whose contents are known.

        Raises:
            Damaged, Refused: As `indexed`.
        """
        has_layout, has_docker = contents.find(INDEX) is not None, contents.find(docker_archive.MANIFEST) is not None
        if transport == OCI and not has_layout:
            hint = f"write {DOCKER}:{file.path}" if has_docker else None
            raise Refused("not an OCI image layout: there is no index.json", subject=file.called, hint=hint)
        if transport == DOCKER and not has_docker:
            hint = f"write {OCI}:{file.path}" if has_layout else None
            raise Refused("not an archive of docker save: there is no manifest.json", subject=file.called, hint=hint)
        if not has_layout and not has_docker:
            raise Damaged(
                "not an image archive: there is neither index.json nor manifest.json",
                subject=file.called,
                hint="the files of the image must stand at the top of the archive" if contents.members else None,
            )
        is_layout = has_layout and (transport == OCI or not has_docker or _is_original(contents))
        return cls(file, contents, transport, is_layout=is_layout)

    @property
    def docker_images(self) -> list[tuple[frozenset[str], ArchivedImage]]:
        """The images of manifest.json with their names, each also by its place as skopeo has it: ``@0``."""
        images = docker_archive.read_images(self.contents)
        return [(image.names | {f"@{number}"}, image) for number, image in enumerate(images)]

    @property
    def layout(self) -> LayoutSource:
        """The documents of the layout in it, without the blobs."""
        return LayoutSource(documents_of(self.contents, Shelf()))

    def ready(self, names: Iterable[str | None], staging: Staging) -> Ready:
        """Makes images ready to be copied.

        Args:
            names: Of the wanted ones; None for the only one.
            staging: How.

        Raises:
            Refused: There is no image of a name.
            Damaged: The archive is not what it says.
            LocalStorage: There is no room in scratch.
        """
        if not self.is_layout:
            return Ready(self._staged_images(names, staging), is_repacked=True)
        files: LayoutFiles
        files = ArchiveFiles(self.file.path) if self.file.is_plain else self._staged_layout(names, staging)
        if self._transport == OCI:
            return Ready(LayoutSource(files), is_repacked=False)
        images = read_index(files)
        wanted = {chosen(images, name, called=self.file.called).digest for name in names}
        present = source_of_present(files, [image for image in images if image[1].digest in wanted], staging.warn)
        return Ready(present, is_repacked=False)

    def _staged_layout(self, names: Iterable[str | None], staging: Staging) -> StagedFiles:
        roots = [self.layout.resolve(name) for name in names]
        paths: dict[str, list[str]] = {}
        for descriptor in _blobs_below(self.contents, roots):
            member = self.contents.find(descriptor.digest.path)
            if member is not None:
                paths.setdefault(member.name, []).append(descriptor.digest.path)
        files = documents_of(self.contents, staging.shelf)

        def take(member: Member, pieces: Pieces) -> None:
            wanted = paths.get(member.name)
            if wanted:
                home = put_down(pieces, staging.scratch)
                for path in wanted:
                    files.add_blob(path, home)

        self._read_again(take, staging)
        return files

    def _staged_images(self, names: Iterable[str | None], staging: Staging) -> LayoutSource:
        known = [(called, (called, image)) for called, image in self.docker_images]
        images = list(dict.fromkeys(chosen(known, name, called=self.file.called) for name in names))
        wanted = {member.name for _, image in images for name in image.layers if (member := self.contents.find(name))}
        layers: dict[str, StagedLayer] = {}

        def take(member: Member, pieces: Pieces) -> None:
            if member.name in wanted:
                layers[member.name] = self._staged_layer(member, pieces, staging)

        self._read_again(take, staging)
        return LayoutSource(*docker_archive.assemble(images, self.contents, layers, staging.shelf, staging.warn))

    def _staged_layer(self, member: Member, pieces: Pieces, staging: Staging) -> StagedLayer:
        home = InFile(self.file.path, member.offset_bytes, member.size_bytes) if self.file.is_plain else None
        return stage_layer(
            pieces,
            staging.scratch,
            layer_compression=staging.layer_compression,
            what=f"{self.file.called}: {member.name}",
            home=home,
        )

    def _read_again(self, take: Take, staging: Staging) -> None:
        """One more pass over the archive."""

        def take_tapped(member: Member, pieces: Pieces) -> None:
            take(member, tapped(pieces, staging.tap))

        with self.file.stream(nothing if self.file.is_plain else staging.tap) as stream:
            survey(stream, what=self.file.called, take=take_tapped if self.file.is_plain else take)


def _pass_over(_member: Member, _pieces: Pieces) -> None:
    return


def documents_of(contents: Contents, shelf: Shelf) -> StagedFiles:
    """The documents of an archive as the beginning of a layout."""
    files = StagedFiles(contents.what, shelf)
    for name in (*contents.documents, *contents.links):
        content = contents.documents.get(contents.links.get(name, name))
        if content is not None:
            files.add_document(name, content)
    return files


def _is_original(contents: Contents) -> bool:
    """Whether the layers of the layout in an archive are those of a registry: one of them at least is compressed.

    Docker from 25 on writes a layout too, of its own making with uncompressed layers where it has no others.
    """
    roots = [descriptor for _, descriptor in read_index(documents_of(contents, Shelf()))]
    layers = [blob for blob in _blobs_below(contents, roots) if oci.is_layer_type(blob.media_type)]
    return any(not layer.media_type.endswith(".tar") for layer in layers)


def _blobs_below(contents: Contents, roots: Iterable[Descriptor]) -> list[Descriptor]:
    """Configs and layers of some manifests; what is no document is passed over, its absence is told later."""
    blobs: dict[Digest, Descriptor] = {}
    seen: set[Digest] = set()
    left = [(root, 0) for root in roots]
    while left:
        descriptor, depth = left.pop()
        content = contents.documents.get(contents.links.get(descriptor.digest.path, descriptor.digest.path))
        if content is None or descriptor.digest in seen or depth > INDEX_DEPTH:
            continue
        seen.add(descriptor.digest)
        what = f"{contents.what}: {descriptor.digest}"
        manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
        left += [(child, depth + 1) for child in manifest.children]
        blobs.update((blob.digest, blob) for blob in manifest.blobs)
    return list(blobs.values())
