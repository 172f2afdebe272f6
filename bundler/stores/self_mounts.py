"""One registry's answer to a mount of a blob from the repository that has the blob already.

Distribution-spec "Mounting a blob from another repository": a registry that mounts answers 201, one that cannot begins
an upload. A registry that answers 201 for what a repository has itself needs no other question about a repository that
is probably empty: one POST finds the blob or opens its upload.
"""

from __future__ import annotations

import threading


class SelfMounts:
    """Knows the answer after the first blob was sent. Thread-safe."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._is_answered_by_201 = False

    @property
    def tell(self) -> bool:
        """True if a mount of what the repository has itself is known to be answered by 201."""
        return self._is_answered_by_201

    def is_to_be_asked(self) -> bool:
        """Returns True once: the caller asks, and calls `note`."""
        return self._asking.acquire(blocking=False)  # taken for good

    def note(self, *, is_answered_by_201: bool) -> None:
        """Notes the answer. A registry that takes offence later is not asked so again."""
        self._is_answered_by_201 = is_answered_by_201
