"""Who can change what a path leads to.

The rule is that of sshd's StrictModes (OpenSSH, misc.c, `safe_path`): every folder on the way belongs to root or to the
user, and nobody else may write it; above the user's home folder nothing is judged, because who can change that has the
user's shell anyway.

Two differences. A folder with a sticky bit (``/tmp``) may be written by others if it is only passed through: they can
neither rename nor remove what belongs to root or to the user. And links are judged where they lie, not only where they
lead: who can replace a link chooses what is trusted.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.system import places

OTHERS_MAY_WRITE = 0o022
_LINKS = 40
"""On the way to one path; as many as Linux follows."""


@dataclass(frozen=True, slots=True)
class Step:
    """A folder or a link that a path leads through."""

    path: Path
    facts: os.stat_result

    @property
    def is_owned_by_another(self) -> bool:
        """Whether it belongs neither to the user nor to root."""
        return self.facts.st_uid not in owners()

    @property
    def is_writable(self) -> bool:
        """Whether others can replace what lies in it."""
        mode = self.facts.st_mode
        return stat.S_ISDIR(mode) and bool(mode & OTHERS_MAY_WRITE) and not mode & stat.S_ISVTX


def owners() -> set[int]:
    """Who may own what is trusted: root, the user, and under sudo who called it, who could become root anyway."""
    caller = os.environ.get("SUDO_UID", "")
    is_sudo = os.geteuid() == 0 and caller.isascii() and caller.isdigit()
    return {0, os.geteuid(), *([int(caller)] if is_sudo else [])}


def weak_step(path: Path) -> Step | None:
    """The first folder or link on the way to a path that somebody else can change; None if there is none.

    Args:
        path: Of something that is there; it is not judged itself, unless it is a link.

    Raises:
        OSError: A part of the way cannot be looked at.
    """
    above_home = _above_home(path)
    judged = (step for step in _way(path) if step.path not in above_home)
    return next((step for step in judged if step.is_owned_by_another or step.is_writable), None)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, whatever links, mounts and spellings lead to either."""
    try:
        wanted = os.stat(folder)
    except OSError:
        return False
    real = Path(os.path.realpath(path))
    return any(_is_same(above, wanted) for above in (real, *real.parents))


def _above_home(path: Path) -> set[Path]:
    home = places.home_in_passwd()
    if home is None:
        return set()
    real_home = Path(os.path.realpath(home))
    return set(real_home.parents) if Path(os.path.realpath(path)).is_relative_to(real_home) else set()


def _way(path: Path) -> Iterator[Step]:
    """Every folder and link that the system goes through to reach a path, in its order."""
    rest = [*reversed(os.path.join(os.getcwd(), path).split("/"))]
    here, links = Path("/"), 0
    yield Step(here, os.lstat(here))
    while rest:
        name = rest.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = here.parent
            continue
        step = Step(here / name, os.lstat(here / name))
        if stat.S_ISLNK(step.facts.st_mode):
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            yield step
            target = os.readlink(step.path)
            here = Path("/") if target.startswith("/") else here
            rest += reversed(target.split("/"))
        else:
            here = step.path
            if rest:
                yield step


def _is_same(path: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), wanted)
    except OSError:
        return False
