"""The catalogue: the repositories of all bundles, their names and tags. Pure.

A repository has the full name that its images have in the bundles, ``docker.io/library/nginx``. It also answers to
shorter names, as long as only one repository has such a name: without its registry, as mirrors of Docker and
containerd ask for it; and with a registry that is spelt as a path, because a port cannot be within one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Protocol

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import MANIFEST, Blob, BundleManifest, Image
from bundler.core.manifest.attachments import Attachment
from bundler.core.mapping import scoped_path
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobsInFiles
from bundler.core.reference import DEFAULT_REGISTRY, Reference
from bundler.errors import BundlerError, HeldElsewhere

_REPOSITORIES_REMEMBERED = 256
_DOCKER_HUB = ("index.docker.io", "registry-1.docker.io")


class OpenBundle(BlobsInFiles, Protocol):
    """An open bundle, as far as it is served."""

    @property
    def id(self) -> str:
        """The SHA-256 of its SHA256SUMS."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def signers(self) -> tuple[str, ...]:
        """The key ids of its trusted signers; none if it was taken without a signature."""

    @property
    def manifest(self) -> BundleManifest:
        """Its bundle manifest."""


@frozen
class ServedImage:
    """An image of a served bundle."""

    bundle: OpenBundle
    image: Image

    @property
    def name(self) -> str:
        """The path and the tag or digest by which clients pull it; no other image has this name."""
        reference = self.image.reference
        last = f":{reference.tag}" if reference.tag else f"@{self.image.root.digest}"
        return f"{scoped_path(reference)}{last}"

    def descriptors(self) -> Iterator[Blob]:
        """Its manifests and blobs, and those of its attachments."""
        blobs = self.bundle.manifest.blobs
        return (blobs[number] for number in self.image.needs_with_attachments)


@frozen
class Repository:
    """A repository.

    Attributes:
        name: Its full name.
        images: Its images; of those with one tag, the newest bundle's is the last.
        tags: The root of each tag.
    """

    name: str
    images: tuple[ServedImage, ...]
    tags: Mapping[str, Descriptor]

    def attachments(self, subject: Digest) -> Iterator[tuple[ServedImage, Attachment]]:
        """The attachments of a manifest, each with the image that it came with."""
        for each in self.images:
            for attachment in each.image.attachments:
                if attachment.subject == subject:
                    yield each, attachment


@frozen
class MovedTag:
    """A tag that two bundles have with different digests. That of the newer bundle is served."""

    reference: Reference
    served: OpenBundle
    other: OpenBundle


@frozen
class IncompleteImage:
    """An image some of whose bytes are not here, and the reason. The rest of it is served."""

    image: ServedImage
    problem: BundlerError


class UnknownName(Exception):
    """There is no repository of this name."""


class AmbiguousName(Exception):
    """Several repositories have this short name. The argument has their full names."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.names = tuple(names)


class Catalogue:
    """The repositories of bundles, by all their names. Nothing of it changes."""

    def __init__(self, bundles: Iterable[OpenBundle]) -> None:
        """Reads the names of all images.

        Args:
            bundles: The bundles in any order.
        """
        self.bundles = tuple(sorted(bundles, key=lambda each: (each.manifest.created, each.id)))
        self.moved: tuple[MovedTag, ...]
        self._repositories, self.moved = _repositories(self.bundles)
        self._short: dict[str, tuple[str, ...]] = {}
        for repository in self._repositories.values():
            for name in _short_names(repository.images[0].image.reference):
                self._short[name] = (*self._short.get(name, ()), repository.name)
        self.names = sorted({scoped_path(each.images[0].image.reference) for each in self.repositories})
        self._blobs_of = lru_cache(maxsize=_REPOSITORIES_REMEMBERED)(self._blobs)

    @property
    def images(self) -> Iterator[ServedImage]:
        """All images, those of one repository after each other."""
        return (image for repository in self.repositories for image in repository.images)

    @cached_property
    def incomplete(self) -> tuple[IncompleteImage, ...]:
        """The images some of whose bytes are not here."""
        problems: dict[Digest, BundlerError] = {}
        for bundle in self.bundles:
            for blob in bundle.manifest.blobs:
                try:
                    self.holder(blob.descriptor)
                except BundlerError as error:
                    problems[blob.descriptor.digest] = error
        if not problems:
            return ()
        found = (
            (image, [problems.get(blob.descriptor.digest) for blob in image.descriptors()]) for image in self.images
        )
        return tuple(IncompleteImage(image, next(filter(None, reasons))) for image, reasons in found if any(reasons))

    @property
    def repositories(self) -> Iterable[Repository]:
        """All repositories."""
        return self._repositories.values()

    def find(self, name: str, *, origin: str | None = None) -> Repository:
        """The repository that a client means.

        Args:
            name: A full or short name.
            origin: The registry that the client would ask without a mirror: ``?ns=`` of containerd.

        Raises:
            UnknownName: There is none.
            AmbiguousName: There are several, and the client says no origin.
        """
        if origin is not None:
            origin = DEFAULT_REGISTRY if origin in _DOCKER_HUB else origin
            for full in (f"{origin}/{name}", f"{origin}/library/{name}" if origin == DEFAULT_REGISTRY else ""):
                if full in self._repositories:
                    return self._repositories[full]
        if name in self._repositories:
            return self._repositories[name]
        names = self._short.get(name, ())
        if origin is not None:  # as a path that names its registry: never the same path of another registry
            names = tuple(each for each in names if each.startswith(f"{origin}/"))
        if len(names) > 1:
            raise AmbiguousName(names)
        if not names:
            raise UnknownName
        return self._repositories[names[0]]

    def find_blob(self, repository: Repository, digest: Digest) -> Blob | None:
        """A blob or manifest of a repository; None if it has none with this digest."""
        return self._blobs_of(repository.name).get(digest)

    def find_manifest(self, repository: Repository, reference: str | Digest) -> Descriptor | None:
        """The manifest that a tag or digest of a repository refers to; None if there is none."""
        if isinstance(reference, str):
            return repository.tags.get(reference)
        blob = self.find_blob(repository, reference)
        return blob.descriptor if blob is not None and blob.kind == MANIFEST else None

    def holder(self, descriptor: Descriptor) -> BlobsInFiles:
        """The bundle that a blob is read from.

        Raises:
            BundlerError: No bundle here has all its bytes.
        """
        problems = []
        for bundle in self.bundles:
            problem = bundle.problem_of(descriptor)
            if problem is None:
                return bundle
            problems.append(problem)
        # Another chunk helps rather than another bundle.
        raise min(problems, key=lambda each: isinstance(each, HeldElsewhere))

    def _blobs(self, name: str) -> dict[Digest, Blob]:
        images = self._repositories[name].images
        return {blob.descriptor.digest: blob for image in images for blob in image.descriptors()}


def _repositories(bundles: Sequence[OpenBundle]) -> tuple[dict[str, Repository], tuple[MovedTag, ...]]:
    images: dict[str, list[ServedImage]] = {}
    for bundle in bundles:
        for image in bundle.manifest.images:
            images.setdefault(image.reference.name, []).append(ServedImage(bundle, image))
    tags = {name: _tags(group) for name, group in images.items()}
    found = {name: Repository(name, tuple(group), tags[name][0]) for name, group in images.items()}
    return found, tuple(each for _, moved in tags.values() for each in moved)


def _tags(images: Iterable[ServedImage]) -> tuple[dict[str, Descriptor], list[MovedTag]]:
    """The tags of a repository; those of newer bundles replace those of older ones, also on attachments."""
    tags: dict[str, Descriptor] = {}
    moved: list[MovedTag] = []
    holders: dict[str, OpenBundle] = {}
    for each in images:
        for attachment in each.image.attachments:
            if attachment.tag:
                tags[attachment.tag] = each.bundle.manifest.blobs[attachment.manifests[-1]].descriptor
        tag = each.image.reference.tag
        if tag is None:
            continue
        if tag in holders and tags[tag].digest != each.image.root.digest:
            moved.append(MovedTag(each.image.reference, each.bundle, holders[tag]))
        tags[tag], holders[tag] = each.image.root, each.bundle
    return tags, moved


def _short_names(reference: Reference) -> Iterator[str]:
    """The other names of a repository: its registry as a path, no registry, and no ``library`` for Docker Hub."""
    scoped = scoped_path(reference)
    if scoped != reference.name:
        yield scoped
    yield reference.repository
    if reference.registry == DEFAULT_REGISTRY and reference.repository.startswith("library/"):
        yield reference.repository.removeprefix("library/")
