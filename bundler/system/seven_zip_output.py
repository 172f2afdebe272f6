"""The places that py7zr writes the members of an archive to: functions here, so that nothing is extracted by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Write = Callable[["bytes | bytearray"], object]


def outputs(write_to: Callable[[str], Write]) -> Any:
    """Returns the factory that py7zr asks for an output for each member.

    Args:
        write_to: Takes a member's name and returns the function that takes its data; what either raises goes through.
    """
    from py7zr import Py7zIO, WriterFactory

    class Output(Py7zIO):
        def __init__(self, write: Write) -> None:
            self._write = write
            self._size_bytes = 0

        def write(self, s: bytes | bytearray) -> int:
            self._write(s)
            self._size_bytes += len(s)
            return len(s)

        def read(self, size: int | None = None) -> bytes:
            del size
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            del offset, whence
            return 0

        def flush(self) -> None:
            return

        def size(self) -> int:
            return self._size_bytes

    class Factory(WriterFactory):
        def create(self, filename: str) -> Output:
            return Output(write_to(filename))

    return Factory()
