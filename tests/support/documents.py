"""The judge of all documents that bundler writes: the schemas in docs/schemas, with no field that they lack."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from reference.schemas import key_of, strict  # noqa: E402

MANY_BYTES = 200_000
"""Documents of thousands of images have the same fields as small ones, and the judge would take minutes."""


def faults(document: dict[str, Any]) -> list[str]:
    """All that the pages do not promise of a document, fields that they lack among them."""
    if "document" not in document:
        judge = _judge("record") if "record" in document else _judge_of_bundles()
    elif document.keys() == {"document", "exitCode", "error"}:
        judge = _judge("failure")
    else:
        judge = _judge(key_of(document["document"]))
    return [f"{list(each.path)}: {each.message}"[-300:] for each in judge.iter_errors(document)]


@functools.cache
def documents() -> dict[str, Any]:
    """The definitions of the documents."""
    return json.loads((ROOT / "docs/schemas/documents.json").read_text())["$defs"]  # type: ignore[no-any-return]


@functools.cache
def _judge(name: str) -> Validator:
    """The judge of one kind: an error in an alternative of the whole schema would say only that none fits."""
    if name not in documents():
        raise AssertionError(f"no document of docs/json.md: {name}")
    return _validator({"$defs": _strict_definitions(), "$ref": f"#/$defs/{name}"})


@functools.cache
def _strict_definitions() -> dict[str, Any]:
    return strict(documents())  # type: ignore[no-any-return]


@functools.cache
def _judge_of_bundles() -> Validator:
    return _validator(strict(json.loads((ROOT / "docs/schemas/bundle.json").read_text())))


def _validator(schema: dict[str, Any]) -> Validator:
    from jsonschema import Draft202012Validator  # a tenth of a second, of each process that collects tests

    return Draft202012Validator(schema)
