"""Checks a whole bundle: reads every byte of every file once, and reports all faults and the images they affect.

Chunks are checked in parallel. The bytes of a chunk go through the SHA-256 of the chunk and, if they belong to a blob,
through the hash of the blob. The framing between blobs is compared with the bundle manifest. So the check locates
damage. It reports ranges that cannot be read, and reads on after them. If there are several copies of a chunk, it
checks every copy. If chunks have each other's names, their SHA-256 shows it, and they are checked again as what they
are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bundler.bundle.chunk import groups_of, members_by_chunk
from bundler.bundle.chunk_verifier import ChunkVerifier, CutBlobs, Damage
from bundler.bundle.copies import ChunkState, GivenUp, other_under_its_name
from bundler.bundle.file_system import UNREADABLE, opened
from bundler.bundle.findings import Finding, check_copies, check_files
from bundler.bundle.locked import LockedBundle, check_sum
from bundler.bundle.reader import Bundle
from bundler.bundle.scope import Scope, scope_of
from bundler.bundle.unreadable_ranges import UnreadableRange, read_around
from bundler.core import roles
from bundler.core.events import Began, Finished, Listener, Moved
from bundler.core.frozen import frozen
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, CONTENT_BYTES, OTHER_FILES_BYTES
from bundler.core.protocols import Passed
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Refused, Unavailable
from bundler.system.bundle_paths import BundlePath
from bundler.system.files import sha256_of_file
from bundler.texts import text
from bundler.workers import BackgroundHash, Cancellation, run_all


@frozen
class Checked:
    """The result of the check of a bundle.

    Attributes:
        findings: The faults, in the order of the files.
        chunks: The place of each chunk, which may have another name than its own.
    """

    findings: tuple[Finding, ...]
    chunks: tuple[ChunkState, ...]


def checked_bytes(bundle: Bundle | LockedBundle, scope: Scope) -> int:
    """The number of bytes that `check` reads of the chunks and of other large files, copies included."""
    states = [bundle.chunks[number - 1] for number in sorted(scope.chunks)]
    chunks = sum(max(1, len(state.paths)) * state.chunk.size_bytes for state in states)
    entries = (
        entry
        for name in scope.files
        for listing in bundle.sealed.listings
        if (entry := listing.find(name)) and entry.is_file
    )
    limit_bytes = _other_files_limit(bundle)
    others = sum(entry.size_bytes for entry in entries if entry.size_bytes <= limit_bytes)
    return chunks + others


def check(
    bundle: Bundle | LockedBundle,
    *,
    jobs: int,
    listener: Listener,
    cancellation: Cancellation,
    scope: Scope | None = None,
) -> Checked:
    """Reads the whole bundle and returns all its faults, in the order of the files.

    For an encrypted bundle that was not opened, only the SHA-256 of each file is checked.

    Args:
        bundle: The bundle.
        jobs: The number of chunks that are read at a time.
        listener: Receives progress.
        cancellation: Stops the check.
        scope: The large files to read; None for all. The small files are checked in any case.

    Raises:
        Interrupted: The user stopped it.
    """
    checker = checker_of(bundle, jobs=jobs, listener=listener, cancellation=cancellation)
    scope = scope or scope_of(bundle, None)
    checker.check(scope.chunks)
    bundle = checker.bundle
    findings = [finding for number in sorted(checker.found) for finding in checker.found[number]]
    findings += given_up_copies(bundle)
    findings += check_around_chunks(bundle, bad={finding.file for finding in findings})
    for name in scope.files:
        findings += check_other_file(bundle, name, listener=listener, cancellation=cancellation)
    return Checked(in_order(findings), bundle.chunks)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of the files."""
    return tuple(sorted(findings, key=lambda finding: (finding.file, finding.offset_bytes or 0)))


def check_around_chunks(bundle: Bundle | LockedBundle, bad: Container[str]) -> Iterator[Finding]:
    """Checks the small files that are on each medium, and what is in the folders besides.

    Args:
        bundle: The bundle.
        bad: The chunks whose first copies are damaged.
    """
    yield from check_files(bundle, bad=bad)
    yield from check_copies(bundle, roles.MANIFEST.file, BUNDLE_MANIFEST_BYTES)
    if bundle.is_encrypted:
        yield from _check_large_file(bundle, roles.CONTENT.file, CONTENT_BYTES)


def check_other_file(
    bundle: Bundle | LockedBundle, name: str, *, listener: Listener, cancellation: Cancellation
) -> Iterator[Finding]:
    """Compares every copy of a file of parity, of the tool or of an unknown role with SHA256SUMS.

    Raises:
        Interrupted: The user stopped it.
    """

    def passed(amount: int) -> None:
        cancellation.check()
        listener(Moved(amount))

    yield from _check_large_file(bundle, name, _other_files_limit(bundle), passed)


def checker_of(
    bundle: Bundle | LockedBundle, *, jobs: int, listener: Listener, cancellation: Cancellation
) -> LockedChecker | Checker:
    """The checker of the chunks of a bundle, encrypted or not."""
    if isinstance(bundle, LockedBundle):
        return LockedChecker(bundle, listener, cancellation, jobs=jobs)
    return Checker(bundle, listener, cancellation, jobs=jobs)


def given_up_copies(bundle: Bundle | LockedBundle) -> list[Finding]:
    """The findings for the copies of chunks that proved bad while good ones were read."""
    return [_given_up(each) for each in bundle.given_up]


def _given_up(copy_of: GivenUp) -> Finding:
    hint = text("the copy {used} is good", used=copy_of.used)
    error = Damaged("the bytes differ from the signed ones", subject=str(copy_of.bad), hint=hint)
    return Finding(error, copy_of.file, is_wanted=False)


def _check_large_file(
    bundle: Bundle | LockedBundle, name: str, limit_bytes: int, passed: Passed = lambda _: None
) -> Iterator[Finding]:
    """Compares every copy of a file, which may be large, with SHA256SUMS.

    Args:
        bundle: The bundle that lists it.
        name: The name of the file.
        limit_bytes: A larger file is not read.
        passed: Receives every number of bytes that was read; its errors pass through.
    """
    paths = bundle.sealed.found_copies(name)
    if not paths:  # do not look at its place either: a folder there may be a link
        yield Finding(Incomplete("the file is missing", subject=name), name)
    errors = []
    for path in paths:
        try:
            check_sum(bundle.sealed, name, _sha256(path, name, limit_bytes=limit_bytes, passed=passed))
        except UNREADABLE as error:
            errors.append(error if len(paths) == 1 else error.but(subject=str(path)))
    for each in errors:
        yield Finding(each, name, is_wanted=len(errors) == len(paths))


def _other_files_limit(bundle: Bundle | LockedBundle) -> int:
    """The largest size that a file of parity, of the tool or of an unknown role may have."""
    return bundle.manifest.size_bytes + OTHER_FILES_BYTES


def _faults_of(
    bundle: Bundle | LockedBundle, state: ChunkState, path: BundlePath, listener: Listener, cancellation: Cancellation
) -> Iterator[BundlerError]:
    """Yields the fault of one file that should hold a chunk, which is checked as a whole."""

    def passed(amount: int) -> None:
        cancellation.check()
        listener(Moved(amount))

    if bundle.sealed.contents.is_known(path):
        listener(Moved(state.chunk.size_bytes))  # its SHA-256 was read to identify it
        return
    file = state.chunk.file
    try:
        check_sum(bundle.sealed, file, _sha256(path, file, limit_bytes=state.chunk.size_bytes, passed=passed))
    except UNREADABLE as error:
        yield error


def _with_copies(
    bundle: Bundle | LockedBundle,
    state: ChunkState,
    found: Sequence[Finding],
    listener: Listener,
    cancellation: Cancellation,
) -> Iterator[Finding]:
    """Yields the findings in the copy of a chunk that is used, and the faults of the other copies.

    If one copy is whole, the user need not copy the chunk to the medium again.
    """
    whole = [] if found or state.path is None else [state.path]
    errors = list(state.bad_copies)
    for path in state.paths[1:]:
        faults = list(_faults_of(bundle, state, path, listener, cancellation))
        errors += [fault.but(subject=str(path)) for fault in faults]
        whole += [] if faults else [path]
    if not whole:
        yield from found
    else:
        hint = text("the copy {whole} is good and is used instead", whole=whole[0])
        for finding in found:
            yield replace(finding, error=finding.error.but(hint=hint), is_wanted=False)
        errors = [error.but(hint=hint) for error in errors]
    for error in errors:
        yield Finding(error, state.chunk.file, is_wanted=not whole)


def _sha256(path: BundlePath, what: str, *, limit_bytes: int, passed: Callable[[int], object] = lambda _: None) -> str:
    with opened(path) as file:
        return sha256_of_file(file, what=what, limit_bytes=limit_bytes, passed=passed)


def _relocated(
    bundle: Bundle | LockedBundle, found: Mapping[int, Sequence[Finding]], seen: Mapping[str, BundlePath]
) -> dict[int, ChunkState]:
    """The chunks that are not whole under their own names, and were found under the name of another chunk."""
    relocated = {}
    for number in (number for number, findings in found.items() if findings):
        state = bundle.chunks[number - 1]
        path = seen.get(bundle.sealed.sums[state.chunk.file])
        if path is not None and path not in state.paths:
            relocated[number] = replace(state, paths=(path,), bad=())
    return relocated


def _with_chunks(chunks: Sequence[ChunkState], changed: Mapping[int, ChunkState]) -> tuple[ChunkState, ...]:
    return tuple(changed.get(number, state) for number, state in enumerate(chunks, start=1))


class LockedChecker:
    """Checks the files of an encrypted bundle that was not opened."""

    def __init__(self, bundle: LockedBundle, listener: Listener, cancellation: Cancellation, *, jobs: int) -> None:
        self.bundle = bundle
        self.found: dict[int, list[Finding]] = {}
        self._jobs = jobs
        self._listener = listener
        self._cancellation = cancellation
        self._seen: dict[str, BundlePath] = {}

    def check(self, numbers: Collection[int]) -> None:
        """Checks chunks; those with each other's names are checked again as what they are."""
        self._check(sorted(numbers))
        relocated = _relocated(self.bundle, self.found, self._seen)
        self.bundle = replace(self.bundle, chunks=_with_chunks(self.bundle.chunks, relocated))
        self._check(list(relocated))

    def _check(self, numbers: Iterable[int]) -> None:
        failed = run_all(numbers, self._check_chunk, front_workers=self._jobs, cancellation=self._cancellation)
        assert not failed, "a file's errors are findings"

    def due(self, here: Collection[int]) -> list[int]:
        """The chunks of those that are here that can be checked now."""
        return sorted(set(here) - self.found.keys())

    @property
    def next_due(self) -> list[int]:
        """The chunks that can be checked as soon as they are here."""
        return self.due(range(1, len(self.bundle.chunks) + 1))

    def check_some(self, bundle: LockedBundle, numbers: Collection[int]) -> None:
        """Checks some chunks of media that were inserted; one that was checked before is another copy of it."""
        self.bundle, self._seen = bundle, {}
        self._check(numbers)
        relocated = _relocated(bundle, {number: self.found[number] for number in numbers}, self._seen)
        self.bundle = replace(bundle, chunks=_with_chunks(bundle.chunks, relocated))
        self._check(list(relocated))

    def note_absent(self, number: int, error: BundlerError) -> None:
        """Notes a chunk that nobody brings."""
        self.found.setdefault(number, [Finding(error, self.bundle.manifest.chunks[number - 1].file)])

    def _check_chunk(self, number: int) -> None:
        state = self.bundle.chunks[number - 1]
        faults = [state.problem] if state.problem else []
        if state.path is not None:
            faults += _faults_of(self.bundle, state, state.path, self._listener, self._cancellation)
            self._seen.update((fault.actual, state.path) for fault in faults if fault.actual)
        findings = [Finding(fault, state.chunk.file) for fault in faults]
        self.found[number] = list(_with_copies(self.bundle, state, findings, self._listener, self._cancellation))


class Checker:
    """Checks the chunks of a bundle to their last byte."""

    def __init__(self, bundle: Bundle, listener: Listener, cancellation: Cancellation, *, jobs: int) -> None:
        self.bundle = bundle
        self.found: dict[int, list[Finding]] = {}
        """The findings, by the number of the chunk."""
        self._jobs = jobs
        self._unfinished = 0
        self._lock = threading.Lock()
        self._listener = listener
        self._cancellation = cancellation
        self._members = members_by_chunk(bundle.manifest)
        self._users = bundle.manifest.users()
        self._names = {bundle.sealed.sums[chunk.file]: chunk.file for chunk in bundle.manifest.chunks}
        self._groups = groups_of(bundle.manifest)
        self._cut: dict[int, CutBlobs] = {}
        """The blobs that join the chunks of a group, by its first chunk."""
        self._seen: dict[str, BundlePath] = {}
        """The places of chunks that have the names of other chunks, by their SHA-256."""

    def check(self, numbers: Collection[int]) -> None:
        """Checks chunks; those with each other's names are checked again as what they are.

        Args:
            numbers: The chunks, in whole groups.
        """
        self._check([group for group in self._groups if group[0] in numbers])
        relocated = _relocated(self.bundle, self.found, self._seen)
        if relocated:
            self.bundle = replace(self.bundle, chunks=_with_chunks(self.bundle.chunks, relocated))
            self._cut = {}
            self._check([numbers for numbers in self._groups if not relocated.keys().isdisjoint(numbers)])

    def due(self, here: Collection[int]) -> list[int]:
        """The chunks of those that are here that can be checked now: each after those that a cut blob joins it with."""
        found = []
        for group in self._groups:
            for number in (number for number in group if number not in self.found):
                if number not in here:
                    break
                found.append(number)
        return found

    @property
    def next_due(self) -> list[int]:
        """The chunks that can be checked as soon as they are here: of each group the first that was not checked."""
        unchecked = ([number for number in group if number not in self.found] for group in self._groups)
        return [numbers[0] for numbers in unchecked if numbers]

    def check_some(self, bundle: Bundle, numbers: Collection[int]) -> None:
        """Checks some chunks of media that were inserted; one that was checked before is another copy of it."""
        self.bundle, self._seen = bundle, {}
        self._check_again(numbers)
        relocated = _relocated(bundle, {number: self.found[number] for number in numbers}, self._seen)
        if relocated:
            self.bundle = replace(bundle, chunks=_with_chunks(bundle.chunks, relocated))
            self._check_again(relocated)

    def _check_again(self, numbers: Collection[int]) -> None:
        for number in self.found.keys() & numbers:
            self._settle(number)
        self._check([chosen for group in self._groups if (chosen := [each for each in group if each in numbers])])

    def note_absent(self, number: int, error: BundlerError) -> None:
        """Notes a chunk that nobody brings."""
        if number not in self.found:
            self.found[number] = [self._lost(number, error, None, None)]
            self._settle(number)

    def _settle(self, number: int) -> None:
        """Leaves it to the SHA-256 of the chunks to judge the blobs that are cut and have a part in a chunk."""
        self._cut_of(number).note_reported(self._members[number - 1])

    def _cut_of(self, number: int) -> CutBlobs:
        first = next(group[0] for group in self._groups if number in group)
        return self._cut.setdefault(first, CutBlobs())

    def _check(self, groups: Sequence[list[int]]) -> None:
        self._unfinished = len(groups)
        broken = run_all(groups, self._check_group, front_workers=self._jobs, cancellation=self._cancellation)
        assert not broken, "a chunk's errors are findings"

    def _check_group(self, numbers: list[int]) -> None:
        """Checks the chunks of one group, in their order."""
        with self._lock:
            cut = self._cut_of(numbers[0])
        for number in numbers:
            found = self._check_chunk(number, cut)
            state = self.bundle.chunks[number - 1]
            self.found[number] = list(_with_copies(self.bundle, state, found, self._listener, self._cancellation))
        with self._lock:
            self._unfinished -= 1

    @property
    def _has_free_processor(self) -> bool:
        """True if fewer groups are left than workers: then two threads work at each chunk."""
        return self._unfinished < self._jobs

    def _check_chunk(self, number: int, cut: CutBlobs) -> list[Finding]:
        chunk = self.bundle.manifest.chunks[number - 1]
        members = self._members[number - 1]
        # The SHA-256 of an encrypted chunk is checked before it is decrypted, and only its data can be read.
        size_bytes = members[-1].end if self.bundle.is_encrypted else chunk.size_bytes
        walk = ChunkVerifier(members, cut, size_bytes=size_bytes)
        whole = hashlib.sha256()
        found: list[Finding] = []
        position = 0
        self._listener(Began(chunk.file, chunk.size_bytes))
        try:
            with (
                self.bundle.opened_chunk(number) as file,
                BackgroundHash(whole.update, name="chunk-hasher") as hashing,
            ):
                for piece in read_around(file, size_bytes, what=chunk.file):
                    self._cancellation.check()
                    if isinstance(piece, UnreadableRange):
                        length = piece.length_bytes
                        walk.skip(length)
                        last = found.pop() if found and found[-1].end_bytes == position else None
                        found.append(self._hole(number, position, piece, last))
                    else:
                        length = len(piece)
                        if self._has_free_processor:
                            hashing.give(piece)
                            walk.take(piece)
                            hashing.wait()
                        else:
                            whole.update(piece)
                            walk.take(piece)
                    position += length
                    self._listener(Moved(length))
        except UNREADABLE as error:
            self._listener(Moved(chunk.size_bytes - position))
            self._listener(Finished(chunk.file, "failed", chunk.file, chunk.size_bytes))
            cut.note_reported([member for member in members if member.end > position])
            found.append(self._lost(number, error, position or None, chunk.size_bytes - position))
        else:
            self._listener(Moved(chunk.size_bytes - size_bytes))
            self._listener(Finished(chunk.file, "read", chunk.file, chunk.size_bytes))
            if not (found or self.bundle.is_encrypted or whole.hexdigest() == self.bundle.sealed.sums[chunk.file]):
                return self._unlike(number, whole.hexdigest(), walk, cut)
        return found + [self._finding(chunk.file, damage) for damage in walk.damages]

    def _unlike(self, number: int, sha256: str, walk: ChunkVerifier, cut: CutBlobs) -> list[Finding]:
        """Returns the findings of a chunk that was read to its end and has a wrong SHA-256."""
        chunk, members = self.bundle.manifest.chunks[number - 1], self._members[number - 1]
        if sha256 in self._names:
            path = self.bundle.chunks[number - 1].path
            assert path is not None
            self._seen[sha256] = path
            cut.note_reported(members)
            return [self._lost(number, other_under_its_name(chunk.file, self._names[sha256]), None, None)]
        damages = walk.damages or list(cut.suspects(members))
        if damages:
            return [self._finding(chunk.file, damage) for damage in damages]
        unlocated = Damaged(
            "the bytes differ from the signed ones",
            subject=chunk.file,
            expected=self.bundle.sealed.sums[chunk.file],
            actual=sha256,
            hint=text("copy {file} to the medium again", file=chunk.file),
        )
        return [Finding(unlocated, chunk.file)]

    def _hole(self, number: int, begin: int, hole: UnreadableRange, last: Finding | None) -> Finding:
        """The finding for an unreadable range, and for the range before it if it continues that one."""
        if last is not None:
            return self._lost(number, last.error, last.offset_bytes, (last.length_bytes or 0) + hole.length_bytes)
        file = self.bundle.manifest.chunks[number - 1].file
        hint = text("the medium is failing: copy {file} again, to another medium", file=file)
        error = hole.error.but(subject=text("{file} at offset {begin}", file=file, begin=begin), hint=hint)
        return self._lost(number, error, begin, hole.length_bytes)

    def _lost(self, number: int, error: BundlerError, begin: int | None, length: int | None) -> Finding:
        """Returns the finding for a missing or wrong part of a chunk; for the whole chunk if no place is given."""
        chunk = self.bundle.manifest.chunks[number - 1]
        start = begin or 0
        end = chunk.size_bytes if begin is None or length is None else begin + length
        lost = [member for member in self._members[number - 1] if member.header_offset < end and member.end > start]
        digests = {member.stored.digest: None for member in lost}
        hurt = {image: None for digest in digests for image in self._users.get(digest, ())}
        digest = next(iter(digests)) if begin is not None and len(digests) == 1 else None
        # If only our permission is missing, the file itself may be good: it need not be copied again.
        is_wanted = not isinstance(error, (LocalStorage, Refused, Unavailable))
        return Finding(error, chunk.file, begin, length if begin is not None else None, digest, tuple(hurt), is_wanted)

    def _finding(self, file: str, damage: Damage) -> Finding:
        stored = damage.member.stored if damage.member else None
        images = self._users.get(stored.digest, ()) if stored else ()
        error = Damaged(
            damage.message,
            subject=text("{file} at offset {offset_bytes}", file=file, offset_bytes=damage.offset_bytes),
            expected=damage.expected,
            actual=damage.actual,
            hint=text("copy {file} to the medium again", file=file),
        )
        digest = stored.digest if stored else None
        return Finding(error, file, damage.offset_bytes, damage.length_bytes, digest, tuple(images))
