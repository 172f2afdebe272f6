"""The manual page is what groff and man take without a word, and has every command and every flag."""

from __future__ import annotations

import os
import re
import subprocess

import click
import pytest

from bundler import cli
from bundler.views.man_page import CommandText, man_page
from tests.support.parts import require


def rendered(page: str) -> str:
    """As people see it, in one line, without warnings."""
    require("groff")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page.encode(), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())
    return " ".join(re.sub(r".\x08", "", text).split())


def all_commands() -> list[tuple[str, click.Command]]:
    def below(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
        own = [(path, command)]
        children = command.commands.items() if isinstance(command, click.Group) else ()
        return own + [each for name, child in children for each in below(child, f"{path} {name}")]

    return below(cli.program, "bundler")


@pytest.fixture
def page(bundler) -> str:
    done = bundler("man")
    assert (done.code, done.err) == (0, "")
    return done.out


def test_groff_has_no_complaint_and_every_command_and_flag_is_there(page):
    text = rendered(page)
    for path, command in all_commands():
        assert path in text
        for parameter in command.params:
            for flag in parameter.opts:
                assert not flag.startswith("-") or re.search(rf"(?<![\w-]){flag}(?![\w-])", text), (path, flag)
    assert "--help" in text


def test_every_example_is_there_as_it_is_typed(page):
    text = rendered(page)
    for path, command in all_commands():
        for line in command.examples.strip().splitlines():
            assert " ".join(re.split(r"\s{2,}", line.strip())[0].split()) in text, path


def test_a_group_lists_what_is_below_it(page):
    text = rendered(page)
    for name in ("show", "verify", "merge"):
        assert text.count(f"bundler receipt {name}") >= 3  # synopsis, list, section


@pytest.mark.parametrize("text", [".hidden -x", "'quoted' word", r"a\b \n \fBx\fR", '"q" `c` ~/x ^y', "中文 é"])
def test_what_roff_would_change_is_shown_as_it_is(text):
    command = CommandText("bundler x", text, text, text, ())
    shown = rendered(man_page(CommandText("bundler", "", "Carry.", "bundler x", (), (command,)), "1.0"))
    assert shown.count(text) >= 3


def test_man_shows_it(page, tmp_path):
    require("man")
    file = tmp_path / "bundler.1"
    file.write_text(page)
    environment = {**os.environ, "MANPAGER": "cat", "PAGER": "cat", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-ww"}
    done = subprocess.run(["man", "-l", str(file)], capture_output=True, env=environment, timeout=60, text=True)
    assert done.returncode == 0, done.stderr
    assert "BUNDLER(1)" in done.stdout
    assert "EXIT STATUS" in re.sub(r".\x08", "", done.stdout)


def test_the_document_has_the_page(bundler, page):
    assert bundler("man", "--json").json == {"document": "bundler.man/1", "exitCode": 0, "page": page}
