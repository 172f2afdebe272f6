"""The manual page is what groff and man take without a word, and has every command and every flag."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bundler import cli
from tests.support.parts import require

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from reference.manual import manual
from reference.tree import program


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


@pytest.fixture(scope="module")
def page() -> str:
    return manual(program(), "0.2.0")


@pytest.fixture(scope="module")
def shown(page) -> str:
    return rendered(page)


def test_groff_has_no_complaint_and_every_command_and_flag_is_there(shown):
    for path, command in all_commands():
        assert path in shown
        for parameter in command.params:
            for flag in parameter.opts:
                assert not flag.startswith("-") or re.search(rf"(?<![\w-]){flag}(?![\w-])", shown), (path, flag)
    assert "--help" in shown


def test_every_example_and_every_text_is_there_as_it_is_written(shown):
    def check(command):
        for text in [*(each.line for each in command.examples), *(each.remark for each in command.examples),
                     *command.paragraphs, *(option.text for _, options in command.options for option in options)]:  # fmt: skip
            assert "".join(text.split()) in "".join(shown.split()), command.path
        for each in command.commands:
            check(each)

    check(program())


def test_a_group_lists_what_is_below_it(shown):
    for name in ("show", "verify", "merge"):
        assert shown.count(f"bundler receipt {name}") >= 3  # synopsis, list, section


def test_man_shows_it(page, tmp_path):
    require("man")
    file = tmp_path / "bundler.1"
    file.write_text(page)
    environment = {**os.environ, "MANPAGER": "cat", "PAGER": "cat", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-ww"}
    done = subprocess.run(["man", "-l", str(file)], capture_output=True, env=environment, timeout=60, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bundler(1)" in done.stdout
    assert "EXIT STATUS" in re.sub(r".\x08", "", done.stdout)
    done = subprocess.run(["lexgrog", str(file)], capture_output=True, timeout=60, text=True)
    assert "bundler - carry container images" in done.stdout, done  # whatis and apropos find it
