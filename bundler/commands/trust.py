"""Whom an importer trusts: public keys from ``--trust``, or from the trust folder. Fails closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.bundle import signing
from bundler.bundle.files import read_bounded
from bundler.core.limits import KEY_BYTES
from bundler.errors import BundlerError, Misuse, Untrusted


def trust_folder() -> Path:
    """Where keys are trusted from when ``--trust`` is not given."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~")) / ".config") / "bundler" / "trust"


def trusted_keys(paths: Sequence[Path]) -> list[signing.PublicKey]:
    """The keys that are trusted.

    Args:
        paths: Public keys, or folders of them; empty for the trust folder.

    Raises:
        Misuse: A path that was given is no public key and no folder with one.
        Untrusted: A key in the trust folder cannot be used. Without any key there the result is empty, and no
            signature will be trusted.
    """
    if paths:
        return [key for path in paths for key in _keys_at(path)]
    folder = trust_folder()
    if not any(folder.glob("*.pub")):
        return []
    try:
        return _keys_at(folder)
    except BundlerError as error:
        raise Untrusted(f"the trust folder cannot be used: {error}", subject=str(folder), hint=error.hint) from error


def _keys_at(path: Path) -> list[signing.PublicKey]:
    if not path.exists():
        raise Misuse("there is no such key", subject=str(path), hint="--trust names a .pub file or a folder of them")
    if not path.is_dir():
        return [_key_at(path)]
    files = sorted(path.glob("*.pub"))
    if not files:
        raise Misuse("there is no public key in this folder", subject=str(path), hint="put .pub files there")
    return [_key_at(file) for file in files]


def _key_at(path: Path) -> signing.PublicKey:
    return signing.load_public(read_key(path), origin=str(path))


def read_private_key(path: Path, passphrase: Callable[[], bytes]) -> signing.PrivateKey:
    """A key to sign with.

    Raises:
        Misuse: There is none, or it cannot be used.
    """
    if not path.exists():
        raise Misuse("there is no such key", subject=str(path), hint="make one with: bundler keygen NAME")
    return signing.load_private(read_key(path), origin=str(path), passphrase=passphrase)


def read_key(path: Path) -> bytes:
    """The content of a key file; a link to one is followed.

    Raises:
        Misuse: It is no file that can be a key.
    """
    try:
        return read_bounded(path.resolve(), KEY_BYTES)
    except BundlerError as error:
        raise Misuse(f"this cannot be a key: {error.message}", subject=str(path)) from error
