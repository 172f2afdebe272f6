"""Tells our files from foreign ones in a folder that others may write. Only ours are written, cut, removed or believed.

A file is ours if it belongs to this user, no other user may write it, and it has one name only: with a second name (a
hard link), another user would choose which file is written. FAT, exFAT, NTFS and network file systems invent owners
and modes, so these do not count there. The facts come from the opened file if there is one, because a name may change.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path

from bundler.core.mount import mount_of
from bundler.errors import Misuse
from bundler.texts import text

_MOUNTINFO = Path("/proc/self/mountinfo")


def refuse_foreign(facts: os.stat_result, path: Path) -> None:
    """Checks that a file or folder is ours.

    Args:
        facts: The state of the file: of its descriptor, or of its name without following links.
        path: The name of the file.

    Raises:
        Misuse: It is not; the error says why.
    """
    reason = _foreign(facts, path)
    if reason is None:
        return
    found, hint = reason
    raise Misuse(
        text("this file is not ours; bundler does not touch it: {found}", found=found),
        subject=str(path),
        hint=hint
        or text(
            "find out who made it; move {path} away, or choose another folder or name", path=shlex.quote(str(path))
        ),
    )


def refuse_foreign_name(path: Path) -> None:
    """Checks that a name that is to be replaced or removed leads to a file of ours. A missing file is fine.

    Raises:
        Misuse: It is not.
    """
    try:
        facts = os.lstat(path)
    except OSError:
        return  # the caller's own system call reports it
    refuse_foreign(facts, path)


def _foreign(facts: os.stat_result, path: Path) -> tuple[str, str | None] | None:
    """Returns why a file is not ours, and what to do; None if it is ours."""
    is_file = stat.S_ISREG(facts.st_mode)
    if stat.S_ISLNK(facts.st_mode):
        return text("a link"), None
    if not is_file and not stat.S_ISDIR(facts.st_mode):
        return text("not a regular file"), None
    if is_file and facts.st_nlink > 1:
        return text("a file with more than one name (hard link)"), None
    is_strange = facts.st_uid != os.geteuid()
    mode = stat.S_IMODE(facts.st_mode)
    if not (is_strange or mode & 0o022) or not _keeps_owners(path):
        return None
    if is_strange:
        return text("it belongs to {name_of}", name_of=_name_of(facts.st_uid)), None
    return text("others can write to it (mode {mode:04o})", mode=mode), text(
        "if it is yours: chmod go-w {path}", path=shlex.quote(str(path))
    )


def _keeps_owners(path: Path) -> bool:
    try:
        mountinfo = _MOUNTINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    mount = mount_of(os.path.realpath(path), mountinfo)
    return mount is None or mount.keeps_owners


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def make_folder(path: Path, *, mode: int = 0o755) -> None:
    """Makes a folder with its parents, if it does not exist. No other user may write to those that are made.

    A umask of 0, as some containers and services have, would let others remove and replace the files in them.

    Args:
        path: The folder.
        mode: The mode of the folder itself, without what the umask forbids; that of its parents is 0755.

    Raises:
        OSError: It cannot be made, or something else has its name.
    """
    if not path.parent.is_dir():
        make_folder(path.parent)
    try:
        os.mkdir(path, mode)
    except OSError:  # of a folder that is there, a system may also say that it cannot be made, as on a read-only mount
        if not path.is_dir():
            raise
