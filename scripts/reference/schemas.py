"""docs/schemas/documents.json: a JSON Schema of the documents of ``--json``, made of the tables of docs/json.md.

The page is the definition, for people and for programs. Its words for types are a small grammar: ``text or null``,
``list of key ids``, ``object``, ``text, *only if* …``. A type that is not of it is an error, and tests compare real
documents with the schema. The third column, with the inside of lists and objects, is for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

_TYPES: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "time": {"type": "string"},
    "reference": {"type": "string"},
    "file name": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "object": {"type": "object"},
    "list": {"type": "array"},
    "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"},
    "bundle id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "key id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "error": {"$ref": "#/$defs/error"},
    "finding": {"$ref": "#/$defs/finding"},
    "verdict": {"$ref": "#/$defs/verdict"},
    "object of texts": {"type": "object", "additionalProperties": {"type": "string"}},
    "object of texts or nulls": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    "": {},
}
_DOCUMENT = re.compile(r"`(bundler\.[a-z-]+/\d+)`")
_TABLE = re.compile(r"\| field \| type \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)+)")
_LIKE = re.compile(r": all (?:fields of \[|that `)([a-z]+)")
_MADE = "Made by scripts/pages from the tables of docs/json.md."


@dataclass
class _Fields:
    """The fields of an object.

    Attributes:
        types: The schema of each field.
        optional: The fields that need not be there.
    """

    types: dict[str, Schema] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)

    def schema(self) -> Schema:
        required = [name for name in self.types if name not in self.optional]
        return {"type": "object", "required": required, "properties": self.types}


def schema_of(page: str) -> str:
    """The schema, as JSON.

    Args:
        page: The text of docs/json.md.

    Raises:
        ValueError: A type is not of the grammar.
    """
    shared = {title.lower(): _first(page, f"### {title}") for title in ("Head", "Error", "Finding", "Content")}
    definitions = {name: fields.schema() for name, fields in shared.items() if name in ("error", "finding")}
    definitions["finding"] = {"allOf": [{"$ref": "#/$defs/error"}, definitions["finding"]]}
    definitions["verdict"] = _fields(page.partition("\nA verdict:\n")[2]).schema()
    documents = {name: fields.schema() for name, fields in _documents(page, shared).items()}
    cases = [
        {
            "if": {"properties": {"document": {"const": name}}},
            "then": {"anyOf": [{"$ref": f"#/$defs/{key_of(name)}"}, {"$ref": "#/$defs/failure"}]},
        }
        for name in documents
    ]
    definitions["failure"] = documents["bundler.bundler/1"]
    definitions |= {key_of(name): schema for name, schema in documents.items()}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": _MADE,
        "title": "Documents of bundler --json",
        **shared["head"].schema(),
        "allOf": cases,
        "$defs": definitions,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def key_of(document: str) -> str:
    """The key of a document in the schema: a slash would be a step in a pointer of JSON."""
    return document.replace("/", "-")


def _documents(page: str, shared: Mapping[str, _Fields]) -> dict[str, _Fields]:
    documents: dict[str, _Fields] = {}
    for intro, own in _tables(page):
        others = [documents[f"bundler.{name}/1"] for name in _LIKE.findall(intro)]
        parts = [shared["head"], *([shared["content"]] if "head, content" in intro else []), *others, own]
        documents |= dict.fromkeys(_DOCUMENT.findall(intro), _joined(parts))
    return documents


def _joined(parts: Iterable[_Fields]) -> _Fields:
    parts = tuple(parts)
    return _Fields(
        {name: schema for part in parts for name, schema in part.types.items()},
        set().union(*(part.optional for part in parts)),
    )


def _tables(page: str) -> Iterator[tuple[str, _Fields]]:
    """Each table whose introduction says that it is that of documents with a head, with this introduction."""
    end = 0
    for found in _TABLE.finditer(page):
        intro = page[end : found.start()].rstrip().rpartition("\n\n")[2]
        end = found.end()
        if "An entry of" not in intro and _DOCUMENT.search(intro) and re.search(r"[hH]ead\b|: all (?:fields )?", intro):
            yield intro, _rows(found[1])


def _first(page: str, heading: str) -> _Fields:
    return _fields(page.partition(f"\n{heading}\n")[2])


def _fields(text: str) -> _Fields:
    """The fields of the first table of a text."""
    found = _TABLE.search(text)
    if found is None:
        raise ValueError("no table of fields")
    return _rows(found[1])


def _rows(table: str) -> _Fields:
    fields = _Fields()
    for row in table.splitlines():
        names, types, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:4])
        found = re.findall(r"`(\w+)`", names)
        every = re.split(r"; |, (?=text|digest)", types)
        for index, name in enumerate(found):
            fields.types[name] = type_of(every[index] if len(every) == len(found) else types)
            if "only if" in types:
                fields.optional.add(name)
    return fields


def type_of(words: str) -> Schema:
    """The schema of the words in the second column of a table.

    >>> type_of("list of key ids")
    {'type': 'array', 'items': {'type': 'string', 'pattern': '^[0-9a-f]{16}$'}}

    Raises:
        ValueError: They are not of the grammar.
    """
    kind = re.sub(r",? \*only if\*.*|, bytes", "", words.strip()).replace(", or null", " or null")
    if kind in _TYPES:
        return _TYPES[kind]
    if kind.endswith((" or null", " or nulls")):
        return _or_null(type_of(re.sub(r" or nulls?$", "", kind)))
    several = re.fullmatch(r"lists? of (.+)", kind)
    if several:
        return {"type": "array", "items": type_of(several[1])}
    if kind.endswith("s"):
        return type_of(kind[:-1])
    raise ValueError(f"no type of a field: {words}")


def _or_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
