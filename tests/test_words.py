"""scripts/words.py finds the words and openings that we avoid, and the gate runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import subjects  # noqa: E402
import words  # noqa: E402


def found_in(file: str, source: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.found) for finding in words.findings_in(file, source)]


@pytest.mark.parametrize("word", sorted(words.INSTEAD))
def test_each_word_is_found_in_names_comments_docstrings_messages_and_pages(word):
    program = (
        f'"""A {word} tag."""\nx_{word} = 1\nclass Is{word.title()}: ...\n# a {word} tag\nerror("the tag {word}")\n'
    )
    assert found_in("x.py", program) == [
        (1, word), (2, word), (3, word.title()), (4, word), (5, word),
    ]  # fmt: skip
    assert found_in("x.md", f"# The {word}\n\nOne line,\nthe {word}\n\n| {word} |\n") == [
        (1, word),
        (4, word),
        (6, word),
    ]
    assert found_in("x.yaml", f"key: 1  # a {word}\n") == [(1, word)]


def test_tests_are_read_as_all_programs_are():
    source = '"""What it needs."""\n# It is told.\ndef test_it_is_told_1(told): ...\n'
    assert found_in("tests/unit/test_x.py", source) == [(1, "What"), (2, "told"), (3, "told")]


@pytest.mark.parametrize("name", ["Walk", "_Turns", "Origins", "EveryImage", "Way"])
def test_no_class_has_an_old_name(name):
    assert found_in("x.py", f"class {name}: ...\n") == [(1, name)]
    assert not found_in("x.py", f"{name.lower()} = 1\nclass {name}OfMedia: ...\n")


def test_texts_that_are_sentences_open_as_others_do():
    assert found_in("x.py", 'help = (\n    "Where the files "\n    "are."\n)\n') == [(2, "Where")]
    assert found_in("x.py", 'TEXT = """The first.\n\nWhat it needs is here.\n"""\n') == [(1, "What")]
    assert found_in("x.md", "| NAME | Where the files are. |\n") == [(1, "Where")]


@pytest.mark.parametrize("file", ["x.sh", "Jenkinsfile", "x.yml", "x.js"])
def test_comments_of_scripts_and_configuration_are_sentences(file):
    mark = "//" if file == "x.js" else "#"
    comments = f"key\n  {mark} The first line\n  {mark} of it. What it needs.\nkey: 1 {mark} where it is\n"
    assert found_in(file, comments) == [(3, "What"), (4, "where")]
    assert not found_in(file, "command --where what\nwhere: what\n")


def test_comments_of_labels_are_remarks():
    assert found_in("x.toml", 'a = "1"  # what b needs\nb = 1  # it is told\n') == [(2, "told")]


def test_all_texts_that_people_read_are_looked_at(monkeypatch):
    looked_at = set()
    monkeypatch.setattr(words, "findings_in", lambda file, source: looked_at.add(file) or [])
    words.findings()
    assert looked_at >= {
        "README.md", "CHANGELOG.md", "docs/decisions/README.md", "bundler/bundle/FORMAT.md", "manifests/README.md",
        ".ci/run", ".github/workflows/ci.yml", "mkdocs.yml", "pyproject.toml", "scripts/backup/backup", "setup.py",
        "bundler/bundle/readme.py", "bundler/cli/options.py", "tests/support/forge.py", "tests/unit/core/test_plan.py",
    }  # fmt: skip


def test_a_word_within_another_one_is_none():
    assert not found_in("x.py", '"""The standard understands besides."""\nstandard = understood\n')


def test_code_on_pages_is_not_prose():
    assert not found_in("x.md", "Call `told` or [it](told.md).\n\n```sh\nwhat is begun   # told\n```\n")


@pytest.mark.parametrize("opener", ["What", "Whether", "How", "Who", "Where", "Whoever", "That which", "Which"])
def test_docstrings_comments_and_paragraphs_do_not_open_with_a_clause(opener):
    clause = f"{opener} it needs."
    first = opener if opener == "That which" else opener.split()[0]
    for file, source, line in [
        ("x.py", f'"""{clause}"""\n', 1),
        ("x.py", f"x = 1\n# {clause}\n", 2),
        ("x.py", f'class X:\n    y: int\n    """{clause}"""\n', 3),
        ("x.md", f"# A head\n\n{clause}\n", 3),
        ("x.md", f"A list:\n- {clause}\n", 2),
        ("x.md", f"A list:\n1. {clause}\n", 2),
    ]:
        assert (line, first) in found_in(file, source), source


def test_no_sentence_opens_with_a_clause():
    assert found_in("x.md", "One sentence.\nWhat follows is another one.\n") == [(2, "What")]
    assert found_in("x.md", "It takes 0.7. What follows is another one.\n") == [(1, "What")]
    assert found_in("x.md", "One sentence. Whether it holds is another.\n") == [(1, "Whether")]


@pytest.mark.parametrize("heading", ["What it promises", "How it is written", "Where they go", "What goes, what stays"])
def test_a_heading_names_its_subject(heading):
    assert found_in("x.md", f"Some text.\n\n### {heading}\n") == [(3, heading.split()[0])]
    assert not found_in("x.md", f"### Promises: {heading.lower()}\n")


def test_questions_and_labels_may_open_as_they_like():
    assert not found_in("x.md", "# What is signed?\n\nWhat is signed, and how? A list is.\n\n| Who | What |\n")
    assert not found_in("x.py", 'title = "What it costs"\n')


def test_subjects_of_commits():
    assert subjects.faults("Refuse bundles that a stranger signed") == []
    assert subjects.faults("X" * 72) == []
    assert len(subjects.faults("x" * 72 + ".")) == 3


def test_the_gate_runs_both():
    gate = (ROOT / "scripts/lint").read_text()
    assert "scripts/words.py" in gate
    assert "scripts/subjects.py" in gate
