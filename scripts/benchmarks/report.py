"""The results and the targets: as text, as JSON, and as the measured part of docs/performance.md."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.contestants import BUNDLER
from benchmarks.corpus import Corpus
from benchmarks.measuring import GIB, MIB, Measured
from benchmarks.rounds import Samples
from benchmarks.s3 import S3Run
from benchmarks.scans import ScanRun
from benchmarks.serving import ServeRun
from benchmarks.slow import SlowRun

PHASES = ("export", "import", "import again", "verify", "--help", "inspect")
BY_THE_BYTE = ("export", "import", "verify")
TARGET_CORPUS_BYTES = 2 * GIB
"""The least size for the targets, which were set on 2.8 GiB. The report warns below it: start-up weighs too much."""
IMGPKG_EXPORT_TO_CURL, PEERS_IMPORT_TO_CURL = 6.1 / 3.2, 9.85 / 8.2
"""The ratios of the fastest peers to the same floor, when both were measured; the peers need not be here."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit."""

    name: str
    measured: float
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """True if it is within the limit."""
        return self.measured <= self.limit


def targets_of(samples: Samples, corpus: Corpus, slow: Sequence[SlowRun]) -> list[Target]:
    """All targets that can be measured with these parts."""
    gib = corpus.size_bytes / GIB
    peak = max(each.peak_rss_bytes for (_, name), rounds in samples.by_subject.items() if name == "bundler"
               for each in rounds)  # fmt: skip
    export, import_ = samples.median("export", "bundler"), samples.median("import", "bundler")
    inspect = samples.median("inspect", "bundler")
    targets = [
        Target("export / curl, where imgpkg is", samples.ratio("export", "bundler", "curl"), IMGPKG_EXPORT_TO_CURL),
        Target(
            "import / curl, 0.8 of imgpkg's", samples.ratio("import", "bundler", "curl"), 0.8 * PEERS_IMPORT_TO_CURL
        ),
        Target("export / skopeo pipeline", samples.ratio("export", "bundler", "skopeo"), 0.25),
        Target("import / skopeo pipeline", samples.ratio("import", "bundler", "skopeo"), 0.35),
        Target("import / curl floor", samples.ratio("import", "bundler", "curl"), 1.15),
        Target("export client CPU", export.cpu_seconds / gib, 2.2, "s/GiB"),
        Target("import client CPU", import_.cpu_seconds / gib, 1.2, "s/GiB"),
        Target("verify / openssl pair", samples.ratio("verify", "bundler", "openssl"), 1.15),
        Target("peak RSS of bundler", peak / MIB, 200, "MiB"),
        Target("bundler --help", samples.median("--help", "bundler").wall_seconds, 0.15, "s"),
        Target("bundler inspect", inspect.wall_seconds, 0.5, "s"),
    ]
    if len(corpus.images) <= 19:
        targets.append(Target("import again", samples.median("import again", "bundler").wall_seconds, 1.0, "s"))
    if export.written_bytes:  # zero on a tmpfs, which has no device
        # Two blobs may both dirty the page on their border; hence the hundredth.
        targets.append(Target("export written / bundle size", export.written_bytes / samples.bundle_bytes, 1.01))
    # The line or the medium must be the bottleneck: it must carry nine tenths of its capacity in that time.
    targets += [Target(f"{run.title}, time / its least", 1 / run.used, 1 / 0.9) for run in slow]
    return targets


RATIOS = (
    ("export", "bundler", "skopeo"),
    ("export", "bundler", "curl"),
    ("import", "bundler", "skopeo"),
    ("import", "bundler", "curl"),
    ("verify", "bundler", "openssl"),
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
                    "median": asdict(Measured.median_of(rounds)),
                    "rounds": list(map(asdict, rounds)),
                }
                for (phase, name), rounds in self.samples.by_subject.items()
            ],
            "ratios": [
                {"what": phase, "who": name, "to": other, "ratio": self.samples.ratio(phase, name, other)}
                for phase, name, other in RATIOS
            ],
            "slow": [{**asdict(run), "used": run.used} for run in self.slow],
            "scan": asdict(self.scanned) if self.scanned else None,
            "serve": asdict(self.served) if self.served else None,
            "s3": [asdict(run) for run in self.in_s3],
            "targets": [{**asdict(target), "met": target.is_met} for target in self.targets],
        }

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield from (f"{key:<16} {value}" for key, value in self.about.items())
        corpus = self.corpus
        size = f"{corpus.size_bytes / MIB:.0f} MiB"
        yield f"{'corpus':<16} {len(corpus.images)} images, {len(corpus.blobs)} unique blobs, {size}"
        yield from (
            "",
            f"{'':<22}{'wall s':>10}{'best s':>10}{'CPU s':>10}{'CPU s/GiB':>12}{'peak MiB':>10}{'written MiB':>13}",
        )
        for phase, name in sorted(self.samples.by_subject, key=lambda subject: PHASES.index(subject[0])):
            yield self._row(phase, name)
        yield from ("", "ratios of wall time")
        for phase, name, other in RATIOS:
            yield f"  {phase} {name} / {other}".ljust(34) + f"{self.samples.ratio(phase, name, other):.2f}"
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
            yield f"  {target.name:<32}{figures:<28}{'met' if target.is_met else 'MISSED'}"
        if corpus.size_bytes < TARGET_CORPUS_BYTES:
            yield "  (set on 2.8 GiB of images: on this little, start-up weighs more than the bytes)"
        yield from ("", "how it was measured", *(f"  {line}" for line in self.method.splitlines()))

    def _row(self, phase: str, name: str) -> str:
        measured = self.samples.median(phase, name)
        best_seconds = min(each.wall_seconds for each in self.samples.by_subject[phase, name])
        per_gib = f"{measured.cpu_seconds / (self.corpus.size_bytes / GIB):.2f}" if phase in BY_THE_BYTE else ""
        return (
            f"{phase:<13} {name:<8}{measured.wall_seconds:>10.3f}{best_seconds:>10.3f}"
            f"{measured.cpu_seconds:>10.3f}{per_gib:>12}"
            f"{measured.peak_rss_bytes / MIB:>10.0f}{measured.written_bytes / MIB:>13.1f}"
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
    }


def cpu_model() -> str:
    """The name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def first_line(*argv: str) -> str:
    """The first line that a program prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
