"""``bundler undo`` of a prune: pushes removed manifests again, and gives tags back that nobody has used since then.

It works as long as the registry has the blobs: until its garbage collection. Later the bundle that brought an image has
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from bundler.bundle.signing import PublicKey
from bundler.core.digest import Digest
from bundler.core.document_head import PRUNE_RECEIPT
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.retention.receipt import (
    LEFT,
    REMOVED,
    UNFINISHED,
    PrunedManifest,
    PrunedTag,
    PruneReceipt,
    parse_prune_receipt,
)
from bundler.errors import BundlerError, Interrupted, NotFound, PartsMissing, worst_of_images
from bundler.keys.signed_files import RECEIPT_FILE, Demand, read_signed
from bundler.keys.strict_modes import is_own_in
from bundler.pruning.removal import marker_of
from bundler.run import Run, paces_of, retrying
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.stores.opened import Stores
from bundler.stores.repository import Repository
from bundler.system.document_heads import document_at
from bundler.system.places import prunes_folder
from bundler.system.request_fields import Request, path_of, paths_of
from bundler.texts import text
from bundler.transfer import ask_all

Answer = TypeVar("Answer")

_TO_PUT_BACK = frozenset({REMOVED, LEFT, UNFINISHED})

PUT_BACK, WOULD_PUT_BACK, AS_BEFORE, MOVED_ON, LOST, FAILED = (
    "put back",
    "would put back",
    "as before",
    "moved on",
    "lost",
    "failed",
)
"""The outcomes of tags; ``lost``: the registry has the blobs of the image no more."""


@frozen
class PruneReceiptFile:
    """The receipt of a prune that was read from a file.

    Attributes:
        path: Its file.
        receipt: Its content.
        id: The SHA-256 of its bytes, 64 hex digits.
        signers: The trusted keys that have signed it; empty if signatures were not checked.
        is_unsigned: True if keys are trusted here and none of them has signed it.
    """

    path: Path
    receipt: PruneReceipt
    id: str
    signers: tuple[PublicKey, ...] = ()
    is_unsigned: bool = False


@frozen
class UndoPruneRequest(Request):
    """The request to undo a prune."""

    file: PruneReceiptFile
    network: NetworkOptions = DEFAULT_NETWORK
    is_dry_run: bool = False


@frozen
class RestoredTag:
    """One tag that a prune removed.

    Attributes:
        name: The repository and the tag, without the host.
        digest: The digest that it had.
        outcome: Its outcome now.
        now: The digest that it has, if another client has used the tag since then.
        bundle: The name of a bundle that has the image; empty if no receipt says.
        error: The reason of a failure.
    """

    name: str
    digest: Digest
    outcome: str
    now: Digest | None = None
    bundle: str = ""
    error: BundlerError | None = None


@frozen
class UndoPruneResult:
    """The result of an undo of a prune, or of its dry run.

    Attributes:
        file: The receipt.
        tags: The tags, sorted by name.
        manifests: The number of manifests that were pushed again.
        errors: Errors of manifests that no tag named.
        is_dry_run: True if nothing was changed.
    """

    file: PruneReceiptFile
    tags: tuple[RestoredTag, ...]
    manifests: int
    errors: tuple[BundlerError, ...]
    is_dry_run: bool

    @property
    def exit_code(self) -> int:
        """0 if each tag is back, or is in use by another client."""
        errors = [*self.errors, *(each.error for each in self.tags if each.error)]
        return worst_of_images(errors, done=len(self.tags) - len(errors))


def is_prune_receipt(path: Path) -> bool:
    """True if a file begins like the receipt of a prune. It decides only which reader gets the file."""
    return document_at(path_of(path, "path")) == PRUNE_RECEIPT


def read_prune_receipt(path: Path, trust: Sequence[Path] = (), *, demand: Demand = Demand.REQUIRED) -> PruneReceiptFile:
    """Reads the receipt of a prune, also an unfinished one.

    It has the bytes of manifests that an undo pushes. So only one in the state folder of this user, which no other user
    can change, may do without a signature if no key is trusted here.

    Args:
        path: Its file.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it. This is checked before the receipt is parsed.
        Damaged, Refused: The file is no receipt of a prune.
    """
    path = path_of(path, "path")
    if demand is Demand.REQUIRED_IF_KEYS_TRUSTED and not is_own_in(path, prunes_folder()):
        demand = Demand.REQUIRED
    file = read_signed(path, RECEIPT_FILE, paths_of(trust, "trust"), demand=demand)
    return PruneReceiptFile(
        path, parse_prune_receipt(file.content, what=str(path)), file.id, file.signers, file.is_unsigned
    )


def undo_prune(request: UndoPruneRequest, run: Run | None = None) -> UndoPruneResult:
    """Puts back what a prune removed.

    Manifests are pushed before those that list them, attachments before the tag of their image. A tag that another
    client has used since then stays as it is.

    Raises:
        Interrupted: The user stopped it. The same call again goes on.
    """
    run = run or Run()
    receipt = request.file.receipt
    stores = Stores(request.network, paces_of(run), listener=run.listener)
    names = list(dict.fromkeys((*(m.repository for m in receipt.manifests), *(t.repository for t in receipt.tags))))
    works = [
        _InRepository(receipt, stores.repository(receipt.registry, name), run, request.is_dry_run) for name in names
    ]
    run.listener(PhaseBegan("putting back", len(receipt.manifests) + len(receipt.tags), in_bytes=False))
    found: list[_Restored] = []
    ask_all(works, lambda work: found.append(work.restore()), run)
    run.listener(PhaseEnded("putting back"))
    return UndoPruneResult(
        request.file,
        tuple(sorted((tag for each in found for tag in each.tags), key=lambda tag: tag.name)),
        sum(each.manifests for each in found),
        tuple(error for each in found for error in each.errors),
        request.is_dry_run,
    )


@frozen
class _Restored:
    """The result in one repository."""

    tags: tuple[RestoredTag, ...]
    manifests: int
    errors: tuple[BundlerError, ...]


@frozen
class _InRepository:
    """The undo in one repository."""

    receipt: PruneReceipt
    repository: Repository
    run: Run
    is_dry_run: bool

    def restore(self) -> _Restored:
        """Pushes manifests, the last removed one first, and tags them.

        Raises:
            Interrupted: The user stopped it.
        """
        tags: list[RestoredTag] = []
        errors: list[BundlerError] = []
        pushed = 0
        for item in reversed(self._manifests):
            try:
                pushed += self._manifest(item)
            except Interrupted:
                raise
            except BundlerError as error:
                outcome = LOST if isinstance(error, (PartsMissing, NotFound)) else FAILED
                failed = self._explained(error, item.bundle)
                tags += [
                    self._restored(each, item.descriptor.digest, outcome, item.bundle, failed) for each in item.tags
                ]
                errors += [] if item.tags else [failed]
            else:
                tags += [self._tag(each, item.descriptor, item.content, item.bundle) for each in item.tags]
            self.run.listener(Moved(1))
        for tag in self._tags:
            tags.append(self._tag_alone(tag))
            self.run.listener(Moved(1))
        return _Restored(tuple(tags), pushed, tuple(errors))

    @property
    def _manifests(self) -> list[PrunedManifest]:
        own = (each for each in self.receipt.manifests if each.repository == self.repository.path)
        return [each for each in own if each.outcome in _TO_PUT_BACK]

    @property
    def _tags(self) -> list[PrunedTag]:
        own = (each for each in self.receipt.tags if each.repository == self.repository.path)
        return [each for each in own if each.outcome in _TO_PUT_BACK]

    def _manifest(self, item: PrunedManifest) -> bool:
        """Pushes a manifest, if the registry has forgotten it. Returns True if it did that, or would."""
        digest = str(item.descriptor.digest)
        if self._ask(digest, partial(self.repository.find, digest)) is not None:
            return False
        if not self.is_dry_run:
            self._ask(digest, partial(self.repository.put_manifest, item.descriptor, item.content))
        return True

    def _tag_alone(self, item: PrunedTag) -> RestoredTag:
        digest = str(item.digest)
        try:
            found = self._ask(digest, partial(self.repository.resolve, digest))
            content = self.repository.read_manifest(found)
        except Interrupted:
            raise
        except BundlerError as error:
            return self._restored(item.tag, item.digest, LOST if isinstance(error, NotFound) else FAILED, "", error)
        marker = marker_of(self.receipt.started, self.receipt.registry, item).descriptor.digest
        return self._tag(item.tag, found, content, "", marker)

    def _tag(
        self, tag: str, descriptor: Descriptor, content: bytes, bundle: str, marker: Digest | None = None
    ) -> RestoredTag:
        """Gives a tag its manifest again, unless it names something else by now."""
        digest = descriptor.digest
        try:
            found = self._ask(tag, partial(self.repository.find, tag))
            now = found.digest if found and found.digest != marker else None
            if now is not None:
                outcome = AS_BEFORE if now == digest else MOVED_ON
                return RestoredTag(self._name(tag), digest, outcome, now if now != digest else None)
            if self.is_dry_run:
                return RestoredTag(self._name(tag), digest, WOULD_PUT_BACK)
            self._ask(tag, partial(self.repository.tag, descriptor, content, tag))
        except Interrupted:
            raise
        except BundlerError as error:
            return self._restored(tag, digest, FAILED, bundle, error)
        return RestoredTag(self._name(tag), digest, PUT_BACK)

    def _restored(self, tag: str, digest: Digest, outcome: str, bundle: str, error: BundlerError) -> RestoredTag:
        return RestoredTag(self._name(tag), digest, outcome, None, bundle, error)

    def _explained(self, error: BundlerError, bundle: str) -> BundlerError:
        """The error, with the bundle that has the image, if the registry has collected its blobs."""
        if not isinstance(error, (PartsMissing, NotFound)):
            return error
        if bundle:
            return error.but(hint=text("its blobs are gone; import bundle {bundle} again", bundle=bundle))
        return error.but(hint="its blobs are gone; no receipt says which bundle has the image")

    def _name(self, tag: str) -> str:
        return f"{self.repository.path}:{tag}"

    def _ask(self, name: str, question: Callable[[], Answer]) -> Answer:
        subject = f"{self.repository.name}{'@' if ':' in name else ':'}{name}"
        return retrying(question, self.run, subject=subject, peer=self.receipt.registry)
