"""7z archives: written by bundler, byte for byte as FORMAT.md says, and decrypted through py7zr's public API.

The writer makes store-mode archives of one folder: COPY, and with a passphrase AES-256 and an encrypted header. Only
encrypted archives are read through py7zr, after their bytes were compared with SHA256SUMS, and only if their headers
are as the writer makes them: other methods can inflate a few bytes to gigabytes. Format: FORMAT.md, section 4.6.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

from bundler.core import seven_zip_format
from bundler.errors import BundlerError, Damaged, LocalStorage, Misuse
from bundler.system.durable_files import closing_file, write_from
from bundler.system.files import let_go, of_medium, open_for_reading, read_into, size_of
from bundler.system.seven_zip_output import Write, outputs
from bundler.texts import text

_METHODS = ["7zAES", "COPY"]


class WrongPassphrase(Misuse):
    """An archive cannot be opened with this passphrase."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "the passphrase does not open this bundle", subject=what, hint=("ask the builder for the passphrase")
        )


class ArchiveWriter:
    """One archive that is being written, member after member. For one thread."""

    def __init__(self, descriptor: int, passphrase: str | None, *, what: str) -> None:
        """Starts the archive.

        Args:
            descriptor: The descriptor of a new file, to write; `finish` or `close` closes it.
            passphrase: Encrypts data and names; None for an archive that anybody can read.
            what: Names the file in errors.
        """
        self._descriptor = descriptor
        self._what = what
        self._key = None if passphrase is None else seven_zip_format.aes_key(passphrase)
        self._cipher = _Cipher(self._key) if self._key else None
        self._end = seven_zip_format.START_BYTES
        self._packed_crc = 0
        self._files: list[seven_zip_format.StoredFile] = []

    def add(self, name: str, size_bytes: int, pieces: Iterator[bytes | memoryview]) -> None:
        """Writes the next member. Errors of ``pieces`` pass through; the archive is of no use then.

        Raises:
            LocalStorage: The bytes cannot be written.
            Damaged: The number of bytes differs from the promised one.
        """
        done, crc = 0, 0
        for piece in pieces:
            done, crc = done + len(piece), crc32(piece, crc)
            self._append(self._cipher.update(piece) if self._cipher else piece)
        if done != size_bytes:
            raise Damaged(
                "the size differs from the promised one",
                subject=name,
                expected=text("{size} bytes", size=size_bytes),
                actual=text("{size} bytes", size=done),
            )
        self._files.append(seven_zip_format.StoredFile(name, size_bytes, crc))

    def finish(self) -> None:
        """Writes the header and waits until the file is on the device.

        Raises:
            LocalStorage: The header cannot be written, or the device did not take the file.
        """
        header = self._header()
        begin = seven_zip_format.start(header, self._end)
        self._append(header)
        write_from(self._descriptor, [begin], 0, what=self._what)
        descriptor, self._descriptor = self._descriptor, -1
        with closing_file(descriptor, what=self._what):
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise LocalStorage.unwritable(error, self._what) from error

    def close(self) -> None:
        """Closes the file as it is."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            let_go(descriptor)

    def _header(self) -> bytes:
        """Returns the header. With a passphrase, writes the encrypted header, and returns the one that points to it."""
        if self._key is None or self._cipher is None:
            return seven_zip_format.header(self._files, offset_bytes=self._end)
        self._append(self._cipher.last())
        encryption = self._cipher.encryption(self._end - seven_zip_format.START_BYTES, self._packed_crc)
        plain = seven_zip_format.header(self._files, offset_bytes=0, encryption=encryption)
        cipher, offset = _Cipher(self._key), self._end
        self._append(cipher.update(plain) + cipher.last())
        return seven_zip_format.encoded_header(
            offset_bytes=offset - seven_zip_format.START_BYTES,
            length_bytes=len(plain),
            encryption=cipher.encryption(self._end - offset),
        )

    def _append(self, data: bytes | memoryview) -> None:
        write_from(self._descriptor, [data], self._end, what=self._what)
        # A plain archive needs no CRC of the packed bytes.
        self._packed_crc = crc32(data, self._packed_crc) if self._cipher else 0
        self._end += len(data)


class _Cipher:
    """AES-256 in CBC mode with an IV of its own; its input is padded with zeros."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        self._iv = os.urandom(seven_zip_format.AES_BLOCK_BYTES)
        self._encryptor = Cipher(algorithms.AES(key), modes.CBC(self._iv)).encryptor()
        self._taken = 0

    def update(self, data: bytes | memoryview) -> bytes:
        """Returns the next encrypted blocks; keeps the bytes of an incomplete block."""
        self._taken += len(data)
        return self._encryptor.update(data)

    def last(self) -> bytes:
        """Returns the last block, if any."""
        filling = bytes(-self._taken % seven_zip_format.AES_BLOCK_BYTES)
        return self._encryptor.update(filling) + self._encryptor.finalize()

    def encryption(self, size_bytes: int, crc: int = 0) -> seven_zip_format.Encryption:
        """The description of the encryption for a header."""
        return seven_zip_format.Encryption(self._iv, size_bytes, crc)


def unpack(
    descriptor: int, *, passphrase: str, accepts: Callable[[Sequence[tuple[str, int]]], bool], write: Write, what: str
) -> None:
    """Decrypts an archive, and passes on the data of its members in sequence.

    Args:
        descriptor: The descriptor of the file, whose SHA-256 was checked.
        passphrase: The passphrase of the archive.
        accepts: Returns True if names and sizes of the members are the promised ones.
        write: Receives the data; its errors pass through.
        what: Names the file in errors.

    Raises:
        WrongPassphrase: Another passphrase decrypts it.
        Damaged: The writer makes no such archive, or it has other members than the promised ones.
    """
    from py7zr import SevenZipFile

    _check_form(descriptor, what)
    with open(os.dup(descriptor), "rb") as file:
        try:
            archive = SevenZipFile(file, "r", password=passphrase)
        except OSError as error:
            raise of_medium(error, what) from error
        except Exception as error:  # a header of random bytes makes py7zr raise TypeError, and others
            raise WrongPassphrase(what) from error
        try:
            info, members = archive.archiveinfo(), archive.list()
            if sorted(info.method_names) != _METHODS or info.blocks != 1:
                raise Damaged("packed with an unknown method", subject=what)
            if not all(each.is_file for each in members):
                raise Damaged("an entry of the archive is not a file", subject=what)
            if not accepts([(each.filename, each.uncompressed) for each in members]):
                raise Damaged("the members of the archive differ from the bundle manifest", subject=what)
            # Nothing is written under these names. "/" contains every path, whatever links there are.
            archive.extract(path="/", factory=outputs(lambda _: write))
        except BundlerError:
            raise
        except OSError as error:
            raise of_medium(error, what) from error
        except Exception as error:  # CrcError, Bad7zFile, struct.error …: the archive contradicts itself
            raise Damaged(
                text("the archive cannot be decrypted: {name}", name=type(error).__name__), subject=what
            ) from error


def check_passphrase(path: Path, passphrase: str) -> None:
    """Makes sure that a passphrase opens an archive of the writer.

    Raises:
        WrongPassphrase: It does not.
        Damaged, Incomplete: It is not such an archive.
    """
    from py7zr import SevenZipFile

    descriptor = open_for_reading(path)
    try:
        _check_form(descriptor, str(path))
        with open(os.dup(descriptor), "rb") as file:
            try:
                methods = SevenZipFile(file, "r", password=passphrase).archiveinfo().method_names
            except OSError as error:
                raise of_medium(error, str(path)) from error
            except Exception as error:  # as in `unpack`
                raise WrongPassphrase(str(path)) from error
        # One of 65,536 wrong passphrases decrypts the first two bytes to the header of an archive without members.
        if sorted(methods) != _METHODS:
            raise WrongPassphrase(str(path))
    finally:
        let_go(descriptor)


def _check_form(descriptor: int, what: str) -> None:
    """Makes sure that py7zr finds no other method than 7zAES when it decodes the header.

    Raises:
        Damaged: The header is not as the writer makes it.
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
