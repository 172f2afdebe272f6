"""Trivy: vulnerabilities and secrets of images, by a database on this machine. It contacts nothing but our registry.

Its environment is empty but for its folders, so that no proxy, token or setting of the user changes the result.
Source: trivy.dev/docs, "Air-gapped environment", and ``trivy image --help`` of 0.76.
"""

from __future__ import annotations

import os
from pathlib import Path

from bundler.core.limits import SCAN_OUTPUT_BYTES, SCAN_REPORT_BYTES, SCAN_SECONDS, SCANNER_SECONDS
from bundler.core.scan import Scanner, Subject, Verdict, failed, not_scanned
from bundler.errors import Damaged, Misuse, Unavailable
from bundler.hooks.images import ReadyImage, check_bytes, ready_image
from bundler.hooks.programs import find_program, folder_variables, private_folder, run_program, unchecked
from bundler.hooks.trivy_report import scanner_of, verdict_of
from bundler.system import places
from bundler.texts import text

_INSTALL = "install Trivy: see trivy.dev, Installation"
_FLAGS = (
    "--scanners=vuln,secret",
    "--skip-db-update",
    "--skip-java-db-update",
    "--offline-scan",
    "--skip-version-check",
    "--disable-telemetry",
    "--cache-backend=memory",
    "--format=json",
    "--list-all-pkgs",
    "--exit-code=0",
    "--quiet",
)
_DATABASES = ("db", "java-db")


def find_trivy(_address: str = "", database: Path | None = None) -> Trivy:
    """Trivy as this machine has it.

    Args:
        _address: Empty.
        database: Its cache folder, which holds ``db/``; or a folder with ``trivy.db``; None for the user's own.

    Raises:
        Misuse: It is not installed, or has no database.
    """
    program = find_program("trivy", hint=_INSTALL)
    return Trivy(program, _databases(database or _own_cache()))


def _own_cache() -> Path:
    return places.named_by("TRIVY_CACHE_DIR") or places.cache_of("trivy") or Path("/nonexistent")


def _databases(folder: Path) -> dict[str, Path]:
    """The folder of each database, by its name in the cache."""
    if (folder / "trivy.db").is_file():
        return {"db": folder.absolute()}
    if (folder / "db" / "trivy.db").is_file():
        return {name: (folder / name).absolute() for name in _DATABASES if (folder / name).is_dir()}
    raise Misuse(
        "no database of Trivy in this folder",
        subject=str(folder),
        expected=text("trivy.db and metadata.json"),
        hint="give its folder with --database DIR; docs/scan.md says how to carry it",
        code="scanner-database",
    )


class Trivy:
    """The engine; see `bundler.core.scan.Engine`."""

    def __init__(
        self, program: Path, databases: dict[str, Path], registry: str | None = None, *, seconds: float = SCAN_SECONDS
    ) -> None:
        """Starts nothing yet.

        Args:
            program: Its path.
            databases: The folder of each database.
            registry: The host and port of the registry that serves the bundle; None to write each image to scratch.
            seconds: The time that it has for each image.
        """
        self._program = program
        self._databases = databases
        self._registry = registry
        self._seconds = seconds
        self.at_a_time = max(1, len(os.sched_getaffinity(0)) // 2)  # it has threads of its own

    def served_at(self, registry: str) -> Trivy:
        """The same, with the images at a registry; see `bundler.core.scan.ImageEngine`."""
        return Trivy(self._program, self._databases, registry, seconds=self._seconds)

    def __enter__(self) -> Trivy:
        """Nothing to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def identity(self) -> Scanner:
        """Its version and database.

        Raises:
            Unavailable: It does not say them.
            Misuse: It has no database.
        """
        with private_folder() as folder:
            command = [str(self._program), "version", "--format=json", f"--cache-dir={self._cache(folder)}"]
            heard = run_program(
                command,
                seconds=SCANNER_SECONDS,
                output_bytes=SCAN_OUTPUT_BYTES,
                check=unchecked,
                writable=(folder,),
                environment=folder_variables(folder),
            )
        try:
            if heard.ended.code != 0:
                raise Damaged(heard.fault)
            said = scanner_of(heard.output)
        except Damaged as error:
            raise Unavailable(error.message, subject=str(self._program), code="scanner-silent") from error
        if not said.database:
            raise Misuse(
                "Trivy does not know this database",
                subject=str(self._databases["db"]),
                expected=text("trivy.db and metadata.json"),
                code="scanner-database",
            )
        return said

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one image."""
        if not subject.needs:
            return not_scanned("not an image")
        with ready_image(subject, self._registry) as image:
            heard = run_program(
                [str(self._program), "image", *_FLAGS, f"--cache-dir={self._cache(image.folder)}", *_place(image)],
                seconds=self._seconds,
                output_bytes=SCAN_REPORT_BYTES,
                check=subject.check,
                writable=(image.folder,),
                ports=image.ports,
                environment=folder_variables(image.folder),
            )
        if heard.ended.code != 0:
            check_bytes(subject)
            return failed(f"Trivy: {heard.fault}")
        return verdict_of(heard.output, str(subject.needs[0].digest))

    def _cache(self, folder: Path) -> Path:
        """A cache folder with links to the databases, in which Trivy may write."""
        cache = folder / "cache"
        cache.mkdir()
        for name, target in self._databases.items():
            (cache / name).symlink_to(target)
        return cache


def _place(image: ReadyImage) -> list[str]:
    if image.layout is not None:
        return [f"--input={image.layout}"]
    return ["--image-src=remote", image.reference]
