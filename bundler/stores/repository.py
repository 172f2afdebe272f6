"""A repository of a registry, as a source and as a sink (distribution-spec 1.1): a place where digests name bytes.

Nothing is retried here and nothing is believed: sizes and digests are compared with what was asked for.
"""

from __future__ import annotations

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink, Obtained, Pieces
from bundler.stores.answer_headers import media_type_of
from bundler.stores.http import error_of, heard, no_registry
from bundler.stores.registry import Registry
from bundler.stores.registry_blobs import Blobs
from bundler.stores.registry_manifests import Manifests
from bundler.stores.registry_uploads import Uploads
from bundler.stores.repository_place import RepositoryPlace

_NO_MANIFEST = b"{"
"""No registry takes this for a manifest."""


class Repository:
    """A repository: an `ImageSource` and an `ImageSink`. Thread-safe. A registry may have very many."""

    __slots__ = ("_blobs", "_manifests", "_place", "_uploads")
    is_remote = True

    def __init__(self, registry: Registry, path: str) -> None:
        """Asks nothing, not even if it exists."""
        self._place = RepositoryPlace(registry, path)
        self._uploads = Uploads(self._place)
        self._blobs = Blobs(self._place, self._uploads)
        self._manifests = Manifests(self._place)

    @property
    def registry(self) -> Registry:
        """The registry that it is in."""
        return self._place.registry

    @property
    def path(self) -> str:
        """Its path there."""
        return self._place.path

    @property
    def name(self) -> str:
        """Registry and repository, as people write it."""
        return self._place.name

    def expect_nothing(self) -> None:
        """Notes that there is probably nothing here yet: `obtain_blob` then takes one request less."""
        self._blobs.expect_none()

    def exists(self) -> bool:
        """Whether the registry knows the repository at all.

        Raises:
            Refused, Unavailable: It does not say.
        """
        answer = self._place.registry.request("GET", f"{self._place.path}/tags/list?n=1", scopes=self._place.pull)
        if answer.status not in (200, 404):
            raise error_of(answer, subject=self._place.name)
        if answer.status == 200 and media_type_of(answer) == "text/html":
            answer.drop()
            raise no_registry(answer, subject=self._place.name)
        answer.drain()
        return answer.status == 200

    def check_push(self) -> None:
        """Makes sure that images may be pushed here, and leaves nothing there.

        Something is pushed that is no manifest, under a digest that is not its own. Who may push is told so; who may
        not, and a registry that is read-only, say that first. (The end of an upload that never began would tell the
        rights as well, but distribution looks whether the upload exists before it says that it is read-only.)

        Raises:
            Refused, Unavailable: They may not, or it does not say.
        """
        headers = {"Content-Type": oci.OCI_MANIFEST, "Content-Length": str(len(_NO_MANIFEST))}
        path = f"{self._place.path}/manifests/{Digest.of(b'')}"
        answer = self._place.registry.request("PUT", path, scopes=self._place.push, headers=headers, body=_NO_MANIFEST)
        told = heard(answer)
        if told.refuses_every_push(self._place.path):
            raise error_of(answer, subject=self._place.name, told=told)

    def check_upload(self) -> None:
        """Makes sure that uploads lead to an address that bytes may go to.

        Raises:
            Refused, Unavailable: As `Uploads.check`.
        """
        self._uploads.check()

    def resolve(self, name: str | None) -> Descriptor:
        """The manifest that a tag or digest names; it is kept until it is read."""
        return self._manifests.resolve(name)

    def look_up(self, name: str) -> Descriptor | None:
        """The same by HEAD, without its size; None where the registry does not say."""
        return self._manifests.look_up(name)

    def find(self, name: str) -> Descriptor | None:
        """The same for a sink, with its size; None if there is none."""
        return self._manifests.find(name)

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified by its digest."""
        return self._manifests.read(descriptor)

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Pushes a manifest by its digest."""
        self._manifests.put(descriptor, content)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag, and reads the tag back."""
        self._manifests.tag(descriptor, content, name)

    def remove_tag(self, name: str) -> bool:
        """Removes a tag alone; returns False if the registry cannot do that."""
        return self._manifests.remove_tag(name)

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob."""
        yield from self._blobs.open(descriptor, offset_bytes=offset_bytes)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the registry holds the blob, with its size."""
        return self._blobs.has(descriptor)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Uploads a blob."""
        self._blobs.put(descriptor, pieces)

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        """Asks for a blob, and mounts it from another repository of the same registry."""
        if isinstance(holder, Repository) and holder.registry is self.registry:
            return self._blobs.obtain(descriptor, holder._blobs)
        return self._blobs.obtain(descriptor, None)
