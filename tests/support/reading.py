"""A reader of our pages, who types each command as it is printed, in a folder of his own."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ran

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str = "sh") -> list[str]:
    """The blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def commands_of(block: str) -> list[str]:
    """The commands of a block, as a shell reads them: bundler's one by one, others with those that follow them.

    So a variable or a umask that one line sets is there for the next ones.
    """
    found: list[str] = []
    pending = ""
    for line in block.replace("\\\n", " ").splitlines():
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
        self.needs: dict[str, tuple[str, ...]] = {}
        """The files that a page takes for there, and the commands that make them just before they are named."""

    def at_this_place(self, text: str) -> str:
        """A text with the folders and registries of this test; of names within names the longer ones come first."""
        for old in sorted(self.instead, key=len, reverse=True):
            text = text.replace(old, self.instead[old])
        return text

    def follow(self, page: str, *, again: bool = True) -> None:
        """Runs the blocks of a page; without ``again`` leaves out what was typed on another page."""
        for block in blocks(page):
            self.folder = self.place
            for command in commands_of(block):
                if again or command not in self.read:
                    self.read.add(command)
                    self._get_ready(command)
                    self.type(self.at_this_place(command))

    def type(self, line: str) -> None:
        """Runs one command, or several lines of a shell, and expects that each ends with 0."""
        self.commands += 1 + line.count("\n")
        if "$FINGERPRINT" in line:  # the builder reads it out
            line = line.replace("$FINGERPRINT", fingerprint(self.place / "builder.pub"))
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            self.folder = Path(words[1])
        elif words[0] == "bundler":
            os.chdir(self.folder)
            done = self.here(*[name for word in words[1:] for name in sorted(glob.glob(word)) or [word]])
            assert done.code == (1 if words[1] == "diff" else 0), f"{line}\n{done.out}{done.err}"
        else:
            ended = subprocess.run(["bash", "-euc", line], cwd=self.folder, text=True, capture_output=True, timeout=60)
            assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"

    def has(self, *lines: str) -> None:
        """Does what pages take for done."""
        for line in lines:
            self.type(self.at_this_place(line))

    def _get_ready(self, line: str) -> None:
        for name, commands in self.needs.items():
            if name in line and not Path(self.place, self.at_this_place(name)).exists():
                self.has(*commands)


def fingerprint(key: Path) -> str:
    """The fingerprint of a key, as openssl and sha256sum show it."""
    encoded = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", key, "-outform", "DER"], capture_output=True, check=True
    )
    return hashlib.sha256(encoded.stdout).hexdigest()
