"""The results and the targets: as text, as JSON, and as the measured part of docs/performance.md."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import BUNDLER
from benchmarks.corpus import Corpus
from benchmarks.measuring import GIB, MIB
from benchmarks.rounds import Samples
from benchmarks.s3 import S3Run
from benchmarks.scans import ScanRun
from benchmarks.serving import ServeRun
from benchmarks.slow import SlowRun

PHASES = ("export", "import", "import again", "verify", "--help", "inspect")
BY_THE_BYTE = ("export", "import", "verify")
TARGET_CORPUS_BYTES = 2 * GIB
"""The least size for the targets, which were set on 2.8 GiB. The report warns below it: start-up weighs too much."""
COLUMNS = (
    ("wall s", 9),
    ("best s", 9),
    ("+sync s", 9),
    ("CPU s", 9),
    ("CPU s/GiB", 11),
    ("peak MiB", 10),
    ("written MiB", 13),
    ("others", 8),
    ("rounds", 8),
)
_PEERS = {"imgpkg": ("imgpkg", "--version"), "crane": ("crane", "version"), "regctl": ("regctl", "version")}
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


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


def targets_of(samples: Samples, corpus: Corpus, slow: Sequence[SlowRun]) -> list[Target]:
    """All targets that can be measured with these parts."""
    return [
        *_targets_against_others(samples),
        *_targets_of_bundler(samples, corpus),
        # The line or the medium must be the bottleneck: it must carry nine tenths of its capacity in that time.
        *(Target(f"{run.title}, time / its least", 1 / run.used, 1 / 0.9) for run in slow),
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
        if not samples.has(phase, name):
            continue
        is_judged = bool(samples.quiet(phase, "bundler") and samples.quiet(phase, name))
        is_durable = phase == "export"
        title = f"{phase} / {name}{', both with sync' if is_durable else ''}"
        yield Target(title, samples.ratio(phase, "bundler", name, is_durable=is_durable), limit, "", is_judged)
    is_judged = bool(samples.quiet("verify", "bundler") and samples.quiet("verify", "openssl"))
    yield Target(
        "verify / two passes of openssl", samples.ratio("verify", "bundler", "openssl") / 2, 1.0, "", is_judged
    )


def _targets_of_bundler(samples: Samples, corpus: Corpus) -> Iterator[Target]:
    gib = corpus.size_bytes / GIB
    rounds = [each for (_, name), taken in samples.by_subject.items() if name == "bundler" for each in taken]
    for phase, limit in (("export", 1.7), ("import", 1.1)):
        cpu_seconds = samples.median(phase, "bundler").cpu_seconds
        yield Target(f"{phase}, client CPU", cpu_seconds / gib, limit, "s/GiB", bool(samples.quiet(phase, "bundler")))
    for phase, limit in (("--help", 0.06), ("inspect", 0.5), ("import again", 0.2)):
        if phase != "import again" or len(corpus.images) <= 19:
            wall_seconds = samples.median(phase, "bundler").wall_seconds
            yield Target(f"bundler {phase}", wall_seconds, limit, "s", bool(samples.quiet(phase, "bundler")))
    yield Target("peak RSS of bundler", max(each.peak_rss_bytes for each in rounds) / MIB, 64, "MiB")
    written_bytes = samples.median("export", "bundler").written_bytes
    if written_bytes:  # zero on a tmpfs, which has no device
        # Two blobs may both dirty the page on their border; hence the hundredth.
        yield Target("export written / bundle size", written_bytes / samples.bundle_bytes, 1.01)


RATIOS = (
    *(
        (phase, "bundler", name)
        for phase in ("export", "import")
        for name in ("imgpkg", "crane", "regctl", "skopeo", "curl")
    ),
    ("verify", "bundler", "openssl"),
    ("verify", "bundler", "sha256sum"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is printed."""

    about: dict[str, str]
    method: str
    corpus: Corpus
    samples: Samples
    slow: tuple[SlowRun, ...]
    scanned: ScanRun | None = None
    served: ServeRun | None = None
    in_s3: tuple[S3Run, ...] = ()

    @property
    def targets(self) -> list[Target]:
        """All targets, each with its result."""
        return targets_of(self.samples, self.corpus, self.slow)

    def document(self) -> dict[str, Any]:
        """The report as one JSON document with all rounds."""
        return {
            "document": "bundler.bench/1",
            "about": self.about,
            "method": self.method.splitlines(),
            "corpus": {
                "images": len(self.corpus.images),
                "blobs": len(self.corpus.blobs),
                "blobBytes": self.corpus.size_bytes,
                "bundleBytes": self.samples.bundle_bytes,
            },
            "measured": [
                {
                    "what": phase,
                    "who": name,
                    "median": asdict(self.samples.median(phase, name)),
                    "quietRounds": len(self.samples.quiet(phase, name)),
                    "rounds": list(map(asdict, rounds)),
                }
                for (phase, name), rounds in self.samples.by_subject.items()
            ],
            "ratios": [
                {"what": phase, "who": name, "to": other, "ratio": self.samples.ratio(phase, name, other)}
                for phase, name, other in self._ratios
            ],
            "slow": [{**asdict(run), "used": run.used} for run in self.slow],
            "scan": asdict(self.scanned) if self.scanned else None,
            "serve": asdict(self.served) if self.served else None,
            "s3": [asdict(run) for run in self.in_s3],
            "targets": [{**asdict(target), "met": target.is_met} for target in self.targets],
        }

    @property
    def _ratios(self) -> list[tuple[str, str, str]]:
        return [each for each in RATIOS if self.samples.has(each[0], each[2])]

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield from (f"{key:<16} {value}" for key, value in self.about.items())
        corpus = self.corpus
        size = f"{corpus.size_bytes / MIB:.0f} MiB"
        yield f"{'corpus':<16} {len(corpus.images)} images, {len(corpus.blobs)} unique blobs, {size}"
        yield from (
            "",
            "".join((f"{'':<23}", *(f"{title:>{width}}" for title, width in COLUMNS))),
        )
        for phase, name in sorted(self.samples.by_subject, key=lambda subject: PHASES.index(subject[0])):
            yield self._row(phase, name)
        yield from ("", f"{'ratios':<36}{'wall':>6}{'+sync':>8}")
        for phase, name, other in self._ratios:
            wall, durable = (self.samples.ratio(phase, name, other, is_durable=each) for each in (False, True))
            yield f"  {phase} {name} / {other}".ljust(36) + f"{wall:>6.2f}{durable:>8.2f}"
        if self.slow:
            yield from ("", "slow media and lines", *(f"  {run}" for run in self.slow))
        if self.scanned:
            yield from ("", "scan", f"  {self.scanned}")
        if self.served:
            yield from ("", "serve", f"  {self.served}")
        if self.in_s3:
            yield from ("", "s3", *(f"  {run}" for run in self.in_s3))
        yield from ("", "targets")
        for target in self.targets:
            figures = f"{target.measured:>9.3f} <= {target.limit:.2f} {target.unit}"
            yield f"  {target.name:<34}{figures:<28}{target.verdict}"
        if corpus.size_bytes < TARGET_CORPUS_BYTES:
            yield "  (set on 2.8 GiB of images: on this little, start-up weighs more than the bytes)"
        yield from ("", "how it was measured", *(f"  {line}" for line in self.method.splitlines()))

    def _row(self, phase: str, name: str) -> str:
        measured = self.samples.median(phase, name)
        taken, quiet = self.samples.by_subject[phase, name], self.samples.quiet(phase, name)
        best_seconds = min(each.wall_seconds for each in quiet or taken)
        per_gib = f"{measured.cpu_seconds / (self.corpus.size_bytes / GIB):.2f}" if phase in BY_THE_BYTE else ""
        return (
            f"{phase:<13} {name:<9}{measured.wall_seconds:>9.3f}{best_seconds:>9.3f}{measured.durable_seconds:>9.3f}"
            f"{measured.cpu_seconds:>9.3f}{per_gib:>11}{measured.peak_rss_bytes / MIB:>10.0f}"
            f"{measured.written_bytes / MIB:>13.1f}{measured.other_cores:>8.2f}{f'{len(quiet)}/{len(taken)}':>8}"
        )


def write_into(page: Path, report: Report) -> None:
    """Replaces the report between the two marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join((f"{before}{BEGIN}", "```", *report.lines(), "```", f"{END}{after}")))


def about(work: Path) -> dict[str, str]:
    """The machine and the versions: figures mean little without them."""
    cores = len(os.sched_getaffinity(0))
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{cpu_model()}, {cores} cores, {memory_bytes / GIB:.0f} GiB memory, Linux {platform.release()}",
        "disk": f"{first_line('stat', '-f', '-c', '%T', str(work))} at {work.parent}",
        "load at start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "bundler": first_line(BUNDLER, "--version"),
        "python": platform.python_version(),
        "skopeo": first_line("skopeo", "--version"),
        "docker-registry": first_line("docker-registry", "--version"),
        "curl": " ".join(first_line("curl", "--version").split()[:2]),
        "openssl": first_line("openssl", "version"),
        **{name: first_line(*argv) for name, argv in _PEERS.items() if shutil.which(name)},
    }


def cpu_model() -> str:
    """The name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def first_line(*argv: str) -> str:
    """The first line that a program prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
