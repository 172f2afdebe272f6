"""Sealed: the last stage of an export. The bundle is signed, on its medium, and has its name."""

from __future__ import annotations

from contextlib import closing

from bundler.bundle.medium import is_removable
from bundler.bundle.read_back import ReadingBack
from bundler.bundle.readme import NO_PARITY
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.exporting.channel import note_sealed
from bundler.exporting.copied import Copied
from bundler.exporting.protected import protect
from bundler.exporting.result import ExportResult, result_of


def seal(copied: Copied) -> ExportResult:
    """Seals the bundle: parity, checksums, signature, everything on the medium, one rename. Closes folder and writer.

    Raises:
        Damaged, Incomplete: A file of the tool has changed since it was listed. The bundle stays partial.
        LocalStorage: Something could not be written, or did not come back from the medium as it was written. The bundle
            stays partial.
    """
    session, run = copied.session, copied.session.run
    request = session.request
    reads_back_chunks = copied.folder.reads_back_chunks
    is_read_back = request.is_read_back
    if is_read_back is None:
        is_read_back = reads_back_chunks or any(map(is_removable, request.outputs))
    read_back = None
    if is_read_back and not reads_back_chunks:
        read_back = ReadingBack(jobs=run.jobs, listener=run.listener, cancellation=run.cancellation)
    title = "sealing, reading back" if read_back else "sealing"
    with closing(copied.folder), closing(copied.writer) as writer:
        chunks = writer.finish()
        parity = NO_PARITY
        if copied.folder.folder is not None:
            parity = protect(session, copied.folder.folder, chunks, copied.parity)
        run.listener(PhaseBegan(title, writer.size_bytes if read_back else 0, in_bytes=True))
        manifest, bundle_id = writer.seal(
            session.key, tool=session.tool, read_back=read_back, parity=parity, records=request.records
        )
        run.listener(PhaseEnded(title))
    note_sealed(session, manifest.series, bundle_id)
    return result_of(session, manifest, copied.deviations, bundle_id=bundle_id, is_read_back=is_read_back)
