"""Checks which users can change the target of a path.

The rule is that of sshd's StrictModes (OpenSSH, misc.c, `safe_path`): every folder on the path belongs to root or to
the user, and no other user may write it. Folders above the user's home folder are not checked, because a user who can
change those has this user's shell anyway.

Two rules differ. Others may write a folder with a sticky bit (``/tmp``) if the path only passes through it: they can
neither rename nor remove files of root or of the user. And a link is checked where it is, not only where it leads: a
user who can replace a link chooses which key is trusted.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.system import places

OTHERS_MAY_WRITE = 0o022
_LINKS = 40
"""The most links on one path; the limit of Linux."""


@frozen
class Step:
    """A folder or a link on a path."""

    path: Path
    facts: os.stat_result

    @property
    def is_owned_by_another(self) -> bool:
        """True if it belongs neither to the user nor to root."""
        return self.facts.st_uid not in owners()

    @property
    def is_writable(self) -> bool:
        """True if other users can replace its entries."""
        mode = self.facts.st_mode
        return stat.S_ISDIR(mode) and bool(mode & OTHERS_MAY_WRITE) and not mode & stat.S_ISVTX


def owners() -> set[int]:
    """Returns the possible owners of trusted files: root, the user, and sudo's caller, who can become root anyway."""
    caller = os.environ.get("SUDO_UID", "")
    is_sudo = os.geteuid() == 0 and caller.isascii() and caller.isdigit()
    return {0, os.geteuid(), *([int(caller)] if is_sudo else [])}


def weak_step(path: Path) -> Step | None:
    """Returns the first folder or link on a path that another user can change; None if there is none.

    Args:
        path: An existing path. Its last part is checked only if it is a link.

    Raises:
        OSError: A part of the path cannot be examined.
    """
    above_home = _above_home(path)
    judged = (step for step in _steps_to(path) if step.path not in above_home)
    return next((step for step in judged if step.is_owned_by_another or step.is_writable), None)


def is_changeable(path: Path) -> bool:
    """True if another user can change a file, or put another one in its place.

    Args:
        path: An existing file.

    Raises:
        OSError: A part of the path cannot be examined.
    """
    facts = os.stat(path)
    is_weak = facts.st_uid not in owners() or bool(facts.st_mode & OTHERS_MAY_WRITE)
    return is_weak or weak_step(path) is not None


def is_own_in(path: Path, folder: Path | None) -> bool:
    """True if a file is in a folder of this user, and no other user can change it."""
    try:
        return folder is not None and path.resolve().parent == folder.resolve() and not is_changeable(path)
    except OSError:  # there is no such file
        return False


def is_inside(path: Path, folder: Path) -> bool:
    """True if a path is in a folder. Links, mounts and spellings of either do not matter."""
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


def _steps_to(path: Path) -> Iterator[Step]:
    """Yields every folder and link that the system passes on a path, in its order."""
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
