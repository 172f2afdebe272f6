"""A clamd that bundler starts for one run. It reads its database once, and its limits are as high as it allows."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bundler.core.limits import SCANNER_SECONDS
from bundler.errors import LocalStorage, Unavailable
from bundler.hooks.clamav_database import read_database
from bundler.hooks.clamd import Clamd
from bundler.hooks.programs import run_service
from bundler.system.places import scratch_folder
from bundler.texts import text
from bundler.workers import BackgroundThread

_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_PROFILE = Path("/etc/apparmor.d/usr.sbin.clamd")
_WAIT_SECONDS = 0.05
_SOCKET = "socket"


@contextmanager
def own_clamd(program: Path, database: Path) -> Generator[Clamd, None, None]:
    """A clamd that only we talk to, for as long as the block lasts.

    Args:
        program: Its path.
        database: The folder of its database.

    Raises:
        Misuse: There is no database.
        Unavailable: It ends, or does not answer.
        LocalStorage: There is no room for its files.
    """
    read_database(database)
    with TemporaryDirectory(prefix="bundler-clamd-", dir=_allowed_folder()) as name:
        folder = Path(name)
        settings = folder / "clamd.conf"
        try:
            settings.write_text(_settings(folder, database.absolute()))
        except OSError as error:
            raise LocalStorage.unwritable(error, str(settings)) from error
        running = _Running([str(program), f"--config-file={settings}"], folder)
        try:
            running.wait_for(folder / _SOCKET)
            yield Clamd(folder / _SOCKET)
        finally:
            running.end()


def _allowed_folder() -> Path:
    """The folder for its files: scratch; ``/tmp`` where the AppArmor profile of Debian lets it write nowhere else."""
    is_on = _APPARMOR.is_file() and _APPARMOR.read_text().startswith("Y")
    return Path("/tmp") if is_on and _PROFILE.exists() else scratch_folder()  # noqa: S108  # mkdtemp names the folder


def _settings(folder: Path, database: Path) -> str:
    """The configuration, clamd.conf(5). Its limits are above those for mails, which are its defaults."""
    return f"""\
Foreground yes
LocalSocket {folder}/{_SOCKET}
LocalSocketMode 600
DatabaseDirectory {database}
TemporaryDirectory {folder}
SelfCheck 0
AlertExceedsMax yes
StreamMaxLength 2047M
MaxFileSize 2047M
MaxScanSize 4000M
MaxFiles 1000000
MaxRecursion 30
MaxScanTime 0
CommandReadTimeout 600
ReadTimeout 600
"""


class _Ended(Exception):  # ends the program; it never leaves this module
    pass


class _Running:
    """A program in the background."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._is_wanted = True
        self._fault = ""
        self._thread = BackgroundThread(self._run, name="clamd")

    def _run(self) -> None:
        try:
            self._fault = run_service(self._command, check=self._check, writable=(self._folder,))
        except _Ended:
            return

    def _check(self) -> None:
        if not self._is_wanted:
            raise _Ended

    def wait_for(self, path: Path) -> None:
        """Waits until it listens. It reads its database first.

        Raises:
            Unavailable: It ends, or does not listen.
        """
        waited_seconds = 0.0
        while not self._thread.ends_within(_WAIT_SECONDS):
            if _listens(path):
                return
            waited_seconds += _WAIT_SECONDS
            if waited_seconds > SCANNER_SECONDS:
                raise Unavailable("clamd does not listen", subject=self._command[0], code="scanner-silent")
        self._thread.join()
        raise Unavailable(
            text("clamd ended: {reason}", reason=self._fault), subject=self._command[0], code="scanner-silent"
        )

    def end(self) -> None:
        """Ends it. Idempotent."""
        self._is_wanted = False
        self._thread.join()


def _listens(path: Path) -> bool:
    """True if a program takes connections at a socket. The file of a socket is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(os.fspath(path))
        except OSError:
            return False
    return True
