"""``bundler trust add|list|remove``: the trust folder. Each key in it was compared by voice before it was added."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

from bundler.bundle.signing import PublicKey
from bundler.core.bundle_name import check_bundle_name
from bundler.core.fingerprint import grouped, parse_fingerprint
from bundler.core.frozen import frozen
from bundler.errors import BundlerError, LocalStorage, Misuse, Several, Untrusted
from bundler.keys.trust import SUFFIX, FoundKey, members_of, read_public_key, trust_folder
from bundler.system.durable_files import place_durably, sync_folder
from bundler.system.ownership import make_folder
from bundler.system.request_fields import path_of
from bundler.texts import text

Confirm = Callable[[str], bool]
"""Asks the user if the builder reads out the same fingerprint, 64 hex digits."""


@frozen
class TrustResult:
    """The keys that a command added, listed or removed.

    Attributes:
        folder: The trust folder.
        members: The keys.
        is_changed: True if a file was written or removed.
    """

    folder: Path
    members: tuple[FoundKey, ...]
    is_changed: bool = False

    @property
    def error(self) -> BundlerError | None:
        """The error of the folder if a key in it cannot be used."""
        problems = [member.problem for member in self.members if member.problem]
        if len(problems) > 1:
            return Several(text("{count} keys cannot be used, so nothing is trusted", count=len(problems)), problems)
        return problems[0] if problems else None


def add_key(file: Path, *, fingerprint: str | None, name: str | None, confirm: Confirm | None) -> TrustResult:
    """Trusts a key from now on, if its owner reads out the same fingerprint.

    Args:
        file: The public key.
        fingerprint: The fingerprint that its owner said; compared in full.
        name: The name that the key gets; None for the file's name.
        confirm: Asks the user at the terminal; None if there is no terminal.

    Raises:
        Misuse: The file is no key, the name is taken, nobody has compared the fingerprint, or this user has no home
            folder.
        Untrusted: The fingerprint is another one, or the trust folder cannot be used.
        LocalStorage: The key cannot be written.
    """
    file = path_of(file, "file")
    name = check_bundle_name(name if name is not None else file.name.removesuffix(SUFFIX).lower())
    said = parse_fingerprint(fingerprint) if fingerprint is not None else None
    key = read_public_key(file)
    folder = _trust_folder()
    members = members_of(folder)
    _compare(key, file, said, confirm)
    for member in members:
        if member.key is not None and member.key.fingerprint == key.fingerprint:
            return TrustResult(folder, (member,))
    path = folder / f"{name}{SUFFIX}"
    if os.path.lexists(path):
        raise Misuse(
            "another key has this name; keys are never overwritten",
            subject=str(path),
            hint=text("choose another name with --name, or: bundler trust remove {name}", name=name),
        )
    try:
        make_folder(folder, mode=0o700)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    place_durably(path, key.pem)
    return TrustResult(folder, (FoundKey(path, key),), is_changed=True)


def list_keys() -> TrustResult:
    """Lists the keys in the trust folder, each with its problem if it has one.

    Raises:
        Misuse: This user has no home folder.
        Untrusted: The folder cannot be used.
    """
    folder = _trust_folder()
    return TrustResult(folder, tuple(members_of(folder)))


def remove_key(wanted: str) -> TrustResult:
    """Trusts a key no more.

    Args:
        wanted: Its name, or its key id.

    Raises:
        Misuse: There is no such key, or the text is the name of one key and the id of another.
        Untrusted: The folder cannot be used.
        LocalStorage: The key cannot be removed.
    """
    folder = _trust_folder()
    members = members_of(folder)
    named = [member for member in members if member.path.stem == wanted.removesuffix(SUFFIX)]
    by_id = [member for member in members if member.key is not None and member.key.id == wanted.lower()]
    if named and by_id and named != by_id:
        raise Misuse("one key has this name, and another key has this key id", subject=wanted, hint="remove its file")
    found = named or by_id
    if not found:
        raise Misuse("no trusted key has this name or key id", subject=wanted, hint="see: bundler trust list")
    for member in found:
        try:
            member.path.unlink()
        except OSError as error:
            raise LocalStorage(
                text("cannot be removed: {reason}", reason=error.strerror), subject=str(member.path)
            ) from error
    sync_folder(folder)
    return TrustResult(folder, tuple(found), is_changed=True)


def _trust_folder() -> Path:
    """The trust folder.

    Raises:
        Misuse: This user has no home folder.
    """
    folder = trust_folder()
    if folder is None:
        raise Misuse(
            "there is no folder for trusted keys: HOME is not set, and this user has no home folder",
            hint="set HOME to an absolute path, or name the key in each command: --trust NAME.pub",
        )
    return folder


def _compare(key: PublicKey, file: Path, said: str | None, confirm: Confirm | None) -> None:
    """Checks that the key's owner reads out the same fingerprint.

    Raises:
        Misuse: Nobody was asked.
        Untrusted: The fingerprint is another one.
    """
    if said is not None:
        if said != key.fingerprint:
            raise Untrusted(
                "this is not the key whose fingerprint was given; it was not added",
                subject=str(file),
                expected=grouped(said),
                actual=grouped(key.fingerprint),
                hint="get the key again over another channel, and inform the security officer",
                code="fingerprint-differs",
            )
    elif confirm is None:
        raise Misuse(
            text("its fingerprint was not compared: {grouped}", grouped=grouped(key.fingerprint)),
            subject=str(file),
            hint=text(
                "ask the builder to read out their fingerprint, and type what you hear: bundler trust add {file} "
                "--fingerprint '...'",
                file=shlex.quote(str(file)),
            ),
        )
    elif not confirm(key.fingerprint):
        raise Untrusted(
            "the two fingerprints differ; the key was not added",
            subject=str(file),
            hint="get the key again over another channel, and inform the security officer",
            code="fingerprint-differs",
        )
