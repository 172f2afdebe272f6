"""``bundler undo``: restores the tags that an import moved, if they still name the digest that it pushed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial

from bundler.commands.receipts import ReceiptFile
from bundler.commands.undo_attachments import AddedEntries, Group, entries_of, images_by_group, tags_of
from bundler.commands.undo_others import tagged_elsewhere
from bundler.core.advice import problem
from bundler.core.arrivals import is_within
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.location import Target, place_of
from bundler.core.receipt import Receipt, ReceiptImage
from bundler.core.reference import Reference
from bundler.errors import EXIT_PARTIAL, BundlerError, Interrupted, worst_of_images
from bundler.importing.links import RegistryLinks
from bundler.keys.strict_modes import is_own_in
from bundler.run import Run, paces_of, retrying
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.opened import Stores
from bundler.stores.repository import Repository
from bundler.system.places import imports_folder
from bundler.system.request_fields import Request, complete
from bundler.texts import text
from bundler.transfer import ask_each
from bundler.transports.parsing import target_of


@frozen
class UndoRequest(Request):
    """A request to ``bundler undo``.

    Attributes:
        file: The receipt.
        network: The network options.
        is_dry_run: Change nothing.
        target: The registry whose tags are restored; None for all targets of the receipt.
    """

    file: ReceiptFile
    network: NetworkOptions = DEFAULT_NETWORK
    is_dry_run: bool = False
    target: Target | None = None

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, target=lambda given, field: None if given is None else target_of(given, field))


class Undone(str, Enum):
    """The outcome of one tag."""

    PUT_BACK = "put back"
    REMOVED = "removed"
    MOVED_ON = "moved on"
    """It names another digest by now: another user has moved it."""
    AS_BEFORE = "as before"
    LEFT = "left"
    """It was new, and the registry cannot remove tags."""
    DOUBTFUL = "doubtful"
    """It was new, and the import of its image failed: nobody knows if the import made it. It is left alone."""
    FAILED = "failed"
    WOULD_PUT_BACK = "would put back"
    WOULD_REMOVE = "would remove"


_STAYING = frozenset({Undone.LEFT, Undone.DOUBTFUL, Undone.MOVED_ON, Undone.FAILED})
"""The outcomes of tags whose images keep their attachments."""


@frozen
class TagResult:
    """One tag that an import moved or made.

    Attributes:
        name: The tag's full name.
        pushed: The digest that the import gave it.
        before: The digest that it had before; None if it did not exist.
        outcome: Its outcome.
        now: The digest that it has now, if that is not the one pushed.
        error: The reason of a failure.
        is_doubtful: True if the tag was new, and the import of its image failed: it is only looked for.
    """

    name: Reference
    pushed: Digest
    before: Digest | None
    outcome: Undone | None = None
    now: Digest | None = None
    error: BundlerError | None = None
    is_doubtful: bool = False


@frozen
class ListResult:
    """The entries of a fallback index that an import added: removed, if the tags of the image are restored."""

    entries: AddedEntries
    outcome: Undone
    error: BundlerError | None = None


@frozen
class UndoResult:
    """The result of an undo, or of its dry run.

    Attributes:
        file: The receipt.
        tags: The tags of images, then those of attachments.
        is_dry_run: True if nothing was changed.
        lists: The lists of attachments in registries without the referrers API.
    """

    file: ReceiptFile
    tags: tuple[TagResult, ...]
    is_dry_run: bool
    lists: tuple[ListResult, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if every tag is as before, or was moved by another user; partial if new tags stay."""
        changes: tuple[TagResult | ListResult, ...] = (*self.tags, *self.lists)
        errors = [each.error for each in changes if each.error]
        is_partial = any(each.outcome in (Undone.LEFT, Undone.DOUBTFUL) for each in changes)
        return worst_of_images(errors, done=len(changes) - len(errors)) or (EXIT_PARTIAL if is_partial else 0)


def undo(request: UndoRequest, run: Run | None = None) -> UndoResult:
    """Restores the tags that an import moved.

    Raises:
        Interrupted: The user stopped it.
    """
    run = run or Run()
    file = request.file
    if not file.signers and not is_own_in(file.path, imports_folder()):
        run.listener(
            Noticed(
                text(
                    "no trusted key has signed {receipt}, and it is not in your state folder: anyone may have written "
                    "which tags move or go; look at them with --dry-run, or give the importer's key with --trust",
                    receipt=file.path,
                )
            )
        )
    groups = images_by_group(_at(file.receipt, request.target))
    asked = [(group, _tag(image)) for group, images in groups.items() for image in images if _may_have_moved(image)]
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    work = partial(_undone, stores=stores, run=run, is_dry_run=request.is_dry_run)
    moved: dict[Group, list[TagResult]] = {group: [] for group in groups}
    for (group, _), tag in zip(asked, _restored([tag for _, tag in asked], work, run), strict=True):
        if _is_concerned(tag):
            moved[group].append(tag)
    tags = [tag for found in moved.values() for tag in found]
    # An image keeps its signatures until its tag has moved.
    gone = {group: images for group, images in groups.items() if not _stays(images, moved[group])}
    gone = _without_tagged(gone, [tag.name for tag in tags], stores, run)
    attached = _restored([TagResult(each.name, each.pushed, each.before) for each in tags_of(gone)], work, run)
    lists = tuple(_removed(each, stores, run, is_dry_run=request.is_dry_run) for each in entries_of(gone))
    return UndoResult(file, (*tags, *attached), request.is_dry_run, lists)


def _at(receipt: Receipt, target: Target | None) -> Receipt:
    """A receipt with the targets at a registry only."""
    if target is None:
        return receipt
    place = place_of(target)
    return replace(receipt, targets=tuple(each for each in receipt.targets if is_within(each.target, place)))


def _restored(tags: Sequence[TagResult], work: Callable[[TagResult], TagResult], run: Run) -> tuple[TagResult, ...]:
    """Restores tags: those of one repository one after the other, in the order of their push."""
    if not tags:
        return ()
    groups: dict[str, list[int]] = {}
    for number, tag in enumerate(tags):
        groups.setdefault(tag.name.name, []).append(number)
    run.listener(PhaseBegan("restoring tags", len(tags), in_bytes=False))
    answers = ask_each(list(groups), lambda name: {number: work(tags[number]) for number in groups[name]}, run)
    run.listener(PhaseEnded("restoring tags"))
    done = {number: tag for group in answers.given.values() for number, tag in group.items()}
    return tuple(done[number] for number in range(len(tags)))


def _stays(images: Sequence[ReceiptImage], tags: Sequence[TagResult]) -> bool:
    """True if an image stays in its repository, under a tag or by its digest: then its attachments stay too."""
    is_untouched = any(image.outcome == "present" or _is_by_digest(image) for image in images)
    return is_untouched or any(tag.outcome in _STAYING for tag in tags)


def _without_tagged(
    groups: Mapping[Group, list[ReceiptImage]], restored: Sequence[Reference], stores: Stores, run: Run
) -> dict[Group, list[ReceiptImage]]:
    """The images with attachments to undo, without those that have another tag. Others are not asked for."""
    concerned = [group for group, images in groups.items() if tags_of({group: images}) or entries_of({group: images})]
    kept = tagged_elsewhere(concerned, restored, stores, run)
    return {group: groups[group] for group in concerned if group not in kept}


def _is_by_digest(image: ReceiptImage) -> bool:
    return image.outcome == "pushed" and Reference.parse(image.name).tag is None


def _removed(entries: AddedEntries, stores: Stores, run: Run, *, is_dry_run: bool) -> ListResult:
    """Removes entries from a fallback index."""
    if is_dry_run:
        return ListResult(entries, Undone.WOULD_REMOVE)
    repository = stores.repository(entries.repository.registry, entries.repository.repository)
    try:
        is_removed = RegistryLinks(repository, run, entries.repository.registry).remove(
            entries.subject, entries.digests
        )
    except Interrupted:
        raise
    except BundlerError as error:
        return ListResult(entries, Undone.FAILED, error)
    return ListResult(entries, Undone.REMOVED if is_removed else Undone.LEFT)


def _may_have_moved(image: ReceiptImage) -> bool:
    """True if the import has moved the image's tag, or may have moved it."""
    if Reference.parse(image.name).tag is None or image.replaced == image.digest:
        return False
    # A failed or stopped import has not recorded if it moved the tag.
    is_moved = image.replaced is not None and image.outcome in ("failed", "held back", "not tried", "unfinished")
    return image.outcome == "pushed" or is_moved or _may_have_made(image)


def _may_have_made(image: ReceiptImage) -> bool:
    """True if the tag was new, and came with its manifest if it came at all: then the answer was lost."""
    return image.replaced is None and image.outcome in ("failed", "unfinished")


def _is_concerned(tag: TagResult) -> bool:
    """False for a new tag that the import may have made, and that is not there, or is another one."""
    return not tag.is_doubtful or tag.outcome in (Undone.DOUBTFUL, Undone.FAILED)


def _tag(image: ReceiptImage) -> TagResult:
    pushed = Digest.parse(image.read_back or image.digest)
    before = Digest.parse(image.replaced) if image.replaced else None
    return TagResult(Reference.parse(image.name), pushed, before, is_doubtful=_may_have_made(image))


def _undone(tag: TagResult, *, stores: Stores, run: Run, is_dry_run: bool) -> TagResult:
    repository = stores.repository(tag.name.registry, tag.name.repository)
    name = tag.name.tag or ""  # an import moves no name without a tag
    try:
        found = retrying(lambda: repository.find(name), run, subject=str(tag.name), peer=tag.name.registry)
        tag = replace(tag, now=found.digest if found else None)
        tag = replace(tag, outcome=_put_back(tag, name, repository, run, is_dry_run=is_dry_run))
    except Interrupted:
        raise
    except BundlerError as error:
        tag = replace(tag, outcome=Undone.FAILED, error=error)
    run.listener(Moved(1))
    return tag


def _put_back(tag: TagResult, name: str, repository: Repository, run: Run, *, is_dry_run: bool) -> Undone:
    peer = tag.name.registry
    if tag.now != tag.pushed:
        return Undone.AS_BEFORE if tag.now == tag.before else Undone.MOVED_ON
    if tag.is_doubtful:
        return Undone.DOUBTFUL
    if tag.before is None:
        if is_dry_run:
            return Undone.WOULD_REMOVE
        is_removed = retrying(lambda: repository.remove_tag(name), run, subject=str(tag.name), peer=peer)
        return Undone.REMOVED if is_removed else Undone.LEFT
    before = str(tag.before)
    earlier = retrying(lambda: repository.find(before), run, subject=str(tag.name), peer=peer)
    if earlier is None:
        raise problem(
            "not-found",
            subject=text("{tag}@{before}, the earlier image of the tag", tag=tag.name.name, before=before),
            host=peer,
        )
    if is_dry_run:
        return Undone.WOULD_PUT_BACK
    resolved = repository.resolve(before)
    content = repository.read_manifest(resolved)
    retrying(lambda: repository.tag(resolved, content, name), run, subject=str(tag.name), peer=peer)
    return Undone.PUT_BACK
