"""``inspect`` and ``verify`` of an image file. A bundle is a folder, so a file is no bundle."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.cli.program import show, with_run
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import BundleList, FileResult, Run
    from bundler.cli.run_options import Showing


def image_file(paths: tuple[str, ...], bundle_flags: dict[str, bool]) -> Path | None:
    """The image file that was given instead of bundles; None if bundles were given."""
    files = [path for path in paths if not os.path.isdir(path) and os.path.exists(path)]
    if not files:
        return None
    if len(paths) > 1:
        raise Misuse("give one image file, or the folders of one bundle", subject=files[0])
    given = [flag for flag, is_given in bundle_flags.items() if is_given]
    if given:
        raise Misuse(
            text("{given} is for signed bundles; this is an image file", given=given[0]),
            subject=files[0],
            hint=text("give the bundle's folder, or check the image file without {given}", given=given[0]),
        )
    return Path(files[0])


def show_file(command: str, work: Callable[[Run], FileResult], showing: Showing) -> int:
    """Does the work of a command on an image file, and shows the result."""
    from bundler.views import documents, report

    result = with_run(work, jobs=None, is_quiet=showing.quiet)
    lines = [] if showing.quiet and not result.exit_code else report.file_lines(result)
    showing.lines(lines, lambda: documents.file_document(command, result))
    return result.exit_code


def show_list(command: str, result: BundleList, *, is_json: bool) -> int:
    """Shows the bundles to choose from, and returns the exit code."""
    from bundler.views import documents, media_report

    lines = media_report.list_lines(result, command)
    show(lines, documents.list_document(command, result), is_json=is_json)
    return result.exit_code
