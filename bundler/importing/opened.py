"""Opened: the bundle of the import, with a trusted signature."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.reader import Bundle
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.importing.earlier import NO_EARLIER_IMPORTS, EarlierImports
from bundler.importing.receipt_file import earlier_folders
from bundler.importing.request import ImportRequest
from bundler.keys.open_bundle import open_series
from bundler.run import Run, paces_of
from bundler.stores.opened import Stores
from bundler.system.bundle_paths import local
from bundler.system.cold_reads import ColdReads
from bundler.texts import some, text

if TYPE_CHECKING:
    from bundler.bundle.changed_media import ChangedMedia


@frozen
class Opened:
    """An open bundle, with the objects that all later stages of its import share.

    Attributes:
        request: The request of the import.
        bundle: The bundle; the caller of `opened` closes it. Of several bundles the newest, which reads what it leaves
            out from the others.
        run: The run of the import.
        stores: The registries and the daemon of the run.
        litter: The files that operating systems left in the bundle's folders.
        earlier: The receipts of earlier imports, which list blobs that can be mounted.
        media: The media of the bundle, if they are changed during the import; None if they stay.
    """

    request: ImportRequest
    bundle: Bundle
    run: Run
    stores: Stores
    litter: Litter
    earlier: EarlierImports
    media: ChangedMedia[Bundle] | None = None


def opened(request: ImportRequest, run: Run) -> Opened:
    """Opens the bundle of a request, or the newest of several that follow each other.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: It cannot be opened.
        Interrupted: The user stopped it.
    """
    if run.changer is None:
        return _shared(request, _bundle(request, run), run)
    from bundler.bundle.drive import Drive
    from bundler.keys.open_media import changed_media

    if request.is_dry_run:
        raise Misuse("a dry run waits for no medium", subject="changer", hint="plan with the media that are here")
    drive = Drive(tuple(map(local, request.paths)), run.changer, run.cancellation)
    request = replace(request, paths=drive.first(), unlocking=request.unlocking.remembered())
    bundle = _bundle(request, run)
    return replace(_shared(request, bundle, run), media=changed_media(bundle, drive, request.unlocking, run))


def _bundle(request: ImportRequest, run: Run) -> Bundle:
    return open_series(
        request.paths,
        request.trust,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
        unlocking=request.unlocking,
        run=run,
    )


def _shared(request: ImportRequest, bundle: Bundle, run: Run) -> Opened:
    if bundle.others:
        others = some(each.name for each in bundle.others)
        run.listener(
            Noticed(
                text(
                    "importing {bundle}; the blobs that it leaves out are read from {others}",
                    bundle=bundle.name,
                    others=others,
                )
            )
        )
    for each in (bundle, *bundle.others):
        each.cold_reads = ColdReads()
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    earlier = EarlierImports(earlier_folders(request.receipt.path)) if request.receipt else NO_EARLIER_IMPORTS
    return Opened(request, bundle, run, stores, litter_in(bundle.sealed.own_listings), earlier)
