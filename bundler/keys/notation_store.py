"""Reads a Notation trust policy and the trust store next to it.

::

    trustpolicy.json
    truststore/x509/{ca,signingAuthority,tsa}/NAME/*.{pem,crt,cer}

Only the stores that the policy names are read. As the specification demands, a store and its files must not be links;
folders in a store and files of other names are ignored. A store that the policy names must have a certificate.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bundler.core.certificates import Certificate
from bundler.core.limits import CERTIFICATES_BYTES, POLICY_BYTES, TRUST_STORE_FILES
from bundler.core.notation import trust_policy
from bundler.core.notation.judge import Circumstances, Tools
from bundler.core.notation.policy import NotationPolicy
from bundler.core.notation.trust_policy import StoreName
from bundler.errors import LocalStorage, Misuse, Untrusted
from bundler.keys import certificates, timestamps
from bundler.system import clock
from bundler.system.given_files import read_given, read_regular
from bundler.system.request_fields import text_of
from bundler.texts import text

FOLDER = "truststore"
_ENDINGS = (".pem", ".crt", ".cer")


def tools() -> Tools:
    """The cryptography for judging signatures."""
    return Tools(lambda der: certificates.load(der, what="x5c"), timestamps.moment_of)


def read_notation_policy(file: str, *, now_seconds: int | None = None) -> NotationPolicy:
    """Reads a policy, and the stores that it names in the folder ``truststore`` next to it.

    Args:
        file: The file of the policy.
        now_seconds: The time by which signatures are judged, in seconds since 1970; None for the time of the clock.

    Raises:
        Misuse: The policy or a store cannot be read or is not valid, or it needs a library that is not installed.
    """
    file = text_of(file, "file")
    content = read_given(file, POLICY_BYTES, subject=f"--notation-policy {file}")
    policy = trust_policy.parse(content, origin=file)
    if any(name.kind == trust_policy.TSA for name in policy.stores):
        timestamps.require_library()
    folders = {name: Path(file).parent / FOLDER / "x509" / name.kind / name.name for name in policy.stores}
    store = {name: _read_store(folder, name) for name, folder in folders.items()}
    given = Circumstances(store, clock.now_seconds() if now_seconds is None else now_seconds, tools())
    files = (file, *map(str, folders.values()))
    return NotationPolicy(file, hashlib.sha256(content).hexdigest(), files, policy, given)


def _read_store(folder: Path, name: StoreName) -> tuple[Certificate, ...]:
    try:
        found = os.lstat(folder)
    except OSError as error:
        raise _unusable(folder, name, text("{reason}", reason=error.strerror)) from error
    if stat.S_ISLNK(found.st_mode):
        raise _unusable(folder, name, text("it is a link, which Notation does not permit"))
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(folder, name, text("it is not a folder"))
    loaded = tuple(certificate for path in _files(folder, name) for certificate in _certificates_in(path, name))
    if not loaded:
        raise _unusable(folder, name, text("it has no certificate"))
    return loaded


def _files(folder: Path, name: StoreName) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for _, entry in zip(range(TRUST_STORE_FILES + 1), entries, strict=False)]
        for entry in sorted(found, key=lambda each: each.name):
            if entry.is_symlink():
                raise _unusable(Path(entry.path), name, text("it is a link, which Notation does not permit"))
            if entry.is_file() and entry.name.lower().endswith(_ENDINGS):
                yield Path(entry.path)
    except OSError as error:
        exhausted = LocalStorage.exhausted(error)
        raise exhausted or _unusable(folder, name, text("{reason}", reason=error.strerror)) from error
    if len(found) > TRUST_STORE_FILES:
        raise _unusable(folder, name, text("it has more than {count:,} files", count=TRUST_STORE_FILES))


def _certificates_in(path: Path, name: StoreName) -> tuple[Certificate, ...]:
    """The certificates of one file. Each must be a CA, or have signed itself."""
    content = read_regular(path, CERTIFICATES_BYTES)
    try:
        loaded = certificates.load_file(content, what=str(path))
    except Untrusted as error:
        raise _unusable(path, name, error.message) from error
    for certificate in loaded:
        if not certificate.is_ca and not certificate.is_self_signed:
            raise _unusable(
                path, name, text("{subject} is no CA and has not signed itself", subject=certificate.subject)
            )
    return loaded


def _unusable(path: Path, name: StoreName, why: str) -> Misuse:
    return Misuse(
        text("the trust store {name} cannot be used: {why}", name=str(name), why=why),
        subject=str(path),
        hint="put the root certificates into truststore/x509/KIND/NAME next to the policy",
        code="notation-policy",
    )
