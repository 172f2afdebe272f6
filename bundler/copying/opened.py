"""Opened: the bundle that is copied is found, and its signature checked if trust was asked for."""

from __future__ import annotations

from bundler.bundle.opening import find, load, with_misnamed
from bundler.copying.request import CopyRequest
from bundler.copying.source import Source, source_of
from bundler.core.events import Moved, Noticed, PhaseBegan
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.system.bundle_paths import locals_of


@frozen
class Opened:
    """A request that can be worked on.

    Attributes:
        request: The request.
        run: The run that this is part of.
        source: The bundle, and its files that are here.
    """

    request: CopyRequest
    run: Run
    source: Source


def open_source(request: CopyRequest, run: Run) -> Opened:
    """Opens the bundle of a request. Bytes are compared with SHA256SUMS when they are copied.

    Raises:
        Misuse: There is no bundle, or there are several, or no output.
        Untrusted: Trust was asked for, and no trusted key signed the bundle.
        Damaged, Incomplete: Its small files are not what SHA256SUMS lists.
    """
    if not request.outputs:
        raise Misuse.of_field("outputs", expected=">= 1", actual="0")
    unchecked = find(request.paths)
    if request.trust:
        sealed = unchecked.trusted_by(trusted_keys(request.trust, judged=Judged(locals_of(unchecked.folders))))
    else:
        run.listener(Noticed("the signature is not checked: give --trust PUB, or run bundler verify"))
        sealed = unchecked.taken_as_it_is()

    def passed(amount: int) -> None:
        run.cancellation.check()
        run.listener(Moved(amount))

    title = "comparing files that have other names"
    bundle = with_misnamed(load(sealed), passed, began=lambda n: run.listener(PhaseBegan(title, n, in_bytes=True)))
    return Opened(request, run, source_of(bundle))
