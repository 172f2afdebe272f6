"""Opened: the bundle of the import, with a trusted signature."""

from __future__ import annotations

from dataclasses import dataclass

from bundler.bundle.litter import Litter, litter_in
from bundler.bundle.reader import Bundle
from bundler.importing.earlier import NO_EARLIER_IMPORTS, EarlierImports
from bundler.importing.receipt_file import earlier_folders
from bundler.importing.request import ImportRequest
from bundler.keys.open_bundle import open_bundle
from bundler.run import Run, paces_of
from bundler.stores.opened import Stores


@dataclass(frozen=True, slots=True)
class Opened:
    """An open bundle, with the objects that all later stages of its import share.

    Attributes:
        request: The request of the import.
        bundle: The bundle; the caller of `opened` closes it.
        run: The run of the import.
        stores: The registries and the daemon of the run.
        litter: The files that operating systems left in the bundle's folders.
        earlier: The receipts of earlier imports, which list blobs that can be mounted.
    """

    request: ImportRequest
    bundle: Bundle
    run: Run
    stores: Stores
    litter: Litter
    earlier: EarlierImports


def opened(request: ImportRequest, run: Run) -> Opened:
    """Opens the bundle of a request.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: It cannot be opened.
        Interrupted: The user stopped it.
    """
    bundle = open_bundle(
        request.paths,
        request.trust,
        is_without_signature=request.is_without_signature,
        required_signatures=request.required_signatures,
        unlocking=request.unlocking,
        run=run,
    )
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    earlier = EarlierImports(earlier_folders(request.receipt.path)) if request.receipt else NO_EARLIER_IMPORTS
    return Opened(request, bundle, run, stores, litter_in(bundle.sealed.own_listings), earlier)
