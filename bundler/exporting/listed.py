"""Listed: the first stage of an export. Every image has its name and its source."""

from __future__ import annotations

from dataclasses import replace

from bundler.bundle.medium import is_removable
from bundler.core.at_receiver import NOTHING_THERE, AtReceiver
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, ManyImages
from bundler.core.reference import Reference
from bundler.errors import Misuse
from bundler.exporting.image_words import name_in
from bundler.exporting.lists import expanded
from bundler.exporting.request import ExportRequest
from bundler.exporting.session import Session
from bundler.exporting.since import read_since
from bundler.exporting.staging import index_files
from bundler.importing.chosen import selected
from bundler.run import paces_of
from bundler.stores.hosts import NetworkOptions
from bundler.stores.kept import KeptDocuments
from bundler.stores.opened import Stores
from bundler.system import places


@frozen
class Listed:
    """The images of an export.

    Attributes:
        session: The session of the export.
        entries: The images, each under one name, in the order of the lists.
        stores: The stores that the images are in.
        kept: The documents that earlier exports have read; None if they are not kept.
        there: The blobs that the receiver has.
    """

    session: Session
    entries: tuple[Entry, ...]
    stores: Stores
    kept: KeptDocuments | None
    there: AtReceiver = NOTHING_THERE


def list_images(session: Session) -> Listed:
    """Lists the images: indexes files, gives each of their images an entry, and leaves out what was not chosen.

    It reads first what the receiver has: if that fails, no source was asked.

    Raises:
        Misuse: An image has no full name; the selection leaves no image; or credentials are for more than one registry.
        Untrusted: A statement about the receiver is not signed by a trusted key.
        BundlerError: A file or layout cannot be read.
    """
    request, run = session.request, session.run
    there = read_since(session)
    kept = _kept_documents(request)
    stores = Stores(_network(session), paces_of(run), kept, run.listener)
    index_files(session.listed, stores, run)
    entries = expanded(session.listed, stores, run, _started_names(session))
    chosen = selected([entry.reference for entry in entries], request.selection, run)
    return Listed(session, tuple(entry for entry in entries if entry.reference in chosen), stores, kept, there)


def _started_names(session: Session) -> tuple[Reference, ...] | None:
    """The names of the images of the run that is resumed, for the patterns of its list; None if there is none."""
    if not any(isinstance(entry, ManyImages) for entry in session.listed):
        return None
    journal = session.folder.read_journal()
    if journal is None:
        return None
    return tuple(name_in(words) for words in (*journal.start.images, *journal.start.missing))


def _kept_documents(request: ExportRequest) -> KeptDocuments | None:
    """The documents that earlier exports have read. Never on a medium: they would travel, and show other exports."""
    folder = places.cache_folder()
    outputs = (output.absolute() for output in request.outputs)
    if folder is None or any(map(folder.is_relative_to, outputs)) or is_removable(folder):
        return None
    return KeptDocuments(folder)


def _network(session: Session) -> NetworkOptions:
    """The options to reach registries, with the login that was given.

    Raises:
        Misuse: There is more than one registry that it may be for, or none.
    """
    request = session.request
    if request.login is None:
        return request.network
    patterns = {entry.registry for entry in session.listed if isinstance(entry, ManyImages)}
    names = [entry.source.reference for entry in session.listed if not isinstance(entry, ManyImages)]
    registries = sorted(patterns | {name.registry for name in names if name is not None})
    if len(registries) != 1:
        raise Misuse(
            "--username is for one registry, but the images come from several",
            expected="one",
            actual=", ".join(registries) or "none",
            hint="log in to each: docker, podman or skopeo login HOST; or set REGISTRY_AUTH_FILE",
        )
    return replace(request.network, credentials={registries[0]: request.login})
