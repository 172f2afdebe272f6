"""``bundler sign``: verifies a sealed bundle as a whole, then adds a signature. Nothing is signed unseen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bundler.bundle.file_system import is_there, read_bounded
from bundler.bundle.opening import find
from bundler.bundle.signing import PrivateKey
from bundler.commands.verify import VerifyRequest, VerifyResult, verify
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_BYTES
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, LocalStorage, Untrusted
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key, refuse_on_medium
from bundler.run import Run
from bundler.system.bundle_paths import BundlePath, locals_of
from bundler.system.durable_files import place_durably
from bundler.system.request_fields import Request
from bundler.texts import text


@frozen
class SignRequest(Request):
    """A request to ``bundler sign``."""

    paths: tuple[BundlePath, ...]
    key_path: Path
    key_passphrases: Passphrases = no_passphrases
    trust: tuple[Path, ...] = ()
    required_signatures: int = 1
    unlocking: Unlocking = LOCKED


@frozen
class SignResult:
    """A bundle that was verified, and signed if nothing was wrong with it.

    Attributes:
        verified: The result of the verification.
        key_id: The id of the key that signs.
        files: The signature files, one in each folder or place that has SHA256SUMS; empty if the bundle was not signed.
        written: The signature files that did not exist before.
    """

    verified: VerifyResult
    key_id: str
    files: tuple[BundlePath, ...] = ()
    written: tuple[BundlePath, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if the bundle is signed, else the exit code of the worst finding."""
        return self.verified.exit_code


def sign(request: SignRequest, run: Run | None = None) -> SignResult:
    """Verifies a bundle to its last byte, and signs it if nothing at all is wrong.

    Idempotent: Ed25519 signatures have no randomness, so a bundle that has the signature stays unchanged.

    Raises:
        Misuse: The key cannot be used or is on the medium, or a passphrase is missing.
        Untrusted: Too few trusted keys have signed the bundle, or a signature does not match.
        Damaged, Incomplete: The bundle could not be verified at all.
        LocalStorage, Refused, Unavailable: The signature cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    key = read_private_key(request.key_path, request.key_passphrases, run.listener)
    unchecked = find(request.paths)
    refuse_on_medium(request.key_path, locals_of(unchecked.folders))
    _check_places(locals_of(_signature_files(unchecked.folders, key.id)), key.id)
    verified = verify(
        VerifyRequest(
            request.paths,
            request.trust,
            required_signatures=request.required_signatures,
            unlocking=request.unlocking,
        ),
        run,
    )
    if verified.findings:
        return SignResult(verified, key.id)
    sealed, manifest = verified.bundle.sealed, verified.bundle.manifest
    if not manifest.signed:
        raise Untrusted("the bundle was made with --unsigned", subject=manifest.name, code="unsigned")
    if sealed.bad_signers:
        raise _misfit(roles.signature_file(sealed.bad_signers[0]), sealed.bad_signers[0])
    files = _signature_files(sealed.folders, key.id)
    return SignResult(verified, key.id, tuple(files), tuple(_add(key, sealed.sums_content, files)))


def _signature_files(folders: Sequence[BundlePath], key_id: str) -> list[BundlePath]:
    """The paths of the signature: one next to each SHA256SUMS."""
    return [folder / roles.signature_file(key_id) for folder in folders if is_there(folder / roles.SUMS.file)]


def _check_places(files: Sequence[Path], key_id: str) -> None:
    """Checks before the long verification that the signature can be written.

    Raises:
        Untrusted: Another file has the name of the signature.
        LocalStorage: A folder is not writable.
    """
    for file in files:
        if os.path.lexists(file) and (os.path.islink(file) or not os.path.isfile(file)):
            raise _misfit(str(file), key_id)
        if not is_there(file) and not os.access(file.parent, os.W_OK | os.X_OK, effective_ids=True):
            raise LocalStorage(
                "the signature cannot be written: the medium is read-only, or you have no permission to write to it",
                subject=str(file.parent),
                hint=text(
                    "sign a copy on a disk, and copy its {file} (64 bytes) into the bundle's folder later",
                    file=file.name,
                ),
            )


def _add(key: PrivateKey, message: bytes, files: Sequence[BundlePath]) -> list[BundlePath]:
    signature = key.sign(message)
    missing = [file for file in files if not _has(file, signature, key.id)]
    for file in missing:
        if isinstance(file, S3Path):
            from bundler.bundle.s3.writing import write_object

            write_object(file, signature)
        else:
            place_durably(file, signature)
    return missing


def _has(file: BundlePath, signature: bytes, key_id: str) -> bool:
    if not is_there(file):
        return False
    try:
        is_same = read_bounded(file, SIGNATURE_BYTES) == signature
    except BundlerError as error:
        raise _misfit(str(file), key_id) from error
    if not is_same:
        raise _misfit(str(file), key_id)
    return True


def _misfit(file: str, key_id: str) -> Untrusted:
    return Untrusted(
        text("the signature by key {key_id} does not match SHA256SUMS; nothing was signed", key_id=key_id),
        subject=file,
        hint="ask its signer; if the file was damaged on the way, remove it, and ask for a new signature",
        code="bad-signature",
    )
