"""A scanner of the tests' own: it looks for a word in what it reads, and does what a test wants of it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bundler.core.digest import Digest
from bundler.core.scan import CLEAN, Finding, Scanner, Severity, Subject, Unit, Verdict, found

MARKER = b"EVIL-MARKER"
VIRUS = Finding("Toy.Evil", Severity.CRITICAL)
HOLE = Finding("CVE-2026-1", Severity.MEDIUM, "openssl", "3.0.0", "3.0.2")


@dataclass
class Toy:
    """A scanner.

    Attributes:
        scanner: The name and version that it reports.
        does: Its act on an object before it reads it: a verdict, an error, or None to read it.
        is_lazy: True to call everything clean without reading it.
    """

    scanner: Scanner
    does: Callable[[Subject], Verdict | None] = lambda _: None
    is_lazy: bool = False
    at_a_time: int = 2
    seen: list[Digest] = field(default_factory=list)
    subjects: dict[Digest, Subject] = field(default_factory=dict)
    is_open: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Toy:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def identity(self) -> Scanner:
        assert self.is_open
        return self.scanner

    def scan(self, subject: Subject) -> Verdict:
        assert self.is_open
        with self._lock:
            self.seen.append(subject.descriptor.digest)
            self.subjects[subject.descriptor.digest] = subject
        decided = self.does(subject)
        if decided is not None or self.is_lazy:
            return decided or CLEAN
        wanted = subject.needs if self.scanner.unit is Unit.IMAGE else (subject.descriptor,)
        content = [b"".join(map(bytes, subject.blobs.open(each))) for each in wanted]
        is_evil = any(MARKER in opened(each) for each in content)
        return found([HOLE if self.scanner.unit is Unit.IMAGE else VIRUS]) if is_evil else CLEAN


def opened(content: bytes) -> bytes:
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def toy(name: str = "toy", unit: Unit = Unit.BLOB, **more: object) -> Toy:
    """A toy of another name."""
    return Toy(Scanner(name, unit, "1.0", "db-1", "2026-11-28T09:00:00Z"), **more)  # type: ignore[arg-type]
