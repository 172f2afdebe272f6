"""Small YAML files that people write, read strictly. Only this module and `bundler.core.yaml_documents` import PyYAML.

Every scalar is the text that was written: ``tag: 1.10`` is not 1.1, ``on`` is not true. Unknown and duplicate keys,
aliases and tags are errors, each with its line. One run collects and reports all errors of a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TypeVar

import yaml
import yaml.reader
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bundler import texts
from bundler.core.characters import named, trimmed
from bundler.core.limits import YAML_DEPTH, YAML_NODES
from bundler.core.several import located
from bundler.errors import BundlerError, Misuse

__all__ = [
    "LOADER",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "YamlDocument",
    "check_characters",
    "syntax_error",
]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")
)
Value = TypeVar("Value")


class YamlDocument:
    """Reads one file into a tree whose nodes have their lines, and collects its errors."""

    def __init__(self, source: str, *, what: str) -> None:
        """Prepares to read a file.

        Args:
            source: The name of the file, for messages.
            what: The kind of such files, in the plural: ``image lists``.
        """
        self._source = source
        self._what = what
        self.errors: list[BundlerError] = []

    def compose(self, text: str, form: str) -> MappingNode | None:
        """The tree of a text that is a mapping. For any other text it notes an error and returns None.

        Args:
            text: The whole file.
            form: The required form, for the error.
        """
        root = self.root(text, form)
        if isinstance(root, SequenceNode):
            self.error(root, form)
            return None
        return root

    def root(self, text: str, form: str) -> MappingNode | SequenceNode | None:
        """The tree of a text that is a mapping or a list. For any other text it notes an error and returns None.

        Args:
            text: The whole file.
            form: The required form, for the error.
        """
        try:
            check_characters(text, self._source)
            self._check_events(text)
            root = yaml.compose(text, Loader=LOADER)
        except yaml.YAMLError as error:
            self.errors.append(syntax_error(error, text, self._source))
            return None
        except Misuse as error:
            self.errors.append(error)
            return None
        if not isinstance(root, (MappingNode, SequenceNode)):
            self.error(root, form)
            return None
        return root

    def mapping(self, node: MappingNode, known: tuple[str, ...]) -> dict[str, Node]:
        """The fields of a mapping. It notes an error for each unknown or duplicate key."""
        fields: dict[str, Node] = {}
        for key_node, value in node.value:
            key = self.text(key_node) if isinstance(key_node, ScalarNode) else ""
            if key in fields:
                self.error(key_node, texts.text("duplicate key {key}", key=repr(key)))
            elif key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = (
                    texts.text("did you mean {near}?", near=repr(near[0]))
                    if near
                    else texts.text("known keys: {known}", known=", ".join(known))
                )
                self.error(key_node, texts.text("unknown key {key}", key=repr(key[:60])), hint)
            else:
                fields[key] = value
        return fields

    def text(self, node: Node) -> str:
        """The text of a scalar node as it was written.

        Raises:
            Misuse: The node is not a single value.
        """
        if not isinstance(node, ScalarNode) or node.tag not in _TEXT_TAGS:
            raise Misuse(
                "a text is expected here", subject=self.where(node), hint="write one value, not a list or mapping"
            )
        return trimmed(str(node.value))

    def collected(self, node: Node, read: Callable[[], Value]) -> Value | None:
        """The value that ``read`` makes of a node. If it raises `Misuse`, the error is noted and None is returned."""
        try:
            return read()
        except Misuse as error:
            self.errors.append(located(error, self.where(node)))
            return None

    def value(self, node: Node | None, parse: Callable[[str], Value]) -> Value | None:
        """Parses the text of a node; None if there is no node. An error is collected, and the value is None."""
        return None if node is None else self.collected(node, lambda: parse(self.text(node)))

    def where(self, node: Node | None) -> str:
        """File and line of a node, for messages."""
        mark = node.start_mark if node is not None else None
        return f"{self._source}:{mark.line + 1}" if mark else self._source

    def error(self, node: Node | None, message: str, hint: str | None = None) -> None:
        """Notes an error at a node."""
        self.errors.append(Misuse(message, subject=self.where(node), hint=hint))

    def _check_events(self, text: str) -> None:
        depth = documents = nodes = 0
        for event in yaml.parse(text, Loader=LOADER):
            where = f"{self._source}:{event.start_mark.line + 1}" if event.start_mark else self._source
            if isinstance(event, yaml.AliasEvent):
                raise Misuse(texts.text("aliases (*name) are not allowed in {what}", what=self._what), subject=where)
            tag = getattr(event, "tag", None)
            if isinstance(event, yaml.NodeEvent) and tag not in (None, "!"):
                message = texts.text(
                    "the YAML tag {tag} is not allowed in {what}", tag=repr(str(tag)[:60]), what=self._what
                )
                raise Misuse(message, subject=where)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            documents += isinstance(event, yaml.DocumentStartEvent)
            nodes += isinstance(event, yaml.NodeEvent)
            if nodes > YAML_NODES:
                raise Misuse("the file is too long", subject=where)
            if depth > YAML_DEPTH:
                raise Misuse("nested too deeply", subject=where)
            if documents > 1:
                raise Misuse("a second YAML document", subject=where, hint="give them as separate files")


def check_characters(text: str, source: str) -> None:
    """Checks that YAML allows all characters of a text.

    Raises:
        Misuse: It does not allow one; the error names its line.
    """
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        character = named(match[0])
        raise Misuse(
            texts.text("a character that is not allowed in YAML: {character}", character=character),
            subject=f"{source}:{line}",
        )


def syntax_error(error: yaml.YAMLError, text: str, source: str) -> Misuse:
    """The error for a text that is not YAML."""
    mark = getattr(error, "problem_mark", None)
    where = f"{source}:{mark.line + 1}" if mark else source
    line = text.split("\n")[mark.line : mark.line + 1] if mark else []
    hint = "indent with spaces, not with tabs" if any("\t" in each for each in line) else None
    return Misuse(
        texts.text("not valid YAML: {problem}", problem=getattr(error, "problem", None) or error),
        subject=where,
        hint=hint,
    )
