"""The kinds of lists, and the choice of the reader by the content. A new kind is one file and one line here.

A YAML file may have documents of several kinds. Each document goes to the first kind that knows it. A file of our own
kind, and a text with one image a line, go to `bundler.core.image_list`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bundler import texts
from bundler.core.image_list import NoImage, ParseImage, content_lines, looks_like_yaml, parse_image_list, unindented
from bundler.core.patterns import lazy_pattern
from bundler.core.platform import Platform
from bundler.core.yaml_documents import Document, Mapping, Node, documents
from bundler.errors import Misuse
from bundler.lists import (
    compose,
    docker_images,
    hauler,
    imgpkg,
    kubeadm,
    kubekey,
    kubernetes,
    oc_mirror,
    rancher,
    skopeo_sync,
    zarf,
)
from bundler.lists.found import NO_SURROUNDINGS, Item, ReadDocument, Surroundings
from bundler.lists.listing import Listing, ReadList

IMAGE_LIST = "image list"
"""The kind of our own lists."""

_OWN_KEYS = ("name", "platforms", "attachments", "images")
_TOP_KEY = lazy_pattern(r"^(?P<quote>['\"]?)(?P<key>[\w./-]+)(?P=quote)[ \t]*:(?=\s|$)", re.MULTILINE)
_FIRST_LINE = lazy_pattern(r"---|%YAML|[{]|(?P<quote>['\"]?)(?!image(?P=quote)\s*:)[\w$./:-]+(?P=quote)\s*:(?:\s|$)")
_LINE_END = lazy_pattern(r"\r\n?")
_JSON_LINE = lazy_pattern(r"^(?=\{)", re.MULTILINE)
_KEYS_COMPARED = 20


class Kind(NamedTuple):
    """A kind of YAML or JSON documents.

    Attributes:
        name: As people know it.
        knows: True for the value of a document of this kind.
        read: Reads such a document.
    """

    name: str
    knows: Callable[[Node], bool]
    read: ReadDocument


KINDS = (
    Kind("oc-mirror", oc_mirror.knows, oc_mirror.read),
    Kind("Zarf", zarf.knows, zarf.read),
    Kind("Hauler", hauler.knows, hauler.read),
    Kind("imgpkg", imgpkg.knows, imgpkg.read),
    Kind("KubeKey", kubekey.knows, kubekey.read),
    Kind("kubeadm", kubeadm.knows, kubeadm.read),
    Kind("Kubernetes", kubernetes.knows, kubernetes.read),
    Kind("Compose", compose.knows, compose.read),
    Kind("skopeo sync", skopeo_sync.knows, skopeo_sync.read),
    Kind("docker images", docker_images.knows, docker_images.read),
)
"""The kinds of documents. The first that knows a document reads it."""


class TextKind(NamedTuple):
    """A kind of texts with columns.

    Attributes:
        name: As people know it.
        knows: True for the lines of such a text.
        read: Reads them, with their numbers.
    """

    name: str
    knows: Callable[[Iterable[str]], bool]
    read: Callable[[str, Iterable[tuple[int, str]]], Iterator[Item]]


TEXT_KINDS = (
    TextKind("docker images", docker_images.knows_table, docker_images.read_table),
    TextKind("Rancher", rancher.knows_digests, rancher.read),
    TextKind("Rancher", rancher.knows_sources, rancher.read),
)
"""The kinds of texts."""


def read_list(
    text: str,
    *,
    source: str,
    parse_image: ParseImage,
    platforms: tuple[Platform, ...] = (),
    surroundings: Surroundings = NO_SURROUNDINGS,
) -> ReadList:
    """Reads a list of any kind.

    Args:
        text: The whole list.
        source: The name of the file, for messages.
        parse_image: Reads the location of one image.
        platforms: The platforms of images for which the list chooses none.
        surroundings: The files next to the list, and the values of its variables.

    Raises:
        Misuse: The list is of no known kind, or is wrong. `Several` if there is more than one error.
    """
    text = unindented(_LINE_END.sub("\n", text.removeprefix("\ufeff")))
    listing = Listing(source, parse_image, platforms)
    if _is_yaml(text, source):
        stream = documents(_one_stream(text), source=source)
        first = next(stream, None)
        kind = _kind_of(first.root) if first is not None else None
        if first is not None and kind is not None:
            return _read_stream(kind, first, stream, listing, surroundings)
        if first is not None and _is_strange(first.root):
            raise _unknown(first)
    else:
        columns = next(
            (kind for kind in TEXT_KINDS if kind.knows(line.strip() for _, line in content_lines(text))), None
        )
        if columns is not None:
            listing.add(columns.name, columns.read(source, content_lines(text)), where=source)
            return listing.result()
    images = parse_image_list(text, source=source, parse_image=parse_image, platforms=platforms)
    return ReadList(source, (IMAGE_LIST,), images, {})


def _one_stream(text: str) -> str:
    """A text whose lines are JSON objects, as ``docker images --format json`` writes them, as documents of YAML."""
    lines = [line for line in text.split("\n", 3) if line.strip()][:2]
    if len(lines) == 2 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines):
        return _JSON_LINE.sub("--- ", text)
    return text


def _is_yaml(text: str, source: str) -> bool:
    """True for YAML that may be of another kind than ours. The top keys tell it without reading the whole file."""
    if text.lstrip().startswith("-----BEGIN"):
        return False
    first = next((line for _, line in content_lines(text)), "")
    if not looks_like_yaml(text, source) and not _FIRST_LINE.match(first):
        return False
    keys = {match["key"] for match in _TOP_KEY.finditer(text)}
    return not ("images" in keys and keys <= set(_OWN_KEYS))


def _kind_of(root: Node) -> Kind | None:
    return next((kind for kind in KINDS if kind.knows(root)), None)


def _read_stream(
    kind: Kind | None, document: Document | None, stream: Iterator[Document], listing: Listing, around: Surroundings
) -> ReadList:
    while document is not None:
        if kind is None:
            listing.leave(NoImage(document.where(document.root), "document", "a document of an unknown kind"))
        else:
            listing.add(kind.name, kind.read(document, around), where=document.where(document.root))
        if listing.is_hopeless:
            break
        try:
            document = next(stream, None)
        except Misuse as error:
            listing.errors.append(error)
            break
        kind = _kind_of(document.root) if document is not None else None
    return listing.result()


def _is_strange(root: Node) -> bool:
    """True for a mapping without any key that is ours, or looks like a slip of the pen."""
    if not isinstance(root, Mapping) or not root.pairs:
        return False
    keys = root.keys()[:_KEYS_COMPARED]
    return not any(difflib.get_close_matches(key[:60], _OWN_KEYS, n=1, cutoff=0.6) for key in keys)


def _unknown(document: Document) -> Misuse:
    return Misuse(
        "a list of an unknown kind",
        subject=document.where(document.root),
        hint=texts.text(
            "write images: with a list of references; or give a list of one of these kinds: {kinds}",
            kinds=", ".join(kind.name for kind in KINDS),
        ),
    )
