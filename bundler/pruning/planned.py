"""Plans a prune: reads the receipts and the registry, and decides. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.given_repositories import check_below
from bundler.core.inventory_table import Table
from bundler.core.retention.choice import own_tags
from bundler.core.retention.plan import Known, plan
from bundler.core.retention.rules import Retention, idle_patterns
from bundler.errors import Misuse
from bundler.exporting.dates import created_of
from bundler.inventories.kept import kept_documents
from bundler.inventories.registries import is_final, registry_contents
from bundler.inventories.request import Contents
from bundler.pruning.interrupted import leftovers_of, read_unfinished
from bundler.pruning.receipt_file import check_place
from bundler.pruning.receipts import Imports, read_imports
from bundler.pruning.request import PlannedPrune, PruneRequest
from bundler.run import Run, paces_of, retrying
from bundler.stores.opened import Stores
from bundler.texts import some, text
from bundler.transfer import ask_each
from bundler.transports.parsing import parse_target

_WILD = frozenset("*?[")


def plan_prune(request: PruneRequest, run: Run | None = None) -> PlannedPrune:
    """Plans a prune. Nothing is changed.

    Args:
        request: The registry and the rules.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The place is no registry, or a path or a rule is not valid.
        Untrusted: No trusted key has signed a given receipt.
        Damaged, LocalStorage: A receipt cannot be read, or the new one cannot be written.
        Refused: The registry does not list its repositories.
        Unavailable: The registry does not answer.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    if request.retention.needs_pushes:
        raise Misuse("only Harbor knows when an image was pushed", subject="--by pushed", hint="add --harbor-rules")
    place = parse_target(request.place).pushed_to
    if place is None:
        raise Misuse("this is not a registry", subject=request.place, hint="write HOST or HOST/PREFIX")
    check_place(request.output)
    imports = read_imports(place.registry, request.receipts, request.trust, request.demand, now=request.now())
    undated = [bundle.name for bundle in imports.bundles if not bundle.imported]
    if undated:
        words = text(
            "bundles that stay, because this clock is wrong, or was wrong at their import: {names}", names=some(undated)
        )
        run.listener(Noticed(words))
    unfinished = read_unfinished(place.registry)
    leftovers: dict[str, set[Digest]] = {}
    for repository, digest in leftovers_of(unfinished):
        leftovers.setdefault(repository, set()).add(digest)
    names = _exact_names(request.retention, place.prefix)
    stores = Stores(request.network, paces_of(run), kept_documents(), run.listener)
    registry = stores.registry(place.registry)
    wanted = [*_images(imports), *((name, each) for name, found in leftovers.items() for each in found)]
    contents = registry_contents(
        registry, place.prefix, names, kept_documents(), run, digests=wanted, is_named=is_final
    )
    unread = unread_repositories(contents)
    for remark in idle_patterns(request.retention, _tags(contents.table, unread)):
        run.listener(Noticed(remark))
    dates = _dates(contents.table, request.retention, stores, place.registry, run)
    left = {repository: frozenset(found) for repository, found in leftovers.items()}
    known = Known(contents.table, imports.bundles, dates, unread, left)
    return PlannedPrune(
        request,
        place.registry,
        place.prefix,
        registry.kind(),
        plan(known, request.retention),
        imports.receipts,
        tuple(sorted((name, why) for name, why in unread.items() if request.retention.is_for(name))),
        tuple(path for path, _ in unfinished),
        bool(place.prefix or names),
        dates,
        left,
    )


def unread_repositories(contents: Contents) -> Mapping[str, str]:
    """The repositories that could not be read whole, with the reasons: a manifest there may be needed unseen."""
    found = {each.name.partition(":")[0].partition("@")[0]: each.reason for each in contents.not_listed}
    return {**dict.fromkeys(contents.doubtful, text("a list of attachments there cannot be read")), **found}


def _exact_names(retention: Retention, prefix: str) -> tuple[str, ...]:
    """The repositories that are to be read, if the rules name each of them; empty for all.

    Raises:
        Misuse: One of them is not below the prefix.
    """
    if any(_WILD & set(each) for each in retention.repositories):
        return ()
    for name in retention.repositories:
        check_below(name, prefix)
    return tuple(sorted(set(retention.repositories)))


def _tags(table: Table, unread: Mapping[str, str]) -> dict[str, Iterable[str] | None]:
    """The tags of each repository; None for one that could not be read whole."""
    whole = {each.name: own_tags(dict(each.tags)) for each in table.repositories}
    return {**whole, **dict.fromkeys(unread)}


def _images(imports: Imports) -> Iterator[tuple[str, Digest]]:
    """The images of all receipts: those of new bundles stay and those of old ones go, though no tag may name them."""
    for bundle in imports.bundles:
        for repository in bundle.repositories:
            yield from ((repository, digest) for digest in bundle.digests_in(repository))


@frozen
class _Image:
    repository: str
    digest: Digest


def _dates(table: Table, retention: Retention, stores: Stores, registry: str, run: Run) -> dict[Digest, int]:
    """The dates of the images that a rule orders by date. An image whose config cannot be read has no date."""
    asked = list({each.digest: each for each in _to_date(table, retention)}.values())
    if not asked:
        return {}

    def ask(image: _Image) -> int | None:
        store, name = (
            stores.read_repository(registry, image.repository),
            f"{registry}/{image.repository}@{image.digest}",
        )
        when = retrying(partial(created_of, store, str(image.digest), name, run), run, subject=name, peer=registry)
        run.listener(Moved(1))
        return when

    run.listener(PhaseBegan("reading dates", len(asked), in_bytes=False))
    answers = ask_each(asked, ask, run)
    run.listener(PhaseEnded("reading dates"))
    return {each.digest: when for each, when in answers.given.items() if when is not None}


def _to_date(table: Table, retention: Retention) -> Iterable[_Image]:
    rules = [rule for rule in retention.rules if rule.needs_dates]
    for repository in table.repositories if rules else ():
        tags = own_tags(dict(repository.tags))
        for rule in rules:
            if retention.is_for(repository.name) and rule.covers_repository(repository.name):
                for tag in rule.covered(tags):
                    yield _Image(repository.name, table.manifests[tags[tag]].descriptor.digest)
