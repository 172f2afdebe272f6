"""The rounds in which all contestants take their turns."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contestants import Bundler, Contestant, check_sums, hash_pair
from benchmarks.measuring import Measured, Runner, cool, files_in, warm
from benchmarks.registry import OwnRegistry

START_UPS_EACH_ROUND = 5
"""The number of runs of --help and inspect: they are short, so one figure says little."""
START_UPS = ("--help", "inspect")

Subject = tuple[str, str]
"""A phase, and who did it."""


@dataclass(slots=True)
class Samples:
    """All measurements, by phase and contestant."""

    by_subject: dict[Subject, list[Measured]] = field(default_factory=dict)
    bundle_bytes: int = 0

    def add(self, phase: str, name: str, measured: Measured) -> None:
        """Adds one measurement."""
        self.by_subject.setdefault((phase, name), []).append(measured)
        if phase not in START_UPS:
            left_out = "" if measured.is_quiet else ", left out"
            others = f"others {measured.other_cores:.2f} cores{left_out}"
            print(f"  {phase} {name}: {measured.wall_seconds:.2f} s, {others}", file=sys.stderr)

    def has(self, phase: str, name: str) -> bool:
        """True if it was measured: not all contestants are on each machine."""
        return (phase, name) in self.by_subject

    def quiet(self, phase: str, name: str) -> list[Measured]:
        """The rounds in which other processes did little."""
        return [each for each in self.by_subject[phase, name] if each.is_quiet]

    def median(self, phase: str, name: str) -> Measured:
        """The median of the quiet rounds; of all, if there is none."""
        return Measured.median_of(self.quiet(phase, name) or self.by_subject[phase, name])

    def peak_bytes(self, name: str) -> int:
        """The largest memory of a contestant in all rounds."""
        return max(each.peak_rss_bytes for (_, who), taken in self.by_subject.items() if who == name for each in taken)

    def ratio(self, ours: Subject, other: Subject, *, is_durable: bool = False) -> float:
        """The ratio of wall times, or of the times until all is on the device."""
        one, two = self.median(*ours), self.median(*other)
        return one.durable_seconds / two.durable_seconds if is_durable else one.wall_seconds / two.wall_seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: the contestants and where they work."""

    work: Path
    runner: Runner
    contestants: tuple[Contestant, ...]
    bundler: Bundler
    is_cold: bool

    def run(self, rounds: int) -> Samples:
        """Runs all rounds. Every second one is backwards, so that no contestant always follows the same other one."""
        samples = Samples()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
            for contestant in self.contestants[:: -1 if number % 2 else 1]:
                self._carry(contestant, samples)
        return samples

    def _carry(self, contestant: Contestant, samples: Samples) -> None:
        folder = self.work / contestant.name
        samples.add("export", contestant.name, contestant.export(folder))
        if contestant is self.bundler:
            self._look_at_bundle(folder, samples)
        contestant.before_import(folder)
        with OwnRegistry(self.work / "target") as registry, self.runner.counting(registry.process):
            self._prepare(folder)
            samples.add("import", contestant.name, contestant.import_(folder, registry.host))
            contestant.check(registry.host)
            if contestant is self.bundler:
                samples.add("import again", contestant.name, contestant.import_(folder, registry.host))
        shutil.rmtree(folder)

    def _look_at_bundle(self, folder: Path, samples: Samples) -> None:
        chunks = sorted((folder / "bench").glob("chunk-*.tar"))
        samples.bundle_bytes = sum(chunk.stat().st_size for chunk in chunks)
        self._prepare(folder)
        samples.add("verify", self.bundler.name, self.bundler.verify(folder))
        self._prepare(folder)
        samples.add("verify", "openssl", hash_pair(self.runner, chunks))
        self._prepare(folder)
        samples.add("verify", "sha256sum", check_sums(self.runner, folder / "bench"))
        for _ in range(START_UPS_EACH_ROUND):
            samples.add("--help", self.bundler.name, self.bundler.help())
            samples.add("inspect", self.bundler.name, self.bundler.inspect(folder))

    def _prepare(self, folder: Path) -> None:
        """Brings all files of a folder into the page cache, or out of it.

        Else it would depend on the contestant: bundler drops its files from the cache, the others leave theirs there.
        """
        for path in files_in(folder):
            cool(path) if self.is_cold else warm(path)
