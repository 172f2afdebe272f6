"""Looks for words and openings of sentences that make our English hard to read in a second language.

It prints each finding as FILE:LINE, with the word and what to write instead. Any finding is a failure.

It reads names, comments, docstrings and other texts of Python files, tests included; the prose of Markdown pages (no
code, in blocks or in backticks); and all of scripts, image lists and configuration, whose comments are sentences.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

INSTEAD = {
    "anew": "again",
    "begun": "started, unfinished",
    "behind": "after, below, at the end of",
    "beside": "next to, in addition to",
    "brake": "circuit breaker",
    "follower": "background hash",
    "leftover": "partial state",
    "meanwhile": "since then, at the same time, or nothing",
    "shelf": "staging cache",
    "somebody": "a user, a person, another process",
    "stand": "is, appears, refers to",
    "stands": "is, appears, refers to",
    "stood": "was, appeared, referred to",
    "taker": "destination",
    "told": "reported, shown, named",
    "whoever": "the user who, a program that",
}
"""The words to avoid, and words that say the same."""

OLD_NAMES = {
    "begunexport": "resume state",
    "everyimage": "a verb that says what is done to each image",
    "holes": "unreadable ranges",
    "home": "staging location",
    "origins": "blob index, or sources",
    "readiness": "staging",
    "shelves": "staging caches",
    "turns": "write order",
    "walk": "chunk verifier",
    "way": "the noun of the field",
}
"""Names that things had once, and their terms now. No class has such a name; in sentences the words are free."""

OPENERS = ("how", "that which", "what", "whatever", "where", "whether", "which", "who", "whoever")
"""The openings of a docstring, comment, paragraph or item that make a clause of what should be a sentence."""

CLAUSES = ("What", "Whatever", "Whoever", "Whether", "That which")
"""The openings that are refused at the beginning of any sentence."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_OPENER = re.compile(rf"\s*(?:{'|'.join(OPENERS)})\b", re.IGNORECASE)
_CLAUSE = re.compile(rf"(?<=[.:!?]\s)\s*(?:{'|'.join(CLAUSES)})\b")
_LIST_ITEM = re.compile(r"^(?:[-*]|\d+\.) +")
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->")

_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#+|//)\s+(?P<text>.+)")
_SENTENCE = re.compile(r"\s*[A-Z][a-z]+\s.*[.!]\s*", re.DOTALL)
_ANY_WORD = re.compile(rf"(?i:{'|'.join(INSTEAD)})(?![a-z])")
_ANY_OPENING = re.compile(rf"""["'\#/]\s*(?i:{"|".join(OPENERS)})\b|[.:!?]\s[\s\#]*(?:{"|".join(CLAUSES)})\b""")
_ANY_OLD_NAME = re.compile(rf"\bclass _*(?i:{'|'.join(OLD_NAMES)})\b")
"""Programs that have an opening to avoid have a match."""

PAGES = (
    "*.md",
    "docs/**/*.md",
    "manifests/*.md",
    "scripts/**/*.md",
    "bundler/**/*.md",
)
PROGRAMS = ("*.py", "bundler/**/*.py", "scripts/**/*.py", "tests/**/*.py")
WITH_EXAMPLES = ("scripts/words.py", "tests/test_words.py")
NO_TEXT = (".json", ".png", ".pyc")
PLAIN = (
    "*.yml",
    "MANIFEST.in",
    "bundler/locale/README",
    "bundler/views/html/*.css",
    "bundler/views/html/*.js",
    "manifests/*.yaml",
    "manifests/*.txt",
    "docs/*.yaml",
    "docs/*.css",
    ".ci/*",
    ".github/**/*.yml",
    "scripts/**/*",
)
LABELS = ("pyproject.toml",)
"""The files, by how they are read. Comments of LABELS are remarks on values, and no sentences."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place that a person should rewrite."""

    file: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        """One line, as compilers print it."""
        return f"{self.file}:{self.line}: {self.found!r}: {self.instead}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Some text that belongs together: a docstring, a comment, a paragraph."""

    line: int
    text: str
    is_prose: bool
    """True if it should consist of sentences; names and short labels are not."""
    is_heading: bool = False
    """True for the heading of a page, which names its subject."""


def _words(file: str, passage: Passage) -> Iterator[Finding]:
    for number, line in enumerate(passage.text.split("\n")):
        for word in _WORD.findall(line):
            instead = INSTEAD.get(word.lower())
            if instead is not None:
                yield Finding(file, passage.line + number, word, f"write {instead}")


def _openings(file: str, passage: Passage) -> Iterator[Finding]:
    """Sentences that open with a clause; questions are none of them."""
    text = passage.text
    if passage.is_heading and (opener := _OPENER.match(text)) and not text.endswith("?"):
        yield Finding(file, passage.line, opener[0].strip(), "name the subject: a heading is no clause")
    if not passage.is_prose:
        return
    for match in [_OPENER.match(text), *_CLAUSE.finditer(text)]:
        if match is None or _is_question(text, match.end()):
            continue
        line = passage.line + text.count("\n", 0, match.end())
        yield Finding(file, line, match[0].strip(), "open the sentence with its subject or its verb")


def _is_question(text: str, at: int) -> bool:
    end = re.compile(r"[.!?](?=\s|$)").search(text, at)
    return end is not None and end[0] == "?"


def _old_names(file: str, source: str) -> Iterator[Finding]:
    """The classes of a program that have a name of old."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and (term := OLD_NAMES.get(node.name.strip("_").lower())):
            yield Finding(file, node.lineno, node.name, f"write {term}")


def _program(source: str) -> Iterator[Passage]:
    """The names, comments, docstrings and other texts of a Python file; texts that are sentences are prose."""
    tree = ast.parse(source)
    docstrings = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno not in docstrings:
            for paragraph in filter(_SENTENCE.fullmatch, node.value.split("\n\n")):
                yield Passage(node.lineno, paragraph, True)
    comment: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if comment and token.type not in (tokenize.COMMENT, tokenize.NL):
            yield Passage(comment[0].start[0], "\n".join(part.string.lstrip("# ") for part in comment), True)
            comment = []
        if token.type == tokenize.COMMENT:
            comment.append(token)
        elif token.type == tokenize.STRING:
            text = token.string.lstrip("rbfuRBFU").strip("\"'")
            yield Passage(token.start[0], text, token.start[0] in docstrings)
        elif token.type in (tokenize.NAME, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            yield Passage(token.start[0], token.string, False)


def _page(source: str) -> Iterator[Passage]:
    """The paragraphs, items, headings and table rows of a Markdown page, without code."""
    paragraph: list[str] = []
    first = 0
    in_block = False
    for number, line in enumerate([*source.split("\n"), ""], 1):
        is_fence = line.lstrip().startswith("```")
        line = line.strip()
        is_own = line.startswith(("#", "|")) or bool(_LIST_ITEM.match(line))
        if paragraph and (is_fence or is_own or not line):
            yield Passage(first, _without_code("\n".join(paragraph)), True)
            paragraph = []
        in_block ^= is_fence
        if is_fence or in_block or not line:
            continue
        if line.startswith("|"):
            for cell in map(_without_code, re.split(r"(?<!\\)\|", line)):
                yield Passage(number, cell.strip(), bool(_SENTENCE.fullmatch(cell)))
            continue
        if line.startswith("#"):
            yield Passage(number, _without_code(line.lstrip("# ")), False, is_heading=True)
            continue
        first = first if paragraph else number
        paragraph.append(_LIST_ITEM.sub("", line))


def _without_code(text: str) -> str:
    """The text with "x" for code and link targets: a sentence that opens with code does not open with the next word."""
    return _CODE.sub(lambda match: "x" + "\n" * match[0].count("\n"), text)


def _plain(source: str) -> Iterator[Passage]:
    """The lines of a script or a file of configuration, and its comments. Those of neighbouring lines are one text."""
    comment: list[str] = []
    for number, line in enumerate([*source.split("\n"), ""], 1):
        yield Passage(number, line, False)
        found = _COMMENT.search(line)
        is_whole = found is not None and not line[: found.start()].strip()
        if comment and not is_whole:
            yield Passage(number - len(comment), "\n".join(comment), True)
            comment = []
        if found is not None and is_whole:
            comment.append(found["text"])
        elif found is not None:
            yield Passage(number, found["text"], True)


def _labels(source: str) -> Iterator[Passage]:
    """The lines of a file without sentences."""
    for number, line in enumerate(source.split("\n"), 1):
        yield Passage(number, line, False)


def findings_in(file: str, source: str) -> list[Finding]:
    """All findings of one file.

    Args:
        file: Its path below the root; the ending says how it is read.
        source: Its text.
    """
    read = {".py": _program, ".md": _page, ".toml": _labels}.get(Path(file).suffix, _plain)
    if not _may_have_findings(read, source):
        return []
    old = _old_names(file, source) if read is _program else ()
    return sorted({*old, *(f for passage in read(source) for look in (_words, _openings) for f in look(file, passage))})


def _may_have_findings(read: Callable[[str], Iterator[Passage]], source: str) -> bool:
    """Looks at a source as a whole. Most have no such word, and to read them in detail takes a hundred times longer."""
    lowered = source.lower()
    has_word = any(word in lowered for word in INSTEAD) and _ANY_WORD.search(source)
    return bool(has_word) or read is _page or bool(_ANY_OPENING.search(source) or _ANY_OLD_NAME.search(source))


def findings() -> list[Finding]:
    """All findings of the repository, by file and line."""
    paths = {path for pattern in (*PAGES, *PROGRAMS, *PLAIN, *LABELS) for path in ROOT.glob(pattern)}
    found = []
    for path in sorted(paths - {ROOT / file for file in WITH_EXAMPLES}):
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts) and path.suffix not in NO_TEXT:
            found += findings_in(path.relative_to(ROOT).as_posix(), path.read_text())
    return found


def main() -> int:
    """Prints the findings; the exit code is 1 if there are any."""
    found = findings()
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
