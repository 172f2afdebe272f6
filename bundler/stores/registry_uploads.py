"""The requests of uploads to a repository: distribution-spec 1.1, "Pushing blobs"."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from bundler.core.advice import problem
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.core.registry_answers import RegistryAnswer
from bundler.errors import Broken, BundlerError, Damaged, Unavailable
from bundler.stores.addresses import shown
from bundler.stores.answer_headers import number_of
from bundler.stores.http import Answer, error_of, facts_of
from bundler.stores.repository_place import RepositoryPlace
from bundler.stores.uploads import PieceUpload, Upload, is_astray

_LOST_UPLOAD = frozenset({401, 404, 416})
"""The statuses of answers to an upload that the registry no longer knows."""


class Uploads:
    """The uploads to one repository: an `UploadChannel` of each. Thread-safe."""

    __slots__ = ("_place",)

    def __init__(self, place: RepositoryPlace) -> None:
        self._place = place

    def check(self) -> None:
        """Checks that uploads get an allowed address: starts an upload, asks for its state, cancels it.

        Raises:
            Refused: The registry, or a proxy in front of it, names another address.
            Unavailable: It does not answer.
        """
        upload = self.begin({}, self._place.push)
        if upload is None:
            return
        try:
            answer = self.ask("GET", upload.url, {})
            if astray := self._astray(facts_of(answer), upload):
                raise astray
        finally:
            self.cancel(upload)

    def send(self, upload: Upload, descriptor: Descriptor, pieces: Pieces) -> None:
        """Sends a blob: as a whole, or in pieces if its size is above the known limit.

        Raises:
            Refused, Unavailable: The registry refuses it.
        """
        limit = self._place.registry.body_limit
        piece_bytes = limit.piece_bytes(descriptor.size_bytes)
        is_whole = piece_bytes is None and not limit.takes_pause(descriptor.digest)
        send = self._send_whole if is_whole else self._send_pieces
        try:
            answer = send(upload, descriptor, pieces)
        except Broken:
            limit.broke(descriptor.digest, limit.piece_bytes(descriptor.size_bytes) or descriptor.size_bytes)
            raise
        except Damaged:
            self.cancel(upload)
            raise
        if answer.status not in (201, 204):
            raise self._error(answer, descriptor, upload)
        answer.drain()

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends a request of an upload."""
        return self._place.registry.ask_upload(method, url, scopes=self._place.push, headers=headers, body=body)

    def begin(self, query: dict[str, str], scopes: tuple[str, ...]) -> Upload | None:
        """Opens an upload; None if a mount made it unnecessary."""
        path = f"{self._place.path}/blobs/uploads/" + (f"?{urlencode(query)}" if query else "")
        answer = self._place.registry.request("POST", path, scopes=scopes, headers={"Content-Length": "0"})
        if answer.status == 201 and query:
            answer.drain()
            return None
        if answer.status != 202 or not answer.headers.get("Location"):
            raise error_of(answer, subject=self._place.name)
        answer.drain()
        return self.next(answer, Upload(""))

    def next(self, answer: Answer, upload: Upload) -> Upload:
        """Returns an upload with the address of the last answer, at which it continues."""
        url = self._place.registry.upload_at(answer, self._place.path) or upload.url
        return Upload(url, upload.least_bytes or number_of(answer.headers.get("OCI-Chunk-Min-Length")) or 0)

    def _send_whole(self, upload: Upload, descriptor: Descriptor, pieces: Pieces) -> Answer:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(descriptor.size_bytes)}
        url = upload.closing_url(descriptor.digest)
        answer = self._place.registry.upload(url, scopes=self._place.push, headers=headers, body=pieces)
        if answer.status == 413 and self._place.registry.body_limit.refused(descriptor.size_bytes):
            said = error_of(answer, subject=self._place.name).said
            raise problem("sent-in-pieces", subject=self._place.called(descriptor.digest), said=said, retryable=True)
        if answer.status in (201, 204):
            self._place.registry.body_limit.passed(descriptor.size_bytes)
        return answer

    def _send_pieces(self, upload: Upload, descriptor: Descriptor, pieces: Pieces) -> Answer:
        called = self._place.called(descriptor.digest)
        sending = PieceUpload(upload, self, self._place.registry.body_limit, called=called)
        return sending.send(pieces, descriptor.digest, descriptor.size_bytes)

    def cancel(self, upload: Upload) -> None:
        """Frees the upload's space at the registry. If that fails, the registry purges it later."""
        try:
            self._place.registry.ask_upload("DELETE", upload.url, scopes=self._place.delete, headers={}).drain()
        except BundlerError:
            return

    def _error(self, answer: Answer, descriptor: Descriptor, upload: Upload) -> BundlerError:
        called = self._place.called(descriptor.digest)
        facts = facts_of(answer)
        if astray := self._astray(facts, upload):
            return astray
        if answer.status in _LOST_UPLOAD:
            return Unavailable("the registry lost the upload", subject=called, retryable=True)
        error = error_of(answer, subject=called, facts=facts)
        # The digest was right when the bytes left this machine; they changed in transit.
        return error.but(retryable=True) if facts.doubts_digest else error

    def _astray(self, facts: RegistryAnswer, upload: Upload) -> BundlerError | None:
        """Returns the error for an upload that continues at an address without a registry; None if it does not."""
        if facts.status not in (404, 405) or facts.code or not is_astray(upload.url, self._place.registry.api_url):
            return None
        server, named = self._place.registry.api_url, shown(upload.url)
        return problem("upload-astray", subject=f"{server} names {named}", said=facts.said)
