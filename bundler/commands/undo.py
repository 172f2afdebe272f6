"""``bundler undo``: restores the tags that an import moved, if they still name the digest that it pushed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from bundler.commands.receipts import ReceiptFile
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.receipt import ReceiptImage
from bundler.core.reference import Reference
from bundler.errors import EXIT_PARTIAL, BundlerError, Interrupted, worst_of_images
from bundler.run import Run, paces_of, retrying
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_all


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """A request to ``bundler undo``."""

    file: ReceiptFile
    network: NetworkOptions = DEFAULT_NETWORK
    is_dry_run: bool = False


class Undone(str, Enum):
    """The outcome of one tag."""

    PUT_BACK = "put back"
    REMOVED = "removed"
    MOVED_ON = "moved on"
    """It names another digest by now: another user has moved it."""
    AS_BEFORE = "as before"
    LEFT = "left"
    """It was new, and the registry cannot remove tags."""
    FAILED = "failed"
    WOULD_PUT_BACK = "would put back"
    WOULD_REMOVE = "would remove"


@dataclass(slots=True)
class TagResult:
    """One tag that an import moved or made.

    Attributes:
        name: The tag's full name.
        pushed: The digest that the import gave it.
        before: The digest that it had before; None if it did not exist.
        outcome: Its outcome.
        now: The digest that it has now, if that is not the one pushed.
        error: The reason of a failure.
    """

    name: Reference
    pushed: Digest
    before: Digest | None
    outcome: Undone | None = None
    now: Digest | None = None
    error: BundlerError | None = None


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The result of an undo, or of its dry run."""

    file: ReceiptFile
    tags: tuple[TagResult, ...]
    is_dry_run: bool

    @property
    def exit_code(self) -> int:
        """0 if every tag is as before, or was moved by another user; partial if new tags had to stay."""
        errors = [tag.error for tag in self.tags if tag.error]
        is_partial = any(tag.outcome is Undone.LEFT for tag in self.tags)
        return worst_of_images(errors, done=len(self.tags) - len(errors)) or (EXIT_PARTIAL if is_partial else 0)


def undo(request: UndoRequest, run: Run | None = None) -> UndoResult:
    """Restores the tags that an import moved.

    Raises:
        Interrupted: The user stopped it.
    """
    run = run or Run()
    file = request.file
    tags = [
        _tag(image)
        for target in file.receipt.targets
        if target.kind == "registry"
        for image in target.images
        if _may_have_moved(image)
    ]
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    run.listener(PhaseBegan("restoring tags", len(tags), in_bytes=False))
    work = partial(_undo, stores=stores, run=run, is_dry_run=request.is_dry_run)
    # The tags of one repository are restored one after the other, in the order of their push.
    groups: dict[str, list[TagResult]] = {}
    for tag in tags:
        groups.setdefault(tag.name.name, []).append(tag)
    ask_all(list(groups.values()), work, run)
    run.listener(PhaseEnded("restoring tags"))
    return UndoResult(file, tuple(tags), request.is_dry_run)


def _may_have_moved(image: ReceiptImage) -> bool:
    """True if the import has moved the image's tag, or may have moved it."""
    if Reference.parse(image.name).tag is None or image.replaced == image.digest:
        return False
    # A stopped import has not recorded if it moved the tag. Such a tag is touched only if it had a digest before.
    is_doubtful = image.outcome in ("failed", "held back", "not tried", "unfinished") and image.replaced is not None
    return image.outcome == "pushed" or is_doubtful


def _tag(image: ReceiptImage) -> TagResult:
    pushed = Digest.parse(image.read_back or image.digest)
    return TagResult(Reference.parse(image.name), pushed, Digest.parse(image.replaced) if image.replaced else None)


def _undo(tags: Sequence[TagResult], *, stores: Stores, run: Run, is_dry_run: bool) -> None:
    for tag in tags:
        try:
            _put_back(tag, stores, run, is_dry_run=is_dry_run)
        except Interrupted:
            raise
        except BundlerError as error:
            tag.outcome, tag.error = Undone.FAILED, error
        run.listener(Moved(1))


def _put_back(tag: TagResult, stores: Stores, run: Run, *, is_dry_run: bool) -> None:
    repository = stores.repository(tag.name.registry, tag.name.repository)
    name = tag.name.tag
    assert name is not None
    peer = tag.name.registry
    found = retrying(lambda: repository.find(name), run, subject=str(tag.name), peer=peer)
    tag.now = found.digest if found else None
    if tag.now != tag.pushed:
        tag.outcome = Undone.AS_BEFORE if tag.now == tag.before else Undone.MOVED_ON
        return
    if tag.before is None:
        if is_dry_run:
            tag.outcome = Undone.WOULD_REMOVE
            return
        is_removed = retrying(lambda: repository.remove_tag(name), run, subject=str(tag.name), peer=peer)
        tag.outcome = Undone.REMOVED if is_removed else Undone.LEFT
        return
    before = str(tag.before)
    earlier = retrying(lambda: repository.find(before), run, subject=str(tag.name), peer=peer)
    if earlier is None:
        raise problem(
            "not-found",
            subject=text("{tag}@{before}, the earlier image of the tag", tag=tag.name.name, before=before),
            host=peer,
        )
    if is_dry_run:
        tag.outcome = Undone.WOULD_PUT_BACK
        return
    resolved = repository.resolve(before)
    content = repository.read_manifest(resolved)
    retrying(lambda: repository.tag(resolved, content, name), run, subject=str(tag.name), peer=peer)
    tag.outcome = Undone.PUT_BACK
