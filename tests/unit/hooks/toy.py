"""A scanner and a service for preheats, each as its guide in CONTRIBUTING.md says: one file, and its lines in two tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from bundler.core.reference import Reference
from bundler.core.scan import Scanner, Subject, Verdict
from bundler.core.scan.verdict import CLEAN
from bundler.hooks.jobs import Job, Order, PreheatHook, State


class ToyScanner:
    at_a_time = 1

    def __init__(self, database: Path | None) -> None:
        self.database = database

    def __enter__(self) -> ToyScanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Nothing was started."""

    def identity(self) -> Scanner:
        return Scanner("toy", "1")

    def scan(self, subject: Subject) -> Verdict:
        return CLEAN


def find_toy(_address: str, database: Path | None) -> ToyScanner:
    return ToyScanner(database)


class ToyService:
    def orders(self, images: Sequence[Reference]) -> Iterable[Order]:
        return [Order(str(image), lambda: [Job("all", lambda: State.DONE)]) for image in images]


PREHEAT = PreheatHook(lambda _service, _logins, _network, _run: ToyService())
