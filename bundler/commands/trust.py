"""Whom an importer trusts: public keys from ``--trust``, or from the trust folder. Fails closed.

A folder of keys is believed only if nobody else can put one there: it and its keys belong to the user or to root, and
nobody else may write them. One key that cannot be used makes the folder unusable, because it may be the one that was
meant; no keys is never no check. A single file that is given by name is the user's own decision.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler import places
from bundler.bundle import signing
from bundler.bundle.files import read_with_facts
from bundler.core.limits import KEY_BYTES
from bundler.errors import BundlerError, Misuse, Untrusted

SUFFIX = ".pub"
"""What the names of keys in a folder end with; everything else in it is left alone."""

_OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a folder of keys: the key, or why it cannot be used."""

    path: Path
    key: signing.PublicKey | None
    problem: Untrusted | None = None


def trust_folder() -> Path | None:
    """Where keys are trusted from when ``--trust`` is not given; None for a user without a home folder."""
    own = places.config_folder()
    return own / "trust" if own else None


def trusted_keys(paths: Sequence[Path]) -> list[signing.PublicKey]:
    """The keys that are trusted.

    Args:
        paths: Public keys, or folders of them; empty for the trust folder.

    Raises:
        Misuse: There is nothing at a path that was given, or it is a file and no public key.
        Untrusted: A folder of keys cannot be used. Without a trust folder, and without any key in it, the result is
            empty, and no signature will be trusted.
    """
    if not paths:
        folder = trust_folder()
        return _keys_in(folder) if folder else []
    return [key for path in paths for key in _keys_at(path)]


def members_of(folder: Path) -> list[Member]:
    """The keys of a folder, each with what is wrong with it; empty if there is no such folder.

    Raises:
        Untrusted: The folder itself cannot be used, or is none.
    """
    try:
        facts = os.stat(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unusable(folder, f"it cannot be looked at: {error.strerror}", "ask its owner, or root") from error
    if not stat.S_ISDIR(facts.st_mode):
        raise _unusable(folder, "it is no folder", "move it away, then: bundler trust add FILE")
    _check_rights(folder, facts, "folder of keys")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except OSError as error:
        mend = f"chmod u+rwx {_quoted(folder)}" if facts.st_uid == os.geteuid() else "ask its owner, or root"
        mode = f"mode {stat.S_IMODE(facts.st_mode):04o}"
        raise _unusable(folder, f"it cannot be read: {error.strerror} ({mode})", mend) from error
    return [_member(folder / name) for name in names]


def read_public_key(path: Path) -> signing.PublicKey:
    """The key in a file that somebody named; whoever may write it.

    Raises:
        Misuse: There is none, or it cannot be used.
    """
    return signing.load_public(_read(path)[0], origin=str(path))


def _keys_at(path: Path) -> list[signing.PublicKey]:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        public = path.with_name(f"{path.name}{SUFFIX}")
        hint = f"give {public}" if public.is_file() else "--trust names a .pub file or a folder of them"
        raise Misuse("there is no such key", subject=str(path), hint=hint) from error
    except PermissionError as error:
        raise _unusable(path, f"it cannot be looked at: {error.strerror}", "ask its owner, or root") from error
    except OSError as error:
        raise Misuse(f"this cannot be a key: {error.strerror}", subject=str(path)) from error
    if not stat.S_ISDIR(mode):
        return [read_public_key(path)]
    keys = _keys_in(path)
    if not keys:
        raise _unusable(path, f"there is no {SUFFIX} file in it", "put the builder's public key there")
    return keys


def _keys_in(folder: Path) -> list[signing.PublicKey]:
    members = members_of(folder)
    for member in members:
        if member.problem is not None:
            raise member.problem
    return [member.key for member in members if member.key is not None]


def _member(path: Path) -> Member:
    try:
        pem, facts = _read(path)
        _check_rights(path, facts, "trusted key")
        return Member(path, signing.load_public(pem, origin=str(path)))
    except Untrusted as error:
        return Member(path, None, error)
    except BundlerError as error:
        mend = f"rm {_quoted(path)}; or put the key there that is meant"
        return Member(path, None, _unusable(path, str(error).removeprefix(f"{path}: "), mend))


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        return read_with_facts(Path(os.path.realpath(path)), KEY_BYTES)
    except BundlerError as error:
        raise Misuse(f"this cannot be a key: {error.message}", subject=str(path)) from error


def _check_rights(path: Path, facts: os.stat_result, what: str) -> None:
    """Makes sure that nobody but the user and root decides what is trusted.

    Raises:
        Untrusted: Somebody else does.
    """
    mode = stat.S_IMODE(facts.st_mode)
    elsewhere = ""
    if trust_folder() not in (path, path.parent):
        file = "FILE" if stat.S_ISDIR(facts.st_mode) else _quoted(path)
        elsewhere = f"; where modes and owners cannot be set (FAT, NTFS): bundler trust add {file}"
    if facts.st_uid not in _owners():
        whose = f"this {what} belongs to {_user(facts.st_uid)}, who is neither you nor root (mode {mode:04o})"
        raise _unusable(path, whose, f"if it is as it should be: sudo chown root {_quoted(path)}{elsewhere}")
    if mode & _OTHERS_MAY_WRITE:
        who = "group and others" if mode & 0o022 == 0o022 else "its group" if mode & 0o020 else "others"
        raise _unusable(
            path, f"{who} may change this {what} (mode {mode:04o})", f"chmod go-w {_quoted(path)}{elsewhere}"
        )


def _owners() -> set[int]:
    """Who may own what is trusted: root, the user, and under sudo who called it, who could become root anyway."""
    behind = os.environ.get("SUDO_UID", "")
    is_sudo = os.geteuid() == 0 and behind.isascii() and behind.isdigit()
    return {0, os.geteuid(), *([int(behind)] if is_sudo else [])}


def _user(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def _unusable(path: Path, why: str, mend: str) -> Untrusted:
    return Untrusted(f"no key is trusted here: {why}", subject=str(path), hint=mend, code="trust-folder")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
