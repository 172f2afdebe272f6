"""Blobs of a repository: distribution-spec 1.1, "Pulling blobs", "Pushing blobs", "Mounting a blob"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import Obtained, Pieces
from bundler.errors import Denied, Refused, Unavailable
from bundler.stores.answer_headers import length_of, number_of
from bundler.stores.http import Answer, error_of
from bundler.stores.ranges import pieces_from, stated_size
from bundler.stores.registry_uploads import Uploads
from bundler.stores.repository_place import RepositoryPlace
from bundler.stores.uploads import Upload

_WRONG_LENGTHS = 2
"""The most times that a blob may have a wrong length and be sent again: before it is sent or after, but not both."""


class Blobs:
    """The blobs of one repository. Thread-safe."""

    __slots__ = ("_is_likely_empty", "_lengths_wrong", "_opened", "_place", "_uploads")

    def __init__(self, place: RepositoryPlace, uploads: Uploads) -> None:
        self._place = place
        self._uploads = uploads
        self._opened: dict[Digest, Upload] = {}
        """Uploads that the registry opened when it was asked to mount."""
        self._lengths_wrong: Counter[Digest] = Counter()
        """The number of times that each blob had a wrong length here."""
        self._is_likely_empty = False

    def expect_none(self) -> None:
        """Records that the repository is probably empty: `obtain` then sends one request less."""
        self._is_likely_empty = True

    def open(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """Yields the bytes of a blob from an offset on: by Range, or by skipping the bytes before."""
        called = self._place.called(descriptor.digest)

        def ask(headers: Mapping[str, str]) -> Answer:
            path = f"{self._place.path}/blobs/{descriptor.digest}"
            answer = self._place.registry.request("GET", path, scopes=self._place.pull, headers=headers)
            if answer.status == 404 and descriptor.urls:
                answer.drain()
                return self._place.registry.foreign.ask(descriptor, headers, called=called)
            if answer.status not in (200, 206, 416):
                raise error_of(answer, subject=called)
            return answer

        yield from pieces_from(ask, descriptor, offset_bytes, called=called)

    def has(self, descriptor: Descriptor) -> bool:
        """True if the registry has the blob with its size. A damaged blob may be sent again.

        Raises:
            Refused: The registry has it with another size, also after it was sent again.
            Unavailable: The registry does not say.
        """
        answer = self._place.head(
            f"{self._place.path}/blobs/{descriptor.digest}", called=self._place.called(descriptor.digest)
        )
        if answer is None:
            return False
        return (answer.status == 200 and length_of(answer) == descriptor.size_bytes) or self._gives_blob(descriptor)

    def stated_length(self, digest: Digest) -> int | None:
        """Returns the length of a blob by the registry's own words, 0 if it states none; None if it has no such blob.

        Raises:
            Refused, Unavailable: The registry does not say.
        """
        answer = self._place.head(f"{self._place.path}/blobs/{digest}", called=self._place.called(digest))
        if answer is None:
            return None
        length = length_of(answer) if answer.status == 200 else None
        if length:
            return length
        is_there, size = self._ask_for_a_byte(digest)
        return (number_of(size) or 0) if is_there else None

    def put(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Uploads a blob: one POST, one PUT, and one HEAD, because a registry keeps an existing blob of this digest.

        If a proxy refuses a body of this size, the first try finds that out, and the next try sends the blob in pieces.
        """
        upload = self._opened.pop(descriptor.digest, None) or self._uploads.begin({}, self._place.push)
        if upload is None:
            raise Refused("the registry's answer to the upload is not valid", subject=self._place.name)
        self._uploads.send(upload, descriptor, pieces)
        if self._is_likely_empty and self._place.registry.self_mounts.is_to_be_asked():
            self._find_out_about_mounts(descriptor)
        if not self.has(descriptor):
            raise problem("not-kept", subject=self._place.called(descriptor.digest), retryable=True)

    def obtain(self, descriptor: Descriptor, holder: Blobs | None) -> Obtained | None:
        """Checks for the blob, and mounts it from another repository of the same registry.

        A repository that is probably empty is not checked first: one POST mounts the blob, from the holder or from
        the repository itself, or opens the upload that `put` uses.

        Raises:
            Refused: The registry has the blob with another size, or refuses pushes.
            Unavailable: The registry does not say.
        """
        is_asked_by_mount = self._is_likely_empty and self._place.registry.self_mounts.are_answered_by_201
        if not is_asked_by_mount and self.has(descriptor):
            return Obtained.PRESENT
        if holder is not None and holder is not self:
            return Obtained.MOUNTED if self._mount(descriptor, holder) else None
        return Obtained.PRESENT if is_asked_by_mount and self._mount(descriptor, self) else None

    def _mount(self, descriptor: Descriptor, holder: Blobs) -> bool:
        """Mounts a blob. A registry that refuses may still take the bytes. Keeps an upload that it opens instead."""
        query = {"mount": str(descriptor.digest), "from": holder._place.path}
        try:
            upload = self._uploads.begin(
                query, self._place.push if holder is self else self._place.push + holder._place.pull
            )
        except Denied:
            if holder is self:
                raise  # without this right, no upload can be opened
            return False
        except Refused:
            if holder is self:
                self._place.registry.self_mounts.note(is_answered_by_201=False)
            return False
        if upload is not None:
            self._opened[descriptor.digest] = upload
            return False
        return self.has(descriptor)  # check its length, as after every push

    def _gives_blob(self, descriptor: Descriptor) -> bool:
        """True if the registry serves the blob with its size: a GET of one byte, if HEAD was not enough.

        Cloud storage signs addresses for GET only, proxies answer HEAD without a length, and a registry may state the
        length of a link to the blob.
        """
        is_there, size = self._ask_for_a_byte(descriptor.digest)
        if not is_there or size is None or size == str(descriptor.size_bytes):
            return is_there
        self._lengths_wrong[descriptor.digest] += 1
        if self._lengths_wrong[descriptor.digest] > _WRONG_LENGTHS:
            raise self._place.damaged(descriptor, f"{size[:20]} bytes")
        return False

    def _ask_for_a_byte(self, digest: Digest) -> tuple[bool, str | None]:
        """Asks for the first byte of a blob. Returns whether it is there, and its size, if the answer states it."""
        path = f"{self._place.path}/blobs/{digest}"
        answer = self._place.registry.request("GET", path, scopes=self._place.push, headers={"Range": "bytes=0-0"})
        if answer.status == 404:
            answer.drain()
            return False, None
        if answer.status not in (200, 206, 416):
            raise error_of(answer, subject=self._place.called(digest))
        size = stated_size(answer) or ("0" if answer.status == 416 else None)
        answer.drop()
        return True, size

    def _find_out_about_mounts(self, descriptor: Descriptor) -> None:
        """Tests, with a blob that is here, how the registry answers for `SelfMounts`.

        It may not answer 201: ECR does so only for blobs of a manifest, and other registries never mount. Without the
        test, they would be sent the blobs of an earlier run again.
        """
        try:
            upload = self._uploads.begin({"mount": str(descriptor.digest), "from": self._place.path}, self._place.push)
        except (Refused, Unavailable):
            return
        self._place.registry.self_mounts.note(is_answered_by_201=upload is None)
        if upload is not None:
            self._uploads.cancel(upload)
