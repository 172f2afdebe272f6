"""Sources of blobs that do what a script says."""

from __future__ import annotations

from dataclasses import dataclass, field

from bundler.core.limits import PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from tests.unit.values import described

CONTENT = b"0123456789" * 10
BLOB = described(CONTENT)
PIECE = b"p" * PIECE_BYTES

Script = list["bytes | BaseException"]
"""The result of opening a blob once: pieces, and perhaps an error at their end."""


@dataclass
class Source:
    """Gives what its scripts say, one for each opening; the last one for all further ones."""

    scripts: list[Script]
    is_remote: bool = True
    offsets: list[int] = field(default_factory=list)
    closed: int = 0

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        script = self.scripts[min(len(self.offsets), len(self.scripts) - 1)]
        self.offsets.append(offset_bytes)
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.closed += 1


@dataclass
class Wholes(Source):
    """Gives a small blob at once."""

    is_remote: bool = False
    content: bytes = b""

    def read_whole(self, descriptor: Descriptor) -> bytes:
        return self.content
