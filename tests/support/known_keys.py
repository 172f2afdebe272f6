"""The keys of encrypted 7z archives, derived once for each passphrase: each time takes a quarter of a second of SHA-256,
and two are derived for each archive.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

from py7zr import compressor

from bundler.core import seven_zip_format

KEY_BYTES = 32
Derive = Callable[..., bytes]


def remember(folder: Path) -> None:
    """Keeps the keys that this process and its forks derive in a folder, for all of them."""
    compressor.calculate_key = _remembered(compressor.calculate_key, folder)
    seven_zip_format.aes_key = _remembered(seven_zip_format.aes_key, folder)


def _remembered(derive: Derive, folder: Path) -> Derive:
    @functools.cache
    def remembered(*given: bytes | int | str) -> bytes:
        path = folder / hashlib.sha256(repr((derive.__name__, given)).encode()).hexdigest()
        known = path.read_bytes() if path.exists() else b""
        if len(known) == KEY_BYTES:  # a process that was killed may have written less
            return known
        key = derive(*given)
        path.write_bytes(key)
        return key

    return remembered
