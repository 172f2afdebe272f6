"""The short table of the comparison for README, in both of its languages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.comparison import Comparison
from benchmarks.measuring import GIB, MIB

_NAMES = ("bundler", "imgpkg", "crane", "regctl", "skopeo", "curl")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the table in a language."""

    measured: str
    busy: str
    names: Mapping[str, str]
    export: str
    import_: str
    again: str
    verify: str
    memory: str


LANGUAGES = {
    "en": Words(
        "Medians, rounds in turns: {rounds}; {images} images, {mib:.0f} MiB of unique blobs, {registry} on the same "
        "{cores} cores ({date}):",
        "Other processes were at work in all rounds of some of them, so these figures are rough.",
        {"skopeo": "skopeo pipeline", "curl": "curl floor"},
        "export, sealed and on disk: time with sync, client CPU",
        "import, verified: time, client CPU",
        "import again, all there",
        "verify; `sha256sum -c` takes {sums:.1f} s",
        "peak memory",
    ),
    "zh": Words(
        "轮流 {rounds} 轮的中位数，{images} 个镜像，{mib:.0f} MiB 不重复的 blob，"
        "{registry} 在同样的 {cores} 个核上（{date}）：",
        "其中一些测量的所有轮次都有其他进程在运行，所以这些数字只是粗略的。",
        {"skopeo": "skopeo 流水线", "curl": "curl 下限"},
        "导出、封装并写到磁盘：含 sync 的时间、客户端 CPU",
        "导入并校验：时间、客户端 CPU",
        "再次导入，全部已有",
        "校验；`sha256sum -c` 需要 {sums:.1f} s",
        "内存峰值",
    ),
}


def speed_table(about: Mapping[str, str], comparison: Comparison, language: str) -> list[str]:
    """The lines of the table, and a sentence before it."""
    words, samples = LANGUAGES[language], comparison.samples
    names = [name for name in _NAMES if samples.has("export", name)]
    facts = words.measured.format(
        rounds=len(samples.by_subject["export", "bundler"]),
        images=len(comparison.corpus.images),
        mib=comparison.corpus.size_bytes / MIB,
        registry=" ".join(about["docker-registry"].split()[::2]).partition("+")[0],
        cores=len(os.sched_getaffinity(0)),
        date=about["date"].partition("T")[0],
    )
    is_quiet = all(samples.quiet(phase, name) for phase in ("export", "import") for name in names)
    rows = [
        ["", *(words.names.get(name, name) for name in names)],
        [words.export, *(_cost(comparison, "export", name) for name in names)],
        [words.import_, *(_cost(comparison, "import", name) for name in names)],
        [words.again, f"{samples.median('import again', 'bundler').wall_seconds:.2f} s"],
        [
            words.verify.format(sums=samples.median("verify", "sha256sum").wall_seconds),
            f"{samples.median('verify', 'bundler').wall_seconds:.1f} s",
        ],
        [words.memory, f"{samples.peak_bytes('bundler') / MIB:.0f} MiB"],
    ]
    padded = [row + [""] * (len(names) + 1 - len(row)) for row in rows]
    lines = ["".join(f"| {cell} " if cell else "| " for cell in row) + "|" for row in padded]
    return [facts, *(() if is_quiet else (words.busy,)), "", lines[0], "|---" * (len(names) + 1) + "|", *lines[1:]]


def _cost(comparison: Comparison, phase: str, name: str) -> str:
    measured = comparison.samples.median(phase, name)
    seconds = measured.durable_seconds if phase == "export" else measured.wall_seconds
    return f"{seconds:.1f} s, {measured.cpu_seconds / (comparison.corpus.size_bytes / GIB):.1f} s/GiB"
