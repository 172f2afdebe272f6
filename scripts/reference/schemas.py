"""docs/schemas: JSON Schemas of the documents of bundler, made of the tables of docs/json.md and FORMAT.md.

The pages are the definition, for people and for programs. Their words for types are a small grammar: ``text or null``,
``list of key ids``, ``object``, ``text, *only if* …``. A type that is not of it is an error, and tests compare real
documents with the schemas.

The inside of a list or an object is described by a table of its own ("An entry of `images`:"), by the place that its
meaning refers to ("as in [content](#content)"), or by the words of its meaning: "`file` (text) and `size` (integer)".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_DIGEST = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"
_TYPES: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "time": {"type": "string"},
    "reference": {"type": "string"},
    "file name": {"type": "string"},
    "id": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "integer"},
    "byte": {"type": "integer"},
    "object": {"type": "object"},
    "list": {"type": "array"},
    "digest": {"type": "string", "pattern": _DIGEST},
    "bundle id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "key id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "error": {"$ref": "#/$defs/error"},
    "finding": {"$ref": "#/$defs/finding"},
    "verdict": {"$ref": "#/$defs/verdict"},
    "descriptor": {
        "type": "object",
        "required": ["mediaType", "digest", "size"],
        "properties": {
            "mediaType": {"type": "string"},
            "digest": {"type": "string", "pattern": _DIGEST},
            "size": {"type": "integer"},
        },
    },
    "": {},
}
_DOCUMENT = re.compile(r"`(bundler\.[a-z-]+/\d+)`")
_TABLE = re.compile(r"\| field \| type \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)+)")
_HEADING = re.compile(r"^(##+) (.*)$", re.MULTILINE)
_LIKE = re.compile(r": all (?:fields of \[|that `)([a-z]+)")
_ENTRY = re.compile(r"An entry of `(\w+)`|^`(\w+)` has$")
_SAME = re.compile(r"(?:as (?:in|with|for)|see) (?:a )?(?:\[[^\]]*\]\(#([a-z-]+)\)|`([a-z]+)`)")
_ELSEWHERE = re.compile(r"\[[^\]]*\]\(#([a-z-]+)\)")
_WHOLE = re.compile(r"the document of `([a-z]+)`|as `([a-z]+)` prints it")
_NUMBERED = re.compile(r"(?:as in )?(5\.\d+)\b")
_NAME = re.compile(r"`([a-z]\w*)`")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class _Row:
    """A row of a table.

    Attributes:
        name: The field.
        type: The words for its type.
        meaning: The words for its meaning.
    """

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class _Table:
    """A table of the fields of an object.

    Attributes:
        chapter: The name of the heading of the second level above it.
        section: The name of the nearest heading above it.
        intro: The paragraph before it.
        rows: Its rows.
    """

    chapter: str
    section: str
    intro: str
    rows: tuple[_Row, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(row.name for row in self.rows)

    @property
    def entry(self) -> str | None:
        """The field whose inside it describes."""
        found = _ENTRY.search(self.intro)
        return found and (found[1] or found[2])


def schema_of(page: str) -> str:
    """The schema of the documents, as JSON.

    Args:
        page: The text of docs/json.md.

    Raises:
        ValueError: A type is not of the grammar.
    """
    tables = tuple(_tables(page))
    shared = {name: _object(_section(tables, name), tables) for name in ("head", "error", "finding", "content")}
    verdict = next(table for table in tables if table.intro == "A verdict:")
    documents = _documents(tables, shared)
    cases = [
        {
            "if": {"properties": {"document": {"const": name}}},
            "then": {"anyOf": [{"$ref": f"#/$defs/{key_of(name)}"}, {"$ref": "#/$defs/failure"}]},
        }
        for name in documents
    ]
    whole = {
        "$schema": _DRAFT,
        "$comment": "Made by scripts/pages from the tables of docs/json.md.",
        "title": "Documents of bundler: those of --json, and those in files",
        **_only(shared["head"], "document"),
        "allOf": cases,
        "$defs": {
            "error": shared["error"],
            "finding": _joined([shared["error"], shared["finding"]]),
            "verdict": _object(verdict, tables),
            "record": _object(_section(tables, "the-record-of-a-registry"), tables),
            "failure": documents["bundler.bundler/1"],
            **{key_of(name): schema for name, schema in documents.items()},
        },
    }
    return _written(whole)


def bundle_schema_of(page: str) -> str:
    """The schema of bundle.json, as JSON.

    Args:
        page: The text of FORMAT.md.

    Raises:
        ValueError: A type is not of the grammar.
    """
    tables = tuple(table for table in _tables(page) if table.chapter.startswith("5-"))
    whole = {
        "$schema": _DRAFT,
        "$comment": "Made by scripts/pages from the tables of bundler/bundle/FORMAT.md.",
        "title": "bundle.json of a bundle",
        "if": {"required": ["encrypted"]},
        "then": _object(_numbered(tables, "5.10"), tables),
        "else": _object(_numbered(tables, "5.1"), tables),
    }
    return _written(whole)


def _written(schema: Schema) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def key_of(document: str) -> str:
    """The key of a document in the schema: a slash would be a step in a pointer of JSON."""
    return document.replace("/", "-")


def strict(schema: Any) -> Any:
    """The same schema, which refuses fields that the page lacks: a judge of this version, not of later ones.

    A value of which the page says nothing must be no object, nor a list of objects.
    """
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if not schema:
        plain: Schema = {"type": ["string", "integer", "boolean", "null"]}
        return {"anyOf": [plain, {"type": "array", "items": plain}]}
    named = {key: value for key, value in schema.items() if key in ("properties", "$defs")}
    strictly = {key: strict(value) for key, value in schema.items() if key not in named}
    strictly |= {key: {name: strict(each) for name, each in value.items()} for key, value in named.items()}
    if "array" in schema.get("type", ()) and "items" not in schema:
        strictly["items"] = strict({})
    return {**strictly, "additionalProperties": False} if "properties" in schema else strictly


def _documents(tables: tuple[_Table, ...], shared: Mapping[str, Schema]) -> dict[str, Schema]:
    documents: dict[str, Schema] = {}
    for table in tables:
        names = [] if table.entry else _DOCUMENT.findall(table.intro)
        has_head = re.search(r"[hH]ead\b", table.intro)
        parts = [shared["head"] if has_head else _only(shared["head"], "document")]
        parts += [shared["content"]] if "head, content" in table.intro else []
        parts += [documents[f"bundler.{name}/1"] for name in _LIKE.findall(table.intro)]
        documents |= dict.fromkeys(names, _joined([*parts, _object(table, tables)]))
    return documents


def _joined(parts: Iterable[Schema]) -> Schema:
    parts = tuple(parts)
    return {
        "type": "object",
        "required": list(dict.fromkeys(name for part in parts for name in part["required"])),
        "properties": {name: schema for part in parts for name, schema in part["properties"].items()},
    }


def _only(schema: Schema, name: str) -> Schema:
    """An object with one of its fields."""
    return {"type": "object", "required": [name], "properties": {name: schema["properties"][name]}}


def _tables(page: str) -> Iterator[_Table]:
    end, chapter, section = 0, "", ""
    for found in _TABLE.finditer(page):
        for level, title in _HEADING.findall(page, end, found.start()):
            section = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
            chapter = section if level == "##" else chapter
        intro = page[end : found.start()].strip().rpartition("\n\n")[2]
        end = found.end()
        yield _Table(chapter, section, intro, tuple(_rows(found[1])))


def _section(tables: tuple[_Table, ...], name: str) -> _Table:
    """The first table below a heading."""
    return next(table for table in tables if table.section == name)


def _numbered(tables: tuple[_Table, ...], number: str) -> _Table:
    """The first table below the heading with a number."""
    return next(table for table in tables if table.section.startswith(f"{number.replace('.', '')}-"))


def _rows(table: str) -> Iterator[_Row]:
    for row in table.splitlines():
        names, types, meaning = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:4])
        found = re.findall(r"`(\w+)`", names)
        every = re.split(r"; |, (?=text|digest)", types)
        for index, name in enumerate(found):
            yield _Row(name, every[index] if len(every) == len(found) else types, meaning)


def _object(table: _Table, tables: tuple[_Table, ...]) -> Schema:
    return {
        "type": "object",
        "required": [row.name for row in table.rows if "only if" not in row.type and "optional" not in row.type],
        "properties": {row.name: _field(row, table, tables) for row in table.rows},
    }


def _field(row: _Row, table: _Table, tables: tuple[_Table, ...]) -> Schema:
    schema = type_of(row.type)
    if {"items", "properties", "additionalProperties"} & schema.keys() or (schema and schema.get("type") not in _OPEN):
        return schema
    if whole := _WHOLE.search(row.meaning):
        other = {"$ref": f"#/$defs/bundler.{whole[1] or whole[2]}-1"}
        return _or_null(other) if "null" in schema["type"] else other
    entry, same = _entry(row.name, table, tables), _SAME.search(row.meaning)
    inside = _object(entry, tables) if entry else None
    if schema and not inside and (numbered := _NUMBERED.match(row.meaning)):
        inside = _object(_numbered(tables, numbered[1]), tables)
    if same and not entry:
        there = _section(tables, same[1] or same[2])
        twin = next((each for each in there.rows if each.name == row.name), None)
        if twin:
            return _field(twin, there, tables)
    if schema and not inside and (names := _named_in(row.meaning)):
        inside = {"properties": names}
    if schema and not inside and (elsewhere := _ELSEWHERE.search(row.meaning)):
        inside = _object(_section(tables, elsewhere[1]), tables)
    return _with_inside(schema, inside) if inside else schema


_OPEN: tuple[Any, ...] = ("array", "object", ["array", "null"], ["object", "null"])
"""The types whose inside the meaning describes."""


def _entry(name: str, table: _Table, tables: tuple[_Table, ...]) -> _Table | None:
    """The table of the inside of a field: the next one of the chapter, if no other document has such a field before."""
    for each in tables[tables.index(table) + 1 :]:
        if each.chapter != table.chapter:
            return None
        if each.entry == name:
            return each
        if name in each.names and not each.entry:
            return None
    return None


def _with_inside(schema: Schema, inside: Schema) -> Schema:
    """A list or an object of which the inside is known too."""
    if "array" not in schema["type"]:
        return {**schema, **{key: value for key, value in inside.items() if key != "type"}}
    return {**schema, "items": inside}


def _named_in(meaning: str) -> dict[str, Schema]:
    """The fields that words name: "`file` (text), `from` and `to` (digests)"."""
    fields: dict[str, Schema] = {}
    place, group = 0, list[str]()
    while found := _NAME.search(meaning, place):
        group = [*group, found[1]] if re.fullmatch(r",? (?:and )?|", meaning[place : found.start()]) else [found[1]]
        inner, place = _in_brackets(meaning, found.end())
        is_plural = re.match(r"(?!bytes)\w+s\b", inner) is not None
        known = {} if is_plural and len(group) == 1 else _type_in(inner)  # "`remarks` (texts)" has several
        fields |= {name: {} for name in group} | dict.fromkeys(group if is_plural else group[-1:], known)
        group = [] if inner else group
        place = _after_brackets(meaning, place)
    return fields


def _in_brackets(text: str, start: int) -> tuple[str, int]:
    """The content of brackets that follow, and the place after them; nothing and the start without any."""
    if not text.startswith(" (", start):
        return "", start
    depth = 0
    for place in range(start + 1, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return text[start + 2 : place], place + 1
    raise ValueError(f"brackets without an end: {text}")


def _after_brackets(text: str, start: int) -> int:
    """The place after a remark in brackets that comes before the next name."""
    found = re.compile(r"[^`(]*(?=\()").match(text, start)
    return _in_brackets(text, found.end() - 1)[1] if found and text[found.end() - 1] == " " else start


def _type_in(words: str) -> Schema:
    """The schema of the words in brackets after a name; the empty one if they do not begin with a type."""
    if words.startswith("`"):
        return _or_null({"type": "string"}) if "null" in words else {"type": "string"}
    begin = re.match(r"[^`:;,]*", words)[0].strip()  # type: ignore[index]
    kinds = begin.split(" ")
    for length in range(len(kinds), 0, -1):
        try:
            schema = type_of(" ".join(kinds[:length]))
        except ValueError:
            continue
        inside = _named_in(words[len(begin) :]) if schema.get("type") in _OPEN else {}
        schema = _with_inside(schema, {"properties": inside}) if inside else schema
        return _or_null(schema) if " null" in words and "null" not in schema.get("type", ()) else schema
    return {}


def type_of(words: str) -> Schema:
    """The schema of the words in the second column of a table.

    >>> type_of("list of key ids")
    {'type': 'array', 'items': {'type': 'string', 'pattern': '^[0-9a-f]{16}$'}}

    Raises:
        ValueError: They are not of the grammar.
    """
    kind = re.sub(r",? \*(only if|optional)\*.*|, bytes", "", words.strip()).replace(", or null", " or null")
    if kind in _TYPES:
        return _TYPES[kind]
    if kind.endswith((" or null", " or nulls")) and not kind.startswith("object of"):
        return _or_null(type_of(re.sub(r" or nulls?$", "", kind)))
    several = re.fullmatch(r"lists? of (.+)", kind)
    if several:
        return {"type": "array", "items": type_of(several[1])}
    values = re.fullmatch(r"objects? of (.+)", kind)
    if values:
        return {"type": "object", "additionalProperties": type_of(values[1])}
    if kind.endswith("s"):
        return type_of(kind[:-1])
    raise ValueError(f"no type of a field: {words}")


def _or_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
