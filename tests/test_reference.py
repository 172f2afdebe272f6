"""The pages that are made of the code: nothing is left out, and Markdown shows the texts as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import bundler
from bundler import cli
from bundler.core import image_list, rules_file
from bundler.core.advice.table import ADVICE
from bundler.core.retention import rules_file as retention

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from reference import pages
from reference.markdown import code, filled, prose, table
from reference.tree import program
from reference.troubleshooting import SYMPTOMS, troubleshooting


def test_a_page_of_a_command_that_is_gone_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "docs/commands").mkdir(parents=True)
    (tmp_path / "docs/commands/old.md").touch()
    assert pages.write({"docs/commands/new.md": "new"}) == ["docs/commands/new.md", "docs/commands/old.md"]
    assert [(path.name, path.read_text()) for path in (tmp_path / "docs/commands").iterdir()] == [("new.md", "new")]


def test_every_code_of_an_error_is_below_one_symptom():
    listed = " ".join(SYMPTOMS.values()).split()
    assert sorted(listed) == sorted(ADVICE)


def test_texts_of_help_are_markdown_that_shows_the_same():
    assert prose("with --set *:latest <12 hex> see docs/policy.md, - is stdin", "../") == (
        "with `--set` \\*:latest <12 hex> see [docs/policy.md](../policy.md), - is stdin"
    )
    assert prose("`a --b` <Kind> -o DIR") == "`a --b` \\<Kind> `-o` DIR"
    assert code("--a B") == "`--a B`"
    assert code("--a [b|c<d]") == "<code>--a [b&#124;c&lt;d]</code>"
    assert table(("a", "b"), [("x|y", "")]) == "| a | b |\n|---|---|\n| x\\|y | |\n"
    assert filled("1\n<!-- scripts/pages: x -->\nold\n<!-- end -->\n2", "x", "new") == (
        "1\n<!-- scripts/pages: x -->\n\nnew\n\n<!-- end -->\n2"
    )
    assert filled("- a\n  # scripts/pages: x\n  - old\n  # end\n- b", "x", "  - new\n") == (
        "- a\n  # scripts/pages: x\n  - new\n  # end\n- b"
    )


def test_the_page_has_the_words_of_every_error_below_a_heading():
    page = troubleshooting()
    for name, advice in ADVICE.items():
        section = page.partition(f"\n### {name}\n")[2].partition("\n#")[0]
        words = [re.sub(r"{(\w+)}", lambda name: name[1].upper(), each) for each in (advice.happened, advice.next_step)]
        plain = re.sub(r"[`\\]|\[(\S+)\]\(\S+\)", r"\1", section)
        assert all(re.sub("`", "", each) in plain for each in words), name


def test_the_page_of_files_has_the_keys_that_are_read():
    page = (pages.ROOT / "docs/files.md").read_text()
    tables = [re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) for table in page.split("| key | value |")[1:]]
    assert [tuple(each) for each in tables] == [
        image_list._TOP_KEYS, image_list._IMAGE_KEYS, image_list._MANY_KEYS, image_list._TAG_KEYS,
        rules_file._RULE_KEYS, retention._KEYS, retention._RULE_KEYS,
    ]  # fmt: skip


def test_the_tree_has_all_commands_and_all_options():
    leaves = {each.name: each for each in program().leaves()}
    assert len(leaves) > len(cli.program.order)
    spelled = [each.spelling for _, options in leaves["export"].options for each in options]
    flags = [
        flag for each in bundler.cli.program.commands["export"].params for flag in each.opts if flag.startswith("-")
    ]
    assert all(any(re.search(rf"(?<![\w-]){flag}(?![\w-])", each) for each in spelled) for flag in flags)
