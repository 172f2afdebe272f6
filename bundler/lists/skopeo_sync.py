"""The YAML of ``skopeo sync --src yaml`` (skopeo-sync(1)): registries, and of each the repositories and tags."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.yaml_documents import Document, Mapping, Node
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_IMAGES, _BY_REGEX, _BY_SEMVER = "images", "images-by-tag-regex", "images-by-semver"
_OTHER_KEYS = {
    "credentials": text("log in instead: docker, podman or skopeo login HOST"),
    "tls-verify": text("give --plain-http HOST or --cacert FILE instead"),
    "cert-dir": text("give --cacert FILE instead, or use certs.d"),
}
_KEYS = frozenset((_IMAGES, _BY_REGEX, _BY_SEMVER, *_OTHER_KEYS))
_ALL_TAGS = text("which tags this means must be asked: list them")


def knows(root: Node) -> bool:
    """True for a mapping of registries that have these keys."""
    return (
        isinstance(root, Mapping)
        and bool(root.pairs)
        and all(isinstance(each, Mapping) and each.pairs and _KEYS.issuperset(each.keys()) for _, each in root.pairs)
    )


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of all registries."""
    del surroundings
    for registry, parts in document.mapping(document.root).pairs:
        for key, value in document.mapping(parts).pairs:
            if key.text in _OTHER_KEYS:
                yield left(document, value, f"{registry.text}: {key.text}", _OTHER_KEYS[key.text])
                continue
            for repository, tags in document.mapping(value).pairs:
                path = f"{registry.text}: {key.text}: {repository.text}"
                listed = document.scalars(tags) if key.text == _IMAGES else []
                if not listed:
                    yield left(document, repository, path, _ALL_TAGS)
                for tag in listed:
                    mark = "@" if tag.text.startswith("sha256:") else ":"
                    yield Found(f"{registry.text}/{repository.text}{mark}{tag.text}", document.where(tag), path)
