"""``bundler inspect FILE`` and ``bundler verify FILE``: check an image file of a third party before it is loaded."""

from __future__ import annotations

from pathlib import Path

from bundler.core import roles
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.errors import BundlerError, Damaged, Misuse, worst
from bundler.run import Run
from bundler.stores import archive_check
from bundler.stores.archive_check import FileFacts
from bundler.stores.image_file import ImageFile, Tap
from bundler.system.request_fields import path_of
from bundler.texts import text

_SHA256 = lazy_pattern(r"(?:sha256:)?([0-9a-f]{64})")


@frozen
class FileResult:
    """An image file: its content and its problems."""

    facts: FileFacts
    findings: tuple[BundlerError, ...]
    is_checked: bool
    expected_sha256: str | None = None

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else the exit code of the worst finding."""
        return worst(self.findings)


def inspect_file(path: Path, run: Run | None = None) -> FileResult:
    """Describes an image file by its own claims. Verifies no blob.

    Raises:
        Misuse: The file is a part of a bundle.
        Damaged, Refused, LocalStorage: The file is no image archive, or cannot be read.
    """
    run = run or Run()
    file = _opened(path)
    run.listener(PhaseBegan("reading", 0 if file.is_plain else file.size_bytes, in_bytes=True))
    facts = archive_check.describe(file, _tap(run))
    run.listener(PhaseEnded("reading"))
    return FileResult(facts, tuple(facts.findings), is_checked=False)


def verify_file(path: Path, run: Run | None = None, *, sha256: str | None = None) -> FileResult:
    """Checks an image file to its last byte.

    Args:
        path: The file.
        run: The run that this is part of.
        sha256: Its expected SHA-256 in hex, which the user got over another channel.

    Raises:
        Misuse: The file is a part of a bundle, or the checksum is malformed.
        Refused, Damaged, LocalStorage: The file cannot be read at all.
    """
    match = _SHA256.fullmatch(sha256.strip().lower()) if sha256 is not None else None
    if sha256 is not None and not match:
        raise Misuse("not a SHA-256", subject=f"--sha256 {sha256[:80]}", hint="give 64 hex digits")
    run = run or Run()
    file = _opened(path)
    run.listener(PhaseBegan("verifying", file.size_bytes, in_bytes=True))
    facts = archive_check.check(file, _tap(run))
    run.listener(PhaseEnded("verifying"))
    findings = list(facts.findings)
    expected = match[1] if match else None
    if expected and facts.sha256 not in (None, expected):
        other = Damaged(
            "the checksum of this file differs from the one that you gave",
            subject=str(path),
            expected=expected,
            actual=facts.sha256,
            hint="copy the file again, and ask for the checksum where the file came from",
        )
        findings.insert(0, other)
    return FileResult(facts, tuple(findings), is_checked=True, expected_sha256=expected)


def _opened(path: Path) -> ImageFile:
    path = path_of(path, "path")
    if roles.role_of(path.name) in (roles.CHUNK, roles.SUMS, roles.MANIFEST):
        raise Misuse(
            "this is a part of a bundle", subject=str(path), hint=text("give its folder: {parent}", parent=path.parent)
        )
    return ImageFile(path, called=str(path))


def _tap(run: Run) -> Tap:
    def tap(piece: bytes | memoryview) -> None:
        run.cancellation.check()
        run.listener(Moved(len(piece)))

    return tap
