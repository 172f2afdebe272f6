"""``bundler search``: the receipts and bundles that have an image, newest first. Verifies no chunk, changes nothing.

Signatures are checked and shown, and none is demanded: people also ask about media that are not trusted yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from bundler.bundle.opening import UncheckedBundle, find_several, load
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.bundle.signing import PublicKey
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.limits import RECEIPT_BYTES, SEARCH_IMAGES
from bundler.core.manifest import BundleManifest, Image
from bundler.core.media import media_with
from bundler.core.moments import seconds_of
from bundler.core.receipt import Receipt, parse_receipt_part
from bundler.core.s3_path import S3Path
from bundler.core.search import FoundImage, SearchText, chooser_of, found_in_manifest, found_in_receipt
from bundler.errors import (
    EXIT_NOTHING_FOUND,
    BundlerError,
    Damaged,
    Incomplete,
    LocalStorage,
    Misuse,
    Refused,
    Untrusted,
)
from bundler.importing.receipt_file import earlier_folders
from bundler.keys.signed_files import SignedFile
from bundler.keys.trust import Judged, trusted_keys
from bundler.run import Run
from bundler.standing.listed import PATTERNS, is_receipt
from bundler.standing.receipts import Receipts
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.files import read_bounded
from bundler.system.request_fields import Request

RECEIPT, BUNDLE = "receipt", "bundle"


@frozen
class SearchRequest(Request):
    """The request of ``bundler search``.

    Attributes:
        text: A part of an image's name, a pattern as in shells, or the first 6 or more hex digits of a digest.
        paths: Receipts, folders of them, bundles, and media with bundles; empty for the receipts of this user.
        trust: Public keys or folders of them; empty for the trust folder.
    """

    text: str
    paths: tuple[BundlePath, ...] = ()
    trust: tuple[Path, ...] = ()


@frozen
class SearchHit:
    """A receipt or a bundle that has images that fit.

    Attributes:
        kind: ``receipt`` or ``bundle``.
        paths: The file of the receipt, or the folders of the bundle.
        time: The end of the import, or the time when the bundle was made, in seconds since 1970; None if unknown.
        bundle_id: The id of the bundle.
        bundle_name: The name of the bundle.
        signers: The key ids of the trusted keys that have signed it.
        claimed: The keys that its signature files name, if no trusted key has signed it. They prove nothing.
        images: The images that fit.
        more: The number of further ones, which are not kept.
        bundle_signers: The keys that had signed the bundle, as a receipt says it.
        media: The numbers of the media that have bytes of the images, if the bundle was planned for several.
    """

    kind: str
    paths: tuple[BundlePath, ...]
    time: int | None
    bundle_id: str
    bundle_name: str
    signers: tuple[str, ...]
    claimed: tuple[str, ...]
    images: tuple[FoundImage, ...]
    more: int = 0
    bundle_signers: tuple[str, ...] = ()
    media: tuple[int, ...] = ()


@frozen
class SearchResult:
    """The receipts and bundles that have an image.

    Attributes:
        text: The text that was searched for.
        found: The receipts and bundles, newest first.
        receipts: The number of receipts that were searched.
        bundles: The number of bundles that were searched.
        unused: The files and folders that could not be searched, with the reasons.
        more: The number of older receipts that have the text and were not read.
        is_default: True if no path was given, so that the receipts of the state folder were searched.
    """

    text: str
    found: tuple[SearchHit, ...]
    receipts: int
    bundles: int
    unused: tuple[tuple[BundlePath, BundlerError], ...] = ()
    more: int = 0
    is_default: bool = False

    @property
    def exit_code(self) -> int:
        """0 if something was found, else 1, as of grep(1)."""
        return 0 if self.found else EXIT_NOTHING_FOUND


def search(request: SearchRequest, run: Run | None = None) -> SearchResult:
    """Finds the receipts and bundles that have an image.

    Args:
        request: The text, and the places.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The text is empty, or a given path has neither a bundle nor a receipt.
        Untrusted, Damaged, Refused: A given file is no receipt, or has a signature that does not match.
        Refused, Unavailable: S3 does not answer.
    """
    asked = _Asked(SearchText.parse(request.text), request.trust, run or Run())
    asked.run.listener(PhaseBegan("searching", 0, in_bytes=False))
    searched = _Searched()
    if not request.paths:
        searched = _in_receipts(asked, [folder for folder in earlier_folders(None) if folder.is_dir()], searched)
    bundles: list[UncheckedBundle] = []
    for path in request.paths:
        searched, there = _at(asked, path, searched)
        bundles += there
    for bundle in _joined(bundles):
        searched = _in_bundle(asked, bundle, searched)
    asked.run.listener(PhaseEnded("searching"))
    found = sorted(searched.found, key=lambda each: each.time or 0, reverse=True)
    return SearchResult(
        request.text,
        tuple(found),
        searched.receipts,
        searched.bundles,
        searched.unused,
        searched.more,
        not request.paths,
    )


@frozen
class _Asked:
    """The question, the same for all places."""

    wanted: SearchText
    trust: tuple[Path, ...]
    run: Run


@frozen
class _Searched:
    """The findings of the places that were searched."""

    found: tuple[SearchHit, ...] = ()
    unused: tuple[tuple[BundlePath, BundlerError], ...] = ()
    receipts: int = 0
    bundles: int = 0
    more: int = 0

    @property
    def room(self) -> int:
        """The number of images that may still be kept."""
        return SEARCH_IMAGES - sum(len(each.images) for each in self.found)

    def without(self, *unused: tuple[BundlePath, BundlerError]) -> _Searched:
        """Returns the findings with places that could not be searched."""
        return replace(self, unused=(*self.unused, *unused))


def _at(asked: _Asked, path: BundlePath, before: _Searched) -> tuple[_Searched, tuple[UncheckedBundle, ...]]:
    """Searches a receipt, or the receipts in a folder. Finds the bundles there.

    The bundles are found first, because that bounds the number of files in the folder.

    Raises:
        Misuse: There is neither.
    """
    if isinstance(path, Path) and not path.is_dir():
        return _in_receipts(asked, [path], replace(before, receipts=before.receipts + 1)), ()
    bundles, absence = _bundles_at(path)
    searched = before.without(*((path, error) for error in bundles[0].skipped)) if bundles else before
    if isinstance(path, Path):
        searched = _in_receipts(asked, [path], searched)
    if absence is not None and searched.receipts == before.receipts:
        raise absence
    return searched, bundles


def _bundles_at(path: BundlePath) -> tuple[tuple[UncheckedBundle, ...], BundlerError | None]:
    """Finds the bundles in a folder; the error for none, which is one unless there are receipts."""
    try:
        return find_several([path]), None
    except Incomplete as error:
        return (), error
    except Misuse as error:
        if isinstance(path, S3Path):
            return (), error
        hint = "give a receipt, a folder of receipts, a bundle, or a medium with bundles"
        return (), Misuse("no bundle and no receipt here", subject=str(path), hint=hint)


def _joined(bundles: Iterable[UncheckedBundle]) -> Iterable[UncheckedBundle]:
    """Each bundle once: two media of one bundle are one bundle."""
    joined: dict[str, UncheckedBundle] = {}
    for bundle in bundles:
        known = joined.get(bundle.id)
        listings = (*known.listings, *bundle.listings) if known else bundle.listings
        joined[bundle.id] = replace(bundle, listings=listings)
    return joined.values()


def _in_receipts(asked: _Asked, paths: list[Path], before: _Searched) -> _Searched:
    """Searches receipts, and those in folders."""
    if not paths:  # no paths would mean those of the state folder
        return before
    wanted, chooser = asked.wanted, chooser_of(asked.wanted)
    seen: list[Path] = []

    def may_have(path: Path) -> bool:
        """False if a file is no receipt, or cannot have the text. A damaged one is read again for its error."""
        asked.run.cancellation.check()
        if not is_receipt(path):
            return False
        seen.append(path)
        asked.run.listener(Moved(1))
        try:
            content = read_bounded(path, RECEIPT_BYTES)
            return not content.rstrip().endswith(b"}") or wanted.may_be_in(content)
        except (Damaged, Incomplete, LocalStorage):
            return True

    reading = Receipts(
        paths,
        asked.trust,
        asked.run.listener,
        lambda content, what: parse_receipt_part(content, chooser, what=what, with_blobs=bool(wanted.digits)),
        patterns=PATTERNS,
        is_wanted=may_have,
    )
    found: list[SearchHit] = []
    room = before.room
    for file, receipt in reading.files():
        asked.run.cancellation.check()
        hits = _with_images(_of_receipt(file, receipt), found_in_receipt(receipt, wanted), room)
        found += hits
        room -= sum(len(each.images) for each in hits)
    return replace(
        before,
        found=(*before.found, *found),
        unused=(*before.unused, *reading.unused),
        receipts=before.receipts + len(seen),
        more=before.more + reading.more,
    )


def _in_bundle(asked: _Asked, unchecked: UncheckedBundle, before: _Searched) -> _Searched:
    asked.run.cancellation.check()
    keys = trusted_keys(asked.trust, judged=Judged(locals_of(unchecked.folders)))
    folder = unchecked.own_folders[0]
    try:
        bundle = load(_sealed(unchecked, keys))
    except (Damaged, Incomplete, LocalStorage, Refused) as error:
        return before.without((folder, error))
    asked.run.listener(Moved(1))
    if not isinstance(bundle, Bundle):
        hint = "bundler inspect --passphrase-file FILE"
        return before.without((folder, Misuse("an encrypted bundle: its images are not known", hint=hint)))
    found = list(found_in_manifest(bundle.manifest, asked.wanted))
    hit = _of_bundle(unchecked, bundle, (image for image, _ in found))
    hits = _with_images(hit, (image for _, image in found), before.room)
    return replace(before, found=(*before.found, *hits), bundles=before.bundles + 1)


def _with_images(hit: SearchHit, images: Iterable[FoundImage], room: int) -> tuple[SearchHit, ...]:
    """A hit with the images for which there is room, and the number of the others; none without images."""
    left = iter(images)
    kept, more = tuple(islice(left, room)), sum(1 for _ in left)
    return (replace(hit, images=kept, more=more),) if kept or more else ()


def _sealed(unchecked: UncheckedBundle, keys: list[PublicKey]) -> Sealed:
    """The bundle, trusted if a key has signed it; else without trust.

    Raises:
        Damaged: SHA256SUMS is not a list of checksums.
    """
    try:
        return unchecked.trusted_by(keys) if keys else unchecked.taken_as_it_is()
    except Untrusted:
        return unchecked.taken_as_it_is()


def _of_receipt(file: SignedFile, receipt: Receipt) -> SearchHit:
    return SearchHit(
        RECEIPT,
        (file.path,),
        _time_of(receipt.finished),
        receipt.bundle_id,
        receipt.bundle_name,
        tuple(key.id for key in file.signers),
        file.claimed,
        (),
        bundle_signers=receipt.signers,
    )


def _of_bundle(unchecked: UncheckedBundle, bundle: Bundle, images: Iterable[Image]) -> SearchHit:
    manifest, signers = bundle.manifest, bundle.sealed.signers
    return SearchHit(
        BUNDLE,
        unchecked.own_folders,
        _time_of(manifest.created),
        bundle.id,
        manifest.name,
        signers,
        () if signers else unchecked.signed_by,
        (),
        media=tuple(media_with(manifest.media, _chunks_of(manifest, images))),
    )


def _chunks_of(manifest: BundleManifest, images: Iterable[Image]) -> Iterator[int]:
    """The numbers of the chunks that images need."""
    if manifest.media:
        for number in {number for image in images for number in image.needs_with_attachments}:
            yield from (piece.chunk for piece in manifest.blobs[number].stored.pieces)


def _time_of(moment: str) -> int | None:
    try:
        return seconds_of(moment)
    except ValueError:
        return None
