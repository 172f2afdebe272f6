"""A repository of a registry, as a source and as a destination (distribution-spec 1.1): a namespace for blobs.

This module never retries, and trusts no answer: sizes and digests are compared with those of the request.
"""

from __future__ import annotations

from bundler.core import oci
from bundler.core.attachments import FallbackIndex, FoundAttachment, Referrer
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink, Obtained, Pieces
from bundler.stores.answer_headers import media_type_of
from bundler.stores.http import error_of, facts_of, no_registry
from bundler.stores.pull_limit import PullLimit
from bundler.stores.referrers import AttachmentTags, ReferrersApi, TaggedManifests, attachments_of
from bundler.stores.registry import Registry
from bundler.stores.registry_blobs import Blobs
from bundler.stores.registry_manifests import Manifests
from bundler.stores.registry_uploads import Uploads
from bundler.stores.repository_place import RepositoryPlace

_NO_MANIFEST = b"{"
"""This is not a manifest for any registry."""


class Repository:
    """A repository: an `ImageSource` and an `ImageSink`. Thread-safe. A registry may have very many."""

    __slots__ = ("_api", "_blobs", "_manifests", "_place", "_tags", "_uploads")
    is_remote = True

    def __init__(self, registry: Registry, path: str, *, is_reading: bool = False) -> None:
        """Sends no request, not even to check that it exists. See `RepositoryPlace` for ``is_reading``."""
        self._place = RepositoryPlace(registry, path, is_reading)
        self._uploads = Uploads(self._place)
        self._blobs = Blobs(self._place, self._uploads)
        self._manifests = Manifests(self._place)
        self._api = ReferrersApi(self._place)
        self._tags = AttachmentTags(self._place)

    @property
    def registry(self) -> Registry:
        """Its registry."""
        return self._place.registry

    @property
    def path(self) -> str:
        """Its path in the registry."""
        return self._place.path

    @property
    def name(self) -> str:
        """Registry and repository, as people write it."""
        return self._place.name

    def expect_nothing(self) -> None:
        """Records that the repository is probably empty: `obtain_blob` then sends one request less."""
        self._blobs.expect_none()

    def exists(self) -> bool:
        """True if the registry knows the repository.

        Raises:
            Refused, Unavailable: The registry does not say.
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
        """Checks that images may be pushed here, and leaves nothing there.

        Raises:
            Refused, Unavailable: They may not, or the registry does not say.
        """
        # An invalid manifest is pushed, under a wrong digest. A registry checks rights and its read-only mode before it
        # refuses the manifest. (Ending an upload that was never started would check rights too, but distribution looks
        # for the upload before it says that it is read-only.)
        headers = {"Content-Type": oci.OCI_MANIFEST, "Content-Length": str(len(_NO_MANIFEST))}
        path = f"{self._place.path}/manifests/{Digest.of(b'')}"
        answer = self._place.registry.request("PUT", path, scopes=self._place.push, headers=headers, body=_NO_MANIFEST)
        facts = facts_of(answer)
        if facts.refuses_every_push(self._place.path):
            raise error_of(answer, subject=self._place.name, facts=facts)

    def check_upload(self) -> None:
        """Checks that uploads get an allowed address.

        Raises:
            Refused, Unavailable: As `Uploads.check`.
        """
        self._uploads.check()

    def resolve(self, name: str | None) -> Descriptor:
        """Returns the descriptor of a tag or digest. Keeps its manifest until it is read."""
        return self._manifests.resolve(name)

    def look_up(self, name: str) -> Descriptor | None:
        """Returns the same by HEAD, without its size; None if the registry does not name it."""
        return self._manifests.look_up(name)

    def find(self, name: str) -> Descriptor | None:
        """Returns the same for a destination, with its size; None if it does not exist."""
        return self._manifests.find(name)

    def pull_limit(self, name: str) -> PullLimit | None:
        """Returns the limit for pulls that the registry states of a tag or digest; None if it states none."""
        return self._manifests.pull_limit(name)

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Returns a manifest, verified by its digest."""
        return self._manifests.read_manifest(descriptor)

    def referrers(self, subject: Digest) -> tuple[Referrer, ...] | None:
        """Returns the referrers of a manifest by the API; None if there is no API."""
        return self._api.referrers(subject)

    def fallback_index(self, subject: Digest) -> FallbackIndex | None:
        """Returns the index at the fallback tag of a manifest; None if there is none."""
        return self._api.fallback_index(subject, self._manifests)

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        """Returns all that the repository lists as attached to a manifest."""
        return self.attachments_by(subject, self)

    def attachments_by(self, subject: Digest, manifests: TaggedManifests) -> tuple[FoundAttachment, ...]:
        """Returns the same, and reads fallback indexes from a cache of the repository."""
        return attachments_of(subject, self._api, self._tags, manifests)

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Pushes a manifest by its digest."""
        self._manifests.put(descriptor, content)

    def put_under(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag that others may move too, so the tag is not read back."""
        self._manifests.put_under(descriptor, content, name)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Pushes a manifest under a tag, and reads the tag back."""
        self._manifests.tag(descriptor, content, name)

    def remove_tag(self, name: str) -> bool:
        """Removes a tag without its manifest. Returns False if the registry cannot do that."""
        return self._manifests.remove_tag(name)

    def delete_manifest(self, digest: Digest) -> bool:
        """Removes a manifest with all its tags. Returns False if it is not there."""
        return self._manifests.delete(digest)

    def check_deletion(self) -> None:
        """Checks that manifests may be removed, and removes nothing."""
        self._manifests.check_deletion()

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """Yields the bytes of a blob."""
        yield from self._blobs.open(descriptor, offset_bytes=offset_bytes)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the registry has the blob with its size."""
        return self._blobs.has(descriptor)

    def blob_length(self, digest: Digest) -> int | None:
        """Returns the length of a blob as the registry states it, 0 if it states none; None if it is not there."""
        return self._blobs.stated_length(digest)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Uploads a blob."""
        self._blobs.put(descriptor, pieces)

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        """Checks for a blob, and mounts it from another repository of the same registry."""
        if isinstance(holder, Repository) and holder.registry is self.registry:
            return self._blobs.obtain(descriptor, holder._blobs)
        return self._blobs.obtain(descriptor, None)
