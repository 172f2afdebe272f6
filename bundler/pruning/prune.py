"""``bundler prune``: removes what the plan says, as far as it still holds, and writes a receipt.

Tags go before the manifests that they lead to, so each tag leads to a whole image or to none. The receipt with all
manifests is written before anything is removed: after a kill, the next prune goes on, and ``undo`` can put all back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import partial

from bundler import __version__
from bundler.core.digest import Digest
from bundler.core.events import Moved as Progress, PhaseBegan, PhaseEnded, nobody
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.retention.imported import ImportedBundle
from bundler.core.retention.plan import Agreed, GoingTag, Known, RepositoryPlan, plan_again
from bundler.core.retention.receipt import (
    FAILED,
    GONE,
    REMOVED,
    SKIPPED,
    UNFINISHED,
    PrunedManifest,
    PrunedTag,
    PruneReceipt,
)
from bundler.errors import (
    BundlerError,
    Damaged,
    Interrupted,
    LocalStorage,
    NotFound,
    Refused,
    Unavailable,
)
from bundler.inventories.kept import kept_documents
from bundler.inventories.registries import is_final, registry_contents
from bundler.pruning import receipt_file
from bundler.pruning.interrupted import complete, read_unfinished
from bundler.pruning.planned import unread_repositories
from bundler.pruning.removal import Moved, Remover, marker_of
from bundler.pruning.request import PlannedPrune, PruneResult
from bundler.run import Run, paces_of, retrying
from bundler.stores.opened import Stores
from bundler.stores.repository import Repository
from bundler.texts import text
from bundler.transfer import ask_all, ask_each

LOOK_SECONDS = 30.0
"""A repository is read again after this time: an image that was to go may have a new tag, or a new index need it."""
LOOK_SHARE = 3.0
"""Removing takes at least this many times as long as reading, in a repository with very many tags."""
_CHANGED = text("the repository has changed since the plan was made")
_NEEDED = text("something that stays needs it")


def prune(planned: PlannedPrune, run: Run | None = None) -> PruneResult:
    """Removes what a plan says, as far as the registry is still as it was.

    Each repository is read again first. A tag that was moved, a manifest that got another tag, and all that these need
    stay. The result names them.

    Args:
        planned: The plan that a person has seen.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The key cannot be used.
        Refused: The registry removes nothing. Nothing was changed.
        Unavailable: It does not answer, or another prune of it is running. Nothing was changed.
        LocalStorage: The receipt cannot be written.
        Interrupted: The user stopped it. The unfinished receipt has what was done.
    """
    run = run or Run()
    request = planned.request
    key = request.key.load(run.listener)
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    with receipt_file.only_prune_of(planned.registry):
        receipt_file.remove_finished()
        before = read_unfinished(planned.registry)
        if planned.plan.is_empty:
            return PruneResult(planned, finished=complete(before, planned, stores, key, run))
        first = stores.repository(planned.registry, planned.plan.changed[0].name)
        retrying(first.check_deletion, run, subject=first.name, peer=planned.registry)
        journal = _Journal(_receipt(planned, stores, run))
        finished = complete(before, planned, stores, key, run)
        try:
            errors = _remove(planned, journal, stores, run)
        except BaseException:
            journal.keep()
            raise
        receipt = journal.receipt()
        if UNFINISHED in receipt.outcomes:
            journal.keep()
            return PruneResult(planned, receipt, journal.path, "", None, errors, finished)
        result = PruneResult(planned, receipt, errors=errors)
        receipt = replace(receipt, finished=request.now(), exit_code=result.exit_code)
        path, identity = receipt_file.finish(journal.path, receipt, request.output, key)
        return PruneResult(planned, receipt, path, identity, key.id if key else None, errors, finished)


class _Journal:
    """The receipt of a running prune: its file, and the outcomes so far. Thread-safe."""

    def __init__(self, receipt: PruneReceipt) -> None:
        """Writes the file.

        Raises:
            LocalStorage: It cannot be written.
        """
        self._receipt = receipt
        self.started = receipt.started
        self._lock = threading.Lock()
        self._manifests = {(each.repository, each.descriptor.digest): each for each in receipt.manifests}
        self._tags = {(each.repository, each.tag): each for each in receipt.tags}
        self.path = receipt_file.write_unfinished(receipt)

    def note_manifest(self, item: PrunedManifest, outcome: str, reason: str = "", code: str = "") -> None:
        """Notes the outcome of a manifest."""
        with self._lock:
            key = item.repository, item.descriptor.digest
            self._manifests[key] = replace(item, outcome=outcome, reason=reason, code=code)

    def note_tag(self, item: PrunedTag, outcome: str, reason: str = "", code: str = "") -> None:
        """Notes the outcome of a tag."""
        with self._lock:
            self._tags[item.repository, item.tag] = replace(item, outcome=outcome, reason=reason, code=code)

    def receipt(self) -> PruneReceipt:
        """The receipt with the outcomes so far."""
        with self._lock:
            manifests, tags = tuple(self._manifests.values()), tuple(self._tags.values())
        return replace(self._receipt, manifests=manifests, tags=tags)

    def keep(self) -> None:
        """Writes the outcomes so far into the unfinished receipt. If that fails, the one from the beginning stays."""
        with suppress(LocalStorage):
            receipt_file.rewrite(self.path, self.receipt())


def _receipt(planned: PlannedPrune, stores: Stores, run: Run) -> PruneReceipt:
    """The receipt before anything is removed: all that is to go, with the bytes of the manifests.

    Raises:
        Unavailable: The registry does not answer.
        Interrupted: The user stopped it.
    """
    request = planned.request
    return PruneReceipt(
        tool=f"bundler {__version__}",
        registry=planned.registry,
        prefix=planned.prefix,
        rules=request.retention.words(),
        operator=request.operator,
        host=request.host,
        started=request.now(),
        finished="",
        exit_code=0,
        freed_bytes=planned.plan.freed.size_bytes,
        kept_bundles=tuple(bundle.name for bundle in planned.plan.bundles.kept),
        manifests=tuple(_with_content(planned, stores, run)),
        tags=tuple(
            PrunedTag(each.name, tag.tag, tag.descriptor.digest) for each in planned.plan.changed for tag in each.tags
        ),
    )


def _with_content(planned: PlannedPrune, stores: Stores, run: Run) -> list[PrunedManifest]:
    bundles = (*planned.plan.bundles.kept, *planned.plan.bundles.old)
    wanted = [
        PrunedManifest(each.name, going.descriptor, going.tags, bundle=_bundle_of(bundles, each.name, going.digest))
        for each in planned.plan.changed
        for going in each.manifests
    ]

    def read(number: int) -> PrunedManifest:
        each = wanted[number]
        store = stores.repository(planned.registry, each.repository)
        digest = str(each.descriptor.digest)
        ask = partial(_read, store, digest)
        descriptor, content = retrying(ask, run, subject=f"{store.name}@{digest}", peer=planned.registry)
        run.listener(Progress(1))
        return replace(each, descriptor=descriptor.bare, content=content)

    run.listener(PhaseBegan("reading the manifests that go", len(wanted), in_bytes=False))
    answers = ask_each(range(len(wanted)), read, run)
    run.listener(PhaseEnded("reading the manifests that go"))
    others = [error for error in answers.failed.values() if not isinstance(error, (Refused, Damaged))]
    if others:
        raise others[0]
    found = []
    for number, each in enumerate(wanted):
        error = answers.failed.get(number)
        if error is None:
            found.append(answers.given[number])
        else:
            outcome = GONE if isinstance(error, NotFound) else FAILED
            found.append(replace(each, outcome=outcome, reason=str(error), code=error.code or ""))
    return found


def _read(store: Repository, name: str) -> tuple[Descriptor, bytes]:
    descriptor = store.resolve(name)
    return descriptor, store.read_manifest(descriptor)


def _bundle_of(bundles: Sequence[ImportedBundle], repository: str, digest: Digest) -> str:
    """The name of the newest bundle that brought an image; empty if no receipt says."""
    return next((bundle.name for bundle in bundles if digest in bundle.digests_in(repository)), "")


def _remove(planned: PlannedPrune, journal: _Journal, stores: Stores, run: Run) -> tuple[BundlerError, ...]:
    """Removes what goes, several repositories at a time. Returns the errors."""
    changed = planned.plan.changed
    errors: list[BundlerError] = []
    total = sum(len(each.manifests) + len(each.tags) for each in changed)
    started_with = journal.receipt()

    def remove(each: RepositoryPlan) -> None:
        items = _Items.of(started_with, each.name)
        errors.extend(_InRepository(planned, each, items, journal, stores, run).remove())

    run.listener(PhaseBegan("removing", total, in_bytes=False))
    failed = ask_all(changed, remove, run)
    run.listener(PhaseEnded("removing"))
    return (*errors, *(error for _, error in failed))


@frozen
class _Items:
    """The manifests and tags of a repository that are to go, as the receipt has them."""

    manifests: tuple[PrunedManifest, ...]
    tags: tuple[PrunedTag, ...]

    @classmethod
    def of(cls, receipt: PruneReceipt, repository: str) -> _Items:
        return cls(
            tuple(each for each in receipt.manifests if each.repository == repository),
            tuple(each for each in receipt.tags if each.repository == repository),
        )


@frozen
class _Look:
    """The plan for a repository as it was a moment ago.

    Attributes:
        plan: The plan; None if the repository is empty.
        held: The manifests that it has.
        until: The time at which it is too old to remove anything by it.
    """

    plan: RepositoryPlan | None
    held: frozenset[Digest]
    until: float
    tags_of: Mapping[Digest, tuple[str, ...]] = field(init=False)
    alone: Mapping[str, GoingTag] = field(init=False)

    def __post_init__(self) -> None:
        """Sorts the plan by digest and tag."""
        plan = self.plan
        object.__setattr__(self, "tags_of", {each.digest: each.tags for each in plan.manifests} if plan else {})
        object.__setattr__(self, "alone", {each.tag: each for each in plan.tags} if plan else {})

    @property
    def is_old(self) -> bool:
        """True if another client has had much time to use what is to go."""
        return time.monotonic() >= self.until


@frozen
class _InRepository:
    """The removal in one repository."""

    planned: PlannedPrune
    before: RepositoryPlan
    items: _Items
    journal: _Journal
    stores: Stores
    run: Run

    def remove(self) -> list[BundlerError]:
        """Reads the repository again, and removes what is to go in both plans. Returns the errors.

        Raises:
            Interrupted: The user stopped it.
            BundlerError: The repository cannot be read. Nothing was removed, or not all.
        """
        now = self._look(self.planned.leftovers.get(self.before.name, frozenset()))
        absent = GONE
        errors: list[BundlerError] = []
        staying: set[Digest] = set()
        for item in self.items.manifests:
            if now.is_old:
                now, absent = self._look_again(staying), REMOVED  # Harbor removes children with their index
            if item.outcome == FAILED:  # without its bytes it could not be put back
                staying.update(self._needs(item.descriptor.digest))
            if item.outcome != UNFINISHED:
                continue
            self.run.cancellation.check()
            if item.descriptor.digest not in now.held:
                self.journal.note_manifest(item, absent)
                continue
            is_same = now.tags_of.get(item.descriptor.digest) == item.tags
            is_needed = item.descriptor.digest in staying
            is_removed, error = self._remove_manifest(item, is_same=is_same, is_needed=is_needed)
            if not is_removed:
                staying.update(self._needs(item.descriptor.digest))
            errors += [error] if error is not None else []
            self.run.listener(Progress(1))
        for tag in self.items.tags:
            self.run.cancellation.check()
            if now.is_old:
                now = self._look_again(staying)
            error = self._remove_tag(tag, now.alone.get(tag.tag))
            errors += [error] if error is not None else []
            self.run.listener(Progress(1))
        return errors

    def _look_again(self, staying: set[Digest]) -> _Look:
        """Looks once more. The manifests whose tags have gone are to go too, unless something else needs them now."""
        return self._look(frozenset(each.digest for each in self.before.manifests) - staying)

    def _look(self, left: frozenset[Digest]) -> _Look:
        """Reads the repository, and plans for it as it is now.

        Args:
            left: Manifests that are to go, though their tags may have gone before them.
        """
        started = time.monotonic()
        planned, name = self.planned, self.before.name
        bundles, retention = planned.plan.bundles, planned.request.retention
        digests = {
            *(digest for bundle in (*bundles.kept, *bundles.old) for digest in bundle.digests_in(name)),
            *(each.digest for each in self.before.manifests),
        }
        contents = registry_contents(
            self.stores.registry(planned.registry),
            "",
            (name,),
            kept_documents(),
            replace(self.run, listener=nobody),
            digests=[(name, digest) for digest in digests],
            is_named=is_final,
        )
        known = Known(contents.table, (), planned.dates, unread_repositories(contents), {name: left})
        tags = {tag: each.digest for each in self.before.manifests for tag in each.tags}
        tags |= {each.tag: each.descriptor.digest for each in self.before.tags}
        agreed = Agreed(tags, frozenset(each.digest for each in self.before.manifests))
        held = frozenset(each.descriptor.digest for each in contents.table.manifests)
        now = time.monotonic()
        until = now + max(LOOK_SECONDS, LOOK_SHARE * (now - started))
        return _Look(plan_again(known, retention, bundles, agreed), held, until)

    def _needs(self, digest: Digest) -> set[Digest]:
        """The manifests that stay if one stays."""
        needs = {each.digest: each.needs for each in self.before.manifests}
        found, left = set[Digest](), [digest]
        while left:
            new = [each for each in needs.get(left.pop(), ()) if each not in found]
            found.update(new)
            left += new
        return found

    def _remove_manifest(
        self, item: PrunedManifest, *, is_same: bool, is_needed: bool
    ) -> tuple[bool, BundlerError | None]:
        """Removes a manifest, unless it is needed or has changed. Returns whether it did, and the error."""
        if is_needed or not is_same:
            self.journal.note_manifest(item, SKIPPED, _NEEDED if is_needed and is_same else _CHANGED)
            return False, None
        try:
            self._remover.manifest(item.descriptor.digest, item.tags)
        except Moved as moved:
            self.journal.note_manifest(item, SKIPPED, _moved(moved))
            return False, None
        except Interrupted:
            raise
        except BundlerError as error:
            self.journal.note_manifest(item, _outcome_of(error), str(error), error.code or "")
            return False, error
        self.journal.note_manifest(item, REMOVED)
        return True, None

    def _remove_tag(self, item: PrunedTag, now: GoingTag | None) -> BundlerError | None:
        if now is None or now.descriptor.digest != item.digest:
            self.journal.note_tag(item, SKIPPED, _CHANGED)
            return None
        try:
            marker = marker_of(self.journal.started, self.planned.registry, item)
            self._remover.tag(item.tag, item.digest, marker, now.others)
        except Moved as moved:
            self.journal.note_tag(item, SKIPPED, _moved(moved))
        except Interrupted:
            raise
        except BundlerError as error:
            self.journal.note_tag(item, _outcome_of(error), str(error), error.code or "")
            return error
        else:
            self.journal.note_tag(item, REMOVED)
        return None

    @property
    def _remover(self) -> Remover:
        repository = self.stores.repository(self.planned.registry, self.before.name)
        return Remover(repository, self.planned.kind, self.run)


def _outcome_of(error: BundlerError) -> str:
    """The outcome after an error: if the registry did not answer, it is not known, and the next prune goes on."""
    return UNFINISHED if isinstance(error, Unavailable) else FAILED


def _moved(moved: Moved) -> str:
    return text("the tag {tag} was moved to {digest}", tag=moved.tag, digest=moved.now)
