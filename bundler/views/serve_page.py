"""The page of ``bundler serve``: the bundles, their images, and the commands to pull them."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.reference import is_registry
from bundler.serving.answers import Answer, Headers, of_content
from bundler.serving.heads import RequestHead, matches
from bundler.texts import text
from bundler.views.html import parts
from bundler.views.html.elements import Node, element
from bundler.views.html.page import Page, page_pieces, policy
from bundler.views.languages import language, languages
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.serving.catalogue import Catalogue, ServedImage

_KEPT = 4
"""Pages that are kept: one for each language and name of the server. Each is compressed."""

_PLAIN_BYTES = 1 << 20
"""A larger page is sent compressed, whatever the client accepts: many at a time would take much memory."""

_HOST_CHARACTERS = 261
"""The longest name of a host in DNS, with a port."""

_PROBLEMS = 20
_CONTAINERD = (
    "# /etc/containerd/certs.d/docker.io/hosts.toml",
    'server = "{url}"',
    '[host."{url}"]',
    '  capabilities = ["pull", "resolve"]',
)


@frozen
class _Written:
    """A page: compressed, with its length before, and the digest of it."""

    compressed: bytes
    length_bytes: int
    etag: str


class ServePage:
    """Answers requests for the page. It is made when it is first asked for. Thread-safe."""

    def __init__(self, catalogue: Catalogue, url: str) -> None:
        """Makes no page yet.

        Args:
            catalogue: The repositories.
            url: The URL of the server. The page has the name by which the client knows it, if it says a valid one.
        """
        self._catalogue = catalogue
        self._scheme, _, rest = url.partition("://")
        self._host = rest.rstrip("/")
        self._written: OrderedDict[tuple[str, str], _Written] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, head: RequestHead) -> Answer:
        """The answer to a request for the page."""
        named = head.headers.get("host", "")
        is_name = len(named) <= _HOST_CHARACTERS and is_registry(named)
        written = self._page(named if is_name else self._host, _language_of(head))
        headers: Headers = (
            ("ETag", written.etag),
            ("Vary", "Accept-Language, Accept-Encoding, Host"),
            ("Content-Security-Policy", f"{policy(has_filter=True)}; frame-ancestors 'none'"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-cache"),
        )
        if matches(head.headers.get("if-none-match"), written.etag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers)
        if "gzip" not in head.headers.get("accept-encoding", "") and written.length_bytes <= _PLAIN_BYTES:
            content = zlib.decompress(written.compressed, wbits=31)
            return of_content(HTTPStatus.OK, content, "text/html; charset=utf-8", *headers)
        headers = (*headers, ("Content-Encoding", "gzip"))
        return of_content(HTTPStatus.OK, written.compressed, "text/html; charset=utf-8", *headers)

    def _page(self, host: str, spelt: str) -> _Written:
        with self._lock:
            written = self._written.get((host, spelt))
            if written is None:
                written = _written(page_pieces(lambda: serve_page(self._catalogue, host, self._scheme), spelt))
                self._written[host, spelt] = written
                if len(self._written) > _KEPT:
                    self._written.popitem(last=False)
            else:
                self._written.move_to_end((host, spelt))
            return written


def _written(pieces: Iterator[bytes]) -> _Written:
    compressor, digest, length, done = zlib.compressobj(6, wbits=31), hashlib.sha256(), 0, []
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        done.append(compressor.compress(piece))
    return _Written(b"".join((*done, compressor.flush())), length, f'"{digest.hexdigest()[:32]}"')


def _language_of(head: RequestHead) -> str:
    """The first language that the client accepts and that there is; else that of the server."""
    for each in head.headers.get("accept-language", "").split(","):
        wanted = each.partition(";")[0].strip().lower().partition("-")[0]
        if wanted in languages():
            return wanted
    return language()


def serve_page(catalogue: Catalogue, host: str, scheme: str = "http") -> Page:
    """The page of a server.

    Args:
        catalogue: The repositories.
        host: The name of the server, as clients write it.
        scheme: ``http`` or ``https``.
    """
    images = list(catalogue.images)
    has_several = len(catalogue.bundles) > 1
    columns = [
        parts.Column(text("image"), "whole"),
        parts.Column(text("platforms")),
        parts.Column(text("size"), "number"),
        *([parts.Column(text("bundle"))] if has_several else []),
    ]
    names = [bundle.name for bundle in catalogue.bundles]
    body: list[Node] = [
        element("p", text("read-only registry"), class_="kind"),
        element("h1", host),
        parts.notes(_notes(catalogue)),
        parts.facts(_bundles(catalogue)),
        parts.figures(
            [
                (text("images"), f"{len(images):,}"),
                (text("repositories"), f"{len(catalogue.names):,}"),
                (text("in chunks"), size(_held_bytes(catalogue))),
            ]
        ),
        element("h2", text("Images")),
        element("p", text("filter"), id="filter"),
        parts.table(columns, (parts.row(columns, _cells(each, host)[: len(columns)]) for each in images)),
        element("h2", text("How to pull")),
        element("p", text("Docker, podman: the command below each image. One click selects it.")),
        element("p", text("containerd, under the original names:")),
        element("pre", parts.lines(each.format(url=f"{scheme}://{host}") for each in _CONTAINERD)),
        element("p", text("The server takes no images. Ctrl-C in its terminal ends it."), class_="hint"),
    ]
    return Page(f"{host}: {', '.join(names[:3])}", body, has_filter=True)


def _held_bytes(catalogue: Catalogue) -> int:
    """The size of the chunks of all bundles."""
    return sum(chunk.size_bytes for bundle in catalogue.bundles for chunk in bundle.manifest.chunks)


def _notes(catalogue: Catalogue) -> Iterator[parts.Note]:
    unsigned = [bundle.name for bundle in catalogue.bundles if not bundle.signers]
    if unsigned:
        yield parts.Note(parts.BAD, text("UNSIGNED: nobody can check it"), ", ".join(unsigned))
    lacking = catalogue.incomplete
    if lacking:
        lines = [f"{each.image.image.reference}: {each.problem}" for each in lacking[:_PROBLEMS]]
        yield parts.Note(parts.WARN, count(len(lacking), "image"), [text("a part is missing"), parts.lines(lines)])
    if catalogue.moved:
        lines = [f"{each.reference}: {each.served.name}, {each.other.name}" for each in catalogue.moved[:_PROBLEMS]]
        title = text("in several bundles, with different digests: the newest is served")
        yield parts.Note(parts.WARN, title, parts.lines(lines))


def _bundles(catalogue: Catalogue) -> Iterator[tuple[str, Node]]:
    for each in catalogue.bundles:
        yield (text("bundle"), element("strong", each.name))
        yield (text("made"), each.manifest.created)
        yield (text("id"), parts.code(each.id))
        yield (text("signed by"), parts.code(", ".join(each.signers)) if each.signers else text("nobody"))


def _cells(each: ServedImage, host: str) -> tuple[Node, ...]:
    platforms = dict.fromkeys(str(variant.config.platform) for variant in each.image.variants)
    name: Node = [
        element("bdi", str(each.image.reference)),
        element("div", parts.code(each.image.root.digest)),
        element("code", " ".join(("docker", "pull", f"{host}/{each.name}")), class_="copy"),
    ]
    return (name, ", ".join(platforms), size(_size_bytes(each)), each.bundle.name)


def _size_bytes(each: ServedImage) -> int:
    blobs = each.bundle.manifest.blobs
    return sum(blobs[number].descriptor.size_bytes for number in dict.fromkeys(each.image.needs))
