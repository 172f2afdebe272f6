"""Recovery data for a bundle, and the repair of a damaged chunk, next to ``par2`` alone on the same files.

``par2`` gets the same blocks and the same number of processors. It signs nothing, and trusts the files that it finds.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import check_sums, quoted
from benchmarks.feature import Feature, Setting, images_of, left_out
from benchmarks.measuring import MIB, Measured, warm
from benchmarks.rounds import Samples
from bundler.bundle.parity import read_set
from bundler.core.parity import recovery_blocks_in
from bundler.errors import Misuse
from bundler.system.par2_program import find_par2

PART_BYTES = 512 * MIB
CHUNK_MIB = 64
AMOUNT = "10%"
DAMAGED_MIB = 4
METHOD = f"""\
make: bundler parity --amount {AMOUNT}, which verifies the bundle first and signs it again; par2 create, the same blocks
repair: a chunk with {DAMAGED_MIB} MiB of zeros; bundler verifies the whole bundle in the end, par2 its set"""


@dataclass(frozen=True, slots=True)
class Group:
    """A recovery set: its index file, and the flags and files that par2 makes it from."""

    index: str
    flags: tuple[str, ...]
    files: tuple[str, ...]


def run_parity(setting: Setting) -> Feature:
    """Makes parity for a part of the corpus, and repairs a chunk, in both ways."""
    try:
        par2 = quoted(find_par2())
    except Misuse:
        return left_out("parity", "the program par2 is not here")
    part = setting.corpus.part(PART_BYTES)
    bundler, work, jobs = setting.bundler, setting.work, len(os.sched_getaffinity(0))
    plain, whole = work / "plain/bench", work / "whole/bench"
    images = bundler.list_of(part, part.host, "part")
    bundler.run(
        "export", images, "-o", plain.parent, *bundler.signing, "--name", "bench", "--chunk-size", f"{CHUNK_MIB}MiB"
    )
    samples = Samples()

    def make(bundle: Path) -> Measured:
        flags = ("--amount", AMOUNT, "--jobs", jobs)
        return bundler.run("parity", bundle, *bundler.signing, *bundler.trust, *flags)

    def repair(bundle: Path) -> Measured:
        return bundler.run("repair", bundle, *bundler.trust, "--jobs", jobs)

    shutil.copytree(plain, whole)
    make(whole)
    groups = groups_of(whole)
    hurt = groups[0].files[0]

    def run_par2(bundle: Path, verb: str, some: list[Group]) -> Measured:
        common = f"-m128 -t{jobs} -q"
        lines = [
            f"{par2} {verb} {' '.join(each.flags if verb == 'create' else ())} {common} {each.index} "
            f"{' '.join(each.files if verb == 'create' else ())}"
            for each in some
        ]
        return setting.runner.timed_script([f"cd {quoted(bundle)}", *lines])

    def take(phase: str, name: str) -> None:
        bundle = work / "copy/bench"
        shutil.copytree(plain if phase == "make" else whole, bundle)
        if phase == "repair":
            damage(bundle / hurt)
        for path in bundle.iterdir():
            warm(path)
        if name == "bundler":
            measured = (
                make(bundle) if phase == "make" else bundler.run("repair", bundle, *bundler.trust, "--jobs", jobs)
            )
        else:
            measured = run_par2(bundle, *(("create", groups) if phase == "make" else ("repair", groups[:1])))
        samples.add(phase, name, measured)
        if phase == "repair":
            check_sums(setting.runner, bundle)
        shutil.rmtree(bundle.parent)

    subjects = [(phase, name) for phase in ("make", "repair") for name in ("bundler", "par2")]
    setting.in_turns([lambda each=each: take(*each) for each in subjects])  # type: ignore[misc]
    size_bytes = sum(chunk.stat().st_size for chunk in plain.glob("chunk-*"))
    return Feature(
        "parity",
        f"{images_of(part)}, in {len(groups)} group{'s' * (len(groups) > 1)} of chunks",
        samples,
        METHOD,
        size_bytes,
        ratios=tuple(((phase, "bundler"), (phase, "par2")) for phase in ("make", "repair")),
    )


def groups_of(bundle: Path) -> list[Group]:
    """The recovery sets of a bundle."""
    groups = []
    for index in sorted(bundle.glob("parity-??.par2")):
        made, volumes = read_set(index), [path.name for path in bundle.glob(f"{index.stem}.vol*.par2")]
        blocks = sum(map(recovery_blocks_in, volumes))
        flags = (f"-s{made.block_bytes}", f"-c{blocks}", "-u", f"-n{len(volumes)}")
        groups.append(Group(index.name, flags, tuple(file.name for file in made.files)))
    return groups


def damage(chunk: Path) -> None:
    """Overwrites the middle of a chunk; of a small one, as much as its parity can repair."""
    size_bytes = chunk.stat().st_size
    zeros = min(DAMAGED_MIB * MIB, size_bytes // 16)
    with chunk.open("r+b") as file:
        file.seek((size_bytes - zeros) // 2)
        file.write(bytes(zeros))
