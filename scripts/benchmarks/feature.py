"""A feature that is measured by itself: its table, its ratios, its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contestants import Bundler, Keys
from benchmarks.corpus import Corpus
from benchmarks.measuring import MIB, Runner
from benchmarks.rounds import Samples, Subject
from benchmarks.table import busy_note, table, table_document
from benchmarks.targets import Target


@dataclass(frozen=True, slots=True)
class Setting:
    """The parts that each feature is measured with. Its folder is its own, and is removed afterwards."""

    corpus: Corpus
    keys: Keys
    runner: Runner
    bundler: Bundler
    work: Path
    rounds: int

    def in_turns(self, turns: Sequence[Callable[[], object]]) -> None:
        """Runs all rounds. Every second one is backwards, as in the comparison."""
        for number in range(self.rounds):
            for turn in turns[:: -1 if number % 2 else 1]:
                turn()


@dataclass(frozen=True, slots=True)
class Feature:
    """The result of a feature.

    Attributes:
        name: The name of its flag.
        subject: The work that was measured, in a line.
        samples: The measurements, by phase and contestant.
        method: The meaning of the lines and notes.
        size_bytes: The bytes that each phase handles; 0 if it does not work by the byte.
        notes: More about some measurements.
        ratios: Two subjects each, whose wall times are compared.
        targets: The targets, where there are any.
    """

    name: str
    subject: str
    samples: Samples
    method: str
    size_bytes: int = 0
    notes: Mapping[Subject, str] = field(default_factory=dict)
    ratios: tuple[tuple[Subject, Subject], ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def is_measured(self) -> bool:
        """False if a part that it needs is not here."""
        return bool(self.samples.by_subject)

    def lines(self) -> Iterator[str]:
        """The feature as text."""
        yield f"{self.name}: {self.subject}"
        if not self.is_measured:
            return
        yield from busy_note(self.samples)
        yield from table(self.samples, lambda _: self.size_bytes, self.notes)
        yield from (f"  {title:<42}{ratio:>9.2f}" for title, ratio in self._ratios())
        yield from (f"  {target}" for target in self.targets)
        yield from (f"  {line}" for line in self.method.strip().splitlines())

    def document(self) -> dict[str, Any]:
        """The feature for machines."""
        return {
            "name": self.name,
            "subject": self.subject,
            "measured": table_document(self.samples),
            "notes": [{"what": what, "who": who, "note": note} for (what, who), note in self.notes.items()],
            "ratios": [{"title": title, "ratio": ratio} for title, ratio in self._ratios()],
            "targets": [{**asdict(target), "met": target.is_met} for target in self.targets],
            "method": self.method.strip().splitlines(),
        }

    def _ratios(self) -> Iterator[tuple[str, float]]:
        for (phase, name), (other_phase, other) in self.ratios:
            to = other if other_phase == phase else f"{other_phase} {other}"
            yield f"{phase} {name} / {to}", self.samples.ratio((phase, name), (other_phase, other))


def left_out(name: str, reason: str) -> Feature:
    """A feature that cannot be measured here."""
    return Feature(name, f"left out, because {reason}", Samples(), "")


def images_of(corpus: Corpus) -> str:
    """The size of a corpus in words."""
    return f"{len(corpus.images)} images, {len(corpus.blobs)} unique blobs, {corpus.size_bytes / MIB:.0f} MiB"


def requests_in(metrics: Path) -> int:
    """The requests of a run, by the file of its ``--metrics``."""
    lines = metrics.read_text().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith("bundler_registry_responses{"))
