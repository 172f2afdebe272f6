"""The registry from which scanners of images read a bundle: ``bundler serve`` on a free port of this machine.

So a scanner reads an image from the chunks, and nothing of it is written to this machine first.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from bundler.bundle.reader import Bundle
from bundler.core.scan import Engine, takes_registry
from bundler.run import Run
from bundler.serving.serve import serve_open

_ANY_PORT = "127.0.0.1:0"


@contextmanager
def with_registry(engines: Sequence[Engine], bundle: Bundle, run: Run) -> Generator[tuple[Engine, ...], None, None]:
    """The engines; those of images read from a registry, which serves the bundle for as long as the block lasts.

    Args:
        engines: The engines.
        bundle: The open bundle.
        run: Can be stopped.

    Raises:
        Misuse: No port is free.
    """
    if not any(map(takes_registry, engines)):
        yield tuple(engines)
        return
    with serve_open([bundle], address=_ANY_PORT, run=run) as served:
        yield tuple(each.served_at(served.host) if takes_registry(each) else each for each in engines)
