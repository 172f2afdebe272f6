"""The manual page names what the program takes, reads and returns."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import bundler
from bundler.core.exit_codes import EXIT_CODES
from bundler.errors import Misuse
from bundler.stores.hosts import READ_BY_OPENSSL
from bundler.views.manual import manual as installed_manual

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from reference.manual import manual
from reference.surroundings import ENVIRONMENT
from reference.tree import program

ROOT = Path(bundler.__file__).parent


def test_every_variable_that_the_code_asks_for_is_named():
    asked = set()
    for path in ROOT.rglob("*.py"):
        asked |= set(re.findall(r"(?:environ(?:ment)?(?:\.get\(|\[)|named_by\(|_own\()\"([A-Z_]+)\"", path.read_text()))
    asked |= set(READ_BY_OPENSSL)
    assert {"TMPDIR", "SOURCE_DATE_EPOCH", "REGISTRY_AUTH_FILE", "XDG_STATE_HOME"} <= asked
    named = {name for names, _ in ENVIRONMENT for name in names.split(", ")}
    assert asked - named == set()


def test_the_sections_are_in_their_usual_order():
    page = manual(program(), "1.0")
    assert re.findall(r"^\.SH (.+)$", page, re.MULTILINE) == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO",
    ]  # fmt: skip
    assert page.isascii()
    for code in EXIT_CODES:
        assert f"\n.B {code}\n" in page


def test_it_is_english_for_a_builder_with_another_language(monkeypatch):
    expected = program()
    monkeypatch.setattr("bundler.views.languages._catalogue_of_reader", lambda: lambda text: f"«{text}»")
    assert program() == expected


def test_a_checkout_has_no_page_and_says_where_to_read(tmp_path):
    with pytest.raises(Misuse, match="no manual page") as caught:
        installed_manual(tmp_path)
    assert "--help" in str(caught.value.hint)
    (tmp_path / "bundler.1").write_text("page")
    assert installed_manual(tmp_path) == "page"
