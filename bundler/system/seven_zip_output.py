"""The outputs for py7zr's members: functions instead of files, so that nothing is extracted by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Write = Callable[["bytes | bytearray"], object]


def outputs(write_to: Callable[[str], Write]) -> Any:
    """Returns the factory from which py7zr gets an output for each member.

    Args:
        write_to: Returns the function that receives the data of a member of a name. Exceptions of both pass through.
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
