"""YAML that other programs write: any number of documents, aliases and merge keys, each value with its line.

It is read as a stream, and only one document is in memory. Every scalar is the text that was written: ``1.10`` is not
1.1. Tags are ignored. Unlike `bundler.core.strict_yaml`, it knows no keys: the readers of `bundler.lists` do.

An alias is the same node again, not a copy. Its size counts each time, so a small file cannot become a huge one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from bundler import texts
from bundler.core.limits import YAML_DOCUMENT_DEPTH, YAML_NODES, YAML_STREAM_NODES
from bundler.core.patterns import lazy_pattern
from bundler.core.strict_yaml import LOADER, check_characters, syntax_error
from bundler.errors import Misuse

__all__ = ["Document", "Mapping", "Node", "Scalar", "Sequence", "documents"]

_COMMENT = lazy_pattern(r"\s*#")
_MERGE = "<<"


class Scalar(NamedTuple):
    """A text.

    Attributes:
        line: The number of its line.
        text: The text as it was written.
        style: The character that opens it: a quote, ``|`` or ``>`` of a block; empty without one.
    """

    line: int
    text: str
    style: str = ""

    @property
    def is_null(self) -> bool:
        """True if the value was left out, or is ``null``."""
        return not self.style and self.text in ("", "~", "null", "Null", "NULL")


class Sequence(NamedTuple):
    """A list.

    Attributes:
        line: The number of its first line.
        nodes: Its values.
    """

    line: int
    nodes: list[Any]  # of `Node`; a tuple cannot name its own type


class Mapping(NamedTuple):
    """A mapping.

    Attributes:
        line: The number of its first line.
        pairs: Its keys and values in their order; the key of a collection is empty.
    """

    line: int
    pairs: list[tuple[Scalar, Any]]

    def get(self, key: str) -> Node | None:
        """The value of a key: the mapping's own, else that of a mapping that ``<<`` merges into it."""
        merged = None
        for name, value in self.pairs:
            if name.text == key:
                return None if isinstance(value, Scalar) and value.is_null else value
            if name.text == _MERGE and merged is None:
                sources = value.nodes if isinstance(value, Sequence) else [value]
                found = (each.get(key) for each in sources if isinstance(each, Mapping))
                merged = next((one for one in found if one is not None), None)
        return merged

    def all(self) -> dict[str, Node]:
        """The values that `get` returns, by their keys, for a mapping in which many are looked up."""
        own = {}
        for name, value in reversed(self.pairs):
            own[name.text] = value
        found = {key: value for key, value in own.items() if not (isinstance(value, Scalar) and value.is_null)}
        for name, value in self.pairs:
            for each in (value.nodes if isinstance(value, Sequence) else [value]) if name.text == _MERGE else []:
                merged = each.all() if isinstance(each, Mapping) else {}
                found.update((key, node) for key, node in merged.items() if key not in own and key not in found)
        return found

    @property
    def is_template(self) -> bool:
        """True for ``{{ … }}`` of a template, which YAML reads as a mapping in a mapping."""
        return len(self.pairs) == 1 and not self.pairs[0][0].text

    def keys(self) -> tuple[str, ...]:
        """The keys in their order, without those that ``<<`` brings."""
        return tuple(name.text for name, _ in self.pairs)


Node = Scalar | Sequence | Mapping


class Document(NamedTuple):
    """A document of a stream.

    Attributes:
        source: The name of the file, for messages.
        root: Its value.
    """

    source: str
    root: Node

    def where(self, node: Node) -> str:
        """File and line of a node, for messages."""
        return f"{self.source}:{node.line}"

    def mapping(self, node: Node | None) -> Mapping:
        """A mapping; an empty one if the value was left out.

        Raises:
            Misuse: The value has another type.
        """
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return Mapping(0, [])
        if not isinstance(node, Mapping):
            raise Misuse("a mapping is expected here", subject=self.where(node))
        return node

    def sequence(self, node: Node | None) -> list[Node]:
        """The values of a list; none if it was left out.

        Raises:
            Misuse: The value has another type.
        """
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return []
        if not isinstance(node, Sequence):
            raise Misuse("a list is expected here", subject=self.where(node))
        return node.nodes

    def mappings(self, node: Node | None) -> list[Mapping]:
        """The mappings of a list.

        Raises:
            Misuse: The value is no list of mappings.
        """
        return [self.mapping(each) for each in self.sequence(node)]

    def scalar(self, node: Node | None) -> Scalar | None:
        """A text; None if it was left out.

        Raises:
            Misuse: The value has another type.
        """
        if node is None:
            return None
        if not isinstance(node, Scalar):
            raise Misuse("a text is expected here", subject=self.where(node))
        return None if node.is_null else node

    def scalars(self, node: Node | None) -> list[Scalar]:
        """The texts of a list.

        Raises:
            Misuse: The value is no list of texts.
        """
        found = (self.scalar(each) for each in self.sequence(node))
        return [each for each in found if each is not None]

    def text(self, node: Node | None) -> str:
        """A text; an empty one if it was left out.

        Raises:
            Misuse: The value has another type.
        """
        found = self.scalar(node)
        return found.text if found is not None else ""


def documents(text: str, *, source: str) -> Iterator[Document]:
    """Yields the documents of a stream that are not empty.

    Args:
        text: The whole stream.
        source: The name of the file, for messages.

    Raises:
        Misuse: The text is not YAML, is nested too deeply, or has too many values, aliases included.
    """
    check_characters(text, source)
    try:
        yield from _Composer(source).read(yaml.parse(text, Loader=LOADER))
    except yaml.YAMLError as error:
        raise _not_yaml(error, text, source) from error


class _Open(NamedTuple):
    """A collection whose end was not reached yet.

    Attributes:
        node: The collection.
        anchor: Its name for aliases, if it has one.
        weight: The values in all documents before it.
        keys: Of a mapping, the key whose value is not read yet, if there is one.
        depths: One number: the levels of collections in it, those of aliases included.
    """

    node: Sequence | Mapping
    anchor: str | None
    weight: int
    keys: list[Scalar]
    depths: list[int]


class _Composer:
    """Makes documents of the events of a stream. It recurses nowhere: depth is bounded by a count."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._weight = 0
        self._nodes = 0

    def read(self, events: Iterator[yaml.Event]) -> Iterator[Document]:
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                scalar = Scalar(_line(event), event.value, event.style or "")
                self._count(1, scalar.line)
                root = self._place(scalar, event.anchor, 1, 0)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
                continue
            elif isinstance(event, yaml.CollectionEndEvent):
                ended = self._open.pop()
                root = self._place(ended.node, ended.anchor, self._weight - ended.weight, ended.depths[0] + 1)
            elif isinstance(event, yaml.AliasEvent):
                root = self._alias(event)
            else:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors.clear()
                    self._nodes = 0
                continue
            if root is not None and not (isinstance(root, Scalar) and root.is_null):
                yield Document(self._source, root)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        line = _line(event)
        self._count(1, line)
        self._check_depth(1, line)
        node = Mapping(line, []) if isinstance(event, yaml.MappingStartEvent) else Sequence(line, [])
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(node, event.anchor, self._weight - 1, [], [0]))

    def _alias(self, event: yaml.AliasEvent) -> Node | None:
        line = _line(event)
        found = self._anchors.get(event.anchor or "")
        if found is None:
            raise Misuse(
                texts.text("the alias {alias} has no anchor before it", alias=repr(f"*{event.anchor}"[:60])),
                subject=f"{self._source}:{line}",
            )
        node, weight, depth = found
        self._count(weight, line)
        self._check_depth(depth, line)  # readers recurse into it
        return self._place(node, None, weight, depth)

    def _check_depth(self, levels: int, line: int) -> None:
        if len(self._open) + levels > YAML_DOCUMENT_DEPTH:
            raise Misuse("nested too deeply", subject=f"{self._source}:{line}")

    def _count(self, weight: int, line: int) -> None:
        """Counts values, aliases as often as they are used.

        Raises:
            Misuse: There are too many.
        """
        self._weight += weight
        self._nodes += weight
        if self._nodes > YAML_NODES or self._weight > YAML_STREAM_NODES:
            raise Misuse(
                "too many values, aliases (*name) included",
                subject=f"{self._source}:{line}",
                hint="give the parts as separate files",
            )

    def _place(self, node: Node, anchor: str | None, weight: int, depth: int) -> Node | None:
        """Puts a node into the collection around it. Returns it if there is none: it is a document."""
        if anchor:
            self._anchors[anchor] = (node, weight, depth)
        if not self._open:
            return node
        around, _, _, keys, depths = self._open[-1]
        depths[0] = max(depths[0], depth)
        if isinstance(around, Sequence):
            around.nodes.append(node)
        elif not keys:
            keys.append(node if isinstance(node, Scalar) else Scalar(node.line, ""))
        else:
            around.pairs.append((keys.pop(), node))
        return None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _not_yaml(error: yaml.YAMLError, text: str, source: str) -> Misuse:
    """The error for a text that is not YAML. A template of Helm is not: its first line with ``{{`` is named."""
    mark = getattr(error, "problem_mark", None)
    if "{{" in text:
        last = mark.line if mark else len(text)
        lines = enumerate(text.split("\n")[: last + 1])
        line = next((number for number, each in lines if "{{" in each and not _COMMENT.match(each)), None)
        if line is not None:
            return unrendered(f"{source}:{line + 1}")
    return syntax_error(error, text, source)


def unrendered(where: str) -> Misuse:
    """The error for a template that was not rendered."""
    return Misuse(
        "a template, {{ }}, that was not rendered",
        subject=where,
        hint="render it first: helm template NAME CHART | bundler images -",
    )
