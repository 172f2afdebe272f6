"""Any command as a scanner for blobs. docs/scan.md has its contract.

It is started once for each blob, never through a shell. It gets the decompressed blob on standard input, and in its
environment ``BUNDLER_DIGEST``, ``BUNDLER_NAME``, ``BUNDLER_MEDIA_TYPE`` and ``BUNDLER_SIZE``. It must read its input to
the end before it says that the blob is clean. Exit codes: 0 clean, 1 found, any other one an error.

Each of the first lines that it prints is a finding: a name, and after a tab, if it likes, a severity and a title.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.limits import SCAN_OUTPUT_BYTES, SCAN_SECONDS, SCAN_UNPACKED_BYTES, SIGNATURES_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.core.scan import (
    CLEAN,
    UNITS,
    Finding,
    Scanner,
    Severity,
    Subject,
    Unit,
    Verdict,
    failed,
    found,
    not_scanned,
)
from bundler.core.scan.verdict import NAME as SCANNER_NAME
from bundler.errors import Misuse
from bundler.hooks.programs import find_program, run_program
from bundler.hooks.unpacked import Unscannable, unpacked
from bundler.system import files, places
from bundler.texts import text

LINES = 100
"""The lines that count. Further ones are not read."""
_NAMED = lazy_pattern(rf"({SCANNER_NAME.pattern})=(.+)", re.DOTALL)
_DIGITS = 32


@frozen
class CommandLine:
    """A command of the user: the name of the scanner, the program, and its arguments."""

    name: str
    program: Path
    arguments: tuple[str, ...]

    @classmethod
    def parse(cls, words: str) -> CommandLine:
        """Reads ``[NAME=]PROGRAM ARGUMENT…``, quoted as in a shell. The name is else that of the program.

        Raises:
            Misuse: It is not a command, its program does not exist, or its name is not one for a scanner.
        """
        named = _NAMED.fullmatch(words)
        try:
            given = shlex.split(named[2] if named else words)
        except ValueError as error:
            raise Misuse(text("not a command: {error}", error=error), subject=words[:200]) from error
        if not given:
            raise Misuse("not a command", subject=words[:200], expected=text("PROGRAM ARGUMENT..."))
        program = _program(given[0], named[1] if named else given[0])
        name = named[1] if named else program.name.lower()
        if name in UNITS or not SCANNER_NAME.fullmatch(name):
            raise Misuse(
                "not a name for a scanner of your own",
                subject=name[:64],
                hint=text("give it another name: --with {name}", name=f"NAME={shlex.join(given)[:200]}"),
            )
        return cls(name, program, tuple(given[1:]))


def _program(word: str, scanner: str) -> Path:
    """The program of a command: a path if it has a slash, as in a shell.

    Raises:
        Misuse: There is none. The name of the scanner may be one that is misspelt.
    """
    if "/" not in word:
        return find_program(word, hint=_hint(scanner))
    path = Path(word).absolute()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise Misuse("not a program", subject=word[:200], hint=_hint(scanner), code="scanner-missing")
    return path


def _hint(scanner: str) -> str:
    known = ", ".join(UNITS)
    near = difflib.get_close_matches(scanner[:64].lower(), UNITS, n=1)
    if near:
        return text(
            "did you mean {near}? Known are {known}; else give the path of a program", near=near[0], known=known
        )
    return text("known are {known}; else give the path of a program", known=known)


class Command:
    """The engine; see `bundler.core.scan.Engine`."""

    def __init__(self, line: CommandLine, *, seconds: float = SCAN_SECONDS) -> None:
        """Starts nothing yet.

        Args:
            line: The command.
            seconds: The time that it has for each blob.
        """
        self._line = line
        self._seconds = seconds
        self.at_a_time = len(os.sched_getaffinity(0))

    def __enter__(self) -> Command:
        """Nothing to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def identity(self) -> Scanner:
        """Its name, and the digest of the program as its version. Its database is not known.

        Raises:
            BundlerError: The program cannot be read.
        """
        with files.opened(self._line.program) as descriptor:
            digest = files.sha256_of(descriptor, what=str(self._line.program), limit_bytes=SIGNATURES_BYTES)
        return Scanner(self._line.name, Unit.BLOB, f"sha256:{digest[:_DIGITS]}")

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one blob."""
        given = unpacked(subject, limit_bytes=SCAN_UNPACKED_BYTES)
        try:
            heard = run_program(
                [str(self._line.program), *self._line.arguments],
                seconds=self._seconds,
                output_bytes=SCAN_OUTPUT_BYTES,
                check=subject.check,
                writable=None,
                ports=None,
                environment=_environment(subject),
                given=given,
            )
            for _ in given:  # a program may stop at the first finding; the digest is known at the end
                subject.check()
        except Unscannable as problem:
            return not_scanned(problem.reason)
        if heard.is_flood or heard.ended.is_overdue or heard.ended.code not in (0, 1):
            return failed(heard.fault)
        if heard.ended.code == 1:
            return found(_findings(heard.output) or [Finding.reported(self._line.name, Severity.CRITICAL)])
        return CLEAN if heard.ended.has_read_all else failed("it ended before it had read all bytes")


def _environment(subject: Subject) -> dict[str, str]:
    home = places.home_folder()
    return {
        "BUNDLER_DIGEST": str(subject.descriptor.digest),
        "BUNDLER_NAME": subject.name,
        "BUNDLER_MEDIA_TYPE": subject.descriptor.media_type,
        "BUNDLER_SIZE": str(subject.descriptor.size_bytes),
        **({"HOME": str(home)} if home else {}),
        "TMPDIR": str(places.scratch_folder()),
    }


def _findings(output: bytes) -> list[Finding]:
    return [_finding(line) for line in output.decode("utf-8", "replace").splitlines()[:LINES] if line.strip()]


def _finding(line: str) -> Finding:
    name, *rest = line.split("\t", 2)
    severity = Severity.of(rest[0].strip()) if rest and rest[0].strip() else Severity.CRITICAL
    return Finding.reported(name, severity, title=rest[1] if len(rest) > 1 else "")
