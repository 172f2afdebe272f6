"""``bundler backup``: a whole registry as a signed bundle. It is an export of all that the registry names.

The digests are those of one reading: a tag that moves afterwards changes nothing, and an interrupted backup goes on
with the digests that it started with. It names everything that it cannot read, and is then partial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bundler.backups.contents import RegistryContents, named_by_receipts, read_contents
from bundler.backups.request import BackupRequest, BackupResult
from bundler.core.bundle_name import name_of_words
from bundler.core.events import Noticed
from bundler.core.given_repositories import check_repositories
from bundler.core.image_list import Entry
from bundler.core.inventory import NotListed
from bundler.core.limits import RECORD_BYTES
from bundler.core.location import RegistryPlace
from bundler.core.registry_kind import HARBOR
from bundler.core.registry_record import FILE, RegistryRecord
from bundler.core.selection import EVERYTHING
from bundler.core.whole_registry import not_carried
from bundler.errors import BundlerError, Misuse, Refused
from bundler.exporting.export import export
from bundler.exporting.request import ExportRequest
from bundler.exporting.resume import started_entries
from bundler.keys.signed_files import Demand
from bundler.run import Run, paces_of, retrying
from bundler.stores.harbor_settings import HarborApi
from bundler.stores.hosts import NetworkOptions
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transports.parsing import parse_target

_MEDIA_BYTES = 1 << 18
"""The largest record on media of a size: it is on each of them."""
SINCE_START = "since-start"
"""The code of repositories that the registry has, and of which the backup had nothing when it started."""
NOT_ATTACHED = "not-attached"
"""The code of tags of attachments that do not belong to what they name."""


def backup(request: BackupRequest, run: Run | None = None) -> BackupResult:
    """Makes a bundle of all images of a registry, or resumes a backup that was interrupted, whatever ended it.

    Args:
        request: The registry, and the options of the bundle.
        run: Receives the progress, and can be stopped; None for a run of its own.

    Raises:
        Misuse: An option, the registry, a repository or the key is wrong; or a bundle of this name has other content.
        Refused: The registry does not list its repositories, or has no image.
        Unavailable: It does not answer, or failed in between.
        BundlerError: Blobs cannot be fetched, or the bundle cannot be written. Nothing is sealed then.
    """
    run = run or Run()
    place = _place(request)
    options = _options(request, place)
    stores = Stores(_network(options, place), paces_of(run), listener=run.listener)
    registry = stores.registry(place.registry)
    kind = retrying(registry.kind, run, subject=place.registry, peer=place.registry)
    demand = Demand.of(is_without_signature=options.is_since_without_signature)
    named = named_by_receipts(request.receipts, place, options.trust, demand, run)
    harbor = None
    if kind is HARBOR:
        harbor = HarborApi(registry, request.admin, partial(_retried, run=run, peer=place.registry))
    untagged = None if harbor is None else harbor.untagged
    contents = read_contents(place, request.repositories, named, stores, run, untagged=untagged)
    started = started_entries(options, str(options.name))
    entries = contents.entries if started is None else started
    if not entries:
        raise _nothing(request, contents)
    settings = None if harbor is None else harbor.settings(place.prefix)
    if settings is not None:
        settings = replace(settings, not_read=(*settings.not_read, *contents.not_read))
    record = RegistryRecord(
        str(place), kind.name, len(contents.repositories), contents.tags, contents.not_listed, settings
    )
    records = _records(record, options, run)
    result = export(replace(options, images=entries, records=records), run)
    is_whole = options.selection == EVERYTHING
    missed = not_carried(contents.attaching, result.manifest, is_whole=is_whole)
    return BackupResult(
        export=result,
        registry=str(place),
        kind=kind,
        record=record,
        not_listed=(
            *contents.not_listed,
            *(_since_start(contents, started) if started is not None and is_whole else ()),
            *(
                NotListed(
                    str(each),
                    NOT_ATTACHED,
                    text("{tag}: its manifest is not an attachment of {subject}", tag=each, subject=each.subject),
                )
                for each in missed
            ),
        ),
    )


def _retried(ask: Callable[[], Any], *, run: Run, peer: str) -> Any:
    return retrying(ask, run, subject=peer, peer=peer)


def _records(record: RegistryRecord, options: ExportRequest, run: Run) -> Mapping[str, bytes]:
    """The record as a file of the bundle, if it may have one."""
    content = record.to_json()
    is_on_media = bool(options.further_outputs) or options.medium_size_bytes is not None
    if options.is_encrypted:
        run.listener(Noticed("an encrypted bundle has no record of the registry, because anyone could read it"))
    elif len(content) > (_MEDIA_BYTES if is_on_media else RECORD_BYTES):
        run.listener(Noticed("the record of the registry is too large for the bundle, and left out"))
    else:
        return {FILE: content}
    return {}


def _place(request: BackupRequest) -> RegistryPlace:
    """The registry.

    Raises:
        Misuse: It is none, or a repository is not valid or not below the prefix.
    """
    place = parse_target(request.place).pushed_to
    if place is None:
        raise Misuse("not a registry", subject=request.place, hint="write HOST[:PORT][/PREFIX]")
    check_repositories(request.repositories, place.prefix)
    return place


def _options(request: BackupRequest, place: RegistryPlace) -> ExportRequest:
    """The request for the export, which goes without all that the registry cannot give.

    Raises:
        Misuse: It names images of its own, or the registry and the day give no name.
    """
    options = request.export
    if options.lists or options.images:
        raise Misuse.of_field(
            "export", expected="lists=(), images=()", actual=f"{len(options.lists)}, {len(options.images)}"
        )
    name = options.name or name_of_words((str(place), options.created[:10]))
    if name is None:
        raise Misuse("the bundle has no name", hint="give one with --name")
    return replace(options, name=name, skips_missing=True, skips_unusable=True)


def _network(options: ExportRequest, place: RegistryPlace) -> NetworkOptions:
    if options.login is None:
        return options.network
    return replace(options.network, credentials={place.registry: options.login})


def _since_start(contents: RegistryContents, started: tuple[Entry, ...]) -> list[NotListed]:
    """The repositories of which a resumed backup has nothing: they are new, or could not be read when it started."""
    known = {entry.reference.repository for entry in started}
    return [
        NotListed(name, SINCE_START, text("{name}: not in the backup, which started before", name=name))
        for name in contents.repositories
        if name not in known
    ]


def _nothing(request: BackupRequest, contents: RegistryContents) -> BundlerError:
    if contents.not_listed:
        first = contents.not_listed[0]
        return Refused(
            text("nothing of the registry can be read; for example {reason}", reason=first.reason),
            subject=request.place,
            hint="a registry shows what the login may see",
        )
    return Refused(
        "there is no image in the registry",
        subject=request.place,
        hint="a registry lists the repositories that the login may see; name them with --repository",
    )
