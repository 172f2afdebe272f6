"""``bundler parity``: verifies a sealed bundle, adds recovery data to it, and signs it again. No chunk changes."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find, load
from bundler.bundle.parity import parity_names
from bundler.bundle.parity_maker import make_parity
from bundler.bundle.parity_switch import ADDED, discard, find_prepared, prepare, switch
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.commands.verify import VerifyRequest, VerifyResult, verify
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
from bundler.core.parity import (
    ParityChoice,
    ParityGroup,
    group_number,
    plan_parity,
    recovery_blocks_in,
)
from bundler.errors import LocalStorage, Misuse, Untrusted
from bundler.keys.open_bundle import open_trusted
from bundler.keys.private_key import Passphrases, no_passphrases, read_private_key, refuse_on_medium
from bundler.run import Run
from bundler.system.durable_files import check_space
from bundler.system.files import is_there
from bundler.system.lock import Lock
from bundler.system.par2_program import find_par2
from bundler.system.request_fields import Request
from bundler.texts import text

_LOCK = "._parity.lock"
TITLE = text("making parity")
ONE_CHUNK = ParityChoice(chunks=1)


@frozen
class ParityRequest(Request):
    """A bundle to add parity to.

    Attributes:
        path: The folder of the bundle; all of its chunks are in it.
        key_path: The private key that signs the bundle with its parity.
        key_passphrases: Gives passphrases to try on the key; called only if the key is encrypted.
        amount: The amount of parity.
        trust: The public keys that the bundle must be signed by, or folders of them; empty for the trust folder.
        required_signatures: The number of different trusted keys that must have signed it.
        is_dry_run: True to plan only, and write nothing.
    """

    path: Path
    key_path: Path
    key_passphrases: Passphrases = no_passphrases
    amount: ParityChoice = ONE_CHUNK
    trust: tuple[Path, ...] = ()
    required_signatures: int = 1
    is_dry_run: bool = False


@frozen
class ParityResult:
    """The result of ``parity``.

    Attributes:
        path: The folder of the bundle.
        name: The name of the bundle.
        old_id: The id that it had, or has if an earlier run had added the parity.
        bundle_id: The id that it has now; None in a dry run, and if it has problems.
        key_id: The id of the key that signs.
        groups: The groups of parity.
        removed_signers: The key ids whose signatures were removed, because they signed the bundle without parity.
        verified: The result of the verification before; None if an earlier run had done it.
        is_old: True if the bundle had this parity already.
    """

    path: Path
    name: str
    old_id: str
    bundle_id: str | None
    key_id: str
    groups: tuple[ParityGroup, ...]
    removed_signers: tuple[str, ...] = ()
    verified: VerifyResult | None = None
    is_old: bool = False

    @property
    def exit_code(self) -> int:
        """0, or the exit code of the worst finding if the bundle has problems: then nothing was written."""
        return self.verified.exit_code if self.verified is not None else 0


def add_parity(request: ParityRequest, run: Run | None = None) -> ParityResult:
    """Verifies a bundle to its last byte, makes its parity, and signs it with the given key.

    SHA256SUMS lists the parity, so the bundle gets a new id, and signatures by other keys are removed. If this is
    interrupted, the same command finishes it; the bundle may be refused until then.

    Args:
        request: The bundle, the amount and the key.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: The key cannot be used or is on the medium, chunks are in other folders, the bundle has other parity
            already or is one of a channel, or there is no program ``par2``.
        Untrusted: Too few trusted keys have signed the bundle, or it is unsigned.
        Damaged, Incomplete: The bundle could not be verified at all.
        Unavailable: Another process works on the bundle.
        LocalStorage: The folder cannot be written, or has not enough space.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    find_par2()
    if not is_there(request.path):
        raise Misuse("there is no such folder", subject=str(request.path), hint="give the folder of the bundle")
    if not request.path.is_dir():
        raise Misuse("not a folder", subject=str(request.path), hint="give the folder of the bundle")
    key = read_private_key(request.key_path, request.key_passphrases, run.listener)
    refuse_on_medium(request.key_path, [request.path])
    if request.is_dry_run:
        return _preview(_opened(request, run), request, key)
    lock = Lock(request.path / _LOCK)
    lock.take(str(request.path))
    try:
        prepared = find_prepared(request.path, key)
        if prepared is not None:  # an earlier run has verified all of it
            removed = switch(prepared)
            bundle = load(find([request.path]).trusted_by([key.public]))
            return _result(bundle, request, key, bundle_id=bundle.id, removed=removed)
        discard(request.path)
        return _added(_opened(request, run), request, key, run)
    finally:
        lock.release()


def _added(bundle: Bundle | LockedBundle, request: ParityRequest, key: PrivateKey, run: Run) -> ParityResult:
    if _has_parity(bundle, request):
        return _result(bundle, request, key, bundle_id=bundle.id, is_old=True)
    if not bundle.manifest.signed:
        raise Untrusted("the bundle was made with --unsigned", subject=bundle.manifest.name, code="unsigned")
    if isinstance(bundle.manifest, BundleManifest) and bundle.manifest.series is not None:
        raise Misuse(
            "a bundle of a channel must keep its id: the next one names it",
            subject=bundle.manifest.series.channel,
            hint="add parity when it is made: bundler export --channel NAME --parity 1chunk",
        )
    groups = _planned(bundle, request)
    verified = verify(
        VerifyRequest((request.path,), request.trust, required_signatures=request.required_signatures), run
    )
    if verified.findings:
        return _result(bundle, request, key, verified=verified)
    try:
        (request.path / ADDED).mkdir(exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(request.path / ADDED)) from error
    held = HeldFolder(request.path / ADDED)
    try:
        run.listener(PhaseBegan(TITLE, sum(group.data_bytes for group in groups), in_bytes=True))
        parity = make_parity(
            held, request.path, groups, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation
        )
        run.listener(PhaseEnded(TITLE))
        prepared = prepare(request.path, held, bundle, parity, key)
    finally:
        held.close()
    removed = switch(prepared)
    return _result(
        bundle,
        request,
        key,
        bundle_id=sums.bundle_id(prepared.sums_content),
        removed=tuple(each for each in removed if each != key.id),
        verified=verified,
    )


def _preview(bundle: Bundle | LockedBundle, request: ParityRequest, key: PrivateKey) -> ParityResult:
    if _has_parity(bundle, request):
        return _result(bundle, request, key, bundle_id=bundle.id, is_old=True)
    check_space(request.path, sum(group.size_bytes for group in _planned(bundle, request)))
    return _result(bundle, request, key)


def _result(
    bundle: Bundle | LockedBundle,
    request: ParityRequest,
    key: PrivateKey,
    *,
    bundle_id: str | None = None,
    removed: tuple[str, ...] = (),
    verified: VerifyResult | None = None,
    is_old: bool = False,
) -> ParityResult:
    return ParityResult(
        request.path,
        bundle.manifest.name,
        bundle.id,
        bundle_id,
        key.id,
        _planned(bundle, request),
        removed,
        verified,
        is_old,
    )


def _opened(request: ParityRequest, run: Run) -> Bundle | LockedBundle:
    """Opens the bundle, whose chunks are all in its folder, under their own names.

    Raises:
        Misuse: They are not.
    """
    bundle = open_trusted([request.path], request.trust, run, required_signatures=request.required_signatures)
    for state in bundle.chunks:
        if state.path is not None and state.path != request.path / state.chunk.file:
            raise Misuse(
                "parity needs all chunks in the folder of the bundle, under their own names",
                subject=str(state.path),
                expected=str(request.path / state.chunk.file),
            )
    return bundle


def _planned(bundle: Bundle | LockedBundle, request: ParityRequest) -> tuple[ParityGroup, ...]:
    chunks = bundle.manifest.chunks
    largest = max(bundle.manifest.chunk_size_bytes, *(chunk.size_bytes for chunk in chunks))
    return plan_parity(chunks, request.amount, largest_file_bytes=largest)


def _has_parity(bundle: Bundle | LockedBundle, request: ParityRequest) -> bool:
    """True if the bundle has the parity that is asked for.

    Raises:
        Misuse: It has other parity.
    """
    names = parity_names(bundle)
    if not names:
        return False
    there: dict[int | None, int] = {}
    for name in names:
        there[group_number(name)] = there.get(group_number(name), 0) + recovery_blocks_in(name)
    wanted = {group.number: group.recovery_blocks for group in _planned(bundle, request)}
    if there != wanted:
        raise Misuse(
            "the bundle has parity already, of another amount",
            subject=str(request.path),
            expected=text("{count:,} recovery blocks", count=sum(wanted.values())),
            actual=text("{count:,} recovery blocks", count=sum(there.values())),
            hint="export it again with another --parity",
        )
    return True
