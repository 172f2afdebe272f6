"""The targets of the comparison, which ``--check`` judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.corpus import Corpus
from benchmarks.measuring import GIB, MIB
from benchmarks.rounds import Samples, Subject
from benchmarks.slow import SlowRun


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit."""

    name: str
    measured: float
    limit: float
    unit: str = ""
    is_judged: bool = True
    """False if other processes were at work in all rounds: then the figure says little."""

    @property
    def is_met(self) -> bool:
        """True if it is within the limit, and can be judged."""
        return self.is_judged and self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """The verdict in a word or two."""
        return ("met" if self.is_met else "MISSED") if self.is_judged else "not judged"

    def __str__(self) -> str:
        figures = f"{self.measured:>9.3f} <= {self.limit:.2f} {self.unit}"
        return f"{self.name:<42}{figures:<28}{self.verdict}"


def ratio_target(
    name: str, samples: Samples, ours: Subject, other: Subject, limit: float, *, is_durable: bool = False
) -> Target:
    """A target for the wall time of one subject, in wall times of another."""
    is_judged = bool(samples.quiet(*ours) and samples.quiet(*other))
    return Target(name, samples.ratio(ours, other, is_durable=is_durable), limit, "", is_judged)


def targets_of(samples: Samples, corpus: Corpus, slow: Sequence[SlowRun]) -> list[Target]:
    """All targets of the comparison that can be measured with these parts."""
    return [
        *_targets_against_others(samples),
        *_targets_of_bundler(samples, corpus),
        # The line or the medium must be the bottleneck: it must carry nine tenths of its capacity in that time.
        *(Target(f"{run.title}, time / its least", 1 / run.used, 1 / 0.9, "", run.measured.is_quiet) for run in slow),
    ]


def _targets_against_others(samples: Samples) -> Iterator[Target]:
    for phase, name, limit in (
        ("export", "curl", 1.0),
        ("export", "imgpkg", 0.75),
        ("import", "curl", 0.95),
        ("import", "imgpkg", 0.95),
        ("import", "crane", 0.65),
        ("verify", "sha256sum", 0.33),
    ):
        if samples.has(phase, name):
            is_durable = phase == "export"
            title = f"{phase} / {name}{', both with sync' if is_durable else ''}"
            yield ratio_target(title, samples, (phase, "bundler"), (phase, name), limit, is_durable=is_durable)
    # openssl runs as two processes side by side: the sum of its two passes is twice the time.
    both = ratio_target("verify / two passes of openssl", samples, ("verify", "bundler"), ("verify", "openssl"), 1.0)
    yield Target(both.name, both.measured / 2, both.limit, "", both.is_judged)


def _targets_of_bundler(samples: Samples, corpus: Corpus) -> Iterator[Target]:
    gib = corpus.size_bytes / GIB
    for phase, limit in (("export", 1.7), ("import", 1.1)):
        cpu_seconds = samples.median(phase, "bundler").cpu_seconds
        yield Target(f"{phase}, client CPU", cpu_seconds / gib, limit, "s/GiB", bool(samples.quiet(phase, "bundler")))
    for phase, limit in (("--help", 0.06), ("inspect", 0.5), ("import again", 0.2)):
        if phase != "import again" or len(corpus.images) <= 19:
            wall_seconds = samples.median(phase, "bundler").wall_seconds
            yield Target(f"bundler {phase}", wall_seconds, limit, "s", bool(samples.quiet(phase, "bundler")))
    yield Target("peak RSS of bundler", samples.peak_bytes("bundler") / MIB, 64, "MiB")
    written_bytes = samples.median("export", "bundler").written_bytes
    if written_bytes:  # zero on a tmpfs, which has no device
        # Two blobs may both dirty the page on their border; hence the hundredth.
        yield Target("export written / bundle size", written_bytes / samples.bundle_bytes, 1.01)
