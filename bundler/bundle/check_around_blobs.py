"""Checks the bytes of a bundle around its blobs: an import reads the blobs themselves, and so checks them."""

from __future__ import annotations

from bundler.bundle.chunk import members_by_chunk
from bundler.bundle.chunk_verifier import Damage, header_damage
from bundler.bundle.file_system import UNREADABLE
from bundler.bundle.findings import Finding
from bundler.bundle.reader import Bundle
from bundler.core import tar
from bundler.core.archive_kind import TAR
from bundler.core.protocols import Passed
from bundler.errors import Damaged
from bundler.texts import text


def check_around_blobs(bundle: Bundle, passed: Passed) -> list[Finding]:
    """Checks the bytes that an import does not read by itself: the files of the layout, and the ends of chunks.

    This is cheap, so that an import also reports every wrong byte in the chunks that it uses. The SHA-256 of an
    encrypted chunk is checked as a whole when it is decrypted.

    Args:
        bundle: The bundle that is imported.
        passed: Receives every number of bytes that was read to find a whole copy of damaged bytes.
    """
    findings: list[Finding] = []
    if bundle.is_encrypted:
        return findings
    for file in bundle.manifest.files:
        state = bundle.chunks[file.pieces[0].chunk - 1]
        if state.problem is not None:
            continue  # the images that need this chunk report its fault
        try:
            bundle.read_stored(file)
        except UNREADABLE as error:
            findings.append(Finding(error, state.chunk.file, digest=file.digest))
    for number, members in enumerate(members_by_chunk(bundle.manifest), start=1):
        if bundle.chunks[number - 1].problem is None:
            finding = _finding_at_end(bundle, number, members[-1].end)
            if finding is not None and bundle.find_whole_chunk(number, passed):
                finding = _finding_at_end(bundle, number, members[-1].end)
            findings += [finding] if finding else []
    return findings


def _finding_at_end(bundle: Bundle, number: int, end: int) -> Finding | None:
    file = bundle.manifest.chunks[number - 1].file
    try:
        damage = _damage_of_end(bundle, number, end)
    except UNREADABLE as error:
        return Finding(error, file, end)
    if damage is None:
        return None
    wrong = Damaged(
        damage.message,
        subject=text("{file} at offset {offset_bytes}", file=file, offset_bytes=damage.offset_bytes),
        hint=text("copy {file} to the medium again", file=file),
    )
    return Finding(wrong, file, damage.offset_bytes, damage.length_bytes)


def _damage_of_end(bundle: Bundle, number: int, end: int) -> Damage | None:
    """Returns the damage after the last member of a chunk, or before its first member; None if there is none."""
    chunk = bundle.manifest.chunks[number - 1]
    kind = bundle.manifest.archive
    start, header = bytearray(kind.start_bytes), bytearray(chunk.size_bytes - end)
    with bundle.opened_chunk(number) as file:
        if start:
            file.read_into([start], 0, what=chunk.file)
        file.read_into([header], end, what=chunk.file)
    if kind is TAR:
        return None if header == tar.END else Damage("the end of the tar archive was changed", end, len(header))
    return header_damage(bytes(start), bytes(header), end)
