"""The manual page names what the program takes, reads and returns."""

from __future__ import annotations

import re
from pathlib import Path

import bundler
from bundler.core.exit_codes import EXIT_CODES
from bundler.stores.hosts import READ_BY_OPENSSL
from bundler.views.man_page import ENVIRONMENT, CommandText, OptionText, man_page

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
    page = man_page(CommandText("bundler", "", "Carry.", "bundler x", ()), "1.0")
    assert re.findall(r"^\.SH (.+)$", page, re.MULTILINE) == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO",
    ]  # fmt: skip
    for code in EXIT_CODES:
        assert f".B {code}\n" in page


def test_text_cannot_become_a_request_or_an_escape():
    hostile = CommandText("bundler x", ".so /etc/passwd", ".de x\n\n'sy id\n\n\\fBbold\\n(.g 中", ".ab  .ex \\\\", (
        OptionText("--a-b 'X'", ".rm SH"), OptionText('.x "q"', "'tm y"),
    ))  # fmt: skip
    program = CommandText("bundler", "", "Carry.", "bundler x", (), (hostile,))
    page = man_page(program, "1.0")
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert requests <= {'.\\"', ".TH", ".nh", ".ad", ".SH", ".SS", ".B", ".br", ".P", ".TP", ".RS", ".RE"}
    assert page.isascii()
    for escape in re.findall(r"\\(.)", page.partition("\n")[2]):
        assert escape in "&e-(fR[", escape
    assert "\\efBbold\\en(.g \\[u4E2D]" in page
