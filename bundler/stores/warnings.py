"""Warnings that a registry sends along with its answers: each text once in a run.

distribution-spec 1.1, "Warnings": ``Warning: 299 - "text"``, and nothing else is one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from bundler.core.limits import WARNINGS
from bundler.stores.addresses import printable
from bundler.stores.http import Answer

_WARNING = re.compile(r'(?:^|,)\s*299 - "((?:[^"\\]|\\.){1,4096})"\s*(?=,|$)')


class Warnings:
    """What one registry has warned of. Thread-safe."""

    def __init__(self, registry: str, notice: Callable[[str], object]) -> None:
        """Nothing yet; ``notice`` is called with each text that is new."""
        self._registry = registry
        self._notice = notice
        self._lock = threading.Lock()
        self._heard: set[str] = set()

    def hear(self, answer: Answer) -> None:
        """Takes in the warnings of an answer."""
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
            is_new = text not in self._heard and len(self._heard) < WARNINGS
            if is_new:
                self._heard.add(text)
            return is_new
