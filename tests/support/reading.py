"""A reader of our pages, who types each command as it is printed, in a folder of his own."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.conftest import Ran
from tests.support.terminal import on_terminal

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_SHELL = set("|&;<>()")
"""Words of these characters alone: only a shell understands such a line."""


def blocks(page: str | Path, language: str = "sh") -> list[str]:
    """The blocks of a page in one language, also those of its lists."""
    found = re.findall(r"^( *)```(.*?)\n(.*?)^\1```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, named, text in found if named == language]


def shown(page: str | Path) -> list[tuple[str, str]]:
    """Each block of commands with another one right below, and that: it shows what they print."""
    text = (DOCS / page).read_text()
    found = list(re.finditer(r"^```(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    return [
        (block[2], below[2])
        for block, below in itertools.pairwise(found)
        if (block[1], below[1]) == ("sh", "") and not text[block.end() : below.start()].strip()
    ]


_CHUNKS = r"chunk-\d+\.tar(?:(?:, | … )chunk-\d+\.tar)*"
_VARYING = {
    "chunks": (_CHUNKS, _CHUNKS),
    "digest": ("[0-9a-f]{12,}", "[0-9a-f]+"),
    "number": (r"\d+(?:[.,]\d+)*", r"[\d,.]+"),
    "unit": (r"\b(?:[KMGT]i)?B\b", "(?:[KMGT]i)?B"),
    "blanks": (r"\s+", r"\s+"),
}
_PARTS = re.compile("|".join(f"(?P<{name}>{found})" for name, (found, _) in _VARYING.items()) + "|.")


def shape(text: str) -> str:
    """A pattern for what a command prints, with any chunks, digests, numbers, units and blanks."""
    return "".join(
        _VARYING[part.lastgroup][1] if part.lastgroup else re.escape(part[0]) for part in _PARTS.finditer(text.strip())
    )


def joined(block: str) -> str:
    """A block without the ends of lines that a backslash takes away."""
    return re.sub(r" *\\\n *", " ", block)


def commands_of(block: str) -> list[str]:
    """The commands of a block, as a shell reads them: bundler's one by one, others with those that follow them.

    So a variable or a umask that one line sets is there for the next ones.
    """
    found: list[str] = []
    pending = ""
    for line in joined(block).splitlines():
        pending = f"{pending}\n{line}" if pending else line
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quoted text goes on in the next line
            continue
        if words and found and not {words[0], found[-1].split()[0]} & {"bundler", "cd"}:
            found[-1] += f"\n{pending}"
        elif words:
            found.append(pending)
        pending = ""
    assert not pending, f"a quote is not closed: {pending}"
    return found


class Reader:
    """A user who types each command of a page."""

    def __init__(self, place: Path, here: Callable[..., Ran], instead: dict[str, str]) -> None:
        self.place = place
        self.here = here
        self.instead = instead
        self.folder = place
        self.commands = 0
        self.read: set[str] = set()
        self.needs: Mapping[str, tuple[str, ...]] = {}
        """The files that pages take for there, as patterns, and the commands that make them before they are named."""
        self.codes: Mapping[str, int] = {}
        """The exit codes of commands that do not end with 0, by their beginnings."""
        self.folders: Mapping[str, str] = {}
        """The folders in which blocks are typed, by their first commands; of others it is that of the user."""
        self.left_out: tuple[str, ...] = ()
        """The beginnings of lines that cannot run here."""
        self.first: Mapping[str, tuple[str, ...]] = {}
        """The commands that change the world before a command of the page, by the beginning of that."""
        self.answers: Mapping[str, Sequence[tuple[str, str]]] = {}
        """The questions of commands that need a terminal, and what is typed there, by their beginnings."""
        self.printed: dict[str, Ran] = {}
        """The output of the commands of the page."""
        self._made: set[str] = set()
        self._in_work: list[str] = []
        self._serving: subprocess.Popen[str] | None = None

    def at_this_place(self, text: str) -> str:
        """A text with the folders and registries of this test; of names within names the longer ones come first."""
        names = "|".join(map(re.escape, sorted(self.instead, key=len, reverse=True)))
        return re.sub(names, lambda found: self.instead[found[0]], text)

    def follow(self, page: str | Path, *, again: bool = True) -> None:
        """Runs the blocks of a page; without ``again`` leaves out what was typed on another page."""
        for block in blocks(page):
            commands = commands_of(self._without_left_out(block))
            self.folder = self.place
            if commands:
                self.folder /= self.at_this_place(_found(self.folders, commands[0], "."))
            for command in commands:
                if again or command not in self.read:
                    self.read.add(command)
                    self.has(*_found(self.first, command, ()))
                    self._get_ready(command)
                    self.printed[command] = self._type_as_printed(command)
        self.end_serving()

    def _type_as_printed(self, command: str) -> Ran:
        code = _found(self.codes, command, 1 if command.startswith("bundler diff") else 0)
        return self.type(self.at_this_place(command), code=code, answers=_found(self.answers, command, None))

    def type(self, line: str, *, code: int = 0, answers: Sequence[tuple[str, str]] | None = None) -> Ran:
        """Runs one command, or several lines of a shell, and expects that it ends with a code."""
        self.commands += 1 + line.count("\n")
        if "$FINGERPRINT" in line:  # the builder reads it out
            line = line.replace("$FINGERPRINT", fingerprint(self.place / "builder.pub"))
        words = shlex.split(line, comments=True)
        done = Ran(0, "", "")
        if words[0] == "cd":
            self.folder /= words[1]
        elif words[:2] == ["bundler", "serve"]:
            done = self._serve(line)
        elif answers is not None:
            os.chdir(self.folder)
            done = Ran(*on_terminal(*words[1:], answers=[(asked, self._answer(each)) for asked, each in answers]), "")
        elif words[0] == "bundler" and not _needs_a_shell(line):
            os.chdir(self.folder)
            done = self.here(*[name for word in words[1:] for name in sorted(glob.glob(word)) or [word]])
        else:
            line = _SILENT.sub(r'shown=$( \1 ) && [ -z "$shown" ]', line)
            ended = subprocess.run(["bash", "-euc", line], cwd=self.folder, text=True, capture_output=True, timeout=300)
            done = Ran(ended.returncode, ended.stdout, ended.stderr)
        assert done.code == code, f"{line}\nexit {done.code}, not {code}\n{done.out}{done.err}"
        return done

    def _answer(self, text: str) -> str | Callable[[], object]:
        """The text that is typed, or, after a dollar, a command that does what hands do."""
        return partial(self.has, text[2:]) if text.startswith("$ ") else text

    def has(self, *lines: str) -> None:
        """Does what pages take for done."""
        before = self.folder
        for line in lines:
            self.folder = self.place
            self._get_ready(line)
            self._type_as_printed(line)
        self.folder = before

    def end_serving(self) -> None:
        """Types Ctrl-C to ``bundler serve``."""
        if self._serving:
            self._serving.send_signal(signal.SIGINT)
            out, err = self._serving.communicate(timeout=60)
            assert self._serving.returncode == 0, out + err
            self._serving = None

    def kill_server(self) -> None:
        """Ends a server that a failed page left."""
        if self._serving:
            self._serving.kill()
            self._serving.communicate()
            self._serving = None

    def _serve(self, line: str) -> Ran:
        """Starts a server that goes on until the next one is started; returns what it prints first."""
        self.end_serving()
        self._serving = subprocess.Popen(
            ["bash", "-euc", f"exec {line}"],
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._serving.stdout
        shown = ""
        for printed in self._serving.stdout:
            shown += printed
            if printed.startswith(("end ", "}")):
                return Ran(0, shown, "")
        _, err = self._serving.communicate(timeout=60)
        return Ran(self._serving.returncode, shown, err)

    def _without_left_out(self, block: str) -> str:
        lines = joined(block).splitlines()
        return "\n".join(line for line in lines if not self.left_out or not line.startswith(self.left_out))

    def _get_ready(self, line: str) -> None:
        for word in _inputs_of(line):
            found, commands = self._need(word)
            if found and found[0] not in self._in_work and not self._is_there(found[0]):
                self._made.add(found[0])
                self._in_work.append(found[0])
                self.has(*map(found.expand, commands))
                self._in_work.pop()

    def _need(self, word: str) -> tuple[re.Match[str] | None, tuple[str, ...]]:
        """The first of the needs that a word names."""
        for pattern, commands in self.needs.items():
            if found := re.match(rf"(?:{pattern})(?=/|$)", word):
                return found, commands
        return None, ()

    def _is_there(self, name: str) -> bool:
        if ":" in name:  # no file
            return name in self._made
        return Path(self.place, self.at_this_place(name)).exists()


_SILENT = re.compile(r"^(.*?) +# prints nothing.*$", re.MULTILINE)
_Value = TypeVar("_Value")
_Other = TypeVar("_Other")
_OUTPUTS = ("-o", "--output", "--receipt", "--need", "--report", "--metrics", "--name", "-out")


def _found(by_beginning: Mapping[str, _Value], command: str, default: _Other) -> _Value | _Other:
    """The value of the beginning that a command has; one that ends with a line's end is the whole command."""
    return next((value for beginning, value in by_beginning.items() if f"{command}\n".startswith(beginning)), default)


def _inputs_of(line: str) -> list[str]:
    """The words of a command that may be files which it reads."""
    words = shlex.split(line, comments=True)
    named = [word for before, word in zip(["", *words], words, strict=False) if before not in _OUTPUTS]
    return [part for word in named for part in re.split("[=,]", word)]


def _needs_a_shell(line: str) -> bool:
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    return any(set(word) <= _SHELL for word in words)


def fingerprint(key: Path) -> str:
    """The fingerprint of a key, as openssl and sha256sum show it."""
    encoded = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", key, "-outform", "DER"], capture_output=True, check=True
    )
    return hashlib.sha256(encoded.stdout).hexdigest()
