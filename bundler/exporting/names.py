"""The names of a registry's lists, of all pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bundler.core.limits import NAMES
from bundler.errors import Refused
from bundler.run import Run, retrying
from bundler.stores.name_lists import NamePage
from bundler.texts import text


def all_names(ask: Callable[[str], NamePage], subject: str, peer: str, run: Run) -> Iterator[str]:
    """Yields the names of all pages, each once. Each page is asked with retries, at the pace that its host allows.

    Args:
        ask: Returns the page of a path, as the page before gave it; empty for the first one.
        subject: The owner of the list, for messages.
        peer: The host that is asked.
        run: The run that this is part of.

    Raises:
        Refused: There are too many, or a page repeats the names of the pages before it: the list would never end.
        BundlerError: A page cannot be read.
    """
    seen: set[str] = set()
    path = ""
    while True:
        page = retrying(lambda path=path: ask(path), run, subject=subject, peer=peer)  # type: ignore[misc]
        new = [name for name in dict.fromkeys(page.names) if name not in seen]
        seen.update(new)
        yield from new
        if page.following is None:
            return
        if not new or len(seen) > NAMES:
            raise Refused("the list of names does not end", subject=subject, actual=text("{count:,}", count=len(seen)))
        path = page.following
