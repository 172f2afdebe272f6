"""Builds the package with its manual page, which follows from the commands: pyproject.toml has all else.

The page lies in the package, where ``bundler man`` reads it, and in share/man, where man finds it. README becomes the
page of an index: its relative links lead nowhere there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
_LOCAL = r"(?![a-z]+:|#)"


class WithManual(build_py):
    """Adds the manual page. A checkout that is installed to be edited has none, because it would grow old there."""

    def run(self) -> None:
        """Builds the modules, then the page."""
        super().run()
        if self.editable_mode:
            return
        sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
        from reference import manual, tree

        page = Path(self.build_lib, "bundler/bundler.1")
        page.write_text(manual.manual(tree.program(), self.distribution.get_version()))
        self.distribution.data_files = [("share/man/man1", [str(page)])]


def long_description(readme: str, source: str, version: str) -> str:
    """README for an index.

    Args:
        readme: The text.
        source: The address of the repository, ``Source`` in ``[project.urls]``. Links get it. Where there is none, only
            their texts stay, and pictures go.
        version: The version, whose tag the links name.
    """
    if not source:
        readme = re.sub(r"<picture>.*?</picture>\n+", "", readme, flags=re.DOTALL)
        readme = re.sub(rf"^!?\[[^]]*\]\({_LOCAL}[^)]*\)\n+", "", readme, flags=re.MULTILINE)
        return re.sub(rf"\[([^]]*)\]\({_LOCAL}[^)]*\)", r"\1", readme)
    readme = re.sub(rf'(!\[[^]]*\]\(|(?:src|srcset)="){_LOCAL}', rf"\1{source}/raw/v{version}/", readme)
    return re.sub(rf"(\]\(){_LOCAL}", rf"\1{source}/blob/v{version}/", readme)


def _found(pattern: str, file: str) -> str:
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    setup(
        cmdclass={"build_py": WithManual},
        long_description=long_description(
            (ROOT / "README.md").read_text(encoding="utf-8"),
            _found(r'^Source = "([^"]+)"$', "pyproject.toml"),
            _found(r'^__version__ = "([^"]+)"$', "bundler/__init__.py"),
        ),
        long_description_content_type="text/markdown",
    )
