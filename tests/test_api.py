"""The public Python API: `import bundler`, as docs/api.md shows it, and as the command line uses it."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bundler
from tests.support import images
from tests.test_architecture import MODULES, ROOT, imports_of, part_of

PAGE = Path(__file__).parent.parent / "docs" / "api.md"

PROCESS = {"cli", "views", "texts", "errors", "secrecy", "system"}
"""The command line may use these parts of the package besides the public names: they make a process and a screen of it."""

OF_THE_TERMINAL = {
    "bundler.workers.in_front": "a question waits in the thread that hears Ctrl-C",
    "bundler.workers.interruptible": "work runs in a thread that Ctrl-C can leave",
    "bundler.stores.credential_helper": "programs that Ctrl-C must end with us",
}


def test_each_public_name_is_there_and_is_what_a_type_checker_sees():
    tree = ast.parse(Path(bundler.__file__).read_text())
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in typed.body for alias in node.names}  # type: ignore[attr-defined]
    assert seen == bundler._MODULES
    for name in bundler.__all__:
        assert getattr(bundler, name) is not None
    assert set(bundler.__all__) <= set(dir(bundler))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError):
        bundler.no_such_verb  # noqa: B018


def test_importing_the_package_imports_nothing_else_of_it():
    script = "import sys, bundler; print([name for name in sys.modules if name.startswith('bundler.')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_line_uses_the_public_api_and_nothing_else():
    strangers = [
        (str(path), name)
        for path in MODULES
        if part_of(path) == "cli"
        for name in imports_of(path)
        if name.startswith("bundler.")
        and name.removeprefix("bundler.") not in bundler.__all__
        and name.split(".")[1] not in PROCESS
        and name not in OF_THE_TERMINAL
        and not _is_for_types(path, name)
    ]
    assert strangers == []


def _is_for_types(path: Path, name: str) -> bool:
    """True if the module imports the name for a type checker only."""
    tree = ast.parse((ROOT / path).read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return any(
        isinstance(node, ast.ImportFrom) and name in {f"{node.module}.{alias.name}" for alias in node.names}
        for block in guarded
        for node in block.body
    )


def test_the_page_names_each_public_name_and_no_other():
    table = PAGE.read_text().partition("## All names")[2]
    assert set(re.findall(r"`(\w+)`", table)) == set(bundler.__all__) - {"__version__"}


def test_the_examples_of_the_page_run_as_they_are_printed(tmp_path, monkeypatch):
    images.simple("app").write_layout(tmp_path / "layout", "docker.io/library/app:1.4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, "api.md", str(PAGE), 0)
    assert len(examples.examples) > 20
    found: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(examples, out=found.append)
    assert not runner.failures, "".join(found)
