"""7z archives that somebody gave us, read as a stream in a process of its own. Nothing is ever extracted by name.

Decoders of 7z take memory as the archive tells them to (py7zr's Deflate and Zstandard inflate a whole block before they
look at any bound), so the process that decodes may not have more than a limit, which the kernel holds it to.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from bundler.core import tar
from bundler.core.limits import PIECE_BYTES, SEVEN_ZIP_MEMORY_AT_MOST_BYTES, SEVEN_ZIP_MEMORY_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage
from bundler.system.seven_zip_output import outputs
from bundler.texts import Text, as_text, text

_CHILD = (
    "import sys; sys.path = sys.argv[2].split(':'); from bundler.stores import seven_zip_files; seven_zip_files.main()"
)
_FAULT_BYTES = 64 << 10
_MESSAGE_CHARACTERS = 500
_PLAIN_TEMPLATE = re.compile(r"(?:[^{}]|\{[a-z_]{1,40}\})*")
"""Names in braces and nothing else: a template of the other process reaches no attributes and no widths."""
_NAME_CHARACTERS = 255
_LINK_CHARACTERS = 100


def unpacked(path: Path, *, what: str) -> Pieces:
    """The tar inside a 7z archive; where it holds other files instead, a tar of them.

    Raises:
        Damaged: The archive is cut, damaged, encrypted, of a kind that holds no images, or wants too much memory.
        LocalStorage: The process cannot be started.
    """
    modules = ":".join(entry for entry in sys.path if entry)  # not the folder that the user happens to be in
    command = [sys.executable, "-I", "-c", _CHILD, str(path.absolute()), modules]
    faults = tempfile.TemporaryFile()  # noqa: SIM115  # a pipe that nobody empties would hold the other process up
    try:
        child = subprocess.Popen(  # noqa: S603  # this interpreter, and a path as an argument of its own
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
        told = json.loads(fault.splitlines()[-1])
        template = str(told["message"])[:_MESSAGE_CHARACTERS]
        values = {str(name): str(value)[:_MESSAGE_CHARACTERS] for name, value in told["values"].items()}
        if not _PLAIN_TEMPLATE.fullmatch(template):
            raise ValueError("a wrong template")
        return Damaged(Text(template, values), subject=what, hint=str(told["hint"])[:_MESSAGE_CHARACTERS])
    except (ValueError, IndexError, KeyError, TypeError):
        return Damaged("the 7z archive cannot be decoded", subject=what, hint="check it with: 7z t FILE")


def main() -> None:
    """The process that decodes: a tar on stdout, or one line of JSON on stderr and exit code 1."""
    output = _Output(sys.stdout.buffer)
    try:
        try:
            _limit_memory(SEVEN_ZIP_MEMORY_BYTES)
            _decode(Path(sys.argv[1]), output)
        except MemoryError:
            if output.has_begun:
                raise
            _limit_memory(SEVEN_ZIP_MEMORY_AT_MOST_BYTES)
            _decode(Path(sys.argv[1]), output)
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more
    except Damaged as error:
        _tell(error.message, error.hint or "")
    except MemoryError:
        limit = f"{SEVEN_ZIP_MEMORY_AT_MOST_BYTES >> 20} MiB"
        told = text("decoding it needs more memory than {limit}", limit=limit)
        _tell(told, text("unpack it yourself: 7z x FILE, and give the tar"))
    except Exception as error:  # whatever py7zr raises on bytes that are no 7z archive
        kind = type(error).__name__
        told = text("not a complete 7z archive: {kind}: {error}", kind=kind, error=str(error))
        _tell(told, text("check it with: 7z t FILE; copy it again"))


def _limit_memory(limit_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, SEVEN_ZIP_MEMORY_AT_MOST_BYTES))


def _tell(message: str, hint: str) -> None:
    told = as_text(message)
    values = {name: str(value)[:_MESSAGE_CHARACTERS] for name, value in told.values.items()}
    sys.stderr.write(json.dumps({"message": told.template, "values": values, "hint": hint}) + "\n")
    sys.stderr.flush()
    os._exit(1)


class _Output:
    """The pipe to the other process."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.has_begun = False

    def write(self, data: bytes | bytearray) -> None:
        self.has_begun = True
        self._pipe.write(data)
        self._pipe.flush()


def _decode(path: Path, output: _Output) -> None:
    import py7zr

    with open(path, "rb") as file:  # py7zr decodes a file that it opened itself out of order
        try:
            archive = py7zr.SevenZipFile(file)
            is_encrypted = archive.needs_password()
        except py7zr.PasswordRequired:  # its names are encrypted, too
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
    """A member that is being decoded; its bytes go to the output after those of the members before.

    Args:
        name: Of the member.
        places: Of each member its size, and whether it is a link, whose bytes are what it leads to.
        output: Takes the bytes.
        is_framed: True if members get tar headers; else there is but one, a tar already.
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
        """Takes the next bytes."""
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
