"""Builds the package with its manual page, which follows from the commands: pyproject.toml has all else.

The page lies in the package, where ``bundler man`` reads it, and in share/man, where man finds it.
"""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


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


setup(cmdclass={"build_py": WithManual})
