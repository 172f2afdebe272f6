"""Describes and checks an image file alone, before anybody loads it: structure, digests, layers against their configs.

Every byte is read once. What is wrong is collected, so that one run tells all of it; only an archive that cannot be
read on ends it early. Nothing is unpacked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.limits import INDEX_DEPTH
from bundler.core.oci import Descriptor, ImageConfig, Manifest
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, Damaged, Refused
from bundler.stores import compression, docker_archive
from bundler.stores.archive_contents import survey
from bundler.stores.archives import Archive
from bundler.stores.docker_archive import ArchivedImage
from bundler.stores.image_file import ImageFile, Tap, nothing
from bundler.stores.tar_reader import ByteStream, Member

_BLOB = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """A layer as an archive lists it: digest and media type in a layout, the member and its diff_id otherwise."""

    name: str
    size_bytes: int | None
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image of an archive, of one platform.

    Attributes:
        names: What it is called there.
        id: The digest of its config, which a daemon shows as its id.
        digest: Of its manifest; None where the archive has none, as those of ``docker save``.
        config: Its metadata.
        layers: In order.
    """

    names: tuple[str, ...]
    id: Digest
    digest: Digest | None
    config: ImageConfig
    layers: tuple[LayerFacts, ...]


@dataclass(slots=True)
class FileFacts:
    """What an image file holds, and what is wrong with it."""

    file: ImageFile
    is_layout: bool = False
    members: int = 0
    images: list[ImageFacts] = field(default_factory=list)
    findings: list[BundlerError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sha256: str | None = None
    """Of the whole file, if it was read as a whole."""


def describe(file: ImageFile, tap: Tap = nothing) -> FileFacts:
    """What is in an image file, by its documents alone.

    Raises:
        Damaged: It is no image archive, or cut or inconsistent.
    """
    return _Inspection(file, Archive.indexed(file, tap=tap), None).facts


def check(file: ImageFile, tap: Tap = nothing) -> FileFacts:
    """What is in an image file, every byte of it compared with every digest in it.

    Raises:
        LocalStorage: The file cannot be read.
    """
    whole = hashlib.sha256()
    digests = _Digests()

    def see(piece: bytes | memoryview) -> None:
        whole.update(piece)
        tap(piece)

    try:
        with file.stream(see) as stream:
            contents = survey(stream, what=file.called, take=digests.take)
            _check_rest(stream, file.called)
        for name, content in contents.documents.items():
            digests.take_document(name, content)
        facts = _Inspection(file, Archive.of(file, contents), digests).facts
    except (Damaged, Refused) as error:
        return FileFacts(file, findings=[error])
    facts.sha256 = whole.hexdigest()
    return facts


def _check_rest(stream: ByteStream, what: str) -> None:
    """Behind the end mark there may be zeros, up to the size of a tape's block, and nothing else."""
    while rest := stream.read(1 << 20):
        if rest.strip(b"\0"):
            raise Damaged("something follows behind the archive's end", subject=what)


class _Digests:
    """The digests of the members: of their bytes, and of what is in them if they are compressed."""

    def __init__(self) -> None:
        self._own: dict[str, Digest] = {}
        self._inner: dict[str, Digest] = {}
        self.errors: dict[str, Damaged] = {}

    def take(self, member: Member, pieces: Pieces) -> None:
        """Hashes a member."""
        blob = _BLOB.fullmatch(member.name)
        own = hashlib.new(blob[1] if blob else "sha256")
        inner = hashlib.sha256()
        beginning, whole = compression.begun(pieces)
        kind = compression.kind_of(beginning)
        if kind == compression.SEVEN_ZIP:
            kind = compression.NONE

        def seen() -> Pieces:
            for piece in whole:
                own.update(piece)
                yield piece

        with closing(seen()) as raw:
            try:
                for piece in compression.decompressed(raw, kind, what=member.name):
                    inner.update(piece)
            except Damaged as error:
                self.errors[member.name] = error
            for piece in whole:  # what the decoder has not asked for, or not got to
                own.update(piece)
        self._own[member.name] = Digest(own.name, own.hexdigest())
        self._inner[member.name] = Digest("sha256", inner.hexdigest())

    def take_document(self, name: str, content: bytes) -> None:
        """Hashes a document."""
        blob = _BLOB.fullmatch(name)
        self._own[name] = Digest.of(content, algorithm=blob[1] if blob else "sha256")
        self._inner[name] = Digest.of(content)

    def own(self, name: str) -> Digest:
        """The digest of a member's bytes."""
        return self._own[name]

    def inner(self, name: str) -> Digest:
        """The digest of what is in a member: its diff_id, if it is a layer.

        Raises:
            Damaged: What it is compressed with is damaged.
        """
        if name in self.errors:
            raise self.errors[name]
        return self._inner[name]

    def misnamed(self) -> Iterator[tuple[str, Digest]]:
        """Blobs whose bytes are not those of the digest that they are named after."""
        for name, digest in self._own.items():
            blob = _BLOB.fullmatch(name)
            if blob and blob[2] != digest.encoded:
                yield name, digest


class _Inspection:
    """Walks through the documents of an archive, and compares with the digests if there are any."""

    def __init__(self, file: ImageFile, archive: Archive, digests: _Digests | None) -> None:
        contents = archive.contents
        self._contents = contents
        self._digests = digests
        self.facts = FileFacts(file, archive.is_layout, len(contents.members) + len(contents.links))
        if digests is not None:
            for name, actual in digests.misnamed():
                self._find(self._damaged(name, "the bytes are not those of the digest that it is named after", actual))
        if archive.is_layout:
            self._collect(self._walk_layout, archive)
        if contents.find(docker_archive.MANIFEST) is not None:
            self._collect(self._walk_docker, archive)

    def _collect(self, walk: Callable[[Archive], None], archive: Archive) -> None:
        try:
            walk(archive)
        except (Damaged, Refused) as error:
            self._find(error)

    def _find(self, error: BundlerError) -> None:
        if str(error) not in map(str, self.facts.findings):
            self.facts.findings.append(error)

    def _walk_docker(self, archive: Archive) -> None:
        for names, image in archive.docker_images:
            try:
                self._take_docker(tuple(sorted(name for name in names if name in image.tags)), image, archive)
            except (Damaged, Refused) as error:
                self._find(error)

    def _take_docker(self, names: tuple[str, ...], image: ArchivedImage, archive: Archive) -> None:
        what = f"{self._contents.what}: {image.config}"
        if self._digests is None:
            config = self._contents.document(image.config)
            diff_ids = docker_archive.diff_ids_of(config, what=what)
        else:
            config = docker_archive.check_image(image, self._contents, self._digests.inner, self.facts.warnings.append)
            diff_ids = docker_archive.diff_ids_of(config, what=what)
        if archive.is_layout:
            return  # told with the layout, whose manifests say more
        found = [self._contents.find(name) for name in image.layers]
        layers = [
            LayerFacts(str(diff_id), member.size_bytes if member else None)
            for diff_id, member in zip(diff_ids, found, strict=False)
        ]
        parsed = oci.parse_image_config(config, what=what)
        self.facts.images.append(ImageFacts(names, Digest.of(config), None, parsed, tuple(layers)))

    def _walk_layout(self, archive: Archive) -> None:
        for names, root in archive.layout.images:
            shown = tuple(sorted(name for name in names if not name.startswith("@")))
            try:
                self._walk(root, shown, depth=0)
            except (Damaged, Refused) as error:
                self._find(error)

    def _walk(self, descriptor: Descriptor, names: tuple[str, ...], *, depth: int) -> None:
        if depth > INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=self._contents.what)
        content = self._contents.document(descriptor.digest.path)
        what = f"{self._contents.what}: {descriptor.digest}"
        manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
        for child in manifest.children:
            if self._contents.find(child.digest.path) is None:
                platform = f" ({child.platform})" if child.platform else ""
                self.facts.warnings.append(f"{what}: the image for another platform is not there{platform}")
                continue
            try:
                self._walk(child, names, depth=depth + 1)
            except (Damaged, Refused) as error:
                self._find(error)
        for blob in manifest.blobs:
            self._check_present(blob)
        if manifest.is_runnable:
            self._take_manifest(descriptor, manifest, names, what)

    def _check_present(self, blob: Descriptor) -> None:
        member = self._contents.find(blob.digest.path)
        if member is None:
            self._find(Damaged("a blob is absent", subject=f"{self._contents.what}: {blob.digest}"))
        elif member.size_bytes != blob.size_bytes:
            expected, actual = f"{blob.size_bytes} bytes", f"{member.size_bytes} bytes"
            subject = f"{self._contents.what}: {blob.digest}"
            self._find(Damaged("a blob has another size", subject=subject, expected=expected, actual=actual))

    def _take_manifest(self, descriptor: Descriptor, manifest: Manifest, names: tuple[str, ...], what: str) -> None:
        assert manifest.config is not None
        config = self._contents.document(manifest.config.digest.path)
        parsed = oci.parse_image_config(config, what=what)
        layers = tuple(LayerFacts(str(d.digest), d.size_bytes, d.media_type) for d in manifest.layers)
        self.facts.images.append(ImageFacts(names, Digest.of(config), descriptor.digest, parsed, layers))
        if self._digests is None:
            return
        diff_ids = docker_archive.diff_ids_of(config, what=what)
        if len(diff_ids) != len(manifest.layers):
            raise Damaged(
                "manifest and config disagree about the layers",
                subject=what,
                expected=f"{len(diff_ids)} layers",
                actual=str(len(manifest.layers)),
            )
        for expected, layer in zip(diff_ids, manifest.layers, strict=True):
            member = self._contents.find(layer.digest.path)
            if member is not None and self._digests.inner(member.name) != expected:
                raise self._damaged(
                    member.name,
                    "the layer is not the one that the config lists",
                    self._digests.inner(member.name),
                    expected,
                )

    def _damaged(self, name: str, message: str, actual: Digest, expected: Digest | None = None) -> Damaged:
        member = self._contents.members[name]
        return Damaged(
            message,
            subject=f"{self._contents.what}: {name} at offset {member.offset_bytes}",
            expected=str(expected) if expected else None,
            actual=str(actual),
            hint="copy this file again, or ask for a new one",
        )
