"""Opens a bundle in steps. Each step has a type of its own, so that nothing is used before it was checked.

Folders → `UncheckedBundle` (nothing parsed) → trusted `Sealed` (SHA256SUMS under a good signature) → `Bundle`
(bundle.json matches SHA256SUMS), or `LockedBundle` if it is encrypted. Nothing is written. Only files are opened that
a checked file names. FORMAT.md, section 11. Finding bundles on media: `bundler.bundle.survey`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bundler.bundle import signing, sums
from bundler.bundle.copies import find_chunks, identified, misnamed
from bundler.bundle.file_system import UNREADABLE, read_bounded
from bundler.bundle.listing import Listing, look_into
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.bundle.survey import DifferentBundles, FoundBundle, survey
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, SIGNATURE_BYTES
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.core.protocols import Passed
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Misuse, Untrusted
from bundler.system.bundle_paths import BundlePath
from bundler.texts import some, text

Opened = TypeVar("Opened", bound=Bundle | LockedBundle)


@frozen
class UncheckedBundle:
    """The folders of one bundle and its SHA256SUMS as they were found. Nothing of it is trusted.

    Attributes:
        listings: The listings of its folders.
        sums_content: The bytes of SHA256SUMS.
        skipped: The reasons for which some folders of the media were not searched.
    """

    listings: tuple[Listing, ...]
    sums_content: bytes
    skipped: tuple[BundlerError, ...] = ()

    @property
    def folders(self) -> tuple[BundlePath, ...]:
        """Its folders."""
        return tuple(listing.folder for listing in self.listings)

    @property
    def signed_by(self) -> tuple[str, ...]:
        """The key ids that the names of signature files claim; the files are not opened."""
        claimed = {key_id for listing in self.own_listings for key_id, _ in listing.signatures() if key_id}
        return tuple(sorted(claimed))

    @property
    def own_folders(self) -> tuple[BundlePath, ...]:
        """Its folders that have a SHA256SUMS, which lists what belongs to them."""
        return tuple(listing.folder for listing in self.own_listings)

    @property
    def id(self) -> str:
        """The SHA-256 of SHA256SUMS."""
        return sums.bundle_id(self.sums_content)

    @property
    def own_listings(self) -> tuple[Listing, ...]:
        """The listings of folders that belong to the bundle alone. A medium with some chunks may have other files."""
        return tuple(listing for listing in self.listings if listing.has_sums)

    def trusted_by(self, keys: Sequence[signing.PublicKey], *, required: int = 1) -> Sealed:
        """Returns the bundle if enough of the keys signed it.

        Args:
            keys: The keys that the importer trusts.
            required: The number of different keys that must have signed.

        Raises:
            Misuse: No signature would be required.
            Untrusted: Too few have signed.
            Damaged: The signed bytes are not a list of checksums.
        """
        if required < 1:  # every bundle has no signature
            raise Misuse.of_field("required_signatures", expected=">= 1", actual=str(required))
        signatures, unreadable = self._signatures(keys)
        try:
            good = signing.signers(
                self.sums_content,
                signatures,
                keys,
                claimed=self.signed_by,
                required=required,
                where=str(self.listings[0].folder),
            )
        except Untrusted as error:
            if unreadable and required == 1:
                raise next(iter(unreadable.values())) from None  # it says more than that nobody signed
            hint = sums.conversion_hint(self.sums_content)
            if hint and isinstance(error, signing.BadSignature):
                raise error.but(hint=hint) from error.__cause__
            raise
        ids = tuple(key.id for key in good)
        bad = tuple(each for each in signatures if each not in ids)
        return replace(
            self.taken_as_it_is(),
            signers=ids,
            bad_signers=bad,
            others=self._no_signatures(keys),
            signer_fingerprints=tuple(key.fingerprint for key in good),
            trusted_fingerprints=tuple(dict.fromkeys(key.fingerprint for key in keys)),
        )

    def _signatures(self, keys: Sequence[signing.PublicKey]) -> tuple[dict[str, bytes], dict[str, Untrusted]]:
        """Reads the signatures of the keys, and the reasons for unreadable ones. Opens no signatures of other keys.

        If media have several copies, a good one is taken: a damaged copy makes it no worse. If the name of a file has
        lost its key id, each key tries it, and it is no fault if it fits none.
        """
        found: dict[str, bytes] = {}
        unreadable: dict[str, Untrusted] = {}
        by_id: dict[str | None, list[BundlePath]] = {}
        for listing in self.listings:
            for key_id, entry in listing.signatures():
                by_id.setdefault(key_id, []).append(entry.path)
        nameless = [content for path in by_id.get(None, ())[:_NAMELESS] if (content := _signature_in(path))]
        for key in keys:
            for path in by_id.get(key.id, ()):
                try:
                    signature = read_bounded(path, SIGNATURE_BYTES)
                except UNREADABLE as error:
                    unreadable[key.id] = Untrusted(
                        text("not a signature: {reason}", reason=error.message),
                        subject=str(path),
                        hint=text(
                            "a signature has {signature_bytes} bytes: copy it again, in binary mode",
                            signature_bytes=SIGNATURE_BYTES,
                        ),
                        code="bad-signature",
                    )
                    signature = b""
                if key.id not in found or key.verifies(signature, self.sums_content):
                    found[key.id] = signature
            for signature in filter(partial(key.verifies, message=self.sums_content), nameless):
                found[key.id] = signature
        return found, {each: error for each, error in unreadable.items() if not found[each]}

    def _no_signatures(self, keys: Sequence[signing.PublicKey]) -> tuple[Damaged, ...]:
        """Files with names of signatures that are none. None is opened; the files of the keys were judged before."""
        judged = {key.id for key in keys}
        return tuple(
            Damaged(
                "not a signature",
                subject=str(entry.path),
                expected=text("a file of {signature_bytes} bytes", signature_bytes=SIGNATURE_BYTES),
                actual=text("{size} bytes", size=entry.size_bytes) if entry.is_file else entry.kind,
                hint="remove it, or ask its signer to sign again",
            )
            for listing in self.own_listings
            for key_id, entry in listing.signatures()
            if not entry.is_file or (entry.size_bytes != SIGNATURE_BYTES and key_id not in judged)
        )

    def taken_as_it_is(self) -> Sealed:
        """Returns the bundle without any trust, for users who ask for that explicitly.

        Raises:
            Damaged: SHA256SUMS is not a list of checksums.
        """
        listed = sums.parse_sums(self.sums_content)
        skipped = list(self.skipped)
        folders = sums.folders_of(listed)
        return Sealed(
            tuple(look_into(listing, folders, skipped.append) for listing in self.listings),
            self.sums_content,
            listed,
            others=self._no_signatures(()),
            skipped=tuple(skipped),
        )


class SeveralBundles(Misuse):
    """More than one bundle on the media, and none was chosen."""

    def __init__(self, bundles: Sequence[UncheckedBundle]) -> None:
        folders = [str(bundle.own_folders[0]) for bundle in bundles]
        count, first = len(bundles), folders[0]
        super().__init__(
            text("{count} bundles are here; give one of them", count=count),
            subject=some(folders),
            hint=text("give the folder of one of them: {first}", first=first),
        )
        self.bundles = tuple(bundles)


def find(paths: Iterable[BundlePath]) -> UncheckedBundle:
    """Finds the bundle in some folders or media.

    Raises:
        SeveralBundles: There are several, and none was named by its own folder.
        Misuse, Incomplete, Damaged, LocalStorage: As `bundler.bundle.survey.survey`.
    """
    bundles = find_all(paths)
    if len(bundles) > 1:
        raise SeveralBundles(bundles)
    return bundles[0]


def find_several(paths: Iterable[BundlePath]) -> tuple[UncheckedBundle, ...]:
    """Finds the bundles in some folders or media; those whose own folders were named, if there are such.

    Raises:
        Misuse, Incomplete, Damaged, LocalStorage: As `bundler.bundle.survey.survey`.
    """
    try:
        return find_all(paths)
    except DifferentBundles as error:
        return tuple(map(_unchecked, error.bundles))


def find_all(paths: Iterable[BundlePath]) -> tuple[UncheckedBundle, ...]:
    """Finds all bundles in some folders or media; at least one.

    Raises:
        Misuse, Incomplete, Damaged, LocalStorage: As `bundler.bundle.survey.survey`.
    """
    return tuple(map(_unchecked, survey(paths)))


def _unchecked(found: FoundBundle) -> UncheckedBundle:
    return UncheckedBundle(found.listings, found.sums_content, found.skipped)


def load(sealed: Sealed) -> Bundle | LockedBundle:
    """Reads the bundle manifest of a trusted bundle, and finds the chunks that are here.

    Raises:
        Damaged: bundle.json does not match SHA256SUMS, or contradicts itself.
        Incomplete: bundle.json is missing.
    """
    # No variable holds the bytes: they can go before their document becomes a manifest.
    manifest = read_manifest(sealed.read(roles.MANIFEST.file, BUNDLE_MANIFEST_BYTES), what=roles.MANIFEST.file)
    needed = [chunk.file for chunk in manifest.chunks]
    if isinstance(manifest, OuterManifest):
        needed.append(roles.CONTENT.file)
    unlisted = [file for file in needed if file not in sealed.sums]
    if unlisted:
        raise Damaged(
            text("{file} does not list {unlisted}", file=roles.SUMS.file, unlisted=unlisted[0]),
            subject=roles.MANIFEST.file,
        )
    chunks = find_chunks(sealed.listings, manifest.chunks)
    if isinstance(manifest, OuterManifest):
        return LockedBundle(sealed, manifest, chunks)
    is_remote = any(isinstance(listing.folder, S3Path) for listing in sealed.listings)
    return Bundle(sealed, manifest, chunks, is_remote=is_remote)


def with_misnamed(bundle: Opened, passed: Passed, *, began: Callable[[int], object]) -> Opened:
    """Returns the bundle with the chunks that are in its folders under other names than their own.

    Args:
        bundle: The bundle with the chunks that have their own names.
        passed: As for `bundler.bundle.copies.identified`.
        began: Receives the number of bytes that will be read, if any.
    """
    sealed = bundle.sealed
    unknown = misnamed(sealed.listings, bundle.chunks)
    if not unknown:
        return bundle
    began(sum(entry.size_bytes for entry in unknown))
    return replace(bundle, chunks=identified(unknown, bundle.chunks, sealed.sums, sealed.contents, passed))


_NAMELESS = 16
"""The largest number of signature files without key ids that are read. Media that cut names hold few files."""


def _signature_in(path: BundlePath) -> bytes | None:
    try:
        content = read_bounded(path, SIGNATURE_BYTES)
    except UNREADABLE:
        return None  # `_no_signatures` reports it
    return content if len(content) == SIGNATURE_BYTES else None
