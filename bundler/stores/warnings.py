"""Warnings in a registry's answers: each text once in a run.

distribution-spec 1.1, "Warnings": only ``Warning: 299 - "text"`` is a warning.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from bundler.core.limits import WARNINGS
from bundler.core.patterns import lazy_pattern
from bundler.stores.addresses import printable
from bundler.stores.http import Answer

_WARNING = lazy_pattern(r'(?:^|,)\s*299 - "((?:[^"\\]|\\.){1,4096})"\s*(?=,|$)')


class Warnings:
    """The warnings of one registry. Thread-safe."""

    def __init__(self, registry: str, notice: Callable[[str], object]) -> None:
        """Calls ``notice`` with each new text."""
        self._registry = registry
        self._notice = notice
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def collect(self, answer: Answer) -> None:
        """Reads the warnings of an answer."""
        header = answer.headers.get("Warning")
        if header is None:
            return
        for found in _WARNING.finditer(header):
            text = printable(re.sub(r"\\(.)", r"\1", found[1]))
            if self._is_new(text):
                registry = self._registry
                self._notice(f"{registry} warns: {text}")

    def _is_new(self, text: str) -> bool:
        with self._lock:
            is_new = text not in self._seen and len(self._seen) < WARNINGS
            if is_new:
                self._seen.add(text)
            return is_new
