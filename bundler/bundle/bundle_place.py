"""The interfaces of the place where a bundle is written: folders of this machine, or S3.

`bundler.bundle.partial` has folders: ``NAME.partial`` until one rename. `bundler.bundle.s3.partial` has S3: objects
under their final keys, and no SHA256SUMS before the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from bundler.bundle.chunk import ChunkMember
from bundler.bundle.chunk_progress import ChunkProgress
from bundler.bundle.held_media import Held
from bundler.bundle.journal_file import OpenJournal
from bundler.bundle.partial_state import PartialState
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core.frozen import frozen
from bundler.core.journal import ExportStart, Journal
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.protocols import Passed
from bundler.errors import Misuse
from bundler.system.bundle_paths import BundlePath

ReadBack = Callable[[Sequence[Path], bytes, Mapping[str, str]], Sequence[str]]
"""Reads a bundle back; see `StartedPlace.seal` and `bundler.bundle.read_back`."""


@frozen
class MediaFolders:
    """The folders of a bundle on several media.

    Attributes:
        paths: The folders that the finished bundle will have, the one of its `PartialFolder` first.
        places: The number of the folder, from 0, of each file that lies in one of them only.
    """

    paths: tuple[Path, ...]
    places: Mapping[str, int]


class BundlePlace(Protocol):
    """The place where an export writes its bundle. For one thread."""

    @property
    def path(self) -> BundlePath:
        """The place while the bundle is unfinished, for messages."""

    @property
    def final_path(self) -> BundlePath:
        """The place of the finished bundle."""

    @property
    def final_paths(self) -> tuple[BundlePath, ...]:
        """The place of the finished bundle, and those on further media that are there."""

    @property
    def is_finished(self) -> bool:
        """True if there is a finished bundle of this name."""

    @property
    def has_partial(self) -> bool:
        """True if an earlier export left a partial bundle, with or without a valid journal."""

    def hold(self) -> None:
        """Locks the bundle, so that no other process writes it until `release`.

        Raises:
            Unavailable: Another process writes it.
            LocalStorage: The lock cannot be written.
        """

    def release(self) -> None:
        """Unlocks the bundle. Idempotent."""

    def read_journal(self) -> Journal | None:
        """Reads the journal of an unfinished export; None if it is damaged, or cannot be recognised as ours.

        Raises:
            Misuse: The partial bundle or the journal is not ours.
        """

    def forget_start(self) -> None:
        """Removes the journal of a finished bundle, which nobody needs any more."""

    def discard(self) -> None:
        """Removes the partial bundle that an earlier export left.

        Raises:
            Misuse: There are other files, or a finished bundle.
            LocalStorage, Refused, Unavailable: It cannot be removed.
        """

    def start(
        self,
        chunks: Sequence[Chunk],
        start: ExportStart,
        journal: Journal | None,
        *,
        media: MediaFolders | None = None,
        more_bytes: int = 0,
    ) -> StartedPlace:
        """Begins to write, or goes on after an earlier run.

        Args:
            chunks: The chunks of the plan.
            start: The start of the export; it is written if no journal is resumed.
            journal: The journal of the earlier run that is resumed.
            media: The folders of all media; None for one place.
            more_bytes: The size of what will be written besides.

        Raises:
            Misuse: The place has files of no export, or not ours; or there is a finished bundle.
            LocalStorage, Refused, Unavailable: It cannot be written.
        """


class StartedPlace(Protocol):
    """An open partial bundle with its journal. `seal` turns it into a bundle. For one thread, `new_chunk` excepted."""

    journal: OpenJournal
    reads_back_chunks: ClassVar[bool]
    """True if it reads each chunk back when the chunk is complete, so that `seal` need not do that."""

    @property
    def folder(self) -> Held | None:
        """The open folders on this machine; None in S3."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks for the user about the place."""

    def state_of(
        self, manifest: BundleManifest, passed: Passed, *, only: Collection[int] | None = None
    ) -> PartialState:
        """The state that an earlier run has left of a plan.

        Args:
            manifest: The plan.
            passed: Receives every number of bytes that was read; its errors pass through.
            only: The numbers of the chunks that are made; None for all.

        Raises:
            Misuse: A chunk is not ours.
            LocalStorage, Refused, Unavailable: It cannot be read.
        """

    def new_chunk(
        self, name: str, members: Sequence[ChunkMember], *, is_hashed_at_once: bool, has_sparse_files: bool
    ) -> ChunkProgress:
        """A chunk to write; see `bundler.bundle.chunk_file.ChunkFile` for the arguments."""

    def sync(self) -> None:
        """Waits until the names of written chunks stay.

        Raises:
            LocalStorage: They do not.
        """

    def seal(
        self,
        files: Mapping[str, Iterable[bytes]],
        digests: Mapping[str, str],
        key: PrivateKey | None,
        *,
        tool: Tool = NO_TOOL,
        read_back: ReadBack | None = None,
    ) -> str:
        """Finishes the bundle; returns its id.

        Args:
            files: README.txt and bundle.json, in pieces.
            digests: SHA-256 in hex of the files that are written already, by name.
            key: The key that signs; None for a bundle that is explicitly unsigned.
            tool: The tool that comes along.
            read_back: Reads the bundle back from its media. It receives the folders, SHA256SUMS, and the SHA-256 in hex
                of each file that was written just now. It returns the names of the files that differ. None skips this.

        Raises:
            Damaged, Incomplete: A file of the tool changed since it was listed. The bundle stays partial.
            LocalStorage, Refused, Unavailable: A file could not be written, or came back with other bytes. The bundle
                stays partial.
        """

    def close(self) -> None:
        """Closes the journal and the place. Idempotent."""


def finished_already(path: BundlePath) -> Misuse:
    """The error for a finished bundle of the same name."""
    return Misuse(
        "a bundle of this name already exists",
        subject=str(path),
        hint="remove it, or choose another -o DIR or --name",
    )
