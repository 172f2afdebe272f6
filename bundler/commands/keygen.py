"""``bundler keygen``: a key pair to sign bundles with."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle import signing
from bundler.bundle.files import write_at_once
from bundler.core.bundle_name import check_bundle_name
from bundler.errors import LocalStorage, Misuse


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair that was made: its files, its id, and the fingerprint by which both sides compare it."""

    private_path: Path
    public_path: Path
    key_id: str
    fingerprint: str
    is_encrypted: bool


def keygen(name: str, *, folder: Path, passphrase: bytes | None) -> KeyPair:
    """Makes NAME.key and NAME.pub.

    Raises:
        Misuse: The name is no file name, or a file of it exists: a key is never overwritten.
        LocalStorage: The files cannot be written.
    """
    check_bundle_name(name)
    private_path, public_path = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (private_path, public_path):
        if os.path.lexists(path):
            raise Misuse(
                "the file is there already; keys are never overwritten", subject=str(path), hint="choose another name"
            )
    private, public, key_id = signing.generate(passphrase)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    write_at_once(private_path, private, mode=0o600)
    try:
        write_at_once(public_path, public)
    except LocalStorage:
        with suppress(OSError):
            private_path.unlink()  # nobody has it yet, and it would be in the way of the next attempt
        raise
    fingerprint = signing.load_public(public, origin=str(public_path)).fingerprint
    return KeyPair(private_path, public_path, key_id, fingerprint, passphrase is not None)
