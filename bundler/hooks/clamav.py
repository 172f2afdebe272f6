"""ClamAV: a clamd that runs already, a clamd of our own, or clamscan.

Each blob is one stream: a layer as the tar that it is when decompressed, so that ClamAV unpacks it; configs and all
other blobs as they are. Only an answer about the whole stream counts as clean. ClamAV must report all of its limits
(``AlertExceedsMax``); without that it calls clean what it did not look at. A running clamd must prove that first.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import cache
from pathlib import Path
from types import TracebackType

from bundler.core.limits import SCAN_OUTPUT_BYTES, SCAN_SECONDS, SCANNED_BYTES, SCANNER_SECONDS
from bundler.core.protocols import Pieces
from bundler.core.scan import CLEAN, Scanner, Subject, Verdict, failed, not_scanned
from bundler.errors import Misuse, Unavailable
from bundler.hooks.clamav_database import read_database
from bundler.hooks.clamav_words import ABOVE_A_LIMIT, STREAM_LIMIT, scanner_of, verdict_of
from bundler.hooks.clamd import Clamd, ClamdFailed
from bundler.hooks.own_clamd import own_clamd
from bundler.hooks.programs import find_program, is_installed, private_folder, run_program, unchecked
from bundler.hooks.unpacked import Unscannable, unpacked
from bundler.system import buffers
from bundler.texts import text

SOCKETS = (Path("/run/clamav/clamd.ctl"), Path("/run/clamd.scan/clamd.sock"), Path("/run/clamav/clamd.sock"))
"""The sockets of clamd of Debian, Fedora and others."""
_INSTALL = "install it with: apt install clamav-daemon clamav, or: dnf install clamd clamav"
_NESTED = 120
"""More levels than ClamAV can be set to follow (libclamav/default.h, CLI_MAX_MAXRECLEVEL is 100)."""
_SYSTEM_DATABASE = Path("/var/lib/clamav")


def find_clamav(address: str = "", database: Path | None = None) -> ClamAV:
    """ClamAV as this machine has it.

    Args:
        address: The clamd to use, as `Clamd.parse` reads it; empty for the one that is found.
        database: The folder of the signatures to use; None for those of the running clamd, or of the system.

    Raises:
        Misuse: ClamAV is not installed, or it is not clear which signatures to use.
    """
    if address:
        if database is not None:
            raise Misuse(
                "a running clamd has its own database",
                subject=address[:200],
                hint="leave out --database, or the address: bundler then starts a clamd with this database",
            )
        return _running(Clamd.parse(address))
    if database is None:
        found = next((path for path in SOCKETS if path.is_socket()), None)
        if found is not None:
            return _running(Clamd(found))
    programs = [name for name in ("clamd", "clamscan") if is_installed(name)] or ["clamscan"]
    engines = [_started(find_program(name, hint=_INSTALL), database) for name in programs]
    return engines[0] if len(engines) == 1 else FirstThatStarts(engines)


def _running(clamd: Clamd) -> ClamAV:
    return Daemon(nullcontext(clamd), None, probe=True)


def _started(program: Path, database: Path | None) -> ClamAV:
    if program.name == "clamscan":
        return Clamscan(program, database)
    folder = database or _SYSTEM_DATABASE
    return Daemon(own_clamd(program, folder), folder, probe=False)


class ClamAV:
    """The engine, however its bytes get to ClamAV."""

    at_a_time = 1

    def __enter__(self) -> ClamAV:
        """Starts it; see `bundler.core.scan.Engine`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Ends it."""

    def identity(self) -> Scanner:
        """Its version and database."""
        raise NotImplementedError

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one blob."""
        raise NotImplementedError


class Daemon(ClamAV):
    """A clamd."""

    def __init__(self, start: AbstractContextManager[Clamd], database: Path | None, *, probe: bool) -> None:
        """Starts nothing yet.

        Args:
            start: Starts it and ends it.
            database: The folder of its database; None if only it knows.
            probe: Ask it to prove that it reports what it does not look at.
        """
        self._start = start
        self._database = database
        self._probe = probe
        self._open = ExitStack()
        self.at_a_time = len(os.sched_getaffinity(0))  # clamd itself has ten threads

    def __enter__(self) -> Daemon:
        """Starts it, or asks the running one.

        Raises:
            Misuse: It does not report what it does not look at.
            Unavailable: It does not answer.
        """
        with ExitStack() as stack:
            self._clamd = stack.enter_context(self._start)
            if self._probe:
                _check_limits(self._clamd)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Ends the one that was started."""
        self._open.__exit__(kind, error, traceback)

    def identity(self) -> Scanner:
        """Its version and database.

        Raises:
            Unavailable: It does not answer.
        """
        said = scanner_of(self._clamd.ask("VERSION", unchecked))
        return said if self._database is None else _with_database(said, self._database)

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one blob."""
        try:
            pieces = unpacked(subject, limit_bytes=SCANNED_BYTES)
            reply = self._clamd.scan(pieces, seconds=SCAN_SECONDS, check=subject.check)
        except Unscannable as problem:
            return not_scanned(problem.reason)
        except ClamdFailed as failure:
            return failed(f"clamd: {failure.reason}")
        if reply.is_early and STREAM_LIMIT not in reply.line:
            return failed(f"clamd answered before it had all bytes: {reply.line}")
        return verdict_of([reply.line])


class Clamscan(ClamAV):
    """The program clamscan. It reads its database again for each object, so it is for small databases."""

    def __init__(self, program: Path, database: Path | None) -> None:
        """Starts nothing yet.

        Args:
            program: Its path.
            database: The folder of its database; None for the one of the system.
        """
        self._program = program
        self._database = database

    def __enter__(self) -> Clamscan:
        """Scans a few bytes, to know that it can read its database.

        Raises:
            Unavailable: It fails.
        """
        verdict = self._verdict(buffers.pieces_in(b"bundler", 0), unchecked)
        if verdict is not CLEAN:
            raise Unavailable(
                text("clamscan does not work here: {reason}", reason=verdict.reason),
                subject=str(self._program),
                code="scanner-silent",
            )
        return self

    def identity(self) -> Scanner:
        """Its version and database.

        Raises:
            Unavailable: It fails.
        """
        heard = run_program(
            [str(self._program), "--version", *self._database_flag],
            seconds=SCANNER_SECONDS,
            output_bytes=SCAN_OUTPUT_BYTES,
            check=unchecked,
        )
        said = scanner_of(heard.output.decode("utf-8", "replace").partition("\n")[0])
        if not said.version:
            raise Unavailable(heard.fault, subject=str(self._program), code="scanner-silent")
        return said if self._database is None else _with_database(said, self._database)

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one blob."""
        try:
            return self._verdict(unpacked(subject, limit_bytes=SCANNED_BYTES), subject.check)
        except Unscannable as problem:
            return not_scanned(problem.reason)

    def _verdict(self, pieces: Pieces, check: Callable[[], object]) -> Verdict:
        with private_folder() as folder:
            options = [f"--{name}={value}" for name, value in _LIMITS]
            heard = run_program(
                [str(self._program), *self._database_flag, *options, f"--tempdir={folder}", "--no-summary", "-"],
                seconds=SCAN_SECONDS,
                output_bytes=SCAN_OUTPUT_BYTES,
                check=check,
                writable=(folder,),
                given=pieces,
            )
        if heard.is_flood or heard.ended.is_overdue or heard.ended.code not in (0, 1):
            return failed(f"clamscan: {heard.fault}")
        if not heard.ended.has_read_all:
            return failed("clamscan answered before it had all bytes")
        verdict = verdict_of(heard.output.decode("utf-8", "replace").splitlines())
        if verdict is CLEAN and heard.ended.code != 0:
            return failed(f"clamscan: {heard.fault}")
        return verdict

    @property
    def _database_flag(self) -> list[str]:
        return [] if self._database is None else [f"--database={self._database.absolute()}"]


class FirstThatStarts(ClamAV):
    """The first of several that starts. A clamd of our own does not where AppArmor keeps it in its usual folders."""

    def __init__(self, engines: Sequence[ClamAV]) -> None:
        """Starts nothing yet.

        Args:
            engines: The engines, the best one first.
        """
        self._engines = engines
        self._started = engines[-1]

    @property
    def at_a_time(self) -> int:  # type: ignore[override]  # it depends on the one that has started
        """That of the one that has started."""
        return self._started.at_a_time

    def __enter__(self) -> FirstThatStarts:
        """Starts the first that starts.

        Raises:
            Unavailable: The last one does not start either.
            Misuse: There is no database.
        """
        *others, last = self._engines
        for each in others:
            with suppress(Unavailable):
                self._started = each.__enter__()
                return self
        self._started = last.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Ends it."""
        self._started.__exit__(kind, error, traceback)

    def identity(self) -> Scanner:
        """Its version and database."""
        return self._started.identity()

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one blob."""
        return self._started.scan(subject)


_LIMITS = (
    ("alert-exceeds-max", "yes"),
    ("max-filesize", "2047M"),
    ("max-scansize", "4000M"),
    ("max-files", "1000000"),
    ("max-recursion", "30"),
    ("max-scantime", "0"),
)
"""The limits of clamscan: higher than its defaults, which are for mails. It reports what is above them."""


def _with_database(said: Scanner, folder: Path) -> Scanner:
    version, date = read_database(folder)
    return Scanner(said.name, said.unit, said.version, version, date)


def _check_limits(clamd: Clamd) -> None:
    """Checks that a clamd reports what it does not look at, with an archive in an archive that is too deep for any.

    Raises:
        Misuse: It calls that clean.
        Unavailable: It does not answer.
    """
    try:
        reply = clamd.scan(buffers.pieces_in(_nested(), 0), seconds=SCANNER_SECONDS, check=unchecked)
    except ClamdFailed as failure:
        raise clamd.silent(failure) from failure
    if ABOVE_A_LIMIT not in reply.line:
        raise Misuse(
            "clamd calls objects clean that are above its limits",
            subject=str(clamd),
            expected=text("AlertExceedsMax yes"),
            actual=reply.line,
            hint="set AlertExceedsMax yes in clamd.conf, and restart clamd",
            code="scanner-limits",
        )


@cache
def _nested() -> bytes:
    content = b"bundler"
    for _ in range(_NESTED):
        made = zlib.compressobj(wbits=31)
        content = made.compress(content) + made.flush()
    return content
