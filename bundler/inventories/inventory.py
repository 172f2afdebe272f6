"""``bundler inventory``: writes what a place holds into a signed file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from bundler import __version__
from bundler.bundle.signing import PrivateKey
from bundler.core.digest import Digest
from bundler.core.given_repositories import check_below, check_repositories
from bundler.core.image_list import Entry, ManyImages
from bundler.core.inventory import Inventory
from bundler.core.mapping import Naming
from bundler.core.reference import DEFAULT_TAG
from bundler.errors import BundlerError, Misuse
from bundler.exporting.lists import read_lists
from bundler.exporting.many_images import entry_for
from bundler.inventories.contents import contents_of
from bundler.inventories.request import InventoryRequest, InventoryResult
from bundler.keys.private_key import read_private_key
from bundler.keys.signed_files import Demand, check_signed_already, check_writable, refuse_taken, write_signed
from bundler.keys.statements import read_inventory
from bundler.run import Run, paces_of
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transports.parsing import parse_target
from bundler.transports.transport import TargetLocation


def inventory(request: InventoryRequest, run: Run | None = None) -> InventoryResult:
    """Reads what a place holds, and writes it into a file.

    Only names and manifests are read, no layers. An existing file is kept: the same content is no error, other content
    is. A run that was interrupted goes on where it was, because manifests are kept in the user's cache folder.

    Args:
        request: The place, the file, and the key.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The place, a repository, a list or the key is not valid, or the file has other content.
        Refused: The registry does not list its repositories, or there is no layout.
        Unavailable: The place does not answer, or failed in between. Nothing was written.
        LocalStorage: The file cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    target = parse_target(request.place)
    key = read_private_key(request.key_path, request.key_passphrases, run.listener) if request.key_path else None
    there = _there_already(request.output)
    if there is None:
        check_writable(request.output)
    created = request.now()
    names = _given_repositories(request, target)
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    contents = contents_of(request.place, target, names, stores, run)
    made = Inventory(
        tool=f"bundler {__version__}",
        place=str(target),
        kind=target.kind,
        created=created,
        operator=request.operator,
        host=request.host,
        repositories=contents.table.repositories,
        manifests=contents.table.manifests,
        blobs=contents.table.blobs,
        images=contents.images,
        not_listed=contents.not_listed,
    )
    if there is not None:
        return _complete_already(request.output, there, made, key)
    content = b"".join(made.to_json())
    write_signed(request.output, content, key)
    return InventoryResult(request.output, hashlib.sha256(content).hexdigest(), made, key.id if key else None)


def _there_already(output: Path) -> Inventory | None:
    """The inventory that an earlier run has written; None if there is no file.

    Raises:
        Misuse: The file is something else.
    """
    if not os.path.lexists(output):
        return None
    try:
        return read_inventory(output, demand=Demand.IGNORED).inventory
    except BundlerError:
        refuse_taken(output)
        raise


def _complete_already(output: Path, there: Inventory, made: Inventory, key: PrivateKey | None) -> InventoryResult:
    """The result for a file that an earlier run has written with the same content.

    Raises:
        Misuse: It has other content, or another signature is wanted.
    """
    same = replace(made, tool=there.tool, created=there.created, operator=there.operator, host=there.host)
    if same != there:
        raise Misuse(
            "the file exists, and the place has changed since it was written",
            subject=str(output),
            expected=there.created,
            actual=made.created,
            hint=text("write the new inventory to another file, and compare: bundler diff {output} NEW", output=output),
        )
    content = b"".join(there.to_json())
    check_signed_already(output, content, key)
    return InventoryResult(output, hashlib.sha256(content).hexdigest(), there, key.id if key else None, is_old=True)


def _given_repositories(request: InventoryRequest, target: TargetLocation) -> tuple[str, ...]:
    """The repositories that the user gave; empty if the registry is to be asked for all.

    Raises:
        Misuse: One of them is no repository, or not below the prefix; or a list cannot be read.
    """
    place = target.pushed_to
    if place is None:
        if request.repositories or request.lists:
            raise Misuse("--repository and --list are for registries", subject=request.place)
        return ()
    found = dict.fromkeys(request.repositories)
    check_repositories(request.repositories, place.prefix)
    if request.lists:
        listed = read_lists(request.lists, name=None, platforms=())
        naming = Naming()
        for entry in listed.entries:
            if isinstance(entry, ManyImages) and entry.is_pattern:
                raise Misuse(
                    "a pattern does not say which repositories it means",
                    subject=f"{entry.where}: {entry}",
                    hint="write --repository NAME for each of them",
                )
            if isinstance(entry, ManyImages):
                entry = entry_for(entry, entry.repository, DEFAULT_TAG)
            if isinstance(entry, Entry):
                found[naming.name(entry.reference, Digest.of(b""), place).repository] = None
    for name in found:
        check_below(name, place.prefix)
    return tuple(sorted(found))
