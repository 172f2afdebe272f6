"""The log of the uploads of one export to S3: a file in the builder's state folder that is only ever added to.

S3 shows nothing of an upload before it is complete. So the log keeps what was sent: the id of each upload, and of each
part its entity tag and digests. S3 is asked which of these parts it still has. A line that a crash has cut is ignored:
its part is sent again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from bundler.core.frozen import frozen, slotted
from bundler.core.limits import JOURNAL_BYTES
from bundler.errors import BundlerError, LocalStorage
from bundler.system.durable_files import remove, write_all
from bundler.system.files import is_own, is_there, let_go, read_with_facts


@frozen
class SentPart:
    """A part that S3 took.

    Attributes:
        etag: Its entity tag.
        sha256: The SHA-256 of the part.
        tail: The SHA-256 of what the last member of the chunk has in the part: its blob may be unfinished.
    """

    etag: str
    sha256: bytes
    tail: bytes


@slotted
class LoggedChunk:
    """The log of one chunk: its upload, the parts of it, and the entity tag of the object that they became."""

    upload: str | None = None
    parts: dict[int, SentPart] = field(default_factory=dict)
    etag: str | None = None


class UploadLog:
    """The log of the uploads of one export. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self.path = path
        self._chunks: dict[str, LoggedChunk] = {}
        self._lock = threading.Lock()
        self._descriptor = -1

    def read(self) -> None:
        """Reads what earlier runs have noted. A log that is not ours, or of other users, counts as empty."""
        if not is_there(self.path):
            return
        try:
            content, facts = read_with_facts(self.path, JOURNAL_BYTES)
        except BundlerError:
            return
        for line in content.split(b"\n") if is_own(facts) else ():
            try:
                self._take(json.loads(line))
            except (ValueError, LookupError, TypeError, AttributeError):
                continue

    def open(self) -> None:
        """Opens the log, to add lines.

        Raises:
            LocalStorage: It cannot be written.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        write_all(self._descriptor, b"\n", what=str(self.path))  # ends a line that a crash has cut

    def of(self, file: str) -> LoggedChunk:
        """The log of a chunk."""
        with self._lock:
            return self._chunks.get(file, LoggedChunk())

    def uploads(self) -> Iterator[tuple[str, str]]:
        """The chunks whose uploads are not complete, each with the id of its upload."""
        with self._lock:
            open_ones = [(file, each.upload) for file, each in self._chunks.items() if each.etag is None]
        return ((file, upload) for file, upload in open_ones if upload is not None)

    def note_upload(self, file: str, upload: str) -> None:
        """Notes that an upload begins, in place of an earlier one.

        Raises:
            LocalStorage: It cannot be written; likewise of the other methods.
        """
        self._add({"file": file, "upload": upload})

    def note_part(self, file: str, number: int, part: SentPart) -> None:
        """Notes that S3 took a part."""
        digests = {"sha256": part.sha256.hex(), "tail": part.tail.hex()}
        self._add({"file": file, "part": number, "etag": part.etag, **digests})

    def note_object(self, file: str, etag: str) -> None:
        """Notes that the parts became an object."""
        self._add({"file": file, "object": etag})

    def forget(self, file: str) -> None:
        """Notes that nothing of a chunk counts any more."""
        self._add({"file": file, "upload": None})

    def close(self) -> None:
        """Closes the file. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            let_go(descriptor)

    def remove(self) -> None:
        """Removes the file.

        Raises:
            Misuse: It is not ours.
            LocalStorage: It cannot be removed.
        """
        self.close()
        remove(self.path)

    def _add(self, line: dict[str, object]) -> None:
        with self._lock:
            write_all(self._descriptor, json.dumps(line).encode() + b"\n", what=str(self.path))
            self._take(line)

    def _take(self, line: dict[str, object]) -> None:
        chunk = self._chunks.setdefault(str(line["file"]), LoggedChunk())
        if "upload" in line:
            upload = line["upload"]
            chunk.upload, chunk.parts, chunk.etag = None if upload is None else str(upload), {}, None
        elif "object" in line:
            chunk.etag = str(line["object"])
        else:
            digests = (bytes.fromhex(str(line[name])) for name in ("sha256", "tail"))
            chunk.parts[int(str(line["part"]))] = SentPart(str(line["etag"]), *digests)
