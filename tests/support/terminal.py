"""A terminal that the command believes in: what people see there, and what they type."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable

_WAIT_SECONDS = 60


def on_terminal(*arguments: object, answers: list[tuple[str, str | Callable[[], object]]]) -> tuple[int, str]:
    """Runs the command on a terminal of its own.

    Args:
        arguments: Of the command.
        answers: Texts to wait for, and what to type or to do then, in their order.

    Returns:
        The exit code, and all that was shown.
    """
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "bundler", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    shown, seen = "", 0
    waiting = list(answers)
    try:
        while True:
            if not select.select([master], [], [], _WAIT_SECONDS)[0]:
                raise AssertionError(f"nothing more came after: {shown}")
            try:
                piece = os.read(master, 4096)
            except OSError:  # Linux says so that the other end is closed
                break
            if not piece:
                break
            shown += piece.decode(errors="replace")
            while waiting and waiting[0][0] in shown[seen:]:
                question, answer = waiting.pop(0)
                seen = shown.index(question, seen) + len(question)
                if callable(answer):
                    answer()
                else:
                    os.write(master, f"{answer}\n".encode())
        code = process.wait(_WAIT_SECONDS)
    finally:
        process.kill()
        os.close(master)
    assert not waiting, f"never asked {waiting[0][0]!r}: {shown}"
    return code, shown.replace("\r\n", "\n")


class Screen:
    """The lines of a terminal after what was written to it, without its edge: a line that is too wide stays so."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Takes what was written: text, and the moves of the cursor that progress needs."""
        while text:
            if text.startswith("\x1b[A"):
                self._row, text = max(0, self._row - 1), text[3:]
                continue
            self._put(text[0])
            text = text[1:]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self.lines):
                self.lines.append("")
        else:
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
            self._column += 1
