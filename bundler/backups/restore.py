"""``bundler restore``: the images of a backup back into a registry. It is an import under the names that they had.

Only what is missing is sent, also where a registry has a tag and lost the layers of its image. A tag that refers to
another image now is named, and moves only if the user says so. A dry run says what differs.
"""

from __future__ import annotations

from dataclasses import replace

from bundler.backups.differences import difference_of, extra_tags
from bundler.backups.request import RestoreComparison, RestoreRequest, RestoreResult
from bundler.core.limits import RECORD_BYTES
from bundler.core.location import RegistryPlace
from bundler.core.registry_record import FILE, RegistryRecord, parse_record
from bundler.errors import BundlerError, Misuse
from bundler.importing.import_ import import_bundle
from bundler.importing.request import ImportRequest
from bundler.importing.results import ImportResult
from bundler.inventories.registries import repositories_there, tags_there
from bundler.run import Run, paces_of
from bundler.stores.opened import Stores


def restore(request: RestoreRequest, run: Run | None = None) -> RestoreResult:
    """Brings the images of a bundle back into a registry, or compares the two in a dry run.

    Args:
        request: The bundle, the registry, the rules, and the receipt.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The target is no registry, or there is more than one.
        BundlerError: As `bundler.importing.import_.import_bundle`.
    """
    run = run or Run()
    place = _place(request.options)
    options = replace(request.options, has_digest_tags=False, is_asking_for_parts=True)
    result = import_bundle(options, run)
    compared = _compared(result, place, options, run) if options.is_dry_run else None
    return RestoreResult(result, compared, _record(result))


def _record(result: ImportResult) -> RegistryRecord | None:
    """The record of the registry in the bundle, checked by SHA256SUMS. A damaged one is a finding of the import."""
    sealed = result.bundle.sealed
    if FILE not in sealed.sums:
        return None
    try:
        return parse_record(sealed.read(FILE, RECORD_BYTES), what=FILE)
    except BundlerError:
        return None


def _place(options: ImportRequest) -> RegistryPlace:
    places = [target.pushed_to for target in options.targets]
    if len(places) != 1 or places[0] is None:
        raise Misuse(
            "not a registry",
            subject=", ".join(map(str, options.targets)),
            hint="write one HOST[:PORT][/PREFIX]; bundler import reaches other places",
        )
    return places[0]


def _compared(result: ImportResult, place: RegistryPlace, options: ImportRequest, run: Run) -> RestoreComparison:
    """Compares the names of the bundle, as the plan of an import has found them, with all tags of the registry."""
    (target,) = result.targets
    registry = Stores(options.network, paces_of(run), listener=run.listener).registry(place.registry)
    ours = {each.name.repository for each in target.images}
    there = repositories_there(registry, place.prefix, run)
    asked = ours if there is None else ours.intersection(there)
    tags, not_listed = tags_there(registry, sorted(asked), run)
    return RestoreComparison(
        names=tuple(map(difference_of, target.images)),
        extra=extra_tags(tags, target.images),
        other_repositories=None if there is None else tuple(sorted(set(there) - ours)),
        not_listed=tuple(not_listed),
    )
