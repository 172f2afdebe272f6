"""The files, modules, classes and functions that our pages name in backticks exist, so that pages cannot rot."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bundler.core import metrics

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "manifests/*.md", "scripts/**/*.md", "bundler/**/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"  # it tells of the past
)

FOREIGN = {
    "RepoTags", "diff_ids", "StrictModes", "Thumbs.db",  # of Docker, the OCI image config, sshd, Windows
    "iter_content", "iter_raw",  # of requests and httpx
    "HelmChart", "HelmRelease", "env_file", "image_manifests",  # of k3s, Flux, Compose, KubeKey
    "compose_all",  # of PyYAML
    "IfNotPresent", "ImagePullBackOff", "ErrImagePull",  # of Kubernetes
    "ImageContentSourcePolicy", "ImageSetConfiguration", "NeverContactSource",  # of OpenShift
    "read_registry", "write_registry", "insufficient_scope",  # of GitLab
    "bundler.toml", "images.yaml",  # files of the user
}  # fmt: skip
"""The names on our pages that belong to others."""

MONITORED = {*metrics.METRICS, *re.findall(r"alert: (\w+)", (ROOT / "scripts/monitoring/rules.yml").read_text())}
"""The names of metrics and of alerts."""

_PATH = re.compile(
    r"(?:[\w.@-]+/)*[\w.@-]+\.(?:py|md|sh)|(?:bundler(?!/\d)|docs|manifests|scripts|tests|\.ci|\.github)/[\w./@-]*"
)
_CLASS = re.compile(r"(?:[A-Z][a-z0-9]+){2,}|[A-Z]+[a-z][A-Za-z0-9]*(?:\.[a-z_]\w*)+")
_FUNCTION = re.compile(r"[a-z]\w*\(\)|[a-z]+_\w+")
_DEFINITION = re.compile(r"^ *(?:class|def|async def) (\w+)[(:\[]", re.MULTILINE)
_MODULE = re.compile(r"bundler(?:\.\w+)+")
_PLACEHOLDER = re.compile(r"NAME|NNNN")


def passages(page: Path) -> Iterator[str]:
    """The paragraphs, items and table rows of a page, without blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from re.split(r"\n\n|\n(?=\||\s*[-*] |\d+\. )", text)


def names(page: Path) -> list[str]:
    return [name for passage in passages(page) for name in re.findall(r"`([^`]+)`", passage)]


@cache
def files() -> list[str]:
    """All files and folders, each as "/a/b.py"; what is installed or generated is none of them."""
    tops = [path for path in ROOT.iterdir() if path.name not in (".venv", ".git")]
    found = [path.relative_to(ROOT) for top in tops for path in (top, *top.rglob("*"))]
    return [f"/{path}" for path in found if "__pycache__" not in path.parts]


def exists(name: str, folder: str) -> bool:
    """True if the file exists: at the root, or where the path before it on the page was, or below any folder if it has its own."""
    name = name.rstrip("/")
    if (ROOT / name).exists() or (folder and (ROOT / folder / name).exists()):
        return True
    return ("/" in name or not folder) and any(path.endswith(f"/{name}") for path in files())


@cache
def definitions() -> dict[str, list[str]]:
    """The names of all classes and functions of our code and tests, each with the texts of the files that define it."""
    found: dict[str, list[str]] = {}
    for path in [path for top in ("bundler", "scripts", "tests") for path in (ROOT / top).rglob("*.py")]:
        text = path.read_text()
        for name in set(_DEFINITION.findall(text)):
            found.setdefault(name, []).append(text)
    return found


def has(class_name: str, inside: str) -> bool:
    """True if a class of this name defines a field, method or value."""
    classes = [
        node
        for text in definitions().get(class_name, ())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    inner = [child for each in classes for part in each.body for child in ast.walk(part)]
    return any(
        inside in (getattr(child, "name", None), getattr(child, "id", None), getattr(child, "attr", None))
        for child in inner
    )


def is_importable(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page):
    lost = []
    for passage in passages(page):
        folder = ""
        for name in re.findall(r"`([^`]+)`", passage):
            if not _PATH.fullmatch(name) or _PLACEHOLDER.search(name) or name in FOREIGN:
                continue
            if not exists(name, folder):
                lost.append(name)
            if "/" in name:
                inside = next((path for path in files() if path.endswith(f"/{name.rstrip('/')}")), f"/{name}")
                folder = str(Path(inside[1:]).parent)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_class_function_and_module_that_a_page_names_exists(page):
    lost = []
    for name in sorted(set(names(page)) - FOREIGN - MONITORED):
        if _MODULE.fullmatch(name):
            if not is_importable(name):
                lost.append(name)
        elif _CLASS.fullmatch(name):
            class_name, *inside = name.split(".")
            if class_name not in definitions() or not all(has(class_name, each) for each in inside):
                lost.append(name)
        elif _FUNCTION.fullmatch(name) and name.removesuffix("()") not in definitions():
            lost.append(name)
    assert not lost
