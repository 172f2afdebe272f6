"""Grype: vulnerabilities of images, by a database on this machine. It contacts nothing but our registry.

Its settings are variables: no update of the database or of itself, and a database of any age, because the gate judges
the age. Source: oss.anchore.com/docs, "Grype configuration" and "Vulnerability database".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.core.limits import SCAN_OUTPUT_BYTES, SCAN_REPORT_BYTES, SCAN_SECONDS, SCANNER_SECONDS
from bundler.core.scan import Scanner, Subject, Verdict, failed, not_scanned
from bundler.errors import Damaged, Misuse, Unavailable
from bundler.hooks.grype_report import scanner_of, verdict_of, version_of
from bundler.hooks.images import ReadyImage, check_bytes, ready_image
from bundler.hooks.programs import Heard, find_program, folder_variables, private_folder, run_program, unchecked
from bundler.system import places

_INSTALL = "install Grype: see oss.anchore.com, Installation"
_NO_HOME = Path("/nonexistent")
_OFFLINE = {
    "GRYPE_CHECK_FOR_APP_UPDATE": "false",
    "GRYPE_DB_AUTO_UPDATE": "false",
    "GRYPE_DB_VALIDATE_AGE": "false",
    "GRYPE_DB_REQUIRE_UPDATE_CHECK": "false",
    "GRYPE_REGISTRY_INSECURE_USE_HTTP": "true",  # our registry is on this machine
}


def find_grype(_address: str = "", database: Path | None = None) -> Grype:
    """Grype as this machine has it.

    Args:
        _address: Empty.
        database: The cache folder of its database, which holds a folder for each schema: ``6/vulnerability.db``; None
            for the user's own.

    Raises:
        Misuse: It is not installed, or has no database.
    """
    program = find_program("grype", hint=_INSTALL)
    folder = database or _own_cache()
    if not folder.is_dir():
        raise Misuse(
            "no database of Grype",
            subject=str(folder),
            hint="fetch it with: grype db update, on a machine with internet; then: grype db import FILE",
            code="scanner-database",
        )
    return Grype(program, folder.absolute())


def _own_cache() -> Path:
    return places.named_by("GRYPE_DB_CACHE_DIR") or (places.cache_of("grype") or _NO_HOME) / "db"


class Grype:
    """The engine; see `bundler.core.scan.Engine`."""

    def __init__(
        self, program: Path, database: Path, registry: str | None = None, *, seconds: float = SCAN_SECONDS
    ) -> None:
        """Starts nothing yet.

        Args:
            program: Its path.
            database: The folder of its database.
            registry: The host and port of the registry that serves the bundle; None to write each image to scratch.
            seconds: The time that it has for each image.
        """
        self._program = program
        self._database = database
        self._registry = registry
        self._seconds = seconds
        self.at_a_time = max(1, len(os.sched_getaffinity(0)) // 2)  # it has threads of its own

    def served_at(self, registry: str) -> Grype:
        """The same, with the images at a registry; see `bundler.core.scan.ImageEngine`."""
        return Grype(self._program, self._database, registry, seconds=self._seconds)

    def __enter__(self) -> Grype:
        """Nothing to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def identity(self) -> Scanner:
        """Its version and database.

        Raises:
            Unavailable: It does not say them.
            Misuse: It has no valid database.
        """
        try:
            version = version_of(self._asked("version", "--output=json").output)
            said = scanner_of(version, self._asked("db", "status", "--output=json").output)  # exit 1 without a database
        except Damaged as error:
            raise Unavailable(error.message, subject=str(self._program), code="scanner-silent") from error
        if not said.database:
            raise Misuse(
                "Grype has no valid database here",
                subject=str(self._database),
                hint="see: grype db status; bring a new one with: grype db import FILE",
                code="scanner-database",
            )
        return said

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one image."""
        if not subject.needs:
            return not_scanned("not an image")
        with ready_image(subject, self._registry) as image:
            heard = self._run(
                [_place(image), "--output=json"],
                image.folder,
                seconds=self._seconds,
                output_bytes=SCAN_REPORT_BYTES,
                check=subject.check,
                ports=image.ports,
            )
        if heard.ended.code != 0:
            check_bytes(subject)
            return failed(f"Grype: {heard.fault}")
        return verdict_of(heard.output, str(subject.needs[0].digest))

    def _asked(self, *arguments: str) -> Heard:
        """The answer to a question about itself."""
        with private_folder() as folder:
            return self._run(
                arguments, folder, seconds=SCANNER_SECONDS, output_bytes=SCAN_OUTPUT_BYTES, check=unchecked
            )

    def _run(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        seconds: float,
        output_bytes: int,
        check: Callable[[], object],
        ports: tuple[int, ...] = (),
    ) -> Heard:
        return run_program(
            [str(self._program), *arguments],
            seconds=seconds,
            output_bytes=output_bytes,
            check=check,
            writable=(folder,),
            ports=ports,
            environment={
                **_OFFLINE,
                "GRYPE_DB_CACHE_DIR": str(self._database),
                **folder_variables(folder),
                "XDG_CACHE_HOME": str(folder),
            },
        )


def _place(image: ReadyImage) -> str:
    return f"oci-dir:{image.layout}" if image.layout is not None else f"registry:{image.reference}"
