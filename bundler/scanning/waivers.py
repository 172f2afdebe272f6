"""Reads the file of waivers that a request names."""

from __future__ import annotations

from bundler.core.limits import SCAN_WAIVERS_BYTES
from bundler.core.scan import Waiver
from bundler.core.scan.waivers_file import parse_waivers
from bundler.core.text_file import decoded
from bundler.system.given_files import read_given
from bundler.system.request_fields import text_of


def read_waivers(file: str) -> tuple[Waiver, ...]:
    """Reads the waivers of a scan, as docs/scan.md shows them.

    Raises:
        Misuse: The file cannot be read, or is not valid.
    """
    file = text_of(file, "file")
    content = read_given(file, SCAN_WAIVERS_BYTES, subject=f"--waivers {file}")
    return parse_waivers(decoded(content, source=file), source=file)
