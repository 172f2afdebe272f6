"""``bundler export``: from a request to a sealed bundle. Each stage is a frozen value, made from the one before.

``Listed → Resolved → Judged → Planned → Copied → Sealed``: each has the module of its name. All of them share the
`Session`.
"""

from __future__ import annotations

from bundler.exporting.copied import copy
from bundler.exporting.finished_export import take_finished
from bundler.exporting.gathered import gather
from bundler.exporting.judged import judge
from bundler.exporting.listed import list_images
from bundler.exporting.planned import Planned, plan, preview
from bundler.exporting.request import ExportRequest
from bundler.exporting.resolved import resolve
from bundler.exporting.result import ExportResult
from bundler.exporting.sealed import seal
from bundler.exporting.session import Session, started
from bundler.run import Run


def export(request: ExportRequest, run: Run | None = None) -> ExportResult:
    """Makes a bundle of the images of a request, or resumes an export that was interrupted, whatever ended it.

    A bundle has its name only when it is complete: until then it is the folder ``NAME.partial``, which the next run of
    the same request resumes. All of its bytes are verified by digest. A bundle that an earlier run has finished is
    compared with the request, and left as it is.

    Args:
        request: The images, the place of the bundle, its key and options.
        run: Receives the progress, and can be stopped; None for a run of its own.

    Raises:
        Misuse: An option, a list or the key is wrong, or differs from those of the run that is resumed.
        Unavailable: Another process makes this bundle, or a source does not answer.
        BundlerError: Images cannot be resolved or fetched (all of them in one `Several`), or the bundle cannot be
            written. Nothing is sealed then.
    """
    with started(request, run or Run()) as session:
        # No variable holds a stage: each is freed when the next one is made, as 20,000 images take much memory.
        if session.folder.is_finished:
            return take_finished(_planned(session))
        if request.is_dry_run:
            return preview(_planned(session))
        if request.seals:
            planned = _planned(session)
            gather(planned)
            return seal(copy(planned))
        return seal(copy(_planned(session)))


def _planned(session: Session) -> Planned:
    return plan(judge(resolve(list_images(session))))
