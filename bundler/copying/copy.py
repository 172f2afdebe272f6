"""``bundler copy``: from a bundle to equal copies of it on media, each read back from its device."""

from __future__ import annotations

from bundler.copying.delivered import deliver
from bundler.copying.opened import open_source
from bundler.copying.placed import place_copies
from bundler.copying.request import CopyRequest, CopyResult
from bundler.run import Run


def copy(request: CopyRequest, run: Run | None = None) -> CopyResult:
    """Copies a bundle, or what is here of it, to one or more folders. Each byte is read once, and compared.

    A copy has its name only when it is complete. The same request resumes an interrupted one, and changes nothing that
    is finished.

    Args:
        request: The bundle, and a folder on each medium.
        run: Receives the progress, and can be stopped; None for a run of its own.

    Raises:
        Misuse: There is no bundle, an output is not there, or has something else of the name.
        Untrusted: Trust was asked for, and no trusted key signed the bundle.
        Unavailable: Another process copies to the same folder.
        Damaged, Incomplete: A file of the bundle is not what SHA256SUMS lists. The copy stays partial.
        LocalStorage: A medium has not enough room, cannot be written, or returns other bytes than were written. Copies
            on other media are complete.
        Several: More than one of these.
    """
    return deliver(place_copies(open_source(request, run or Run())))
