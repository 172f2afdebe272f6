"""An export whose bundle is finished already: compares that bundle with what this run would make."""

from __future__ import annotations

from collections.abc import Sequence

from bundler.bundle import sums
from bundler.bundle.bundle_place import finished_already
from bundler.bundle.copies import ChunkState, find_chunks
from bundler.bundle.file_system import is_there
from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find, load
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import Tool
from bundler.core import roles
from bundler.core.archive_kind import TAR
from bundler.core.difference import differences
from bundler.core.frozen import frozen
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, SUMS_BYTES
from bundler.core.manifest import BundleManifest, is_plan_of
from bundler.core.parity import group_number, recovery_blocks_in
from bundler.errors import BundlerError, Damaged, Incomplete, Misuse, Several, Untrusted
from bundler.exporting.channel import note_sealed
from bundler.exporting.media import with_media_of
from bundler.exporting.parity_plan import parity_plan
from bundler.exporting.planned import Planned
from bundler.exporting.result import ExportResult, result_of
from bundler.system.bundle_paths import BundlePath
from bundler.texts import first_of, text

_SHOWN = 5


@frozen
class _Finished:
    """A complete bundle with the wanted content: its manifest and its id."""

    manifest: BundleManifest
    bundle_id: str


def take_finished(planned: Planned) -> ExportResult:
    """Takes the bundle that an earlier run has finished, if it is what this run would make.

    Its signature, SHA256SUMS, README.txt and bundle.json are checked, and that each chunk is there with its size. The
    bytes of the chunks are not read: ``bundler verify`` does that.

    Raises:
        Misuse: It is another bundle; the error says what differs. Or it cannot be compared: a dry run of an encrypted
            export asks for no passphrase.
        Damaged, Incomplete: It is this bundle, but damaged or incomplete.
    """
    session = planned.session
    path = session.folder.final_path
    if (session.request.is_encrypted and session.passphrase is None) or not is_there(path / roles.SUMS.file):
        raise finished_already(path)
    try:
        finished = _compared(path, planned)
    except (Damaged, Incomplete) as error:
        raise _not_whole(path, [error]) from error
    if not session.request.is_dry_run:
        session.folder.forget_start()
        note_sealed(session, planned.manifest.series, finished.bundle_id)
    return result_of(session, finished.manifest, planned.deviations, bundle_id=finished.bundle_id, is_old=True)


def _compared(path: BundlePath, planned: Planned) -> _Finished:
    wanted, session = planned.manifest, planned.session
    sealed = _sealed(session.folder.final_paths, session.key)
    sealed.read(roles.README.file, SUMS_BYTES)
    _check_tool(sealed, path, session.tool)
    _refuse_other_parity(path, sealed, planned)
    bundle_id = sums.bundle_id(sealed.sums_content)
    if session.passphrase is None and is_plan_of(sealed.read(roles.MANIFEST.file, BUNDLE_MANIFEST_BYTES), wanted):
        # The manifest equals the plan: it is not loaded once more, as it may take much memory.
        _refuse_incomplete(path, find_chunks(sealed.listings, wanted.chunks))
        return _Finished(wanted, bundle_id)
    bundle = load(sealed)
    manifest = _same_manifest(bundle, path, planned)
    _refuse_incomplete(path, bundle.chunks)
    return _Finished(manifest, bundle_id)


def _same_manifest(bundle: Bundle | LockedBundle, path: BundlePath, planned: Planned) -> BundleManifest:
    """The bundle manifest, if it says what the plan does."""
    session = planned.session
    if isinstance(bundle, LockedBundle):
        if session.passphrase is None:
            raise _other(path, ["--encrypt: yes there, no now"])
        run = session.run
        bundle = bundle.unlock(
            session.passphrase, scratch=session.scratch, jobs=run.jobs, cancellation=run.cancellation
        )
    elif session.passphrase is not None:
        raise _other(path, ["--encrypt: no there, yes now"])
    try:
        wanted = with_media_of(bundle.manifest, planned.manifest, session.request)
        found = differences(bundle.manifest, wanted)
    finally:
        bundle.close()
    if found:
        raise _other(path, found)
    return bundle.manifest


def _sealed(paths: Sequence[BundlePath], key: PrivateKey | None) -> Sealed:
    """The bundle, if it was signed as it would be now."""
    path = paths[0]
    unchecked = find(paths)
    signers = ", ".join(unchecked.signed_by) or "nobody"
    if key is None:
        if unchecked.signed_by:
            raise _other(path, [text("--key: signed by {signers} there, not signed now", signers=signers)])
        return unchecked.taken_as_it_is()
    try:
        return unchecked.trusted_by([key.public])
    except Untrusted as error:
        raise _other(
            path, [text("--key: signed by {signers} there, by {key} now", signers=signers, key=key.id)]
        ) from error


def _check_tool(sealed: Sealed, path: BundlePath, tool: Tool) -> None:
    """Compares the tool of the bundle with the one that this run would write, and finds its files."""
    there = {name: digest for name, digest in sealed.sums.items() if roles.role_of(name) is roles.TOOL}
    if there != tool.sums:
        words = text("--with-tool: {old} files there, {new} files now", old=len(there), new=len(tool.files))
        if there.keys() == tool.sums.keys():
            words = text("--with-tool: other files there than now")
        raise _other(path, [words])
    missing = [name for name in there if not sealed.found_copies(name)]
    if missing:
        raise _not_whole(path, [Incomplete("the file is missing", subject=name) for name in missing])


def _refuse_other_parity(path: BundlePath, sealed: Sealed, planned: Planned) -> None:
    """Refuses a bundle with more or less recovery data than this run would make.

    Raises:
        Misuse: It has.
    """
    request, manifest = planned.session.request, planned.manifest
    choice = request.parity
    there: dict[int, int] = {}
    for name in sealed.sums:
        if (number := group_number(name)) is not None:
            there[number] = there.get(number, 0) + recovery_blocks_in(name)
    if choice is not None and choice.needs_media and not request.medium_size_bytes:
        if there:
            return  # the media of the bundle have decided the amount, and they are taken over
        wanted = {1: 1}
    else:
        wanted = {group.number: group.recovery_blocks for group in parity_plan(request, manifest)}
    is_same = there.keys() == wanted.keys() if request.archive_kind is not TAR else there == wanted
    if not is_same:
        amount = text("{count:,} recovery blocks", count=sum(there.values())) if there else text("none")
        raise _other(path, [text("--parity: {there} there, {now} now", there=amount, now=choice or text("none"))])


def _refuse_incomplete(path: BundlePath, chunks: tuple[ChunkState, ...]) -> None:
    problems = [state.problem for state in chunks if state.problem is not None]
    if problems:
        raise _not_whole(path, problems)


def _not_whole(path: BundlePath, problems: list[BundlerError]) -> Several:
    """The error for the bundle of an earlier run that was damaged since then. This machine can make it again."""
    return Several(
        text("{path}: the bundle exists, but is not complete", path=path),
        problems,
        hint="remove it, and run the same command again",
    )


def _other(path: BundlePath, found: list[str]) -> Misuse:
    shown = first_of(found, _SHOWN)
    return Misuse(
        text("a bundle of this name already exists with other content; {differences}", differences=shown),
        subject=str(path),
        hint="choose another --name or -o DIR; or remove it",
    )
