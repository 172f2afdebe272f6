"""The table of measurements: one line for each phase and contestant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.measuring import GIB, MIB
from benchmarks.rounds import Samples, Subject

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


def table(
    samples: Samples, bytes_of: Callable[[str], int], notes: Mapping[Subject, str] | None = None
) -> Iterator[str]:
    """The lines of the table.

    Args:
        samples: The measurements, in the order of the lines.
        bytes_of: The bytes that a phase handles; 0 if it does not work by the byte.
        notes: More about some of them.
    """
    notes = notes or {}
    phases, names = (max(len(subject[part]) for subject in samples.by_subject) for part in (0, 1))
    left = max(13, phases + 1), max(9, names + 1)
    yield "".join((f"{'':<{sum(left) + 1}}", *(f"{title:>{width}}" for title, width in COLUMNS)))
    for phase, name in samples.by_subject:
        figures = _figures(samples, phase, name, bytes_of(phase))
        note = notes.get((phase, name))
        yield f"{phase:<{left[0]}} {name:<{left[1]}}{figures}{f'  {note}' if note else ''}"


def _figures(samples: Samples, phase: str, name: str, size_bytes: int) -> str:
    measured = samples.median(phase, name)
    taken, quiet = samples.by_subject[phase, name], samples.quiet(phase, name)
    best_seconds = min(each.wall_seconds for each in quiet or taken)
    per_gib = f"{measured.cpu_seconds / (size_bytes / GIB):.2f}" if size_bytes else ""
    return (
        f"{measured.wall_seconds:>9.3f}{best_seconds:>9.3f}{measured.durable_seconds:>9.3f}"
        f"{measured.cpu_seconds:>9.3f}{per_gib:>11}{measured.peak_rss_bytes / MIB:>10.0f}"
        f"{measured.written_bytes / MIB:>13.1f}{measured.other_cores:>8.2f}{f'{len(quiet)}/{len(taken)}':>8}"
    )


def busy_note(samples: Samples) -> Iterator[str]:
    """A sentence about the phases without a quiet round, if there are any."""
    busy = [subject for subject in samples.by_subject if not samples.quiet(*subject)]
    if len(busy) == len(samples.by_subject):
        yield "BUSY MACHINE: other processes were at work in every round. All rounds count, and no target is judged"
    elif busy:
        names = ", ".join(f"{phase} {name}" for phase, name in busy)
        yield f"no quiet round, so all rounds count and no target is judged: {names}"


def table_document(samples: Samples) -> list[dict[str, Any]]:
    """The table for machines, with all rounds."""
    return [
        {
            "what": phase,
            "who": name,
            "median": asdict(samples.median(phase, name)),
            "quietRounds": len(samples.quiet(phase, name)),
            "rounds": list(map(asdict, rounds)),
        }
        for (phase, name), rounds in samples.by_subject.items()
    ]
