"""The keys that an importer trusts: public keys from ``--trust``, or from the trust folder. Fails closed.

A folder of keys is trusted only if no other user can add a key: the folder, its keys and every folder and link on the
path belong to the user or to root, and no other user may write them (`bundler.keys.strict_modes`). One unusable key
makes the folder unusable, because it may be the key that was meant; no keys never means no check. A single file that
is given by name is the user's own decision, and its mode is not checked: pipelines mount keys with mode 0666.

A key is never trusted if it came with the files that it verifies: inside the bundle's folder, or on the removable
medium of the bundle. The writer of the medium would choose the key.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

from bundler.bundle import signing
from bundler.bundle.medium import on_one_medium
from bundler.core.frozen import frozen
from bundler.core.limits import KEY_BYTES
from bundler.errors import BundlerError, Misuse, Untrusted
from bundler.keys.strict_modes import OTHERS_MAY_WRITE, is_inside, owners, weak_step
from bundler.system import places
from bundler.system.files import read_with_facts
from bundler.texts import joined, text

SUFFIX = ".pub"
"""The suffix of keys in a folder. Other files in it are ignored."""


@frozen
class Judged:
    """The files that keys are to verify.

    Attributes:
        folders: The folders of the bundle; no key in them is trusted.
        files: Other signed files; no key on their removable medium is trusted.
    """

    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()

    def has_inside(self, path: Path) -> bool:
        """True if a file or folder is inside the folders of the bundle."""
        return any(is_inside(path, folder) for folder in self.folders)

    def has_on_medium(self, path: Path) -> bool:
        """True if a file or folder is on the same removable medium."""
        return any(on_one_medium(path, other) for other in (*self.folders, *self.files))

    def refuse(self, key: Path) -> None:
        """Checks that a key did not come with the files that it verifies.

        Args:
            key: A public key, or a folder of them.

        Raises:
            Untrusted: It did.
        """
        hint = "get the key from its owner over another channel, and keep it on this machine: bundler trust add FILE"
        if self.has_inside(key):
            raise Untrusted(
                "a key in the bundle itself proves nothing", subject=str(key), hint=hint, code="key-came-along"
            )
        if self.has_on_medium(key):
            raise Untrusted(
                "a key on the same medium as the signed files proves nothing",
                subject=str(key),
                hint=hint,
                code="key-came-along",
            )


NOTHING = Judged()


@frozen
class FoundKey:
    """One file of a folder of keys: the key, or the reason why it is unusable."""

    path: Path
    key: signing.PublicKey | None
    problem: Untrusted | None = None


def trust_folder() -> Path | None:
    """Returns the folder of trusted keys if ``--trust`` is not given; None for a user without a home folder."""
    own = places.config_folder()
    return own / "trust" if own else None


def trusted_keys(paths: Sequence[Path], *, judged: Judged = NOTHING) -> list[signing.PublicKey]:
    """Returns the trusted keys.

    Args:
        paths: Public keys, or folders of them; empty for the trust folder.
        judged: The files that the keys are to verify.

    Raises:
        Misuse: There is nothing at a path that was given, or it is a file and no public key.
        Untrusted: A folder of keys is unusable, or a key came with the files that it verifies. A missing or empty
            trust folder is no error: the result is empty, and no signature will be trusted.
    """
    if not paths:
        folder = trust_folder()
        return _keys_in(folder, judged) if folder else []
    return [key for path in paths for key in _keys_at(path, judged)]


def members_of(folder: Path) -> list[FoundKey]:
    """Returns the keys of a folder, each with its problem; empty if the folder does not exist.

    Raises:
        Untrusted: The folder itself is unusable, or no folder.
    """
    try:
        facts = os.stat(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unusable(
            folder, text("it cannot be examined: {reason}", reason=error.strerror), "ask its owner, or root"
        ) from error
    if not stat.S_ISDIR(facts.st_mode):
        raise _unusable(folder, text("it is not a folder"), "move it away, then: bundler trust add FILE")
    _check_rights(folder, facts, text("folder of keys"))
    _check_steps(folder)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except OSError as error:
        mend = (
            text("chmod u+rwx {folder}", folder=_quoted(folder))
            if facts.st_uid == os.geteuid()
            else "ask its owner, or root"
        )
        mode = f"mode {stat.S_IMODE(facts.st_mode):04o}"
        raise _unusable(
            folder, text("it cannot be read: {reason} ({mode})", reason=error.strerror, mode=mode), mend
        ) from error
    return [_member(folder / name) for name in names]


def read_public_key(path: Path) -> signing.PublicKey:
    """Returns the key in a file that the user named. The mode of the file is not checked.

    Raises:
        Misuse: The file is missing, or no usable key.
    """
    return signing.load_public(_read(path)[0], origin=str(path))


def _keys_at(path: Path, judged: Judged) -> list[signing.PublicKey]:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        public = path.with_name(f"{path.name}{SUFFIX}")
        hint = (
            text("give {public}", public=public)
            if public.is_file()
            else "--trust names a .pub file or a folder of them"
        )
        raise Misuse("there is no such key", subject=str(path), hint=hint) from error
    except PermissionError as error:
        raise _unusable(
            path, text("it cannot be examined: {reason}", reason=error.strerror), "ask its owner, or root"
        ) from error
    except OSError as error:
        raise Misuse(text("not usable as a key: {reason}", reason=error.strerror), subject=str(path)) from error
    if not stat.S_ISDIR(mode):
        judged.refuse(path)
        return [read_public_key(path)]
    keys = _keys_in(path, judged)
    if not keys:
        raise _unusable(
            path, text("there is no {suffix} file in it", suffix=SUFFIX), "put the builder's public key there"
        )
    return keys


def _keys_in(folder: Path, judged: Judged) -> list[signing.PublicKey]:
    members = members_of(folder)
    if members:
        judged.refuse(folder)
    for member in members:
        judged.refuse(member.path)
        if member.problem is not None:
            raise member.problem
    return [member.key for member in members if member.key is not None]


def _member(path: Path) -> FoundKey:
    try:
        pem, facts = _read(path)
        _check_rights(path, facts, text("trusted key"))
        _check_steps(path)
        return FoundKey(path, signing.load_public(pem, origin=str(path)))
    except Untrusted as error:
        return FoundKey(path, None, error)
    except BundlerError as error:
        mend = text("rm {path}; or replace it with the right key", path=_quoted(path))
        return FoundKey(path, None, _unusable(path, error.message, mend))


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        return read_with_facts(Path(os.path.realpath(path)), KEY_BYTES)
    except BundlerError as error:
        raise Misuse(text("not usable as a key: {reason}", reason=error.message), subject=str(path)) from error


def _check_rights(path: Path, facts: os.stat_result, what: str) -> None:
    """Checks that only the user and root can change a trusted file or folder.

    Raises:
        Untrusted: Another user can.
    """
    mode = stat.S_IMODE(facts.st_mode)
    elsewhere: list[str] = []
    if trust_folder() not in (path, path.parent):
        file = "FILE" if stat.S_ISDIR(facts.st_mode) else _quoted(path)
        elsewhere = [text("on a file system without modes and owners (FAT, NTFS): bundler trust add {file}", file=file)]
    if facts.st_uid not in owners():
        whose = text(
            "this {what} belongs to {user}, who is neither you nor root (mode {mode:04o})",
            what=what,
            user=_user(facts.st_uid),
            mode=mode,
        )
        raise _unusable(
            path,
            whose,
            joined([text("if this is intended: sudo chown root {path}", path=_quoted(path)), *elsewhere]),
        )
    if mode & OTHERS_MAY_WRITE:
        who = _writers(mode)
        raise _unusable(
            path,
            text("{who} can change this {what} (mode {mode:04o})", who=who, what=what, mode=mode),
            joined([text("chmod go-w {path}", path=_quoted(path)), *elsewhere]),
        )


def _check_steps(path: Path) -> None:
    """Checks that only the user and root can change the target of a path.

    Raises:
        Untrusted: Another user can.
    """
    try:
        weak = weak_step(path)
    except OSError as error:
        raise _unusable(
            path,
            text("the folders above it cannot be examined: {reason}", reason=error.strerror),
            "ask its owner, or root",
        ) from error
    if weak is None:
        return
    mode = stat.S_IMODE(weak.facts.st_mode)
    step, copy = _quoted(weak.path), text("or keep the keys elsewhere: bundler trust add FILE")
    if weak.is_owned_by_another:
        owner = _user(weak.facts.st_uid)
        raise _unusable(
            path,
            text(
                "{path}, a part of its path, belongs to {owner}, who is neither you nor root",
                path=weak.path,
                owner=owner,
            ),
            text("if this is intended: sudo chown -h root {step}; {copy}", step=step, copy=copy),
        )
    who = _writers(mode)
    chmod = "chmod go-w" if weak.facts.st_uid == os.geteuid() else "sudo chmod go-w"
    raise _unusable(
        path,
        text("{who} can change {path}, a part of its path (mode {mode:04o})", who=who, path=weak.path, mode=mode),
        text("{chmod} {step}; {copy}", chmod=chmod, step=step, copy=copy),
    )


def _writers(mode: int) -> str:
    if mode & 0o022 == 0o022:
        return text("group and others")
    return text("its group") if mode & 0o020 else text("others")


def _user(uid: int) -> str:
    try:
        return text("{pw_name} (uid {uid})", pw_name=pwd.getpwuid(uid).pw_name, uid=uid)
    except KeyError:
        return f"uid {uid}"


def _unusable(path: Path, why: str, mend: str) -> Untrusted:
    return Untrusted(text("no key is trusted here: {why}", why=why), subject=str(path), hint=mend, code="trust-folder")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
