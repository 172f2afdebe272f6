"""Checks a whole bundle: every byte of every file, each read once, and tells all that is wrong and whom it hurts.

Chunks are checked in parallel. A chunk's bytes go through its own SHA-256 and, where they belong to a blob, through
the blob's; the framing between blobs is compared with what the bundle manifest says it is. So damage is located.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.chunk import Member, groups_of, members_by_chunk
from bundler.bundle.files import is_there, names_in, read_bounded, read_into
from bundler.bundle.reader import Bundle
from bundler.core import tar
from bundler.core.digest import Digest, Hasher
from bundler.core.events import Listener, Moved, nobody
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


def check(bundle: Bundle, *, jobs: int, listener: Listener, cancellation: Cancellation) -> list[Finding]:
    """Reads the whole bundle and returns everything that is wrong with it, in the order of the files.

    Raises:
        Interrupted: The user stopped it.
    """
    checker = _Checker(bundle, listener, cancellation)
    failed = run_all(groups_of(bundle.manifest), checker.check_group, front_workers=jobs, cancellation=cancellation)
    assert not failed, "a chunk's errors are findings"
    findings = [*checker.check_files(), *checker.findings]
    return sorted(findings, key=lambda finding: (finding.file, finding.offset_bytes or 0))


def check_beside_blobs(bundle: Bundle) -> list[Finding]:
    """Checks what an import does not read by itself: README.txt, unlisted files, files of the layout, ends of chunks.

    Cheap, so that an import too tells of every byte that is wrong in the chunks that it uses.
    """
    findings = list(_Checker(bundle, nobody, Cancellation()).check_files())
    for file in bundle.manifest.files:
        state = bundle.chunks[file.pieces[0].chunk - 1]
        if state.problem is not None:
            continue  # the chunk as a whole is told of by the images that it hurts
        try:
            bundle.read_stored(file)
        except (Damaged, Incomplete, LocalStorage) as error:
            findings.append(Finding(error, state.chunk.file, digest=file.digest))
    for number, state in enumerate(bundle.chunks, start=1):
        if state.problem is None:
            end = bytearray(len(tar.END))
            offset = state.chunk.size_bytes - len(end)
            try:
                with bundle.opened_chunk(number) as descriptor:
                    read_into(descriptor, [end], offset, what=state.chunk.file)
                if end != tar.END:
                    raise Damaged("the end was changed", subject=f"{state.chunk.file} at offset {offset}")
            except (Damaged, Incomplete, LocalStorage) as error:
                findings.append(Finding(error, state.chunk.file, offset, len(end)))
    return findings


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
        cut = _CutBlobs()
        for number in numbers:
            self._check_chunk(number, cut)

    def check_files(self) -> Iterator[Finding]:
        """What lies beside the chunks: the small files, and files that nobody listed."""
        yield from self._check_readme()
        listed = set(self.bundle.sealed.sums) | {sums.FILE}
        for folder in self.bundle.sealed.folders:
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
        known = {sums.README, sums.MANIFEST} | {chunk.file for chunk in self.bundle.manifest.chunks}
        for name in sorted(set(self.bundle.sealed.sums) - known):
            yield Finding(Damaged("listed, but unknown to this version of bundler", subject=name), name)

    def _check_readme(self) -> Iterator[Finding]:
        expected = self.bundle.sealed.sums.get(sums.README)
        path = next(
            (path for folder in self.bundle.sealed.folders if is_there(path := folder / sums.README)),
            Path(sums.README),
        )
        try:
            actual = hashlib.sha256(read_bounded(path, SUMS_BYTES)).hexdigest()
        except BundlerError as error:
            yield Finding(error, sums.README)
            return
        if actual != expected:
            changed = Damaged("the file was changed or damaged", subject=str(path), expected=expected, actual=actual)
            yield Finding(changed, sums.README)

    def _check_chunk(self, number: int, cut: _CutBlobs) -> None:
        chunk = self.bundle.manifest.chunks[number - 1]
        members = self._members[number - 1]
        walk = _Walk(members, cut)
        whole = hashlib.sha256()
        position = 0
        try:
            buffer = bytearray(PIECE_BYTES)
            with self.bundle.opened_chunk(number) as descriptor:
                while position < chunk.size_bytes:
                    self._cancellation.check()
                    view = memoryview(buffer)[: min(len(buffer), chunk.size_bytes - position)]
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
        is_whole = whole.hexdigest() == self.bundle.sealed.sums[chunk.file]
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

    def _finding(self, file: str, damage: _Damage) -> Finding:
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


@dataclass(frozen=True, slots=True)
class _Damage:
    message: str
    offset_bytes: int
    length_bytes: int
    member: Member | None = None
    expected: str | None = None
    actual: str | None = None


class _CutBlobs:
    """Blobs that are larger than a chunk, while their chunks are read one after the other.

    Their digest is known only at the end of the last part. So damage in an earlier part is told by the SHA-256 of its
    chunk, and the digest is asked only when no part was told to be damaged or could not be read.
    """

    def __init__(self) -> None:
        self._hashers: dict[Digest, Hasher] = {}
        self._settled: set[Digest] = set()

    def hasher(self, digest: Digest) -> Hasher:
        """The blob's hash so far."""
        return self._hashers.setdefault(digest, digest.hasher())

    def cannot_tell(self, members: Iterable[Member]) -> None:
        """Some parts could not be read, which was told."""
        self._settled.update(member.stored.digest for member in members)

    def is_settled(self, digest: Digest) -> bool:
        """Whether what is wrong with the blob was told already."""
        return digest in self._settled

    def suspects(self, members: Iterable[Member]) -> Iterator[_Damage]:
        """The parts in a chunk whose SHA-256 is wrong although everything else in it is right."""
        for member in members:
            if len(member.stored.pieces) > 1:
                self._settled.add(member.stored.digest)
                yield _damage(member, None)


class _Walk:
    """Follows the bytes of one chunk through its framing and its blobs."""

    def __init__(self, members: list[Member], cut: _CutBlobs) -> None:
        self.damages: list[_Damage] = []
        self._steps = self._plan(members, cut)
        self._step = next(self._steps)
        self._position = 0

    def take(self, view: memoryview) -> None:
        """The next bytes of the chunk."""
        while len(view):
            now = view[: self._step.end - self._position]
            self._step.take(now)
            self._position += len(now)
            view = view[len(now) :]
            while self._position == self._step.end:
                damage = self._step.finish()
                if damage is not None:
                    self.damages.append(damage)
                following = next(self._steps, None)
                if following is None:
                    return
                self._step = following

    def _plan(self, members: list[Member], cut: _CutBlobs) -> Iterator[_Framing | _Data]:
        for member in members:
            yield _Framing(member.header, member.header_offset, member)
            yield _Data(member, cut)
            yield _Framing(member.padding, member.data_end, member)
        yield _Framing(tar.END, members[-1].end, None)


class _Framing:
    """Bytes that are known beforehand."""

    def __init__(self, expected: bytes, begin: int, member: Member | None) -> None:
        self._expected = expected
        self._begin = begin
        self._member = member
        self._taken = 0
        self._is_damaged = False
        self.end = begin + len(expected)

    def take(self, view: memoryview) -> None:
        self._is_damaged |= view != self._expected[self._taken : self._taken + len(view)]
        self._taken += len(view)

    def finish(self) -> _Damage | None:
        if not self._is_damaged:
            return None
        what = f"the tar framing of {self._member.name} was changed" if self._member else "the end was changed"
        return _Damage(what, self._begin, len(self._expected), self._member)


class _Data:
    """A blob, or a part of one."""

    def __init__(self, member: Member, cut: _CutBlobs) -> None:
        self._member = member
        self._cut = cut
        self._is_cut = len(member.stored.pieces) > 1
        digest = member.stored.digest
        self._hasher = cut.hasher(digest) if self._is_cut else digest.hasher()
        self.end = member.data_end

    def take(self, view: memoryview) -> None:
        self._hasher.update(view)

    def finish(self) -> _Damage | None:
        stored = self._member.stored
        is_at_end = self._member.start_bytes + self._member.piece.length_bytes == stored.size_bytes
        if not is_at_end or self._cut.is_settled(stored.digest) or self._hasher.hexdigest() == stored.digest.encoded:
            return None
        return _damage(self._member, f"{stored.digest.algorithm}:{self._hasher.hexdigest()}")


def _damage(member: Member, actual: str | None) -> _Damage:
    return _Damage(
        f"the bytes of {member.name} are damaged",
        member.piece.offset_bytes,
        member.piece.length_bytes,
        member,
        str(member.stored.digest) if actual else None,
        actual,
    )


def _is_litter(name: str) -> bool:
    return name in _LITTER or name.startswith(_LITTER_PREFIXES)
