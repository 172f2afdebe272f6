"""Uploads in pieces, for registries and proxies in front of them that refuse large bodies.

distribution-spec 1.1, "Pushing a blob in chunks". No server states its largest body: the first refused body shows it,
and the run remembers it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import UPLOAD_PIECE_BYTES, UPLOAD_PIECE_LEAST_BYTES, UPLOAD_PIECE_MOST_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Refused, Unavailable
from bundler.stores.addresses import Origin
from bundler.stores.http import Answer, error_of
from bundler.texts import text

_RANGE = lazy_pattern(r"(?:bytes=)?0-([0-9]{1,16})", re.ASCII)
_LOST = frozenset({401, 404})
_TAKEN = frozenset({201, 202, 204})
_BROKEN_BODY_BYTES = 1 << 20
"""The usual limit if a connection breaks in a large body: nginx's default."""


@frozen
class Upload:
    """An upload that a registry opened.

    Attributes:
        url: The address of its next request.
        least_bytes: The least size of each piece but the last one; ``OCI-Chunk-Min-Length``.
    """

    url: str
    least_bytes: int = 0

    def closing_url(self, digest: Digest) -> str:
        """Returns the address of its last request. Keeps the registry's query."""
        return f"{self.url}{'&' if urlsplit(self.url).query else '?'}{urlencode({'digest': str(digest)})}"


class UploadChannel(Protocol):
    """Sends the requests of one upload."""

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends a request."""

    def next(self, answer: Answer, upload: Upload) -> Upload:
        """Returns the upload with the address in an answer to it."""


class BodyLimit:
    """The largest body for one registry, as far as it is known. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._piece_bytes: int | None = None
        self._passed_bytes = 0
        self._is_proven = False
        self._takes_pieces = True
        self._broke_at: set[Digest] = set()
        self._pausing: set[Digest] = set()

    def expect_pause(self, digest: Digest) -> None:
        """Records that the bytes of a blob will pause for minutes: no server or proxy waits for a body that long."""
        with self._lock:
            self._pausing.add(digest)

    def takes_pause(self, digest: Digest) -> bool:
        """True if a blob must be sent in pieces because its bytes will pause."""
        return self._takes_pieces and digest in self._pausing

    def piece_bytes(self, size_bytes: int) -> int | None:
        """Returns the number of bytes of a blob for one body; None for all of it."""
        limit = self._piece_bytes
        return None if limit is None or size_bytes <= max(limit, self._passed_bytes) else limit

    @property
    def is_proven(self) -> bool:
        """True if a body was refused for its size; False if only connections broke."""
        return self._is_proven

    def refused(self, size_bytes: int) -> bool:
        """Records that a body was too large. True if a smaller one can be tried."""
        with self._lock:
            self._is_proven = True
            return self._takes_pieces and self._lower(size_bytes, UPLOAD_PIECE_BYTES)

    def broke(self, digest: Digest, size_bytes: int) -> None:
        """Records that a connection broke in a body. The second time for one blob, the size may be the reason."""
        with self._lock:
            is_again = digest in self._broke_at
            self._broke_at.add(digest)
            if is_again and self._takes_pieces and size_bytes > self._passed_bytes:
                self._lower(size_bytes, _BROKEN_BODY_BYTES)

    def passed(self, size_bytes: int) -> None:
        """Records that a body arrived."""
        with self._lock:
            self._passed_bytes = max(self._passed_bytes, size_bytes)

    def give_up_pieces(self) -> None:
        """Records that the registry refuses pieces."""
        with self._lock:
            self._takes_pieces, self._piece_bytes = False, None

    def _lower(self, size_bytes: int, first_bytes: int) -> bool:
        if size_bytes <= UPLOAD_PIECE_LEAST_BYTES:
            return False
        smaller = max(UPLOAD_PIECE_LEAST_BYTES, size_bytes // 2)
        self._piece_bytes = min(self._piece_bytes or first_bytes, smaller)
        self._passed_bytes = min(self._passed_bytes, size_bytes - 1)
        return True


class PieceUpload:
    """A blob that is sent in pieces. The registry completes it only with its digest, after the last piece."""

    def __init__(self, upload: Upload, channel: UploadChannel, limit: BodyLimit, *, called: str) -> None:
        """Sends nothing yet."""
        self._upload = upload
        self._channel = channel
        self._limit = limit
        self._called = called
        self._offset_bytes = 0

    def send(self, pieces: Pieces, digest: Digest, size_bytes: int) -> Answer:
        """Sends all pieces, then the digest. Returns the last answer.

        Raises:
            Refused, Unavailable: The registry refuses a request.
            BundlerError: An exception of ``pieces``; the upload is not completed then.
        """
        waiting = bytearray()
        for piece in pieces:
            waiting += piece
            while len(waiting) > self._piece_bytes(size_bytes):
                del waiting[: self._send_some(waiting, size_bytes)]
        while waiting:
            del waiting[: self._send_some(waiting, size_bytes)]
        if self._offset_bytes != size_bytes:
            raise Unavailable("the registry did not take the whole blob", subject=self._called, retryable=True)
        url = self._upload.closing_url(digest)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": "0"}
        return self._channel.ask("PUT", url, headers, b"")

    def _piece_bytes(self, size_bytes: int) -> int:
        wanted = max(self._limit.piece_bytes(size_bytes) or UPLOAD_PIECE_BYTES, self._upload.least_bytes)
        if wanted > UPLOAD_PIECE_MOST_BYTES:
            raise Refused(
                "the registry takes only larger pieces of a blob",
                subject=self._called,
                expected=text(
                    "pieces of at most {upload_piece_most_bytes} bytes", upload_piece_most_bytes=UPLOAD_PIECE_MOST_BYTES
                ),
                actual=text("{size} bytes", size=self._upload.least_bytes),
            )
        return wanted

    def _send_some(self, waiting: bytearray, size_bytes: int) -> int:
        """Sends one body. Returns the number of bytes that the registry has taken, which may be 0."""
        with memoryview(waiting) as view:
            piece = bytes(view[: self._piece_bytes(size_bytes)])
        first = self._offset_bytes
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(piece)),
            "Content-Range": f"{first}-{first + len(piece) - 1}",
        }
        answer = self._channel.ask("PATCH", self._upload.url, headers, piece)
        if answer.status == 413:
            return self._too_large(answer, piece)
        if answer.status == 416:
            return self._resume(answer, len(waiting))
        if answer.status in _LOST and self._limit.is_proven:
            raise self._lost(answer)
        if answer.status not in _TAKEN:
            raise self._not_taken(answer)
        self._limit.passed(len(piece))
        return self._advance(answer, len(piece))

    def _too_large(self, answer: Answer, piece: bytes) -> int:
        is_least = len(piece) <= self._upload.least_bytes
        if is_least or not self._limit.refused(len(piece)):
            raise error_of(answer, subject=self._called)
        answer.drain()
        return 0

    def _resume(self, answer: Answer, waiting_bytes: int) -> int:
        """After 416 "Requested Range Not Satisfiable", asks the registry how much it has."""
        answer.drain()
        status = self._channel.ask("GET", self._upload.url, {}, b"")
        if status.status not in _TAKEN:
            raise self._lost(status)
        taken_bytes = self._advance(status, 0)
        if not 0 < taken_bytes <= waiting_bytes:
            raise self._lost(status)
        return taken_bytes

    def _advance(self, answer: Answer, sent_bytes: int) -> int:
        """Follows the registry's count of bytes. Some state too few, or none; the digest decides in the end."""
        answer.drain()
        self._upload = self._channel.next(answer, self._upload)
        found = _RANGE.fullmatch(answer.headers.get("Range", "").strip())
        has_bytes = int(found[1]) + 1 if found and found[1] != "0" else self._offset_bytes + sent_bytes
        taken_bytes = has_bytes - self._offset_bytes
        if taken_bytes < min(sent_bytes, UPLOAD_PIECE_LEAST_BYTES):  # one byte at a time would never end
            raise self._lost(answer)
        if sent_bytes:
            taken_bytes = min(taken_bytes, sent_bytes)
        self._offset_bytes += taken_bytes
        return taken_bytes

    def _lost(self, answer: Answer) -> Unavailable:
        answer.drop()
        return Unavailable("the registry lost the upload", subject=self._called, retryable=True)

    def _not_taken(self, answer: Answer) -> Exception:
        """Lets a registry without pieces get whole blobs again, except if it refused those."""
        error = error_of(answer, subject=self._called)
        if error.retryable or self._limit.is_proven:
            return error
        self._limit.give_up_pieces()
        return Unavailable(
            "the registry does not take a blob in pieces", subject=self._called, said=error.said, retryable=True
        )


def mended(url: str, api_url: str, repository: str) -> str:
    """Returns the address of an upload, with the registry's own path if the registry or a proxy left that out.

    A registry below a proxy that removes a prefix names an address without it; distribution does so too with
    ``http.prefix`` and ``relativeurls``. An address of another form, or without a prefix to add, is returned unchanged:
    many registries have uploads elsewhere.

    Args:
        url: The complete URL.
        api_url: The root URL of the registry's API, with ``/v2/``.
        repository: The repository of the upload.
    """
    parts, api = urlsplit(url), urlsplit(api_url)
    tail = f"/v2/{repository}/blobs/uploads/"
    prefix = api.path.removesuffix("/v2/")
    is_ours = Origin.of(url) == Origin.of(api_url)
    found = parts.path.find(tail)
    is_unambiguous = found >= 0 and found == parts.path.rfind(tail)
    if not prefix or not is_ours or parts.path.startswith(api.path) or not is_unambiguous:
        return url
    return urlunsplit(parts._replace(path=prefix + parts.path[found:]))


def is_astray(url: str, api_url: str) -> bool:
    """True if the address of an upload is not below the registry's API."""
    return not urlsplit(url).path.startswith(urlsplit(api_url).path)
