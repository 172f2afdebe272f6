"""``bundler man``. The page is made when the package is built: ``setup.py``."""

from __future__ import annotations

from bundler.cli import run_options
from bundler.cli.program import program, show


@program.command(
    examples="""
bundler man     read it: bundler man | man -l -
bundler man     install it: bundler man > /usr/local/share/man/man1/bundler.1
"""
)
@run_options.json_option
def man(is_json: bool) -> int:
    """Print the manual page, in roff, for all commands."""
    from bundler.views import documents
    from bundler.views.manual import manual

    page = manual()
    show([page.rstrip("\n")], documents.text_document("man", "page", page), is_json=is_json)
    return 0
