"""Asked: the need-list is read, and compared with the signed bundle that it asks parts of.

The need-list may be forged. It only chooses among the parts of a bundle that the builder gave: folders and hosts come
from the command line and from the signed bundle, never from the need-list.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.opening import find_all
from bundler.bundle.reader import Bundle
from bundler.core import roles
from bundler.core.events import Noticed
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
from bundler.core.need_by_blobs import with_chunks
from bundler.core.need_line import Wanted, is_line, parse_line
from bundler.core.need_list import NeedList, parse_need_list
from bundler.errors import BundlerError, Damaged, Incomplete, Misuse, SumsMissing
from bundler.fulfilling.request import FulfilRequest
from bundler.keys.open_bundle import open_trusted
from bundler.keys.signed_files import NEED_FILE, Demand, read_signed
from bundler.run import Run
from bundler.system.bundle_paths import locals_of
from bundler.texts import text


@frozen
class Asked:
    """A request that can be worked on.

    Attributes:
        request: The request.
        run: The run that this is part of.
        wanted: The parts that are wanted. They are parts of the bundle.
        copies: The copies of the bundle that were given, at least one; each may lack any chunk.
        lists: The image lists and single images that were given.
        signers: The ids of the trusted keys that signed the need-list.
    """

    request: FulfilRequest
    run: Run
    wanted: Wanted
    copies: tuple[Bundle | LockedBundle, ...]
    lists: tuple[str, ...]
    signers: tuple[str, ...]

    @property
    def bundle(self) -> Bundle | LockedBundle:
        """The bundle; its small files are there."""
        return self.copies[0]

    @property
    def manifest(self) -> BundleManifest | None:
        """The bundle manifest; None if it is encrypted."""
        return self.bundle.manifest if isinstance(self.bundle, Bundle) else None


def ask(request: FulfilRequest, run: Run) -> Asked:
    """Reads the need-list, and opens the bundle that it is about.

    Raises:
        Misuse: There is no copy of the bundle, or only another bundle.
        Untrusted: No trusted key signed the bundle; or the signature of the need-list does not match.
        Damaged, Refused: The need-list is none, or contradicts the bundle.
    """
    folders = tuple(Path(source) for source in request.sources if os.path.isdir(source))
    lists = tuple(source for source in request.sources if not os.path.isdir(source))
    need, signers = _need_list(request, run)
    wanted = need.wanted if isinstance(need, NeedList) else need
    copies = _copies(folders, wanted, request, run)
    _check(wanted, need, copies[0], what=request.need)
    if wanted.blobs and isinstance(copies[0], Bundle):
        wanted = with_chunks(wanted, copies[0].manifest)
    return Asked(request, run, wanted, copies, lists, signers)


def _need_list(request: FulfilRequest, run: Run) -> tuple[NeedList | Wanted, tuple[str, ...]]:
    """Reads the need-list; returns it with the ids of the trusted keys that signed it."""
    if is_line(request.need):
        return parse_line(request.need, what=text("the need-list")), ()
    demand = Demand.IGNORED if request.is_without_signature else Demand.OPTIONAL
    file = read_signed(Path(request.need), NEED_FILE, request.trust, demand=demand)
    if not file.signers:
        reason = text("{path}: no trusted key signed this need-list; it is a request, no proof", path=file.path)
        run.listener(Noticed(reason))
    need = parse_need_list(file.content, what=request.need)
    return need.bare if isinstance(need, NeedList) else need, tuple(key.id for key in file.signers)


def _copies(
    folders: Sequence[Path], wanted: Wanted, request: FulfilRequest, run: Run
) -> tuple[Bundle | LockedBundle, ...]:
    """Opens the copies of the bundle. Folders without a SHA256SUMS belong to the first of them.

    Raises:
        Misuse: There is none.
        Untrusted, Damaged, Incomplete: None of them can be used; this is the fault of the first one.
    """
    found: list[tuple[Path, ...]] = []
    rest: list[Path] = []
    others: list[str] = []
    for folder in folders:
        try:
            bundles = find_all([folder])
        except SumsMissing:
            rest.append(folder)
            continue
        found += [locals_of(bundle.own_folders) for bundle in bundles if bundle.id == wanted.bundle_id]
        others += [bundle.id for bundle in bundles if bundle.id != wanted.bundle_id]
    if not found:
        raise Misuse(
            "the bundle that the need-list asks for was not given",
            subject=request.need[:80],
            expected=wanted.bundle_id,
            actual=", ".join(others[:3]) or None,
            hint="give a folder with a copy of it, or with its SHA256SUMS, .sig file and bundle.json: --from FOLDER",
            code="need-without-bundle",
        )
    opened: list[Bundle | LockedBundle] = []
    errors: list[BundlerError] = []
    for own in found:
        try:
            paths = (*own, *(rest if not opened else ()))
            opened.append(
                open_trusted(
                    paths,
                    request.trust,
                    run,
                    is_without_signature=request.is_without_signature,
                    required_signatures=request.required_signatures,
                )
            )
        except (Damaged, Incomplete) as error:
            errors.append(error)
    if not opened:
        raise errors[0]
    for each in errors:
        run.listener(Noticed(text("a copy of the bundle is not used: {reason}", reason=each.message)))
    return tuple(opened)


def _check(wanted: Wanted, need: NeedList | Wanted, bundle: Bundle | LockedBundle, *, what: str) -> None:
    """Compares a need-list with the signed bundle.

    Raises:
        Damaged: It asks for what the bundle does not have, or says something else about a part.
        Misuse: It asks for blobs of an encrypted bundle.
    """
    blobs = bundle.manifest.blobs if isinstance(bundle, Bundle) else None
    chunks, sums = bundle.manifest.chunks, bundle.sealed.sums
    reason = need.contradiction(chunks, blobs, sums) if isinstance(need, NeedList) else None
    if wanted.chunks and wanted.chunks[-1] > len(chunks):
        reason = text("the bundle has {count:,} chunks, not {number:,}", count=len(chunks), number=wanted.chunks[-1])
    for file in wanted.files:
        if file not in sums or roles.role_of(file) is roles.CHUNK:
            reason = text("the bundle has no file {file}", file=file)
    if wanted.blobs and blobs is None:
        raise Misuse("the blobs of an encrypted bundle are not known without its passphrase", subject=what[:80])
    for number in wanted.blobs:
        if blobs is not None and number >= len(blobs):
            reason = text("the bundle has no blob with the number {number}", number=number)
    if reason is not None:
        raise Damaged(
            text("the need-list does not fit the bundle: {reason}", reason=reason),
            subject=what[:80],
            hint="ask the receiver for the need-list again",
            code="need-contradicts",
        )
