"""``bundler repair``: makes lost and damaged chunks again with the parity of the bundle, then checks all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

from bundler.bundle.copies import ChunkState
from bundler.bundle.findings import Finding
from bundler.bundle.locked import LockedBundle
from bundler.bundle.parity import GroupState, Parity, damaged_copies, parity_of
from bundler.bundle.parity_repair import Pieces, repair_group, unknown_files
from bundler.bundle.reader import Bundle
from bundler.bundle.repair_places import OUTPUT, RepairPlaces, clear, is_writable, make_folder, put
from bundler.bundle.whole_files import WholeFiles, find_whole_files
from bundler.commands.verify import VerifyRequest, VerifyResult, verify
from bundler.core import roles
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.parity import NO, WHOLE
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, worst
from bundler.keys.open_bundle import open_trusted
from bundler.run import Run
from bundler.system.bundle_paths import locals_of
from bundler.system.durable_files import check_space
from bundler.system.files import is_there
from bundler.system.par2_program import find_par2
from bundler.system.places import scratch_folder
from bundler.system.request_fields import Request
from bundler.texts import text

_TITLE = text("repairing")


@frozen
class RepairRequest(Request):
    """A bundle to repair.

    Attributes:
        paths: Folders of the bundle, or media with parts of it.
        output: The folder that the folder of repaired chunks is made in; None to repair the bundle in its place.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: True to accept the bundle without any trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.
        is_dry_run: True to say only what can be repaired, and write nothing.
        scratch: The folder for links, which ``par2`` works in.
    """

    paths: tuple[Path, ...]
    output: Path | None = None
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    is_dry_run: bool = False
    scratch: Path = field(default_factory=scratch_folder)


@frozen
class RepairResult:
    """The result of ``repair``.

    Attributes:
        name: The name of the bundle.
        bundle_id: Its id.
        parity: The state of its parity before the repair; None if it has none.
        repaired: The repaired chunks and their files; in a dry run those that can be repaired.
        renamed: The whole chunks that got their own names again, and the files that held them.
        failed: The groups of which too much is lost.
        output: The folder with repaired chunks and the small files of the bundle; None for a repair in its place.
        lost: In a dry run, the chunks that stay missing or damaged, because no parity here has enough for them.
        verified: The result of the verification at the end; None in a dry run.
    """

    name: str
    bundle_id: str
    parity: Parity | None
    repaired: Mapping[str, Path]
    renamed: Mapping[str, Path]
    failed: tuple[GroupState, ...]
    output: Path | None = None
    lost: tuple[BundlerError, ...] = ()
    verified: VerifyResult | None = None

    @property
    def is_dry_run(self) -> bool:
        """True if nothing was written."""
        return self.verified is None

    @property
    def left(self) -> tuple[Finding, ...]:
        """The findings at the end. If chunks were repaired into another folder, their damaged files are none."""
        found = self.verified.findings if self.verified else ()
        if self.output is None:
            return found
        return tuple(each for each in found if each.is_wanted or roles.role_of(each.file) is not roles.CHUNK)

    @property
    def exit_code(self) -> int:
        """0 if all is whole now, or can be repaired in a dry run; else the exit code of the worst finding."""
        if self.verified is None:
            return worst(self.lost)
        return worst([finding.error for finding in self.left])


def repair(request: RepairRequest, run: Run | None = None) -> RepairResult:
    """Repairs a bundle, in its place or into another folder, and verifies it to its last byte.

    A repaired chunk takes its name only when its SHA-256 is the signed one. The damaged file stays until then. If this
    is interrupted, the same command finishes it.

    Args:
        request: The bundle, and the place of repaired chunks.
        run: Receives progress and can be stopped; None for a silent run.

    Returns:
        The chunks that were repaired, and the groups that could not be. If nothing is lost, nothing is written.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened, because the signature, SHA256SUMS or
            bundle.json is wrong; or something is lost, and there is no program ``par2``.
        Unavailable: Another process repairs it.
        LocalStorage: The folder cannot be written, or has not enough space.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    result = _repaired(request, run)
    if request.is_dry_run:
        return result
    verified = verify(
        VerifyRequest(
            _paths(request, result.output),
            request.trust,
            is_without_signature=request.is_without_signature,
            required_signatures=request.required_signatures,
        ),
        run,
    )
    return replace(result, verified=verified)


def _repaired(request: RepairRequest, run: Run) -> RepairResult:
    bundle = _opened(request, None, run)
    output = request.output / bundle.manifest.name if request.output else None
    if output is not None and is_there(output):
        bundle = _opened(request, output, run)  # an earlier run has repaired something there
    found = _whole_files(bundle, run)
    places = RepairPlaces.of(bundle, output)
    misnamed = {} if output is not None else found.misnamed
    if not found.facts.lost and not all(is_writable(path.parent) for path in misnamed.values()):
        misnamed = {}  # they are read under any name
    if request.is_dry_run:
        return _planned(bundle, found, places, misnamed, run)
    if not (found.facts.lost or misnamed or places.has_rest):
        parity = parity_of(bundle, found.facts, lambda _: run.cancellation.check())
        return RepairResult(bundle.manifest.name, bundle.id, parity, {}, {}, (), output)
    if output is not None:
        make_folder(output, bundle.sealed)
    with places.held(found.facts.lost, misnamed):
        if places.take_rest(_passing(run)) or output is not None:
            bundle = _opened(request, output, run)
            found, places = _whole_files(bundle, run), RepairPlaces.of(bundle, output)
            misnamed = {} if output is not None else found.misnamed
        renamed = places.rename(misnamed)
        if renamed:
            bundle = _opened(request, output, run)
            found, places = _whole_files(bundle, run), RepairPlaces.of(bundle, output)
        return _made(bundle, found, places, renamed, request.scratch, run)


def _paths(request: RepairRequest, output: Path | None) -> tuple[Path, ...]:
    return (*request.paths, output) if output is not None and is_there(output) else request.paths


def _opened(request: RepairRequest, output: Path | None, run: Run) -> Bundle | LockedBundle:
    return open_trusted(
        _paths(request, output),
        request.trust,
        run,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
    )


def _whole_files(bundle: Bundle | LockedBundle, run: Run) -> WholeFiles:
    return find_whole_files(bundle, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation)


def _passing(run: Run) -> Passed:
    def passed(amount: int) -> None:
        run.cancellation.check()
        run.listener(Moved(amount))

    return passed


def _planned(
    bundle: Bundle | LockedBundle, found: WholeFiles, places: RepairPlaces, misnamed: Mapping[str, Path], run: Run
) -> RepairResult:
    """The result of a dry run."""
    parity = parity_of(bundle, found.facts, lambda _: run.cancellation.check())
    groups = parity.groups if parity else ()
    hopeful = [name for group in groups if group.verdict != NO for name in group.lost]
    return RepairResult(
        bundle.manifest.name,
        bundle.id,
        parity,
        {name: places.path_of(name) for name in hopeful},
        misnamed,
        tuple(group for group in groups if group.verdict == NO),
        places.output,
        tuple(map(_loss, (each for each in bundle.chunks if each.chunk.file in found.facts.lost.difference(hopeful)))),
    )


def _loss(state: ChunkState) -> BundlerError:
    """The reason for which a chunk is lost: there is no file for it, or none that has its bytes."""
    file = state.chunk.file
    return state.problem or Damaged(
        "the chunk is damaged", subject=file, hint=text("copy {file} to the medium again", file=file)
    )


def _made(
    bundle: Bundle | LockedBundle,
    found: WholeFiles,
    places: RepairPlaces,
    renamed: Mapping[str, Path],
    scratch: Path,
    run: Run,
) -> RepairResult:
    """Makes all lost chunks again that parity has enough for."""
    parity = parity_of(bundle, found.facts, lambda _: run.cancellation.check())
    damaged = [group for group in parity.groups if group.verdict != WHOLE] if parity else []
    if damaged:
        find_par2()
        total = sum(file.size_bytes for group in damaged for file in group.files)
        run.listener(PhaseBegan(_TITLE, total, in_bytes=True))
    repaired: dict[str, Path] = {}
    failed: list[GroupState] = []
    for group in damaged:
        new = _repair(bundle, group, found, places, scratch, run)
        failed += [] if new else [group]
        for name, path in new.items():
            repaired[name] = places.path_of(name)
            put(path, repaired[name])
    for folder in places.folders:
        clear(folder / OUTPUT)
    if damaged:
        run.listener(PhaseEnded(_TITLE))
    return RepairResult(bundle.manifest.name, bundle.id, parity, repaired, renamed, tuple(failed), places.output)


def _repair(
    bundle: Bundle | LockedBundle,
    group: GroupState,
    found: WholeFiles,
    places: RepairPlaces,
    scratch: Path,
    run: Run,
) -> dict[str, Path]:
    """The new files of the lost chunks of a group; none if too much is lost."""
    copies = [
        path for state in bundle.chunks if state.chunk.file in group.lost for path in locals_of(damaged_copies(state))
    ]
    known = [
        *(path for state in bundle.chunks for path in damaged_copies(state)),
        *(path for name in bundle.sealed.sums for path in bundle.sealed.found_copies(name)),
    ]
    largest = max(file.size_bytes for file in group.files)
    others = unknown_files(locals_of(bundle.sealed.folders), locals_of(known), group.block_bytes, 2 * largest)
    if group.verdict == NO and not others:
        return {}
    outputs = {name: places.make_output(name) for name in group.lost}
    sizes = {file.name: file.size_bytes for file in group.files}
    for folder in set(outputs.values()):
        needed = sum(sizes[name] for name in group.lost if outputs[name] == folder)
        check_space(folder, needed, hint=text("put the repaired chunks into another folder: -o DIR"))
    return repair_group(
        group,
        Pieces(found.chunks, (*dict.fromkeys(copies), *others)),
        outputs,
        bundle.sealed.sums,
        scratch=scratch,
        jobs=run.jobs,
        listener=run.listener,
        cancellation=run.cancellation,
    )
