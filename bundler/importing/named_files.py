"""Reads the files that an import request names: rules, and the list of failed images."""

from __future__ import annotations

from bundler.core.image_list import Entry, parse_image_list
from bundler.core.limits import IMAGE_LIST_BYTES
from bundler.core.naming_rules import NamingRules
from bundler.core.reference import Reference
from bundler.core.rules_file import parse_rules
from bundler.core.text_file import decoded
from bundler.system.given_files import read_given
from bundler.system.request_fields import text_of
from bundler.transports.parsing import parse_image


def read_rules(file: str) -> NamingRules:
    """Reads the rules for names, tags and conflicts, as docs/rules.yaml shows them.

    Raises:
        Misuse: The file cannot be read, or is invalid.
    """
    file = text_of(file, "file")
    return parse_rules(_text_of(file, "--rules"), source=file)


def read_failed_list(file: str) -> frozenset[Reference]:
    """Reads the images of a list of failed images, as an import writes it, or of any image list.

    Raises:
        Misuse: The file cannot be read, or is no image list.
    """
    file = text_of(file, "file")
    return parse_failed_list(_text_of(file, "--retry-failed"), source=file)


def parse_failed_list(text: str, *, source: str) -> frozenset[Reference]:
    """Parses the text of such a list.

    Raises:
        Misuse: It is no image list.
    """
    parsed = parse_image_list(text, source=source, parse_image=parse_image)
    return frozenset(entry.reference for entry in parsed.entries if isinstance(entry, Entry))


def _text_of(file: str, option: str) -> str:
    return decoded(read_given(file, IMAGE_LIST_BYTES, subject=f"{option} {file}"), source=file)
