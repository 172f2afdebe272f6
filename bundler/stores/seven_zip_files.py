"""Untrusted 7z archives, read as a stream from another process. Nothing is ever extracted by name.

The archive decides how much memory a decoder takes: py7zr's Deflate and Zstandard inflate a whole block before they
check a bound. So the decoding process has a memory limit, which the kernel enforces.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from bundler.core import tar
from bundler.core.limits import PIECE_BYTES, SEVEN_ZIP_MEMORY_AT_MOST_BYTES, SEVEN_ZIP_MEMORY_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage
from bundler.system.seven_zip_output import outputs
from bundler.texts import Text, as_text, text

_CHILD = (
    "import sys; sys.path = sys.argv[2].split(':'); from bundler.stores import seven_zip_files; seven_zip_files.main()"
)
_FAULT_BYTES = 64 << 10
_MESSAGE_CHARACTERS = 500
_PLAIN_TEMPLATE = lazy_pattern(r"(?:[^{}]|\{[a-z_]{1,40}\})*")
"""Braces hold only names: a template of the other process cannot read attributes or set widths."""
_NAME_CHARACTERS = 255
_LINK_CHARACTERS = 100


def unpacked(path: Path, *, what: str) -> Pieces:
    """Yields the tar in a 7z archive. If the archive holds other files, yields a tar of them.

    Raises:
        Damaged: The archive is truncated, damaged or encrypted, has an odd member, or needs too much memory.
        LocalStorage: The process cannot be started.
    """
    modules = ":".join(entry for entry in sys.path if entry)  # without the working folder
    command = [sys.executable, "-I", "-c", _CHILD, str(path.absolute()), modules]
    faults = tempfile.TemporaryFile()  # noqa: SIM115  # a full pipe would block the other process
    try:
        child = subprocess.Popen(  # noqa: S603  # this interpreter; the path is one argument
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=faults
        )
    except OSError as error:
        raise LocalStorage(
            text("the 7z decoder cannot be started: {reason}", reason=error.strerror), subject=what
        ) from error
    assert child.stdout is not None
    try:
        while piece := child.stdout.read(PIECE_BYTES):
            yield piece
        if child.wait() != 0:
            faults.seek(0)
            raise _refusal(faults.read(_FAULT_BYTES), what)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        faults.close()


def _refusal(fault: bytes, what: str) -> Damaged:
    try:
        report = json.loads(fault.splitlines()[-1])
        template = str(report["message"])[:_MESSAGE_CHARACTERS]
        values = {str(name): str(value)[:_MESSAGE_CHARACTERS] for name, value in report["values"].items()}
        if not _PLAIN_TEMPLATE.fullmatch(template):
            raise ValueError("a wrong template")
        return Damaged(Text(template, values), subject=what, hint=str(report["hint"])[:_MESSAGE_CHARACTERS])
    except (ValueError, IndexError, KeyError, TypeError):
        return Damaged("the 7z archive cannot be decoded", subject=what, hint="check it with: 7z t FILE")


def main() -> None:
    """Decodes, as the other process: a tar on stdout, or one line of JSON on stderr and exit code 1."""
    output = _Output(sys.stdout.buffer)
    try:
        try:
            _limit_memory(SEVEN_ZIP_MEMORY_BYTES)
            _decode(Path(sys.argv[1]), output)
        except MemoryError:
            if output.has_started:
                raise
            _limit_memory(SEVEN_ZIP_MEMORY_AT_MOST_BYTES)
            _decode(Path(sys.argv[1]), output)
    except BrokenPipeError:
        os._exit(1)  # the reader has gone
    except Damaged as error:
        _report(error.message, error.hint or "")
    except MemoryError:
        limit = f"{SEVEN_ZIP_MEMORY_AT_MOST_BYTES >> 20} MiB"
        message = text("decoding it needs more memory than {limit}", limit=limit)
        _report(message, text("unpack it yourself: 7z x FILE, and give the tar"))
    except Exception as error:  # py7zr raises many types for bytes that are not a 7z archive
        kind = type(error).__name__
        message = text("not a complete 7z archive: {kind}: {error}", kind=kind, error=str(error))
        _report(message, text("check it with: 7z t FILE; copy it again"))


def _limit_memory(limit_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, SEVEN_ZIP_MEMORY_AT_MOST_BYTES))


def _report(message: str, hint: str) -> None:
    parsed = as_text(message)
    values = {name: str(value)[:_MESSAGE_CHARACTERS] for name, value in parsed.values.items()}
    sys.stderr.write(json.dumps({"message": parsed.template, "values": values, "hint": hint}) + "\n")
    sys.stderr.flush()
    os._exit(1)


class _Output:
    """The pipe to the parent process."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.has_started = False

    def write(self, data: bytes | bytearray) -> None:
        self.has_started = True
        self._pipe.write(data)
        self._pipe.flush()


def _decode(path: Path, output: _Output) -> None:
    import py7zr

    with open(path, "rb") as file:  # py7zr decodes out of order if it opens the file itself
        try:
            archive = py7zr.SevenZipFile(file)
            is_encrypted = archive.needs_password()
        except py7zr.PasswordRequired:  # its names are encrypted too
            is_encrypted = True
        if is_encrypted:
            raise Damaged("the archive is encrypted", hint="unpack it with its passphrase: 7z x FILE")
        members = [member for member in archive.list() if not member.is_directory]
        names = [member.filename for member in members]
        if len(set(names)) != len(names):
            raise Damaged("a duplicate member")
        for member in members:
            if not (member.is_symlink or member.is_file):
                raise Damaged(
                    text("a member that is neither a file nor a link: {filename}", filename=repr(member.filename[:100]))
                )
        is_one_tar = len(names) == 1 and members[0].is_file
        places = {member.filename: (member.uncompressed, member.is_symlink) for member in members}
        archive.extractall(factory=outputs(lambda name: _Member(name, places, output, is_framed=not is_one_tar).write))
        if not is_one_tar:
            output.write(tar.END)


class _Member:
    """A member during decoding. Its bytes follow those of the earlier members in the output.

    Args:
        name: The name of the member.
        places: For each member its size, and True for a link. The bytes of a link are its target.
        output: Receives the bytes.
        is_framed: True if members get tar headers; False for a single member that is a tar already.
    """

    def __init__(self, name: str, places: dict[str, tuple[int, bool]], output: _Output, *, is_framed: bool) -> None:
        if is_framed and (name not in places or len(name) > _NAME_CHARACTERS or not name.isascii()):
            raise Damaged(text("a member with an invalid name: {name}", name=repr(name[:100])))
        self._name = name
        self._size, self._is_link = places.get(name, (0, False))
        self._output, self._is_framed = output, is_framed
        self._written = 0
        self._target = b""
        if is_framed and not self._is_link:
            output.write(tar.header(name, self._size))
            self._pad()

    def write(self, data: bytes | bytearray) -> None:
        """Writes the next bytes."""
        self._written += len(data)
        if self._is_link:
            self._target += data
            if self._written == self._size:
                self._output.write(_link(self._name, self._target))
        else:
            self._output.write(data)
            self._pad()

    def _pad(self) -> None:
        if self._is_framed and self._written == self._size:
            self._output.write(bytes(tar.padding_bytes(self._size)))


def _link(name: str, target: bytes) -> bytes:
    if len(name) > _LINK_CHARACTERS or len(target) > _LINK_CHARACTERS or not target.isascii():
        raise Damaged(text("a link with an invalid name: {name}", name=repr(name[:100])))
    return tar.link_header(name, target.decode("ascii"))
