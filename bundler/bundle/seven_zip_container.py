"""7z archives, written and decrypted through py7zr's public API. The only module that knows py7zr.

Written are store-mode archives of one folder (COPY, with AES-256 and an encrypted header where there is a passphrase).
Read through py7zr are encrypted ones only, whose bytes were compared with SHA256SUMS before, and only where they say of
themselves what the writer makes: other methods can inflate a few bytes to gigabytes. Format: FORMAT.md, section 4.6.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PosixPath
from typing import Any

from bundler.core import seven_zip_format
from bundler.errors import BundlerError, Damaged, LocalStorage, Misuse
from bundler.system.files import let_go, of_medium, open_for_reading, read_into, size_of
from bundler.texts import text

Write = Callable[["bytes | bytearray"], object]

_MODE = 0o100644
_METHODS = ["7zAES", "COPY"]


class WrongPassphrase(Misuse):
    """An archive cannot be opened with this passphrase."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "the passphrase does not open this bundle", subject=what, hint=("ask the builder for the passphrase")
        )


class ArchiveWriter:
    """One archive that is being made, member after member. For one thread."""

    def __init__(self, descriptor: int, passphrase: str | None, *, what: str) -> None:
        """Begins.

        Args:
            descriptor: Of a new file, to read and to write; it is closed in the end.
            passphrase: Encrypts data and names, if given.
            what: Names the file in errors.

        Raises:
            LocalStorage: It cannot be written.
        """
        from py7zr import FILTER_COPY, FILTER_CRYPTO_AES256_SHA256, SevenZipFile

        self._what = what
        methods = [{"id": FILTER_COPY}] + ([{"id": FILTER_CRYPTO_AES256_SHA256}] if passphrase else [])
        self._file = open(descriptor, "w+b")  # noqa: SIM115  # closed by `finish` or `close`
        try:
            self._archive = SevenZipFile(
                self._file, "w", filters=methods, password=passphrase, header_encryption=passphrase is not None
            )
        except OSError as error:
            raise LocalStorage.unwritable(error, what) from error
        if not passphrase:
            self._archive.set_encoded_header_mode(False)  # else it is compressed with LZMA

    def add(self, name: str, size_bytes: int, pieces: Iterator[bytes | memoryview]) -> None:
        """Writes the next member. Whatever ``pieces`` raises goes through; the archive is of no use then.

        Raises:
            LocalStorage: The bytes cannot be written.
            Damaged: There were not as many as promised.
        """
        stream = _Stream(pieces)
        try:
            self._archive.write(_NoFile.of(name, size_bytes, stream), name)
        except OSError as error:
            raise LocalStorage.unwritable(error, self._what) from error
        if stream.read_bytes != size_bytes:
            raise Damaged(
                "the size differs from the promised one",
                subject=name,
                expected=text("{size} bytes", size=size_bytes),
                actual=text("{size} bytes", size=stream.read_bytes),
            )

    def finish(self) -> None:
        """Writes the header and waits until all is on the device.

        Raises:
            LocalStorage: That does not work.
        """
        try:
            self._archive.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise LocalStorage.unwritable(error, self._what) from error

    def close(self) -> None:
        """Lets go of the file as it is."""
        try:
            self._file.close()
        except OSError:
            return  # what was buffered is of no use


def unpack(
    descriptor: int, *, passphrase: str, accepts: Callable[[Sequence[tuple[str, int]]], bool], write: Write, what: str
) -> None:
    """Decrypts an archive: hands on the data of its members, one behind the other.

    Args:
        descriptor: Of the file, whose SHA-256 was checked.
        passphrase: Decrypts it.
        accepts: Whether names and sizes of the members are those that were promised.
        write: Takes the data; what it raises goes through.
        what: Names the file in errors.

    Raises:
        WrongPassphrase: Another passphrase decrypts it.
        Damaged: It is no archive as the writer makes them, or has other members than were promised.
    """
    from py7zr import SevenZipFile

    _check_form(descriptor, what)
    with open(os.dup(descriptor), "rb") as file:
        try:
            archive = SevenZipFile(file, "r", password=passphrase)
        except OSError as error:
            raise of_medium(error, what) from error
        except Exception as error:  # what py7zr makes of a header in random bytes: TypeError, and others
            raise WrongPassphrase(what) from error
        try:
            info, members = archive.archiveinfo(), archive.list()
            if sorted(info.method_names) != _METHODS or info.blocks != 1:
                raise Damaged("packed with an unknown method", subject=what)
            if not all(each.is_file for each in members):
                raise Damaged("an entry of the archive is not a file", subject=what)
            if not accepts([(each.filename, each.uncompressed) for each in members]):
                raise Damaged("the members of the archive differ from the bundle manifest", subject=what)
            # Nothing is written under these names. The folder is the one that every path is in, whatever links it has.
            archive.extract(path="/", factory=_factory(write))
        except BundlerError:
            raise
        except OSError as error:
            raise of_medium(error, what) from error
        except Exception as error:  # CrcError, Bad7zFile, struct.error …: the archive contradicts itself
            raise Damaged(
                text("the archive cannot be decrypted: {name}", name=type(error).__name__), subject=what
            ) from error


def check_passphrase(path: Path, passphrase: str) -> None:
    """Makes sure that an archive which the writer made can be opened with a passphrase.

    Raises:
        WrongPassphrase: It cannot.
        Damaged, Incomplete: It is none.
    """
    from py7zr import SevenZipFile

    descriptor = open_for_reading(path)
    try:
        _check_form(descriptor, str(path))
        with open(os.dup(descriptor), "rb") as file:
            try:
                SevenZipFile(file, "r", password=passphrase)
            except OSError as error:
                raise of_medium(error, str(path)) from error
            except Exception as error:  # as in `unpack`
                raise WrongPassphrase(str(path)) from error
    finally:
        let_go(descriptor)


def _check_form(descriptor: int, what: str) -> None:
    """Makes sure that py7zr meets nothing but 7zAES when it decodes the header.

    Raises:
        Damaged: It would.
    """
    start = bytearray(seven_zip_format.START_BYTES)
    read_into(descriptor, [start], 0, what=what)
    place = seven_zip_format.header_place(bytes(start))
    if place is not None and place[1] <= seven_zip_format.HEADER_BYTES and sum(place) == size_of(descriptor, what=what):
        header = bytearray(place[1])
        read_into(descriptor, [header], place[0], what=what)
        if seven_zip_format.is_framed(bytes(start), bytes(header), place[0]) and seven_zip_format.is_encrypted_header(
            bytes(header)
        ):
            return
    raise Damaged("not an encrypted 7z archive made by bundler", subject=what)


class _NoFile(PosixPath):
    """A file that is on no disk, as `pathlib` shows one: its size, and a stream of its bytes.

    py7zr takes it for a file to pack. Unlike a plain stream it has a time, and that is always the same.
    """

    size_bytes: int
    stream: _Stream

    @classmethod
    def of(cls, name: str, size_bytes: int, stream: _Stream) -> _NoFile:
        path = cls(name)
        path.size_bytes, path.stream = size_bytes, stream
        return path

    def lstat(self) -> os.stat_result:
        return os.stat_result((_MODE, 0, 0, 1, 0, 0, self.size_bytes, 0, 0, 0))

    def is_file(self, **_: bool) -> bool:
        return True

    def is_dir(self, **_: bool) -> bool:
        return False

    def is_symlink(self) -> bool:
        return False

    def open(self, *_: Any, **__: Any) -> Any:
        return self.stream


class _Stream(io.RawIOBase):
    """Pieces as a stream: each read gives the next one, of whatever size it is."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self.read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        del size
        for piece in self._pieces:
            if len(piece):
                self.read_bytes += len(piece)
                return piece  # type: ignore[return-value]  # used before the next read, so nobody needs a copy
        return b""


def _factory(write: Write) -> Any:
    """What py7zr hands data to."""
    from py7zr import Py7zIO, WriterFactory

    class Output(Py7zIO):
        def __init__(self) -> None:
            self._size = 0

        def write(self, s: bytes | bytearray) -> int:
            write(s)
            self._size += len(s)
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
            return self._size

    class Factory(WriterFactory):
        def create(self, filename: str) -> Output:
            del filename
            return Output()

    return Factory()
