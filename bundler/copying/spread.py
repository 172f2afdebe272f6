"""``bundler spread``: from a finished bundle to a folder for each of several media."""

from __future__ import annotations

from bundler.copying.delivered import deliver
from bundler.copying.opened import open_source
from bundler.copying.placed import place_spread
from bundler.copying.request import CopyResult, SpreadRequest
from bundler.run import Run


def spread(request: SpreadRequest, run: Run | None = None) -> CopyResult:
    """Spreads a bundle over several media: the small files to each, every chunk to one.

    The bundle keeps its bytes and its id. If bundle.json has a plan for as many media and it fits, that plan is used.

    Args:
        request: The bundle, and either a folder on each medium, or one folder and the size of the media.
        run: Receives the progress, and can be stopped; None for a run of its own.

    Raises:
        Misuse, Untrusted, Unavailable, Damaged, LocalStorage, Several: As `bundler.copying.copy.copy`; or a file does
            not fit on a medium of the size.
        Incomplete: A file of the bundle is not here.
    """
    return deliver(place_spread(open_source(request, run or Run()), request))
