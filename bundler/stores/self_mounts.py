"""One registry's answer to a mount of a blob from the repository that has the blob already.

Distribution-spec "Mounting a blob from another repository": a registry that mounts answers 201; a registry that cannot
opens an upload. If a registry answers 201 for blobs of the repository itself, one POST is enough for a repository that
is probably empty: it finds the blob or opens its upload.
"""

from __future__ import annotations

import threading


class SelfMounts:
    """Knows the answer after the first blob was sent. Thread-safe."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._is_answered_by_201 = False

    @property
    def are_answered_by_201(self) -> bool:
        """True if a mount of the repository's own blob is known to be answered by 201."""
        return self._is_answered_by_201

    def is_to_be_asked(self) -> bool:
        """Returns True once: the caller sends the request, and calls `note`."""
        return self._asking.acquire(blocking=False)  # never released

    def note(self, *, is_answered_by_201: bool) -> None:
        """Stores the answer. A registry that refuses later gets no such request again."""
        self._is_answered_by_201 = is_answered_by_201
