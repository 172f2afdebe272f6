"""Checks a whole bundle: every byte of every file, each read once, and tells all that is wrong and whom it hurts.

Chunks are checked in parallel. A chunk's bytes go through its own SHA-256 and, where they belong to a blob, through
the blob's; the framing between blobs is compared with what the bundle manifest says it is. So damage is located. What
cannot be read is told and passed over. Of a chunk that is there more than once, every copy is checked.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.chunk import groups_of, members_by_chunk
from bundler.bundle.files import (
    find_copies,
    find_file,
    is_there,
    let_go,
    names_in,
    open_for_reading,
    read_into,
    sha256_of,
)
from bundler.bundle.holes import Hole, read_around
from bundler.bundle.locked import LockedBundle, check_sum
from bundler.bundle.reader import Bundle, ChunkState
from bundler.bundle.walk import CutBlobs, Damage, Walk, header_damage
from bundler.core import tar
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest
from bundler.core.events import Began, Finished, Listener, Moved
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, CONTENT_BYTES, FINDINGS, SUMS_BYTES
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.workers import Beside, Cancellation, run_all

_LITTER = frozenset(
    {
        *("system volume information", "$recycle.bin", "recycler", "thumbs.db", "ehthumbs.db", "desktop.ini"),
        *("wpsettings.dat", "found.000", ".ds_store", ".fseventsd", ".apdisk", ".temporaryitems", ".directory"),
        *(".documentrevisions-v100", ".volumeicon.icns", "lost+found"),
    }
)
"""What Windows, macOS, Linux and file systems leave on media; on some of them in capitals."""
_LITTER_PREFIXES = (".trash", "._", ".spotlight", ".fuse_hidden", ".nfs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the error, and where it is.

    Attributes:
        error: What is wrong.
        file: The file's name within the bundle.
        offset_bytes: Where in the file the damage begins, if that is known.
        length_bytes: How far it may reach.
        digest: The blob that is damaged or missing.
        images: The references of the images that are hurt.
        is_wanted: Whether the file must be brought again.
    """

    error: BundlerError
    file: str
    offset_bytes: int | None = None
    length_bytes: int | None = None
    digest: Digest | None = None
    images: tuple[str, ...] = ()
    is_wanted: bool = True


def checked_bytes(bundle: Bundle | LockedBundle) -> int:
    """How much `check` reads of the chunks, copies included."""
    copies = sum(len(state.copies) * state.chunk.size_bytes for state in bundle.chunks)
    return bundle.manifest.size_bytes + copies


def check(bundle: Bundle | LockedBundle, *, jobs: int, listener: Listener, cancellation: Cancellation) -> list[Finding]:
    """Reads the whole bundle and returns everything that is wrong with it, in the order of the files.

    Of an encrypted bundle that was not opened, the SHA-256 of each file is all that can be checked.

    Raises:
        Interrupted: The user stopped it.
    """
    findings: list[Finding] = []

    def locked_chunk(state: ChunkState) -> None:
        found = [Finding(error, state.chunk.file) for error in _faults_of(bundle, state, listener, cancellation)]
        findings.extend(_beside_copies(bundle, state, found, listener, cancellation))

    if isinstance(bundle, LockedBundle):
        failed = run_all(list(bundle.chunks), locked_chunk, front_workers=jobs, cancellation=cancellation)
        assert not failed, "a file's errors are findings"
    else:
        checker = _Checker(bundle, listener, cancellation, jobs=jobs)
        broken = run_all(checker.groups, checker.check_group, front_workers=jobs, cancellation=cancellation)
        assert not broken, "a chunk's errors are findings"
        findings += checker.findings
    findings += check_files(bundle)
    findings += _check_copies(bundle, sums.MANIFEST, BUNDLE_MANIFEST_BYTES)
    if bundle.is_encrypted:
        findings += _check_content(bundle)
    return sorted(findings, key=lambda finding: (finding.file, finding.offset_bytes or 0))


def check_beside_blobs(bundle: Bundle) -> list[Finding]:
    """Checks what an import does not read by itself: README.txt, unlisted files, files of the layout, ends of chunks.

    Cheap, so that an import too tells of every byte that is wrong in the chunks that it uses. Encrypted chunks have
    their SHA-256 checked as a whole, when they are decrypted.
    """
    findings = list(check_files(bundle))
    if bundle.is_encrypted:
        return findings
    for file in bundle.manifest.files:
        state = bundle.chunks[file.pieces[0].chunk - 1]
        if state.problem is not None:
            continue  # the chunk as a whole is told of by the images that it hurts
        try:
            bundle.read_stored(file)
        except (Damaged, Incomplete, LocalStorage) as error:
            findings.append(Finding(error, state.chunk.file, digest=file.digest))
    for number, members in enumerate(members_by_chunk(bundle.manifest), start=1):
        state = bundle.chunks[number - 1]
        if state.problem is None:
            try:
                damage = _damage_of_end(bundle, number, members[-1].end)
            except (Damaged, Incomplete, LocalStorage) as error:
                findings.append(Finding(error, state.chunk.file, members[-1].end))
            else:
                if damage is not None:
                    where = f"{state.chunk.file} at offset {damage.offset_bytes}"
                    wrong = Damaged(damage.message, subject=where, hint=f"bring {state.chunk.file} again")
                    findings.append(Finding(wrong, state.chunk.file, damage.offset_bytes, damage.length_bytes))
    return findings


def check_files(bundle: Bundle | LockedBundle) -> Iterator[Finding]:
    """What lies beside the chunks: the small files, and files that nobody listed."""
    yield from _check_copies(bundle, sums.README, SUMS_BYTES)
    listed = set(bundle.sealed.sums) | {sums.FILE}
    for folder in bundle.sealed.folders:
        if not is_there(folder / sums.FILE):
            continue  # a medium with some chunks may hold other things too
        strange = [
            name
            for name in names_in(folder)
            if name not in listed and not sums.signer_of(name) and not _is_litter(name)
        ]
        for name in strange[:FINDINGS]:
            yield Finding(_unlisted(folder / name), name, is_wanted=False)
        if len(strange) > FINDINGS:
            more = f"{len(strange) - FINDINGS} more files that SHA256SUMS does not list"
            yield Finding(Damaged(more, subject=str(folder), hint="remove them"), strange[FINDINGS], is_wanted=False)
    known = {sums.README, sums.MANIFEST} | {chunk.file for chunk in bundle.manifest.chunks}
    if isinstance(bundle, LockedBundle) or bundle.is_encrypted:
        known.add(sums.CONTENT)
    for name in sorted(set(bundle.sealed.sums) - known):
        unknown = Damaged("listed, but unknown to this version of bundler", subject=name)
        yield Finding(unknown, name, is_wanted=False)


def _unlisted(path: Path) -> Damaged:
    """The error for a file that nobody signed; it is not opened."""
    if path.suffix.lower() == ".key":
        return Damaged(
            "a file that SHA256SUMS does not list; by its name it may be a private key",
            subject=str(path),
            hint="take it off the medium; if it is a key, whoever had the medium may have it: make another one",
        )
    return Damaged("a file that SHA256SUMS does not list", subject=str(path), hint="remove it from the bundle")


def _check_copies(bundle: Bundle | LockedBundle, name: str, limit_bytes: int) -> Iterator[Finding]:
    """Compares every copy of a small file with SHA256SUMS."""
    if name not in bundle.sealed.sums:
        yield Finding(Damaged(f"{sums.FILE} does not list {name}", subject=sums.FILE), sums.FILE)
        return
    paths = find_copies(bundle.sealed.folders, name)
    errors = []
    for path in paths:
        try:
            bundle.sealed.checked(name, path, limit_bytes)
        except (Damaged, Incomplete, LocalStorage) as error:
            errors.append(error)
    for each in errors:
        yield Finding(each, name, is_wanted=len(errors) == len(paths))


def _check_content(bundle: Bundle | LockedBundle) -> Iterator[Finding]:
    path = find_file(bundle.sealed.folders, sums.CONTENT)
    try:
        check_sum(bundle.sealed, sums.CONTENT, _sha256(path, sums.CONTENT, limit_bytes=CONTENT_BYTES))
    except (Damaged, Incomplete, LocalStorage) as error:
        yield Finding(error, sums.CONTENT)


def _faults_of(
    bundle: Bundle | LockedBundle, state: ChunkState, listener: Listener, cancellation: Cancellation
) -> Iterator[BundlerError]:
    """What is wrong with the copy of a chunk that is used, as a whole."""

    def passed(amount: int) -> None:
        cancellation.check()
        listener(Moved(amount))

    if state.problem is not None:
        yield state.problem
        return
    assert state.path is not None
    try:
        check_sum(
            bundle.sealed,
            state.chunk.file,
            _sha256(state.path, state.chunk.file, limit_bytes=state.chunk.size_bytes, passed=passed),
        )
    except (Damaged, Incomplete, LocalStorage) as error:
        yield error


def _beside_copies(
    bundle: Bundle | LockedBundle,
    state: ChunkState,
    found: Sequence[Finding],
    listener: Listener,
    cancellation: Cancellation,
) -> Iterator[Finding]:
    """What was found in the copy of a chunk that is used, and what is wrong with the others.

    If one of them is whole, the chunk need not be brought again.
    """
    whole = [] if found or state.path is None else [state.path]
    errors = list(state.bad_copies)
    for path in state.copies:
        other = ChunkState(state.chunk, path, None)
        faults = list(_faults_of(bundle, other, listener, cancellation))
        errors += [_retold(fault, subject=str(path)) for fault in faults]
        whole += [] if faults else [path]
    if not whole:
        yield from found
    else:
        hint = f"the copy in {whole[0].parent} is whole" + ("" if not found else ": give that folder first")
        for finding in found:
            yield replace(finding, error=_retold(finding.error, hint=hint), is_wanted=False)
        errors = [_retold(error, hint=hint) for error in errors]
    for error in errors:
        yield Finding(error, state.chunk.file, is_wanted=not whole)


def _sha256(path: Path, what: str, *, limit_bytes: int, passed: Callable[[int], object] = lambda _: None) -> str:
    descriptor = open_for_reading(path)
    try:
        return sha256_of(descriptor, what=what, limit_bytes=limit_bytes, passed=passed)
    finally:
        let_go(descriptor)


def _retold(error: BundlerError, *, subject: str | None = None, hint: str | None = None) -> BundlerError:
    told = copy.copy(error)
    told.subject, told.hint = subject or error.subject, hint or error.hint
    return told


def _damage_of_end(bundle: Bundle, number: int, end: int) -> Damage | None:
    """What is wrong behind the last member of a chunk, and where that says so, before the first one."""
    chunk = bundle.manifest.chunks[number - 1]
    kind = bundle.manifest.archive
    start, header = bytearray(kind.start_bytes), bytearray(chunk.size_bytes - end)
    with bundle.opened_chunk(number) as descriptor:
        if start:
            read_into(descriptor, [start], 0, what=chunk.file)
        read_into(descriptor, [header], end, what=chunk.file)
    if kind is TAR:
        return None if header == tar.END else Damage("the end was changed", end, len(header))
    return header_damage(bytes(start), bytes(header), end)


class _Checker:
    def __init__(self, bundle: Bundle, listener: Listener, cancellation: Cancellation, *, jobs: int) -> None:
        self.groups = groups_of(bundle.manifest)
        self._jobs = jobs
        self._unfinished = len(self.groups)
        self._lock = threading.Lock()
        self.bundle = bundle
        self.findings: list[Finding] = []
        self._listener = listener
        self._cancellation = cancellation
        self._members = members_by_chunk(bundle.manifest)
        self._users = bundle.manifest.users()
        self._names = {bundle.sealed.sums[chunk.file]: chunk.file for chunk in bundle.manifest.chunks}
        self._sizes = {chunk.size_bytes for chunk in bundle.manifest.chunks}

    def check_group(self, numbers: list[int]) -> None:
        """Checks some chunks that belong together, in their order."""
        cut = CutBlobs()
        for number in numbers:
            found = self._check_chunk(number, cut)
            state = self.bundle.chunks[number - 1]
            self.findings += _beside_copies(self.bundle, state, found, self._listener, self._cancellation)
        with self._lock:
            self._unfinished -= 1

    @property
    def _has_free_processor(self) -> bool:
        """Whether fewer groups are left than could be checked side by side: then two threads work at each chunk."""
        return self._unfinished < self._jobs

    def _check_chunk(self, number: int, cut: CutBlobs) -> list[Finding]:
        chunk = self.bundle.manifest.chunks[number - 1]
        members = self._members[number - 1]
        # Of an encrypted chunk the SHA-256 is checked before it is decrypted, and nothing but the data comes out.
        size_bytes = members[-1].end if self.bundle.is_encrypted else chunk.size_bytes
        walk = Walk(members, cut, size_bytes=size_bytes)
        whole = hashlib.sha256()
        found: list[Finding] = []
        position = 0
        self._listener(Began(chunk.file, chunk.size_bytes))
        try:
            with self.bundle.opened_chunk(number) as descriptor, Beside(whole.update, name="chunk-hasher") as beside:
                for piece in read_around(descriptor, size_bytes, what=chunk.file):
                    self._cancellation.check()
                    if isinstance(piece, Hole):
                        length = piece.length_bytes
                        walk.skip(length)
                        self._add_hole(found, number, position, piece)
                    else:
                        length = len(piece)
                        if self._has_free_processor:
                            beside.give(piece)
                            walk.take(piece)
                            beside.wait()
                        else:
                            whole.update(piece)
                            walk.take(piece)
                    position += length
                    self._listener(Moved(length))
        except (Damaged, Incomplete, LocalStorage) as error:
            self._listener(Moved(chunk.size_bytes - position))
            self._listener(Finished(chunk.file, "failed", chunk.file))
            cut.cannot_tell([member for member in members if member.end > position])
            is_absent = self.bundle.chunks[number - 1].problem is error
            told = (self._recognised(number) if is_absent else None) or error
            found.append(self._lost(number, told, position or None, chunk.size_bytes - position))
        else:
            self._listener(Moved(chunk.size_bytes - size_bytes))
            self._listener(Finished(chunk.file, "read", chunk.file))
            if not (found or self.bundle.is_encrypted or whole.hexdigest() == self.bundle.sealed.sums[chunk.file]):
                return self._unlike(number, whole.hexdigest(), walk, cut)
        return found + [self._finding(chunk.file, damage) for damage in walk.damages]

    def _unlike(self, number: int, sha256: str, walk: Walk, cut: CutBlobs) -> list[Finding]:
        """What is wrong with a chunk that was read to its end and has another SHA-256."""
        chunk, members = self.bundle.manifest.chunks[number - 1], self._members[number - 1]
        if sha256 in self._names:
            cut.cannot_tell(members)
            return [self._lost(number, _misplaced(chunk.file, self._names[sha256]), None, None)]
        damages = walk.damages or list(cut.suspects(members))
        if damages:
            return [self._finding(chunk.file, damage) for damage in damages]
        unlocated = Damaged(
            "the bytes are not those that were signed",
            subject=chunk.file,
            expected=self.bundle.sealed.sums[chunk.file],
            actual=sha256,
            hint=f"bring {chunk.file} again",
        )
        return [Finding(unlocated, chunk.file)]

    def _go_on(self, _amount: int) -> None:
        self._cancellation.check()

    def _add_hole(self, holes: list[Finding], number: int, begin: int, hole: Hole) -> None:
        """Adds a place that cannot be read, which may be the rest of the one before it."""
        last = holes[-1] if holes else None
        if last is not None and (last.offset_bytes or 0) + (last.length_bytes or 0) == begin:
            begin, length, error = last.offset_bytes or 0, (last.length_bytes or 0) + hole.length_bytes, last.error
            holes.pop()
        else:
            file = self.bundle.manifest.chunks[number - 1].file
            hint = f"the medium is failing: bring {file} again, on another"
            length, error = hole.length_bytes, _retold(hole.error, subject=f"{file} at offset {begin}", hint=hint)
        holes.append(self._lost(number, error, begin, length))

    def _lost(self, number: int, error: BundlerError, begin: int | None, length: int | None) -> Finding:
        """A part of a chunk that is not there as it should be; all of it if no place is given."""
        chunk = self.bundle.manifest.chunks[number - 1]
        start = begin or 0
        end = chunk.size_bytes if begin is None or length is None else begin + length
        lost = [member for member in self._members[number - 1] if member.header_offset < end and member.end > start]
        digests = {member.stored.digest: None for member in lost}
        hurt = {image: None for digest in digests for image in self._users.get(digest, ())}
        digest = next(iter(digests)) if begin is not None and len(digests) == 1 else None
        # One that may only not be read by us need not be brought.
        is_wanted = not isinstance(error, LocalStorage)
        return Finding(error, chunk.file, begin, length if begin is not None else None, digest, tuple(hurt), is_wanted)

    def _recognised(self, number: int) -> Damaged | None:
        """What is wrong with a chunk that is another one: somebody copied a file over it."""
        chunk = self.bundle.manifest.chunks[number - 1]
        for path in find_copies(self.bundle.sealed.folders, chunk.file):
            try:
                if path.lstat().st_size in self._sizes:
                    found = _sha256(path, chunk.file, limit_bytes=max(self._sizes), passed=self._go_on)
                    if found in self._names:
                        return _misplaced(chunk.file, self._names[found])
            except (OSError, Damaged, Incomplete, LocalStorage):
                continue  # why it cannot be used was told when the bundle was opened
        return None

    def _finding(self, file: str, damage: Damage) -> Finding:
        stored = damage.member.stored if damage.member else None
        images = self._users.get(stored.digest, ()) if stored else ()
        error = Damaged(
            damage.message,
            subject=f"{file} at offset {damage.offset_bytes}",
            expected=damage.expected,
            actual=damage.actual,
            hint=f"bring {file} again",
        )
        digest = stored.digest if stored else None
        return Finding(error, file, damage.offset_bytes, damage.length_bytes, digest, tuple(images))


def _misplaced(file: str, other: str) -> Damaged:
    hint = f"{file} was lost when {other} was copied over it: bring {file} again"
    return Damaged(f"this is {other} under another name", subject=file, hint=hint)


def _is_litter(name: str) -> bool:
    return name.lower() in _LITTER or name.lower().startswith(_LITTER_PREFIXES)
