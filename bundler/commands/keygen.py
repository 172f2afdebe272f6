"""``bundler keygen``: a key pair to sign bundles with."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from bundler.bundle import signing
from bundler.core.bundle_name import check_bundle_name
from bundler.core.frozen import frozen
from bundler.errors import LocalStorage, Misuse
from bundler.system.durable_files import write_at_once
from bundler.system.ownership import make_folder
from bundler.system.request_fields import Request


@frozen
class KeyPair:
    """A new key pair: its files, its id, and the fingerprint that both sides compare."""

    private_path: Path
    public_path: Path
    key_id: str
    fingerprint: str
    is_encrypted: bool


@frozen
class KeygenRequest(Request):
    """A request for a key pair.

    Attributes:
        name: The files become NAME.key and NAME.pub.
        folder: The folder of these files; made if it is missing.
        passphrase: The passphrase that encrypts the private key; None to leave it unencrypted.
    """

    name: str
    folder: Path = Path()
    passphrase: bytes | None = field(default=None, repr=False)


def keygen(request: KeygenRequest) -> KeyPair:
    """Makes a key pair to sign bundles with.

    Raises:
        Misuse: The name is no file name, or one of the files exists: a key is never overwritten.
        LocalStorage: The files cannot be written.
    """
    name, folder, passphrase = request.name, request.folder, request.passphrase
    check_bundle_name(name)
    private_path, public_path = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (private_path, public_path):
        if os.path.lexists(path):
            raise Misuse(
                "the file already exists; keys are never overwritten", subject=str(path), hint="choose another name"
            )
    private, public, key_id = signing.generate(passphrase)
    try:
        make_folder(folder)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(folder)) from error
    write_at_once(private_path, private, mode=0o600)
    try:
        write_at_once(public_path, public)
    except LocalStorage:
        with suppress(OSError):
            private_path.unlink()  # nobody has it yet, and it would make the next attempt fail
        raise
    fingerprint = signing.load_public(public, origin=str(public_path)).fingerprint
    return KeyPair(private_path, public_path, key_id, fingerprint, passphrase is not None)
