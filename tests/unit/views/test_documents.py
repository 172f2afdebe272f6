"""Each document has one name, which loads the module of its journey."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bundler.views import documents

MODULES = sorted(path for path in Path(documents.__file__).parent.glob("*.py") if path.stem != "__init__")


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_each_name_is_that_of_its_module():
    for name, module in documents._MODULES.items():
        assert getattr(documents, name).__module__ in (f"bundler.views.documents.{module}", "builtins"), name


def test_every_document_has_a_name():
    made = {name for path in MODULES for name in functions_of(path) if name.endswith("_document")}
    parts = {name for name in made if name.startswith("_")} | {"finding_document"}
    assert made - parts == {name for name in documents._MODULES if name.endswith("_document")}


def test_a_type_checker_sees_the_names_that_there_are():
    tree = ast.parse(Path(documents.__file__).read_text("utf-8"))
    seen = {
        alias.name: str(node.module).rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("bundler.")
        for alias in node.names
    }
    assert seen == documents._MODULES


def test_an_unknown_name_is_an_error_of_the_module():
    with pytest.raises(AttributeError, match="no attribute 'no_document'"):
        documents.no_document  # noqa: B018
