"""The parity of an export: planned from the sizes of the chunks, and made when all chunks are written."""

from __future__ import annotations

from collections.abc import Iterable

from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.held_media import Held
from bundler.core import roles
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.parity import ParityGroup, plan_parity
from bundler.exporting.request import ExportRequest
from bundler.exporting.session import Session


def parity_plan(request: ExportRequest, manifest: BundleManifest) -> tuple[ParityGroup, ...]:
    """The groups of parity; none if none was asked for."""
    return _planned(request, manifest.chunks)


def protect(session: Session, folder: Held, names: Iterable[str]) -> dict[str, str]:
    """Makes the parity that was asked for; returns the SHA-256 of each of its files, in hex, by name.

    Args:
        session: The session of the export.
        folder: The partial bundle.
        names: The names of its chunks, which are all on the device.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: There is not enough space, or ``par2`` fails.
        Interrupted: The user stopped it.
    """
    request, run = session.request, session.run
    if request.parity is None:
        return {}
    assert isinstance(folder, HeldFolder), "parity on several media is refused"
    from bundler.bundle.parity_maker import make_parity

    # The sizes are those of the files: archives are planned with the largest size that they may have.
    facts = ((name, folder.facts(name)) for name in sorted(names, key=_number))
    groups = _planned(request, tuple(Chunk(name, found.st_size) for name, found in facts if found is not None))
    run.listener(PhaseBegan("making parity", sum(group.data_bytes for group in groups), in_bytes=True))
    made = make_parity(folder, folder.path, groups, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation)
    run.listener(PhaseEnded("making parity"))
    return made


def _number(name: str) -> int:
    return roles.chunk_number(name) or 0


def _planned(request: ExportRequest, chunks: tuple[Chunk, ...]) -> tuple[ParityGroup, ...]:
    if request.parity is None:
        return ()
    return plan_parity(chunks, request.parity, largest_file_bytes=request.chunk_size_bytes)
