"""A hook of MkDocs: pages that are not in docs/ become pages of the site, and links to other files become their names.

The pages are written for people who read the repository; the site is complete without it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
OUTER = {
    "README.md": "index.md",
    "README.zh-CN.md": "index.zh-CN.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "bundler/bundle/FORMAT.md": "format.md",
    "manifests/README.md": "manifests.md",
    "scripts/ci/README.md": "scripts-ci.md",
    "scripts/cluster/README.md": "scripts-cluster.md",
}
"""The pages of other folders, and their names on the site."""
_INNER = {page: path for path, page in OUTER.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)|(srcset|src)=\"([^\"]+)\"")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of other folders."""
    for path, page in OUTER.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes each link one of the site."""
    del config
    place = page.file.src_uri
    source = _INNER.get(place, f"docs/{place}")

    def replaced(found: re.Match[str]) -> str:
        mark, label, target, attribute, image = found.groups()
        written = target or image
        if re.match(r"[a-z]+:|#", written):
            return found.group()
        path, sharp, anchor = written.partition("#")
        real = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        inner = OUTER.get(real) or OUTER.get(f"{real}/README.md") or real.removeprefix("docs/")
        if real.startswith("docs/") and files.get_file_from_path(f"{inner}/README.md"):
            inner = f"{inner}/README.md"
        if files.get_file_from_path(inner) is None:
            return label
        new = posixpath.relpath(inner, posixpath.dirname(place) or ".") + sharp + anchor
        return f'{attribute}="{new}"' if attribute else f"{mark}[{label}]({new})"

    return _LINK.sub(replaced, markdown)
