"""The parity of an export, made when all chunks are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.held_media import Held
from bundler.core import roles
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.manifest import Chunk
from bundler.core.parity import ParityGroup, plan_parity
from bundler.exporting.session import Session


def protect(session: Session, folder: Held, names: Iterable[str], planned: Sequence[ParityGroup]) -> dict[str, str]:
    """Makes the parity that was asked for; returns the SHA-256 of each of its files, in hex, by name.

    Args:
        session: The session of the export.
        folder: The partial bundle.
        names: The names of its chunks, which are all on the device.
        planned: The groups of the plan.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: There is not enough space, or ``par2`` fails.
        Interrupted: The user stopped it.
    """
    request, run = session.request, session.run
    if request.parity is None:
        return {}
    # The sizes are those of the files: archives are planned with the largest size that they may have.
    facts = ((name, folder.facts(name)) for name in sorted(names, key=_number))
    chunks = {name: Chunk(name, found.st_size) for name, found in facts if found is not None}
    total_bytes = sum(chunk.size_bytes for chunk in chunks.values())
    run.listener(PhaseBegan("making parity", total_bytes, in_bytes=True))
    if isinstance(folder, HeldFolder):
        from bundler.bundle.parity_maker import make_parity

        groups = plan_parity(tuple(chunks.values()), request.parity, largest_file_bytes=request.chunk_size_bytes)
        made = make_parity(
            folder, folder.path, groups, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation
        )
    else:
        from bundler.bundle.parity_media import make_parity_of_media

        # The media have places for the files of the plan.
        groups = tuple(replace(each, chunks=tuple(chunks[chunk.file] for chunk in each.chunks)) for each in planned)
        made = make_parity_of_media(folder, groups, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation)
    run.listener(PhaseEnded("making parity"))
    return made


def _number(name: str) -> int:
    return roles.chunk_number(name) or 0
