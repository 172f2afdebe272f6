"""The output of ``docker images``, ``podman images``, ``nerdctl images`` and ``crictl images``, as a table or as JSON.

The images are then read from their registries, where these tools got them. An image that was built on the machine is
not there: ``docker-daemon:NAME`` as an argument of export carries it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bundler.core.image_list import NoImage
from bundler.core.patterns import lazy_pattern
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar, Sequence as YamlSequence
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_HEADER = lazy_pattern(
    r"(?:REPOSITORY|IMAGE)\s+TAG\s+(?:DIGEST\s+)?IMAGE ID\b|IMAGE\s+ID\s+DISK USAGE\b|REPOSITORY\s+TAG\s+DIGEST\b"
)
_ONE_COLUMN = lazy_pattern(r"IMAGE\s+ID\s+DISK USAGE\b")
_NONE = lazy_pattern(r"<(?:none|untagged|missing)>")
_LOCAL = "localhost/"
_NO_NAME = text("an image without a name")
_BUILT_HERE = text("built on this machine: add docker-archive:FILE or docker-daemon:NAME to the command")
_NAME_KEYS = frozenset(("Repository", "Names", "RepoTags", "repoTags"))


def knows_table(lines: Iterable[str]) -> bool:
    """True for a table with the header of these commands."""
    return bool(_HEADER.match(next(iter(lines), "")))


def read_table(source: str, lines: Iterable[tuple[int, str]]) -> Iterator[Item]:
    """Yields the images of a table.

    Args:
        source: The name of the file, for messages.
        lines: Its lines that are not empty, with their numbers; the first is the header.
    """
    rows = iter(lines)
    is_joined = bool(_ONE_COLUMN.match(next(rows)[1].strip()))
    for number, line in rows:
        words = line.split()
        name = words[0] if is_joined else ":".join(words[:2])
        yield _image(name, f"{source}:{number}", "")


def knows(root: Node) -> bool:
    """True for the JSON of these commands: one object, a list of them, or crictl's object with a list."""
    if isinstance(root, Mapping) and isinstance(root.get("images"), YamlSequence):
        root = root.get("images") or root
    if isinstance(root, YamlSequence):
        root = root.nodes[0] if root.nodes else root
    return isinstance(root, Mapping) and bool(_NAME_KEYS & set(root.keys())) and root.get("kind") is None


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of the JSON."""
    del surroundings
    root = document.root
    if isinstance(root, Mapping) and root.get("images") is not None:
        root = root.get("images") or root
    for each in [root] if isinstance(root, Mapping) else document.mappings(root):
        one = document.mapping(each)
        repository, tag = document.scalar(one.get("Repository")), document.text(one.get("Tag"))
        if repository is not None:
            yield _image(f"{repository.text}:{tag}", document.where(repository), "")
            continue
        names = next((found for key in ("Names", "RepoTags", "repoTags") if (found := one.get(key))), None)
        listed = document.scalars(names)
        for name in listed:
            yield _image(name.text, document.where(name), "")
        if not listed:
            identity = one.get("Id") or one.get("id")
            what = identity.text[:80] if isinstance(identity, Scalar) else "image"
            yield left(document, one, what, _NO_NAME)


def _image(name: str, where: str, path: str) -> Item:
    if _NONE.search(name):
        return NoImage(where, name, _NO_NAME)
    if name.startswith(_LOCAL):
        return NoImage(where, name, _BUILT_HERE)
    return Found(name, where, path)
