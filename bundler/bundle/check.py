"""Checks a whole bundle: every byte of every file, each read once, and tells all that is wrong and whom it hurts.

Chunks are checked in parallel. A chunk's bytes go through its own SHA-256 and, where they belong to a blob, through
the blob's; the framing between blobs is compared with what the bundle manifest says it is. So damage is located.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from bundler.bundle import sums
from bundler.bundle.chunk import groups_of, members_by_chunk
from bundler.bundle.files import (
    find_file,
    is_there,
    names_in,
    open_for_reading,
    read_bounded,
    read_into,
    sha256_of,
)
from bundler.bundle.locked import LockedBundle, check_sum
from bundler.bundle.reader import Bundle
from bundler.bundle.walk import CutBlobs, Damage, Walk, header_damage
from bundler.core import tar
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest
from bundler.core.events import Listener, Moved
from bundler.core.limits import PIECE_BYTES, SUMS_BYTES
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.workers import Cancellation, run_all

_LITTER = frozenset(
    {"System Volume Information", ".DS_Store", "Thumbs.db", "desktop.ini", "lost+found", "$RECYCLE.BIN", ".fseventsd"}
)
"""What Windows, macOS and file systems leave on media."""
_LITTER_PREFIXES = (".Trash", "._", ".Spotlight")


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
    """

    error: BundlerError
    file: str
    offset_bytes: int | None = None
    length_bytes: int | None = None
    digest: Digest | None = None
    images: tuple[str, ...] = ()


def check(bundle: Bundle | LockedBundle, *, jobs: int, listener: Listener, cancellation: Cancellation) -> list[Finding]:
    """Reads the whole bundle and returns everything that is wrong with it, in the order of the files.

    Of an encrypted bundle that was not opened, the SHA-256 of each file is all that can be checked.

    Raises:
        Interrupted: The user stopped it.
    """
    findings: list[Finding] = []

    def sealed_file(name: str) -> None:
        findings.extend(_check_sealed(bundle, name, listener, cancellation))

    if isinstance(bundle, LockedBundle):
        names = [sums.CONTENT, *(chunk.file for chunk in bundle.manifest.chunks)]
        failed = run_all(names, sealed_file, front_workers=jobs, cancellation=cancellation)
        assert not failed, "a file's errors are findings"
    else:
        checker = _Checker(bundle, listener, cancellation)
        broken = run_all(groups_of(bundle.manifest), checker.check_group, front_workers=jobs, cancellation=cancellation)
        assert not broken, "a chunk's errors are findings"
        findings += checker.findings
    findings += check_files(bundle)
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
    yield from _check_readme(bundle)
    listed = set(bundle.sealed.sums) | {sums.FILE}
    for folder in bundle.sealed.folders:
        if not is_there(folder / sums.FILE):
            continue  # a medium with some chunks may hold other things too
        for name in names_in(folder):
            if name not in listed and not sums.signer_of(name) and not _is_litter(name):
                error = Damaged(
                    "a file that SHA256SUMS does not list",
                    subject=str(folder / name),
                    hint="remove it from the bundle",
                )
                yield Finding(error, name)
    known = {sums.README, sums.MANIFEST} | {chunk.file for chunk in bundle.manifest.chunks}
    if isinstance(bundle, LockedBundle) or bundle.is_encrypted:
        known.add(sums.CONTENT)
    for name in sorted(set(bundle.sealed.sums) - known):
        yield Finding(Damaged("listed, but unknown to this version of bundler", subject=name), name)


def _check_readme(bundle: Bundle | LockedBundle) -> Iterator[Finding]:
    expected = bundle.sealed.sums.get(sums.README)
    path = find_file(bundle.sealed.folders, sums.README)
    try:
        actual = hashlib.sha256(read_bounded(path, SUMS_BYTES)).hexdigest()
    except BundlerError as error:
        yield Finding(error, sums.README)
        return
    if actual != expected:
        changed = Damaged("the file was changed or damaged", subject=str(path), expected=expected, actual=actual)
        yield Finding(changed, sums.README)


def _check_sealed(
    bundle: Bundle | LockedBundle, name: str, listener: Listener, cancellation: Cancellation
) -> Iterator[Finding]:
    """Compares one file as a whole with SHA256SUMS."""
    state = next((state for state in bundle.chunks if state.chunk.file == name), None)

    def passed(amount: int) -> None:
        cancellation.check()
        if state is not None:
            listener(Moved(amount))

    try:
        if state is not None and state.problem is not None:
            raise state.problem
        path = state.path if state is not None and state.path else find_file(bundle.sealed.folders, name)
        descriptor = open_for_reading(path)
        try:
            check_sum(bundle.sealed, name, sha256_of(descriptor, what=name, passed=passed))
        finally:
            os.close(descriptor)
    except (Damaged, Incomplete, LocalStorage) as error:
        yield Finding(error, name)


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
    def __init__(self, bundle: Bundle, listener: Listener, cancellation: Cancellation) -> None:
        self.bundle = bundle
        self.findings: list[Finding] = []
        self._listener = listener
        self._cancellation = cancellation
        self._members = members_by_chunk(bundle.manifest)
        self._users = bundle.manifest.users()

    def check_group(self, numbers: list[int]) -> None:
        """Checks some chunks that belong together, in their order."""
        cut = CutBlobs()
        for number in numbers:
            self._check_chunk(number, cut)

    def _check_chunk(self, number: int, cut: CutBlobs) -> None:
        chunk = self.bundle.manifest.chunks[number - 1]
        members = self._members[number - 1]
        # Of an encrypted chunk the SHA-256 is checked before it is decrypted, and nothing but the data comes out.
        size_bytes = members[-1].end if self.bundle.is_encrypted else chunk.size_bytes
        walk = Walk(members, cut, size_bytes=size_bytes)
        whole = hashlib.sha256()
        position = 0
        try:
            buffer = bytearray(PIECE_BYTES)
            with self.bundle.opened_chunk(number) as descriptor:
                while position < size_bytes:
                    self._cancellation.check()
                    view = memoryview(buffer)[: min(len(buffer), size_bytes - position)]
                    read_into(descriptor, [view], position, what=chunk.file)
                    whole.update(view)
                    walk.take(view)
                    position += len(view)
                    self._listener(Moved(len(view)))
        except (Damaged, Incomplete, LocalStorage) as error:
            self._listener(Moved(chunk.size_bytes - position))
            lost = [member for member in members if member.end > position]
            cut.cannot_tell(lost)
            hurt = {image: None for member in lost for image in self._users.get(member.stored.digest, ())}
            self.findings.append(Finding(error, chunk.file, position or None, images=tuple(hurt)))
            return
        self._listener(Moved(chunk.size_bytes - size_bytes))
        is_whole = self.bundle.is_encrypted or whole.hexdigest() == self.bundle.sealed.sums[chunk.file]
        damages = walk.damages if is_whole else walk.damages or list(cut.suspects(members))
        for damage in damages:
            self.findings.append(self._finding(chunk.file, damage))
        if not is_whole and not damages:
            unlocated = Damaged(
                "the bytes are not those that were signed",
                subject=chunk.file,
                expected=self.bundle.sealed.sums[chunk.file],
                actual=whole.hexdigest(),
                hint=f"bring {chunk.file} again",
            )
            self.findings.append(Finding(unlocated, chunk.file))

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


def _is_litter(name: str) -> bool:
    return name in _LITTER or name.startswith(_LITTER_PREFIXES)
