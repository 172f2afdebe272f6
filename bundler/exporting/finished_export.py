"""The export whose bundle is there already: whether that is what is asked for now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.copies import ChunkState, find_chunks
from bundler.bundle.files import is_there
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import Sealed, find
from bundler.bundle.partial import finished_already
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.core.difference import differences
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, SUMS_BYTES
from bundler.core.manifest import BundleManifest, is_plan_of
from bundler.errors import BundlerError, Damaged, Incomplete, Misuse, Several, Untrusted
from bundler.run import Run
from bundler.system.scratch import Scratch
from bundler.texts import first_of, text

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What this run would make.

    Attributes:
        plan: The bundle.
        key: What it is signed with; None for an unsigned one.
        passphrase: What it is encrypted with, if it is.
    """

    plan: BundleManifest
    key: PrivateKey | None
    passphrase: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A bundle that is complete and has the content that is wanted: its manifest, and its id."""

    manifest: BundleManifest
    bundle_id: str


def finished_export(path: Path, wanted: Wanted, scratch: Scratch, run: Run) -> Finished:
    """Compares a finished bundle with what this run would make.

    Its signature, SHA256SUMS, README.txt and bundle.json are checked, and that each chunk is there with its size. The
    bytes of the chunks are not read: ``bundler verify`` does that.

    Args:
        path: The bundle's folder.
        wanted: What is asked for now.
        scratch: Where an encrypted one is opened.
        run: The run that this is part of.

    Raises:
        Misuse: It is another bundle; the error says what differs.
        Damaged, Incomplete: It is this bundle, and not whole.
    """
    if not is_there(path / sums.FILE):
        raise finished_already(path)
    try:
        return _compared(path, wanted, scratch, run)
    except (Damaged, Incomplete) as error:
        raise _not_whole(path, [error]) from error


def _compared(path: Path, wanted: Wanted, scratch: Scratch, run: Run) -> Finished:
    sealed = _sealed(path, wanted.key)
    sealed.read(sums.README, SUMS_BYTES)
    bundle_id = sums.bundle_id(sealed.sums_content)
    content = sealed.read(sums.MANIFEST, BUNDLE_MANIFEST_BYTES)
    if wanted.passphrase is None and is_plan_of(content, wanted.plan):  # nothing of it needs to be held in memory
        _refuse_incomplete(path, find_chunks(sealed.listings, wanted.plan.chunks))
        return Finished(wanted.plan, bundle_id)
    del content
    bundle = sealed.load()
    manifest = _same_manifest(bundle, path, wanted, scratch, run)
    _refuse_incomplete(path, bundle.chunks)
    return Finished(manifest, bundle_id)


def _same_manifest(
    bundle: Bundle | LockedBundle, path: Path, wanted: Wanted, scratch: Scratch, run: Run
) -> BundleManifest:
    """The bundle manifest, if it says what the plan does."""
    if isinstance(bundle, LockedBundle):
        if wanted.passphrase is None:
            raise _other(path, ["--encrypt: yes there, no now"])
        bundle = bundle.unlock(wanted.passphrase, scratch=scratch, jobs=run.jobs, cancellation=run.cancellation)
    elif wanted.passphrase is not None:
        raise _other(path, ["--encrypt: no there, yes now"])
    try:
        found = differences(bundle.manifest, wanted.plan)
    finally:
        bundle.close()
    if found:
        raise _other(path, found)
    return bundle.manifest


def _sealed(path: Path, key: PrivateKey | None) -> Sealed:
    """The bundle, if it was signed as it would be now."""
    unchecked = find([path])
    signers = ", ".join(unchecked.signed_by) or "nobody"
    if key is None:
        if unchecked.signed_by:
            raise _other(path, [text("--key: signed by {signers} there, by nobody now", signers=signers)])
        return unchecked.taken_as_it_is()
    try:
        return unchecked.trusted_by([key.public])
    except Untrusted as error:
        raise _other(
            path, [text("--key: signed by {signers} there, by {key} now", signers=signers, key=key.id)]
        ) from error


def _refuse_incomplete(path: Path, chunks: tuple[ChunkState, ...]) -> None:
    problems = [state.problem for state in chunks if state.problem is not None]
    if problems:
        raise _not_whole(path, problems)


def _not_whole(path: Path, problems: list[BundlerError]) -> Several:
    """The error for the bundle of an earlier run that was damaged since: here it can be made once more."""
    return Several(
        text("{path}: the bundle is there, and not whole", path=path),
        problems,
        hint="remove it, and run the same command again",
    )


def _other(path: Path, found: list[str]) -> Misuse:
    told = first_of(found, _SHOWN)
    return Misuse(
        text("a bundle of this name is there already, with other content; {differences}", differences=told),
        subject=str(path),
        hint="choose another --name or -o DIR; or remove it",
    )
