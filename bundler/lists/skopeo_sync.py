"""The YAML of ``skopeo sync --src yaml`` (skopeo-sync(1)): registries, and of each the repositories and tags.

The registry is asked for the tags of a repository that has none here, or a range of versions.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.image_list import ManyImages
from bundler.core.reference import Reference
from bundler.core.several import located
from bundler.core.tag_choice import TagChoice
from bundler.core.version_range import VersionRange
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.errors import Misuse
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_IMAGES, _BY_REGEX, _BY_SEMVER = "images", "images-by-tag-regex", "images-by-semver"
_OTHER_KEYS = {
    "credentials": text("log in instead: docker, podman or skopeo login HOST"),
    "tls-verify": text("give --plain-http HOST or --cacert FILE instead"),
    "cert-dir": text("give --cacert FILE instead, or use certs.d"),
}
_KEYS = frozenset((_IMAGES, _BY_REGEX, _BY_SEMVER, *_OTHER_KEYS))
_REGEX = text("a regular expression: write an entry with repository: and tags: for it, see docs/lists.md")


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
                if key.text == _BY_REGEX:
                    yield left(document, repository, path, _REGEX)
                    continue
                if key.text == _BY_SEMVER:
                    yield _many(document, registry.text, repository, document.text(tags))
                    continue
                listed = document.scalars(tags)
                if not listed:
                    yield _many(document, registry.text, repository, "")
                for tag in listed:
                    mark = "@" if tag.text.startswith("sha256:") else ":"
                    yield Found(f"{registry.text}/{repository.text}{mark}{tag.text}", document.where(tag), path)


def _many(document: Document, registry: str, repository: Scalar, versions: str) -> Item:
    """All tags of a repository, or those in a range of versions."""
    try:
        reference = Reference.parse(f"{registry}/{repository.text}")
        choice = TagChoice(versions=VersionRange.parse(versions) if versions else None)
    except Misuse as error:
        return located(error, document.where(repository))
    return ManyImages(reference.registry, reference.repository, choice, where=document.where(repository))
