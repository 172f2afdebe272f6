"""The whole report: as text, as JSON, and as parts of pages between their marks."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison
from benchmarks.contestants import BUNDLER
from benchmarks.feature import Feature
from benchmarks.measuring import GIB, BenchError
from benchmarks.speed_table import LANGUAGES, speed_table
from benchmarks.targets import Target

_PEERS = {"imgpkg": ("imgpkg", "--version"), "crane": ("crane", "version"), "regctl": ("regctl", "version")}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is printed."""

    about: dict[str, str]
    comparison: Comparison | None = None
    features: tuple[Feature, ...] = ()

    @property
    def targets(self) -> list[Target]:
        """All targets, each with its result."""
        compared = self.comparison.targets if self.comparison else []
        return [*compared, *(target for feature in self.features for target in feature.targets)]

    def document(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {
            "document": "bundler.bench/2",
            "about": self.about,
            "comparison": self.comparison.document() if self.comparison else None,
            "features": [feature.document() for feature in self.features],
        }

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield from (f"{key:<16} {value}" for key, value in self.about.items())
        if self.comparison:
            yield from self.comparison.lines()
        for feature in self.features:
            yield from ("", *feature.lines())

    def parts(self) -> dict[str, list[str]]:
        """The lines for pages, by the name of their marks."""
        parts = {}
        if self.comparison:
            whole = Report(self.about, self.comparison)
            parts["comparison"] = ["```", *whole.lines(), "```"]
            parts.update({f"speed {each}": speed_table(self.about, self.comparison, each) for each in LANGUAGES})
        taken = [f"{key:<16} {self.about[key]}" for key in ("date", "machine", "load at start", "commit")]
        parts.update(
            {each.name: ["```", *taken, "", *each.lines(), "```"] for each in self.features if each.is_measured}
        )
        return parts


def write_into(page: Path, report: Report) -> None:
    """Replaces each measured part between its two marks, ``<!-- measured NAME: begin -->`` and ``end``.

    Raises:
        BenchError: The page has marks for none of the parts.
    """
    content, found = page.read_text(), False
    for name, lines in report.parts().items():
        begin, end = (f"<!-- measured {name}: {edge} -->" for edge in ("begin", "end"))
        before, is_there, rest = content.partition(begin)
        _, is_closed, after = rest.partition(end)
        if is_there and is_closed:
            content, found = "\n".join((f"{before}{begin}", *lines, f"{end}{after}")), True
    if not found:
        raise BenchError(f"{page}: no marks for {', '.join(report.parts())}; nothing was written")
    page.write_text(content)


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
        "commit": commit(),
        "python": platform.python_version(),
        "skopeo": first_line("skopeo", "--version"),
        "docker-registry": first_line("docker-registry", "--version"),
        "curl": " ".join(first_line("curl", "--version").split()[:2]),
        "openssl": first_line("openssl", "version"),
        **{name: first_line(*argv) for name, argv in _PEERS.items() if shutil.which(name)},
    }


def commit() -> str:
    """The commit of this checkout, and whether it was changed."""
    root = Path(__file__).resolve().parents[2]
    git = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude", "*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return git.stdout.strip() or "unknown"


def cpu_model() -> str:
    """The name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def first_line(*argv: str) -> str:
    """The first line that a program prints."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]
