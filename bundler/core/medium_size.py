"""The sizes of media: presets, and the room that the files of each medium take. Pure."""

from __future__ import annotations

from bundler.core.limits import MINIMUM_CHUNK_BYTES
from bundler.core.manifest import BundleManifest, json_pieces
from bundler.core.written_size import parse_size
from bundler.errors import Misuse
from bundler.texts import text

DEFAULT_CHUNK_BYTES = 2_000_000_000
"""Less than 2 GiB, because ClamAV does not scan larger files, and less than 4 GiB - 1, the limit of FAT32."""

MEDIUM_PRESETS = {
    "cd": 730_000_000,
    "dvd": 4_700_000_000,
    "dvd-dl": 8_540_000_000,
    "bd25": 25_000_000_000,
    "bd50": 50_000_000_000,
    "bd100": 100_000_000_000,
    "fat32": 4_294_000_000,
}
"""The sizes of media, by the names of the presets for chunks; each holds chunks of the preset of its name."""

SECTOR_BYTES = 2048
"""The unit of ISO 9660."""

OTHER_BYTES = 1 << 20
"""README.txt, restore.py, signatures, and the folders of the file system."""
_LINE_BYTES = 2 * 128
"""A chunk, or another file of one medium, in SHA256SUMS and in ``media``."""
_CHUNK_SHARE = 0.95
"""The part of a small medium that a chunk takes by default."""
_SMALL_FILES_BYTES = 2 * OTHER_BYTES
"""The room that the other files of a very small medium get at least."""


def common_bytes(manifest: BundleManifest, *, is_encrypted: bool = False, others: int = 0) -> int:
    """An upper bound of the size of the files that each medium has, with what their file system needs.

    Args:
        manifest: The plan, without media.
        is_encrypted: True if the bundle will be encrypted.
        others: The number of files besides chunks that one medium has.
    """
    document = sum(map(len, json_pieces(manifest)))
    return (2 if is_encrypted else 1) * document + _LINE_BYTES * (len(manifest.chunks) + others) + OTHER_BYTES


def parse_medium_size(words: str) -> int:
    """Reads the size of a medium: the name of a preset or a number of bytes with an optional unit (``64GB``).

    Raises:
        Misuse: The text is neither.
    """
    return parse_size(words, MEDIUM_PRESETS, wrong=text("not the size of a medium"))


def chunk_size_for(medium_size_bytes: int | None) -> int:
    """The chunk size if none was given: the default one, or less if the medium is small.

    Raises:
        Misuse: The medium is too small for any chunk.
    """
    if medium_size_bytes is None:
        return DEFAULT_CHUNK_BYTES
    least = MINIMUM_CHUNK_BYTES + _SMALL_FILES_BYTES
    if medium_size_bytes < least:
        raise Misuse(
            "the medium is too small",
            subject="--medium-size",
            expected=text("at least {size:,} bytes", size=least),
            actual=text("{size:,} bytes", size=medium_size_bytes),
            hint="give a larger --medium-size",
        )
    return _largest_chunk_bytes(medium_size_bytes)


def limits_chunks(medium_size_bytes: int | None, chunk_size_bytes: int) -> bool:
    """True if the chunk size is the one that `chunk_size_for` chose because the medium is small."""
    if medium_size_bytes is None or chunk_size_bytes >= DEFAULT_CHUNK_BYTES:
        return False
    return chunk_size_bytes == _largest_chunk_bytes(medium_size_bytes)


def _largest_chunk_bytes(medium_size_bytes: int) -> int:
    return min(DEFAULT_CHUNK_BYTES, int(_CHUNK_SHARE * medium_size_bytes), medium_size_bytes - _SMALL_FILES_BYTES)
