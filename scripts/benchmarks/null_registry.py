"""A registry that keeps no blob: it reads and forgets them. It shows how fast a client can be, and judges no bytes.

It remembers the names and sizes of blobs, and whole manifests, so that a client finds what it has sent. One process,
one thread: ``python null_registry.py PORT``.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)(?P<upload>/[0-9]+)?/?")
_READ_BYTES = 1 << 20


@dataclass
class Content:
    """The content that the registry remembers."""

    blobs: dict[str, int] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, str, bytes]] = field(default_factory=dict)
    """The media type, digest and bytes of a manifest, by repository and tag or digest."""
    uploads: int = 0


class Connection(asyncio.BufferedProtocol):
    """One connection: request after request. Bodies of blobs are counted and dropped."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._buffer = bytearray(_READ_BYTES)
        self._head = b""
        self._request: tuple[str, str, dict[str, str]] | None = None
        self._left = 0
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        start = 0
        while start < nbytes:
            if self._request is None:
                start = self._read_head(start, nbytes)
            else:
                taken = min(self._left, nbytes - start)
                if "/manifests/" in self._request[1]:
                    self._body.append(bytes(self._buffer[start : start + taken]))
                self._left -= taken
                start += taken
            if self._request is not None and not self._left:
                request, body = self._request, b"".join(self._body)
                self._request, self._body = None, []
                self._transport.write(self._answer(*request, body))

    def _read_head(self, start: int, end: int) -> int:
        before = len(self._head)
        head = self._head + bytes(self._buffer[start : min(end, start + 65_536)])
        stop = head.find(b"\r\n\r\n")
        if stop < 0:
            self._head = head
            return end
        self._head = b""
        first, *lines = head[:stop].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._request, self._left = (method, path, headers), int(headers.get("content-length", 0))
        return start + stop + 4 - before

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        url = urlsplit(target)
        found = _PATH.fullmatch(url.path)
        if url.path == "/v2/":
            return _reply(200, "Docker-Distribution-API-Version: registry/2.0")
        if found is None:
            return _reply(404)
        name, reference = found["name"], found["reference"].replace("%3A", ":")
        if found["kind"] == "manifests":
            return self._manifest(method, name, reference, headers, body)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        return self._blob(method, name, reference, query, int(headers.get("content-length", 0)))

    def _manifest(self, method: str, name: str, reference: str, headers: dict[str, str], body: bytes) -> bytes:
        known = self._content.manifests
        if method == "PUT":
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            known[name, reference] = known[name, digest] = headers.get("content-type", ""), digest, body
            return _reply(201, f"Docker-Content-Digest: {digest}")
        if (name, reference) not in known:
            return _reply(404)
        media_type, digest, content = known[name, reference]
        described = f"Content-Type: {media_type}\r\nDocker-Content-Digest: {digest}"
        return _reply(200, described, content, is_head=method == "HEAD")

    def _blob(self, method: str, name: str, reference: str, query: dict[str, str], size_bytes: int) -> bytes:
        known, mount = self._content.blobs, query.get("mount")
        if method == "POST" and mount in known:
            return _reply(201, f"Location: /v2/{name}/blobs/{mount}\r\nDocker-Content-Digest: {mount}")
        if method == "POST":
            self._content.uploads += 1
        place = f"/v2/{name}/blobs/uploads/{self._content.uploads}"
        if method == "POST":
            return _reply(202, f"Location: {place}\r\nRange: 0-0")
        if method == "PATCH":
            return _reply(
                202, f"Location: /v2/{name}/blobs/uploads/{self._content.uploads}\r\nRange: 0-{size_bytes - 1}"
            )
        if method == "PUT":
            known[query["digest"]] = size_bytes
            return _reply(201, f"Docker-Content-Digest: {query['digest']}")
        if method == "HEAD" and reference in known:
            return _reply(200, f"Docker-Content-Digest: {reference}", length_bytes=known[reference])
        return _reply(404)


def _reply(
    status: int, headers: str = "", content: bytes = b"", *, is_head: bool = False, length_bytes: int | None = None
) -> bytes:
    length = len(content) if length_bytes is None else length_bytes
    more = f"{headers}\r\n" if headers else ""
    head = f"HTTP/1.1 {status} X\r\n{more}Content-Length: {length}\r\n\r\n".encode("latin-1")
    return head if is_head else head + content


async def _serve(port: int) -> None:
    content = Content()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(content), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
