"""``bundler sign``: adds a signature to a sealed bundle, after all of it was verified. There is no blind signing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.opening import find
from bundler.bundle.signing import PrivateKey
from bundler.commands.verify import VerifyRequest, VerifyResult, verify
from bundler.core import roles
from bundler.core.limits import SIGNATURE_BYTES
from bundler.errors import BundlerError, LocalStorage, Untrusted
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key, refuse_on_medium
from bundler.run import Run
from bundler.system.durable_files import place_durably
from bundler.system.files import is_there, read_bounded
from bundler.texts import text


@dataclass(frozen=True, slots=True)
class SignRequest:
    """What ``bundler sign`` was asked for."""

    paths: tuple[Path, ...]
    key_path: Path
    key_passphrases: Passphrases = no_passphrases
    trust: tuple[Path, ...] = ()
    required_signatures: int = 1
    unlocking: Unlocking = LOCKED


@dataclass(frozen=True, slots=True)
class SignResult:
    """A bundle that was verified, and signed if nothing was wrong with it.

    Attributes:
        verified: What was found.
        key_id: Of the key that signs.
        files: The signature in each folder that has SHA256SUMS; empty if it was not signed.
        written: Those of them that were not there before.
    """

    verified: VerifyResult
    key_id: str
    files: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if it is signed, else that of the worst finding."""
        return self.verified.exit_code


def sign(request: SignRequest, run: Run | None = None) -> SignResult:
    """Verifies a bundle to its last byte, and signs it if nothing at all is wrong.

    Idempotent: Ed25519 signatures have no randomness, so that a bundle which has the signature stays as it is.

    Raises:
        Misuse: The key cannot be used or is on the medium, or a passphrase is missing.
        Untrusted: Too few trusted keys have signed it, or a signature does not fit.
        Damaged, Incomplete: It could not be verified at all.
        LocalStorage: The signature cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    key = read_private_key(request.key_path, request.key_passphrases, run.listener)
    unchecked = find(request.paths)
    refuse_on_medium(request.key_path, unchecked.folders)
    _check_places(_signature_files(unchecked.folders, key.id), key.id)
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


def _signature_files(folders: Sequence[Path], key_id: str) -> list[Path]:
    """Where the signature belongs: on every medium that says what is signed."""
    return [folder / roles.signature_file(key_id) for folder in folders if is_there(folder / roles.SUMS.file)]


def _check_places(files: Sequence[Path], key_id: str) -> None:
    """Finds out before the long check whether there will be a place for its result.

    Raises:
        Untrusted: Something else has the name of the signature.
        LocalStorage: Nothing can be written there.
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


def _add(key: PrivateKey, message: bytes, files: Sequence[Path]) -> list[Path]:
    signature = key.sign(message)
    missing = [file for file in files if not _has(file, signature, key.id)]
    for file in missing:
        place_durably(file, signature)
    return missing


def _has(file: Path, signature: bytes, key_id: str) -> bool:
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
