"""Adds parity to a sealed bundle: new files in a folder of their own first, then one switch, which a kill only delays.

The new README.txt, SHA256SUMS and its signature are in the folder `ADDED` in the bundle's folder before anything of
the bundle changes. From then on the switch can be repeated until that folder is gone. No chunk is touched.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.listing import list_folder
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.bundle.readme import encrypted_readme, readme
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import Tool, ToolFile
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_BYTES, SUMS_BYTES
from bundler.core.manifest import BundleManifest
from bundler.core.outer_manifest import OuterManifest
from bundler.errors import BundlerError, LocalStorage
from bundler.system.bundle_paths import local
from bundler.system.durable_files import place_durably, remove, sync_folder
from bundler.system.files import is_there, read_bounded

ADDED = "._parity"
"""The folder of new files. Readers of bundles ignore names with this prefix."""


@frozen
class Added:
    """New small files that are complete, and signed by the key that adds the parity.

    Attributes:
        folder: The folder of the bundle.
        sums_content: The bytes of the new SHA256SUMS.
        signature: The signature over them.
        key_id: The id of the key.
    """

    folder: Path
    sums_content: bytes
    signature: bytes
    key_id: str


def prepare(
    folder: Path, held: HeldFolder, bundle: Bundle | LockedBundle, parity: Mapping[str, str], key: PrivateKey
) -> Added:
    """Writes the new small files next to the new parity files.

    Args:
        folder: The folder of the bundle.
        held: The folder `ADDED`, which has the parity files.
        bundle: The bundle.
        parity: The SHA-256 of the parity files, in hex, by name.
        key: The key that signs.

    Raises:
        LocalStorage: They cannot be written.
    """
    text = _readme(bundle, key.id, parity)
    held.write(roles.README.file, [text])
    listed = {**bundle.sealed.sums, **parity, roles.README.file: hashlib.sha256(text).hexdigest()}
    content = sums.format_sums(listed)
    signature = key.sign(content)
    held.write(roles.SUMS.file, [content])
    held.sync()
    held.write(roles.signature_file(key.id), [signature])  # last: from now on the switch is decided
    held.sync()
    return Added(folder, content, signature, key.id)


def find_prepared(folder: Path, key: PrivateKey) -> Added | None:
    """The small files of an interrupted switch; None if there are none of this bundle, signed by this key.

    Raises:
        Misuse: The folder of new files is not ours.
        LocalStorage: It cannot be read.
    """
    if not is_there(folder / ADDED):
        return None
    held = HeldFolder(folder / ADDED)
    try:
        content = read_bounded(held.path / roles.SUMS.file, SUMS_BYTES)
        signature = read_bounded(held.path / roles.signature_file(key.id), SIGNATURE_BYTES)
        there = sums.parse_sums(read_bounded(folder / roles.SUMS.file, SUMS_BYTES))
        is_ours = key.public.verifies(signature, content) and _of_one_bundle(sums.parse_sums(content), there)
    except BundlerError:
        return None
    finally:
        held.close()
    return Added(folder, content, signature, key.id) if is_ours else None


def discard(folder: Path) -> None:
    """Removes what an interrupted run left before it could switch.

    Raises:
        Misuse: There are files that are not ours.
        LocalStorage: They cannot be removed.
    """
    if not is_there(folder / ADDED):
        return
    held = HeldFolder(folder / ADDED)
    try:
        for name in held.names():
            held.remove(name)
    finally:
        held.close()
    _clear(folder / ADDED)


def switch(added: Added) -> tuple[str, ...]:
    """Puts the new files into the bundle; returns the key ids whose signatures were removed. Idempotent.

    Raises:
        Misuse: A file in the way is not ours.
        LocalStorage: They cannot be written.
    """
    folder, source = added.folder, added.folder / ADDED
    listed = sums.parse_sums(added.sums_content)
    for name in listed:
        if roles.role_of(name) is roles.PARITY and is_there(source / name):
            _move(source / name, folder / name)
    if is_there(source / roles.README.file):
        _move(source / roles.README.file, folder / roles.README.file)
    place_durably(folder / roles.SUMS.file, added.sums_content)
    own = roles.signature_file(added.key_id)
    removed = []
    for key_id, entry in list_folder(folder).signatures():
        if entry.name != own:
            remove(local(entry.path))
            removed += [key_id] if key_id else []
    place_durably(folder / own, added.signature)
    remove(source / own)
    remove(source / roles.SUMS.file)
    _clear(source)
    sync_folder(folder)
    return tuple(removed)


def _of_one_bundle(new: Mapping[str, str], old: Mapping[str, str]) -> bool:
    """True if two lists differ in README.txt and parity only."""

    def rest(listed: Mapping[str, str]) -> dict[str, str]:
        return {n: d for n, d in listed.items() if roles.role_of(n) not in (roles.README, roles.PARITY)}

    return rest(new) == rest(old)


def _readme(bundle: Bundle | LockedBundle, key_id: str, parity: Iterable[str]) -> bytes:
    listed = bundle.sealed.sums
    names = (name for name in listed if roles.role_of(name) is roles.TOOL)
    tool = Tool(tuple(ToolFile(Path(name), 0, listed[name]) for name in names))
    manifest: BundleManifest | OuterManifest = bundle.manifest
    if isinstance(manifest, OuterManifest):
        return encrypted_readme(manifest, key_id=key_id, tool=tool, parity=parity)
    return readme(manifest, key_id=key_id, tool=tool, parity=parity)


def _move(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(target)) from error


def _clear(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
