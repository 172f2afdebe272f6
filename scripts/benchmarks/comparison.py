"""The result of the comparison: export, import and verify by all contestants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.corpus import Corpus
from benchmarks.feature import images_of
from benchmarks.measuring import GIB
from benchmarks.rounds import Samples, Subject
from benchmarks.slow import SlowRun
from benchmarks.table import busy_note, table, table_document
from benchmarks.targets import Target, targets_of

PHASES = ("export", "import", "import again", "verify", "--help", "inspect")
BY_THE_BYTE = ("export", "import", "verify")
TARGET_CORPUS_BYTES = 2 * GIB
"""The least size for the targets, which were set on 2.8 GiB. The report warns below it: start-up weighs too much."""
RATIOS = (
    *(
        ((phase, "bundler"), (phase, name))
        for phase in ("export", "import")
        for name in ("imgpkg", "crane", "regctl", "skopeo", "curl")
    ),
    *((("verify", "bundler"), ("verify", name)) for name in ("openssl", "sha256sum")),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The measurements of all contestants, and those of slow media and lines."""

    corpus: Corpus
    samples: Samples
    method: str
    missing: tuple[str, ...] = ()
    slow: tuple[SlowRun, ...] = ()

    @property
    def targets(self) -> list[Target]:
        """All targets, each with its result."""
        return targets_of(self.samples, self.corpus, self.slow)

    @property
    def _ratios(self) -> list[tuple[Subject, Subject]]:
        return [(ours, other) for ours, other in RATIOS if self.samples.has(*other)]

    def document(self) -> dict[str, Any]:
        """The comparison for machines, with all rounds."""
        return {
            "method": self.method.splitlines(),
            "corpus": {
                "images": len(self.corpus.images),
                "blobs": len(self.corpus.blobs),
                "blobBytes": self.corpus.size_bytes,
                "bundleBytes": self.samples.bundle_bytes,
            },
            "missing": self.missing,
            "measured": table_document(self.samples),
            "ratios": [
                {"what": phase, "who": name, "to": other, "ratio": self.samples.ratio((phase, name), (phase, other))}
                for (phase, name), (_, other) in self._ratios
            ],
            "slow": [{**asdict(run), "used": run.used} for run in self.slow],
            "targets": [{**asdict(target), "met": target.is_met} for target in self.targets],
        }

    def lines(self) -> Iterator[str]:
        """The comparison as text."""
        yield f"{'corpus':<16} {images_of(self.corpus)}"
        if self.missing:
            yield f"{'not here':<16} {', '.join(self.missing)}: they did not take part"
        yield from ("", *busy_note(self.samples))
        yield from table(self._in_order(), lambda phase: self.corpus.size_bytes if phase in BY_THE_BYTE else 0)
        yield from ("", f"{'ratios':<36}{'wall':>6}{'+sync':>8}")
        for ours, other in self._ratios:
            wall, durable = (self.samples.ratio(ours, other, is_durable=each) for each in (False, True))
            yield f"  {' '.join(ours)} / {other[1]}".ljust(36) + f"{wall:>6.2f}{durable:>8.2f}"
        if self.slow:
            yield from ("", "slow media and lines", *(f"  {run}" for run in self.slow))
        yield from ("", "targets", *(f"  {target}" for target in self.targets))
        if self.corpus.size_bytes < TARGET_CORPUS_BYTES:
            yield "  (set on 2.8 GiB of images: on this little, start-up weighs more than the bytes)"
        yield from ("", "how it was measured", *(f"  {line}" for line in self.method.splitlines()))

    def _in_order(self) -> Samples:
        by_subject = self.samples.by_subject
        ordered = sorted(by_subject, key=lambda subject: PHASES.index(subject[0]))
        return Samples({subject: by_subject[subject] for subject in ordered}, self.samples.bundle_bytes)
