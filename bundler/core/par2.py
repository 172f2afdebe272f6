"""PAR2 files, as far as bundler reads them: which files a set protects, in blocks of which size, with which checksums.

Recovery data is made and used by the program ``par2`` alone. This module reads the packets that describe a set, so that
``verify`` can say if damage can be repaired. Specification: Parity Volume Set Specification 2.0 (2003).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from zlib import crc32

from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.errors import Damaged

_HEADER = struct.Struct("<8sQ16s16s16s")
HEADER_BYTES = _HEADER.size
_MAGIC = b"PAR2\0PKT"
_MAIN = b"PAR 2.0\0Main\0\0\0\0"
_FILE = b"PAR 2.0\0FileDesc"
_SUMS = b"PAR 2.0\0IFSC\0\0\0\0"
_DESCRIBING = (_MAIN, _FILE, _SUMS)
_SUM = struct.Struct("<16sI")


@frozen
class PacketHeader:
    """The header of a packet.

    Attributes:
        length_bytes: The length of the whole packet.
        md5: The MD5 of the packet from ``set_id`` on.
        set_id: The id of the recovery set.
        kind: The type of the packet.
    """

    length_bytes: int
    md5: bytes
    set_id: bytes
    kind: bytes

    @property
    def is_describing(self) -> bool:
        """True if the packet says something about files; False for recovery data and remarks."""
        return self.kind in _DESCRIBING


@frozen
class ProtectedFile:
    """A file of a recovery set: its name, its size, and the CRC-32 of each of its blocks, padded with zeros."""

    name: str
    size_bytes: int
    block_sums: tuple[int, ...]


@frozen
class RecoverySet:
    """The files that share recovery data."""

    block_bytes: int
    files: tuple[ProtectedFile, ...]

    @property
    def data_blocks(self) -> int:
        """The number of blocks of all files."""
        return sum(len(file.block_sums) for file in self.files)


def parse_header(content: bytes, *, what: str) -> PacketHeader:
    """Reads the header of a packet, `HEADER_BYTES` long.

    Raises:
        Damaged: It is none.
    """
    magic, length, md5, set_id, kind = _HEADER.unpack(content)
    if magic != _MAGIC or length < HEADER_BYTES or length % 4:
        raise _none(what)
    return PacketHeader(length, md5, set_id, kind)


def recovery_set(packets: Iterable[tuple[PacketHeader, bytes]], *, what: str) -> RecoverySet:
    """Reads the description of a recovery set.

    Args:
        packets: The headers and bodies of its describing packets.
        what: Names the file in errors.

    Raises:
        Damaged: The packets do not describe one set of chunks completely.
    """
    block_bytes, ids, names, sums = 0, [], {}, {}
    for header, body in packets:
        if hashlib.md5(header.set_id + header.kind + body, usedforsecurity=False).digest() != header.md5:
            raise _none(what)
        if header.kind == _MAIN and len(body) >= 12:
            block_bytes, count = struct.unpack_from("<QI", body)
            ids = [body[12 + 16 * number : 28 + 16 * number] for number in range(min(count, len(body) // 16))]
        elif header.kind == _FILE and len(body) > 56:
            names[body[:16]] = body[56:].rstrip(b"\0"), struct.unpack_from("<Q", body, 48)[0]
        elif header.kind == _SUMS and not len(body[16:]) % _SUM.size:
            sums[body[:16]] = tuple(crc for _, crc in _SUM.iter_unpack(body[16:]))
    files = tuple(_file(*names[each], sums[each], what) for each in ids if each in names and each in sums)
    if not files or len(files) != len(ids) or block_bytes <= 0 or block_bytes % 4:
        raise _none(what)
    if any(len(file.block_sums) != -(-file.size_bytes // block_bytes) for file in files):
        raise _none(what)
    return RecoverySet(block_bytes, tuple(sorted(files, key=lambda file: file.name)))


def more_sum(data: bytes | memoryview, crc: int) -> int:
    """The CRC-32 of a block so far, with more of its bytes."""
    return crc32(data, crc)


def padded_sum(crc: int, missing_bytes: int) -> int:
    """The CRC-32 of a block whose last bytes are zeros: the last block of a file is filled up with them."""
    while missing_bytes > 0:
        crc = crc32(bytes(min(missing_bytes, 1 << 20)), crc)
        missing_bytes -= 1 << 20
    return crc


def _file(name: bytes, size_bytes: int, sums: tuple[int, ...], what: str) -> ProtectedFile:
    text = name.decode("ascii", "replace")
    if roles.role_of(text) is not roles.CHUNK:
        raise _none(what)
    return ProtectedFile(text, size_bytes, sums)


def _none(what: str) -> Damaged:
    return Damaged("this is no parity of chunks in PAR2 format", subject=what, hint="copy the parity files again")
