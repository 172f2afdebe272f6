"""Opens a bundle, in steps, each with a type of its own, so that nothing is used before it was checked.

Folders → `UncheckedBundle` (nothing parsed) → trusted `Sealed` (SHA256SUMS under a good signature) → `Bundle`
(bundle.json as SHA256SUMS says), or `LockedBundle` where that is encrypted. Nothing is written, and no file is opened
that is not named by what was checked before. FORMAT.md, section 11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle import signing, sums
from bundler.bundle.files import find_copies, is_there, names_in, read_bounded
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle, find_chunk
from bundler.core.bundle_name import CHUNK_NAME
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, SIGNATURE_BYTES, SUMS_BYTES
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse, Untrusted


@dataclass(frozen=True, slots=True)
class UncheckedBundle:
    """The folders of one bundle and its SHA256SUMS as they were found. Nothing of it is believed.

    ``signed_by`` are the key ids that the names of signature files claim, read no further.
    """

    folders: tuple[Path, ...]
    sums_content: bytes
    signed_by: tuple[str, ...]

    def trusted_by(self, keys: Sequence[signing.PublicKey], *, required: int = 1) -> Sealed:
        """The bundle, if enough of the keys signed it.

        Args:
            keys: Whom the importer trusts.
            required: How many different ones must have signed.

        Raises:
            Untrusted: Too few did.
            Damaged: What was signed is not a list of checksums.
        """
        signatures, unreadable = self._signatures(keys)
        try:
            good = signing.signers(self.sums_content, signatures, keys, claimed=self.signed_by, required=required)
        except Untrusted as error:
            if unreadable and required == 1:
                raise next(iter(unreadable.values())) from None  # it says more than that nobody signed
            if error.code == "bad-signature":
                error.hint = sums.conversion_hint(self.sums_content) or error.hint
            raise
        ids = tuple(key.id for key in good)
        bad = tuple(each for each in signatures if each not in ids)
        return Sealed(
            self.folders,
            self.sums_content,
            sums.parse_sums(self.sums_content),
            ids,
            bad,
            signer_fingerprints=tuple(key.fingerprint for key in good),
            trusted_fingerprints=tuple(dict.fromkeys(key.fingerprint for key in keys)),
        )

    def _signatures(self, keys: Sequence[signing.PublicKey]) -> tuple[dict[str, bytes], dict[str, Untrusted]]:
        """The signatures by the keys, and why some are empty because they cannot be read; strangers' are not opened.

        Of several copies on several media a good one is taken: that another one was damaged makes it no worse.
        """
        found: dict[str, bytes] = {}
        unreadable: dict[str, Untrusted] = {}
        for key in keys:
            copies = [folder / sums.signature_file(key.id) for folder in self.folders]
            for path in filter(is_there, copies):
                try:
                    signature = read_bounded(path, SIGNATURE_BYTES)
                except (Damaged, LocalStorage) as error:
                    unreadable[key.id] = Untrusted(
                        f"not a signature: {error.message}",
                        subject=str(path),
                        hint=f"it has {SIGNATURE_BYTES} bytes: copy it again, in binary mode",
                        code="bad-signature",
                    )
                    signature = b""
                if key.id not in found or key.verifies(signature, self.sums_content):
                    found[key.id] = signature
        return found, {each: error for each, error in unreadable.items() if not found[each]}

    def taken_as_it_is(self) -> Sealed:
        """The bundle without any trust, for those who said that they want it so.

        Raises:
            Damaged: SHA256SUMS is not a list of checksums.
        """
        return Sealed(self.folders, self.sums_content, sums.parse_sums(self.sums_content), ())


@dataclass(frozen=True, slots=True)
class Sealed:
    """SHA256SUMS, parsed, and the trusted signers; none if the caller asked for no trust.

    ``bad_signers`` are trusted keys whose signature is there and does not fit, or is none: others signed enough.
    The fingerprints are those of the signers and of all keys that were trusted, 64 hex each.
    """

    folders: tuple[Path, ...]
    sums_content: bytes
    sums: dict[str, str]
    signers: tuple[str, ...]
    bad_signers: tuple[str, ...] = ()
    signer_fingerprints: tuple[str, ...] = ()
    trusted_fingerprints: tuple[str, ...] = ()

    def load(self) -> Bundle | LockedBundle:
        """Reads the bundle manifest, and looks which chunks are there.

        Raises:
            Damaged: bundle.json is not what SHA256SUMS says, or contradicts itself.
            Incomplete: bundle.json is missing.
        """
        content = self.read(sums.MANIFEST, BUNDLE_MANIFEST_BYTES)
        manifest = read_manifest(content, what=sums.MANIFEST)
        needed = [chunk.file for chunk in manifest.chunks]
        if isinstance(manifest, OuterManifest):
            needed.append(sums.CONTENT)
        unlisted = [file for file in needed if file not in self.sums]
        if unlisted:
            raise Damaged(f"{sums.FILE} does not list {unlisted[0]}", subject=sums.MANIFEST)
        chunks = tuple(find_chunk(self.folders, chunk) for chunk in manifest.chunks)
        if isinstance(manifest, OuterManifest):
            return LockedBundle(self, manifest, chunks)
        return Bundle(self, manifest, chunks)

    def read(self, name: str, limit_bytes: int) -> bytes:
        """A small file: the first copy that is what SHA256SUMS says.

        Raises:
            Damaged, Incomplete, LocalStorage: There is none.
        """
        if name not in self.sums:
            raise Damaged(f"{sums.FILE} does not list {name}", subject=sums.FILE)
        problems: list[BundlerError] = []
        for path in find_copies(self.folders, name):
            try:
                return self.checked(name, path, limit_bytes)
            except (Damaged, Incomplete, LocalStorage) as error:
                problems.append(error)
        raise problems[0]

    def checked(self, name: str, path: Path, limit_bytes: int) -> bytes:
        """The content of one copy of a small file, which SHA256SUMS lists.

        Raises:
            Damaged, Incomplete, LocalStorage: It cannot be read, or is not what SHA256SUMS says.
        """
        content = read_bounded(path, limit_bytes)
        actual = hashlib.sha256(content).hexdigest()
        if actual != self.sums[name]:
            raise Damaged(
                "the file was changed or damaged",
                subject=str(path),
                expected=self.sums[name],
                actual=actual,
                hint=sums.conversion_hint(content) or f"copy {name} again",
            )
        return content


def find(paths: Iterable[Path]) -> UncheckedBundle:
    """Finds the bundle in some folders or media, in any order; reads SHA256SUMS and the signatures, believes nothing.

    A path may be the bundle's folder, a folder with some of its chunks, or a medium with the bundle's folder in it.

    Raises:
        Misuse: There is no bundle, or there are parts of different bundles.
        Incomplete: There is only an export that was not finished.
    """
    paths = tuple(paths)
    folders = tuple(dict.fromkeys(folder for path in paths for folder in _bundle_folders(path)))
    for folder in folders:
        if folder.resolve().name.endswith(sums.PARTIAL):
            raise _unfinished(folder)  # also one that lacks nothing but its name
    with_sums = [folder for folder in folders if is_there(folder / sums.FILE)]
    if not with_sums:
        _explain_absence(paths)
    content = read_bounded(with_sums[0] / sums.FILE, SUMS_BYTES)
    for other in with_sums[1:]:
        if read_bounded(other / sums.FILE, SUMS_BYTES) != content:
            raise Misuse(
                f"{with_sums[0]} and {other} are parts of different bundles, or one {sums.FILE} was changed",
                hint="give the folders of one bundle at a time",
            )
    claimed = {signer for folder in with_sums for name in names_in(folder) if (signer := sums.signer_of(name))}
    return UncheckedBundle(folders, content, tuple(sorted(claimed)))


def _bundle_folders(path: Path) -> list[Path]:
    if not is_there(path):
        raise Misuse("there is no such folder", subject=str(path))
    if not path.is_dir():
        raise Misuse("not a folder", subject=str(path), hint="give the folder of the bundle")
    names = names_in(path)
    if sums.FILE in names or any(CHUNK_NAME.fullmatch(name) for name in names):
        return [path]
    inner = [path / name for name in names if _is_folder(path / name) and is_there(path / name / sums.FILE)]
    finished = [folder for folder in inner if not folder.name.endswith(sums.PARTIAL)]
    return finished or inner or [path]


def _unfinished(folder: Path) -> Incomplete:
    return Incomplete(
        "this export was not finished", subject=str(folder), hint="run the same export again to finish it"
    )


def _is_folder(path: Path) -> bool:
    """Whether it is a folder of the medium itself: links lead anywhere."""
    return path.is_dir() and not path.is_symlink()


def _explain_absence(paths: Sequence[Path]) -> None:
    for path in paths:
        unfinished = [path] if path.name.endswith(sums.PARTIAL) else sorted(path.glob(f"*{sums.PARTIAL}"))
        if unfinished:
            raise _unfinished(unfinished[0])
        if any(CHUNK_NAME.fullmatch(name) for name in names_in(path)):
            hint = f"bring {sums.FILE} and its .sig files"
            raise Incomplete(f"{sums.FILE} is missing", subject=str(path), hint=hint, code="incomplete")
    raise Misuse(f"no bundle here: there is no {sums.FILE}", subject=", ".join(map(str, paths)))
