"""Private keys: read from files that only their owner may read, and kept off the media that they sign."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from bundler.bundle import signing
from bundler.bundle.medium import on_one_medium
from bundler.core.events import Listener, Noticed
from bundler.core.limits import KEY_BYTES
from bundler.errors import BundlerError, Misuse
from bundler.keys.strict_modes import is_inside
from bundler.system.files import read_with_facts
from bundler.texts import text

Passphrases = Callable[[], Iterable[bytes]]
"""Returns the passphrases to try, in order: one from a file, or several that a person types, who may mistype."""


def no_passphrases() -> Iterable[bytes]:
    """Returns no passphrase, for keys that need none."""
    return ()


def read_private_key(path: Path, passphrases: Passphrases, listener: Listener) -> signing.PrivateKey:
    """Reads a private key for signing.

    Args:
        path: The file of the key; a link is followed.
        passphrases: Called only if the key is encrypted.
        listener: Receives a warning if the encryption is weak.

    Raises:
        Misuse: The file is missing or no usable key, other users may read it, or no passphrase opens it.
    """
    if not path.exists():
        raise Misuse("there is no such key", subject=str(path), hint=_nearest(path))
    try:
        pem, facts = read_with_facts(Path(os.path.realpath(path)), KEY_BYTES)
    except BundlerError as error:
        raise Misuse(text("not usable as a key: {reason}", reason=error.message), subject=str(path)) from error
    signing.refuse_no_private_key(pem, str(path))
    _check_mode(path, facts)
    key = _opened(pem, path, passphrases)
    if key.is_weakly_encrypted:
        old, new = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"{path.stem}-scrypt{path.suffix}")))
        listener(
            Noticed(
                text(
                    "{path} is encrypted without scrypt, so its passphrase is easier to guess; better: openssl "
                    "pkcs8 -topk8 -scrypt -v2 aes-256-cbc -in {old} -out {new}",
                    path=path,
                    old=old,
                    new=new,
                )
            )
        )
    return key


def public_half(path: Path, key: signing.PrivateKey) -> Path | None:
    """Returns the public key's file next to a private key, or None: many jobs copy only the private key."""
    public = path.with_suffix(".pub")
    try:
        pem, _ = read_with_facts(public, KEY_BYTES)
        return public if signing.load_public(pem, origin=str(public)).id == key.id else None
    except BundlerError:
        return None


def _nearest(path: Path) -> str:
    """Returns a hint for a key file that does not exist."""
    private = path.with_name(f"{path.name}.key")
    if private.is_file():
        return text("give {private}", private=private)
    return "make one with: bundler keygen NAME"


def refuse_on_medium(key: Path, folders: Iterable[Path]) -> None:
    """Checks that a private key does not travel with the bundle that it signs.

    Args:
        key: The file of the key.
        folders: The folders of the bundle; they need not exist yet.

    Raises:
        Misuse: It is inside one of them, or on the same medium.
    """
    for folder in folders:
        is_within = is_inside(key, folder)
        if is_within or on_one_medium(key, folder):
            raise Misuse(
                "the private key is in the bundle" if is_within else "the private key is on the bundle's medium",
                subject=str(key),
                hint="keep it away from the medium: a person who has both can sign as you",
                code="key-on-medium",
            )


def _check_mode(path: Path, facts: os.stat_result) -> None:
    """Checks that other users have no right to one's own key, as ssh does (``sshkey_perm_ok``). Root's keys are exempt.

    Raises:
        Misuse: They have.
    """
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid == os.geteuid() and mode & 0o077:
        raise Misuse(
            "other users can read this private key",
            subject=str(path),
            expected="mode 0600",
            actual=text("mode {mode:04o}", mode=mode),
            hint=text(
                "chmod 600 {path}; on FAT and NTFS that does nothing: keep it on another disk",
                path=shlex.quote(str(path)),
            ),
            code="key-not-private",
        )


def _opened(pem: bytes, path: Path, passphrases: Passphrases) -> signing.PrivateKey:
    def load(passphrase: bytes) -> signing.PrivateKey:
        return signing.load_private(pem, origin=str(path), passphrase=lambda: passphrase)

    if not signing.is_encrypted(pem):
        return load(b"")
    wrong = Misuse("the key is encrypted, and there is no passphrase", subject=str(path))
    for passphrase in passphrases():
        try:
            return load(passphrase)
        except signing.WrongPassphrase as error:
            wrong = error
    raise wrong
