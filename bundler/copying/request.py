"""The requests to copy and to spread a bundle, and their result."""

from __future__ import annotations

from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
from bundler.core.outer_manifest import OuterManifest
from bundler.errors import Incomplete
from bundler.system.request_fields import Request


@frozen
class CopyRequest(Request):
    """A request to `bundler.copying.copy.copy`.

    Attributes:
        paths: Folders of the bundle, or media with parts of it.
        outputs: The folders that a copy is made in, one on each medium.
        trust: Public keys, or folders of them, one of which must have signed the bundle; empty to copy it as it is.
        is_read_back: True to read each file back from its medium.
        is_dry_run: True to plan only, and write nothing.
    """

    paths: tuple[Path, ...]
    outputs: tuple[Path, ...]
    trust: tuple[Path, ...] = ()
    is_read_back: bool = True
    is_dry_run: bool = False


@frozen
class SpreadRequest(CopyRequest):
    """A request to `bundler.copying.spread.spread`.

    Attributes:
        medium_size_bytes: The size of the media that one folder in the only output is made for; None to fill the
            outputs by their free space.
    """

    medium_size_bytes: int | None = None


@frozen
class CopiedFolder:
    """The folder of a bundle on one medium.

    Attributes:
        path: The folder.
        files: The files there that not each medium has: chunks, parity, the tool.
        size_bytes: The size of all files there.
        written_bytes: The number of bytes that this run wrote there.
        is_old: True if it was complete before this run.
    """

    path: Path
    files: tuple[str, ...]
    size_bytes: int
    written_bytes: int = 0
    is_old: bool = False


@frozen
class CopyResult:
    """The result of ``copy`` and ``spread``.

    Attributes:
        bundle_id: The id of the bundle.
        manifest: The bundle manifest; the public one if the bundle is encrypted.
        folders: The folders, in the order of the outputs or of their numbers.
        missing: The listed files that were not there, and so are in no copy.
        is_part: True if what was there is one or more whole media of a set, so that nothing is missing on them.
        signers: The ids of the trusted keys that signed the bundle; empty if no trust was asked for.
        is_read_back: True if each file came back from its medium as it was written.
        is_dry_run: True if nothing was written.
    """

    bundle_id: str
    manifest: BundleManifest | OuterManifest
    folders: tuple[CopiedFolder, ...]
    missing: tuple[str, ...] = ()
    is_part: bool = False
    signers: tuple[str, ...] = ()
    is_read_back: bool = False
    is_dry_run: bool = False

    @property
    def is_old(self) -> bool:
        """True if all folders were complete before this run."""
        return all(folder.is_old for folder in self.folders)

    @property
    def exit_code(self) -> int:
        """9 if parts of the bundle were not there, else 0."""
        return Incomplete.exit_code if self.missing and not self.is_part else 0
