"""``bundler search``: the receipts and bundles that have an image, newest first. Verifies no chunk, changes nothing.

Signatures are checked and shown, and none is demanded: people also ask about media that are not trusted yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
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
    searching = _Search(SearchText.parse(request.text), request.trust, run or Run())
    searching.run.listener(PhaseBegan("searching", 0, in_bytes=False))
    if not request.paths:
        searching.receipts_in([folder for folder in earlier_folders(None) if folder.is_dir()])
    for path in request.paths:
        searching.at(path)
    searching.read_bundles()
    searching.run.listener(PhaseEnded("searching"))
    found = sorted(searching.found, key=lambda each: each.time or 0, reverse=True)
    return SearchResult(
        request.text,
        tuple(found),
        searching.receipts,
        searching.bundles,
        tuple(searching.unused),
        searching.more,
        not request.paths,
    )


class _Search:
    """The findings so far. Local to `search`."""

    def __init__(self, wanted: SearchText, trust: tuple[Path, ...], run: Run) -> None:
        self._wanted = wanted
        self._trust = trust
        self.run = run
        self.found: list[SearchHit] = []
        self.unused: list[tuple[BundlePath, BundlerError]] = []
        self.receipts = self.bundles = self.more = 0
        self._kept = 0
        self._bundles: dict[str, UncheckedBundle] = {}

    def at(self, path: BundlePath) -> None:
        """Searches a receipt, or the receipts in a folder. Finds the bundles there.

        Raises:
            Misuse: There is neither.
        """
        if isinstance(path, Path) and not path.is_dir():
            self.receipts += 1
            self._read_receipts([path])
            return
        bundles, absence = self._bundles_at(path)
        for bundle in bundles:
            known = self._bundles.get(bundle.id)
            listings = (*known.listings, *bundle.listings) if known else bundle.listings
            self._bundles[bundle.id] = replace(bundle, listings=listings)
        receipts = self.receipts
        if isinstance(path, Path):
            self.receipts_in([path])
        if absence is not None and self.receipts == receipts:
            raise absence

    def _bundles_at(self, path: BundlePath) -> tuple[tuple[UncheckedBundle, ...], BundlerError | None]:
        """Finds the bundles in a folder; the error for none, which is one unless there are receipts.

        It goes first, because it bounds the number of files in the folder.
        """
        try:
            bundles = find_several([path])
        except Incomplete as error:
            return (), error
        except Misuse as error:
            if isinstance(path, S3Path):
                return (), error
            hint = "give a receipt, a folder of receipts, a bundle, or a medium with bundles"
            return (), Misuse("no bundle and no receipt here", subject=str(path), hint=hint)
        self.unused += [(path, error) for error in bundles[0].skipped]
        return bundles, None

    def read_bundles(self) -> None:
        """Searches the bundles of all paths. Two media of one bundle are one bundle."""
        for bundle in self._bundles.values():
            self._in_bundle(bundle)

    def receipts_in(self, folders: list[Path]) -> None:
        """Searches the receipts of some folders."""
        if folders:
            self._read_receipts(folders)

    def _read_receipts(self, paths: list[Path]) -> None:
        chooser, with_blobs = chooser_of(self._wanted), bool(self._wanted.digits)
        reading = Receipts(
            paths,
            self._trust,
            self.run.listener,
            lambda content, what: parse_receipt_part(content, chooser, what=what, with_blobs=with_blobs),
            patterns=PATTERNS,
            is_wanted=self._may_have,
        )
        for file, receipt in reading.files():
            self.run.cancellation.check()
            self._add(_of_receipt(file, receipt), found_in_receipt(receipt, self._wanted))
        self.unused += reading.unused
        self.more += reading.more

    def _may_have(self, path: Path) -> bool:
        """False if a file is no receipt, or cannot have the text. A damaged one is read again for its error."""
        self.run.cancellation.check()
        if not is_receipt(path):
            return False
        self.receipts += 1
        self.run.listener(Moved(1))
        try:
            content = read_bounded(path, RECEIPT_BYTES)
            return not content.rstrip().endswith(b"}") or self._wanted.may_be_in(content)
        except (Damaged, Incomplete, LocalStorage):
            return True

    def _in_bundle(self, unchecked: UncheckedBundle) -> None:
        self.run.cancellation.check()
        keys = trusted_keys(self._trust, judged=Judged(locals_of(unchecked.folders)))
        try:
            bundle = load(_sealed(unchecked, keys))
        except (Damaged, Incomplete, LocalStorage, Refused) as error:
            self.unused.append((unchecked.own_folders[0], error))
            return
        self.run.listener(Moved(1))
        if not isinstance(bundle, Bundle):
            hint = "bundler inspect --passphrase-file FILE"
            self.unused.append(
                (unchecked.own_folders[0], Misuse("an encrypted bundle: its images are not known", hint=hint))
            )
            return
        self.bundles += 1
        manifest = bundle.manifest
        found = list(found_in_manifest(manifest, self._wanted))
        images = (image for _, image in found)
        self._add(_of_bundle(unchecked, bundle, (image for image, _ in found)), images)

    def _add(self, found: SearchHit, images: Iterable[FoundImage]) -> None:
        kept: list[FoundImage] = []
        more = 0
        for image in images:
            if self._kept < SEARCH_IMAGES:
                kept.append(image)
                self._kept += 1
            else:
                more += 1
        if kept or more:
            self.found.append(replace(found, images=tuple(kept), more=more))


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
