"""Describes and checks an image file before it is loaded: structure, digests, and layers against their configs.

Reads every byte once, and unpacks nothing. Collects all problems, so that one run reports all. Only an unreadable
archive ends the check early.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import field

from bundler import texts
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.frozen import frozen, slotted
from bundler.core.limits import FINDINGS, INDEX_DEPTH
from bundler.core.oci import Descriptor, ImageConfig, Manifest
from bundler.errors import BundlerError, Damaged, Refused
from bundler.stores import compression, docker_archive
from bundler.stores.archive_contents import survey
from bundler.stores.archives import Archive, layers_of
from bundler.stores.docker_archive import ArchivedImage
from bundler.stores.held_images import completed
from bundler.stores.image_file import ImageFile, Tap, nothing
from bundler.stores.member_digests import MemberDigests
from bundler.texts import text

_ENDINGS = {
    compression.NONE: (".tar",),
    compression.GZIP: ("+gzip", ".gzip"),
    compression.ZSTD: ("+zstd", ".zstd"),
}
"""The endings of a layer's media type, by its compression."""


@frozen
class LayerFacts:
    """A layer as an archive lists it: by digest and media type in a layout, else by member name and diff_id."""

    name: str
    size_bytes: int | None
    media_type: str = ""


@frozen
class ImageFacts:
    """One image of an archive, for one platform.

    Attributes:
        names: The names in the archive.
        id: The digest of its config, which a daemon shows as its id.
        digest: The digest of its manifest; None if the archive has none, as those of ``docker save``.
        config: Its metadata.
        layers: Its layers, in order.
    """

    names: tuple[str, ...]
    id: Digest
    digest: Digest | None
    config: ImageConfig
    layers: tuple[LayerFacts, ...]


@slotted
class FileFacts:
    """The contents of an image file, and its problems."""

    file: ImageFile
    is_layout: bool = False
    members: int = 0
    images: list[ImageFacts] = field(default_factory=list)
    findings: list[BundlerError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sha256: str | None = None
    """The digest of the whole file, if all of it was read."""


def describe(file: ImageFile, tap: Tap = nothing) -> FileFacts:
    """Describes an image file by its documents alone.

    Raises:
        Damaged: It is not an image archive, or truncated or inconsistent.
    """
    return _Inspection(file, Archive.indexed(file, tap=tap), None).facts


def check(file: ImageFile, tap: Tap = nothing) -> FileFacts:
    """Describes an image file, and compares every byte with every digest in it.

    Raises:
        LocalStorage: The file cannot be read.
    """
    whole = hashlib.sha256()
    digests = MemberDigests()

    def see(piece: bytes | memoryview) -> None:
        whole.update(piece)
        tap(piece)

    try:
        with file.stream(see) as stream:
            contents = survey(stream, what=file.called, take=digests.take)
        for name, content in contents.documents.items():
            digests.take_document(name, content)
        facts = _Inspection(file, Archive.of(file, contents), digests).facts
    except (Damaged, Refused) as error:
        return FileFacts(file, findings=[error])
    facts.sha256 = whole.hexdigest()
    return facts


class _Inspection:
    """Reads the documents of an archive, and compares layers with the digests if there are any."""

    def __init__(self, file: ImageFile, archive: Archive, digests: MemberDigests | None) -> None:
        contents = archive.contents
        self._contents = contents
        self._digests = digests
        self._seen: set[tuple[Digest, str]] = set()
        self._reported: set[str] = set()
        self._configs: dict[str, ImageConfig] = {}
        self._misnamed: set[str] = set()
        self.facts = FileFacts(file, archive.is_layout, len(contents.members) + len(contents.links))
        if digests is not None:
            for name, actual in digests.misnamed(contents):
                self._misnamed.add(name)
                self._find(self._damaged(name, "the bytes do not match the digest in its name", actual))
        if archive.is_layout:
            self._collect(self._walk_layout, archive)
        if contents.find(docker_archive.MANIFEST) is not None:
            self._collect(self._walk_docker, archive)
        if not self.facts.images and not self.facts.findings:
            self._find(Damaged("it has no image", subject=contents.what))

    def _collect(self, walk: Callable[[Archive], None], archive: Archive) -> None:
        try:
            walk(archive)
        except (Damaged, Refused) as error:
            self._find(error)

    def _find(self, error: BundlerError) -> None:
        if str(error) not in self._reported and len(self._reported) < FINDINGS:
            self._reported.add(str(error))
            self.facts.findings.append(error)

    def _warn(self, text: str) -> None:
        if len(self.facts.warnings) < FINDINGS:
            self.facts.warnings.append(text)

    def _walk_docker(self, archive: Archive) -> None:
        for held in archive.docker_images:
            try:
                self._take_docker(held.image, archive)
            except (Damaged, Refused) as error:
                self._find(error)

    def _take_docker(self, image: ArchivedImage, archive: Archive) -> None:
        what = f"{self._contents.what}: {image.config}"
        if self._digests is None:
            config = self._contents.document(image.config)
            diff_ids = docker_archive.diff_ids_of(config, what=what)
        else:
            config, diff_ids = docker_archive.check_image(image, self._contents, self._digests.inner, self._warn)
        if archive.is_layout:  # already reported with the layout, whose manifests say more
            known = {name for facts in self.facts.images for name in facts.names}
            for tag in image.tags:
                if not known.intersection({tag, completed(tag)}):
                    self._warn(texts.text("{what}: docker load names it {tag}", what=what, tag=tag))
            return
        found = [self._contents.find(name) for name in image.layers]
        layers = [
            LayerFacts(str(diff_id), member.size_bytes if member else None)
            for diff_id, member in zip(diff_ids, found, strict=False)
        ]
        parsed = self._config(image.config, config, what)
        self.facts.images.append(ImageFacts(tuple(sorted(image.tags)), Digest.of(config), None, parsed, tuple(layers)))

    def _config(self, name: str, content: bytes, what: str) -> ImageConfig:
        if name not in self._configs:
            self._configs[name] = oci.parse_image_config(content, what=what)
        return self._configs[name]

    def _walk_layout(self, archive: Archive) -> None:
        for held in archive.layout_images:
            try:
                self._walk(held.image, held.shown, depth=0)
            except (Damaged, Refused) as error:
                self._find(error)

    def _walk(self, descriptor: Descriptor, names: tuple[str, ...], *, depth: int) -> None:
        path = descriptor.digest.path
        if depth > INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=self._contents.what)
        if (descriptor.digest, descriptor.media_type) in self._seen or path in self._misnamed:
            return
        self._seen.add((descriptor.digest, descriptor.media_type))
        self._check_present(descriptor)
        content = self._contents.document(path)
        what = f"{self._contents.what}: {descriptor.digest}"
        manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
        for child in manifest.children:
            if self._contents.find(child.digest.path) is None:
                absent = text("{what}: the image for another platform is missing", what=what)
                if child.platform:
                    absent = text("{what}: the image for {platform} is missing", what=what, platform=child.platform)
                self._warn(absent)
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
            self._find(Damaged("a blob is missing", subject=f"{self._contents.what}: {blob.digest}"))
        elif member.size_bytes != blob.size_bytes:
            expected, actual = f"{blob.size_bytes} bytes", f"{member.size_bytes} bytes"
            subject = f"{self._contents.what}: {blob.digest}"
            self._find(Damaged("a blob has another size", subject=subject, expected=expected, actual=actual))

    def _take_manifest(self, descriptor: Descriptor, manifest: Manifest, names: tuple[str, ...], what: str) -> None:
        assert manifest.config is not None
        path = manifest.config.digest.path
        config = self._contents.document(path)
        parsed = self._config(path, config, what)
        layers = tuple(LayerFacts(str(d.digest), d.size_bytes, d.media_type) for d in manifest.layers)
        self.facts.images.append(ImageFacts(names, Digest.of(config), descriptor.digest, parsed, layers))
        if self._digests is None:
            return
        for layer, expected in layers_of(manifest, config, what=what):
            member = self._contents.find(layer.digest.path)
            if member is None:
                continue
            actual = self._digests.inner(member.name)
            if actual != expected:
                raise self._damaged(member.name, "the layer differs from the one in the config", actual, expected)
            kind = self._digests.kind(member.name)
            if not layer.media_type.endswith(_ENDINGS.get(kind, ())):
                message = texts.text(
                    "the layer is {kind}, its media type {media_type}", kind=kind, media_type=layer.media_type
                )
                self._find(Damaged(message, subject=f"{self._contents.what}: {layer.digest}"))

    def _damaged(self, name: str, message: str, actual: Digest, expected: Digest | None = None) -> Damaged:
        member = self._contents.find(name)
        place = f"{self._contents.what}: {name}"
        if member:
            place = text(
                "{what}: {name} at offset {count}", what=self._contents.what, name=name, count=member.offset_bytes
            )
        return Damaged(
            message,
            subject=place,
            expected=str(expected) if expected else None,
            actual=str(actual),
            hint="copy this file again, or ask for a new one",
        )
