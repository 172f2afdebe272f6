"""The result of an export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry, NoImage
from bundler.core.manifest import Base, BundleManifest, MissingImage
from bundler.core.parity import ParityGroup
from bundler.core.policy import PolicyVerdict
from bundler.core.reference import Reference
from bundler.errors import EXIT_PARTIAL
from bundler.exporting.left_out import NotCarried
from bundler.exporting.media import media_folders
from bundler.exporting.missing_images import write_list
from bundler.exporting.parity_plan import parity_plan
from bundler.exporting.session import Session
from bundler.keys.private_key import public_half
from bundler.system.bundle_paths import BundlePath


@frozen
class MovedTag:
    """A tag that names another digest now than when the export started. The bundle has the earlier image.

    Attributes:
        reference: The tag.
        carried: The digest that the bundle has.
        now: The digest that the source has now.
    """

    reference: Reference
    carried: Digest
    now: Digest


@frozen
class Deviations:
    """The differences between a bundle and what its list asks for now.

    Attributes:
        moved: The tags that have moved since the export started.
        missing: The images that the bundle goes without, in the order of the list.
        since: The statements that allowed it to leave out blobs, those that list none of its blobs included.
        not_carried: The attachments that the bundle goes without.
        verdicts: The verdicts of the policies on all images, also on those that are refused.
    """

    moved: tuple[MovedTag, ...]
    missing: Mapping[Entry, MissingImage]
    since: tuple[Base, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    verdicts: tuple[PolicyVerdict, ...] = ()


@frozen
class ExportResult:
    """The result of an export, or of its dry run.

    Attributes:
        path: The bundle's folder; that of the first medium if there are several.
        manifest: The bundle manifest.
        key_id: The id of the key that signed; None for an unsigned bundle.
        key_path: The file of that key.
        bundle_id: None after a dry run.
        scratch: The folder for temporary data.
        scratch_bytes: The most that was needed, or would be needed, in scratch at a time.
        is_encrypted: True if the content needs a passphrase.
        is_read_back: True if the bundle came back from its medium as it was written.
        public_key: The file of the signing key's public half, if it is next to the key.
        is_old: True if the bundle was complete before this run, which has made nothing.
        moved: The tags that have moved since the export started.
        failed_list: The image list of what the bundle lacks, if it lacks anything.
        since: The statements of ``--since``. The bases of the manifest are those that list a blob that is left out.
        not_carried: The attachments of the images that the bundle leaves out.
        verdicts: The verdicts of the policies on the images that this run judged.
        tool: The tool that the bundle carries.
        no_images: The parts of the lists that are no images, so that nothing is carried for them.
        media: The bundle's folder on each medium; empty if it has one folder.
        parity: The groups of recovery data, as they were planned from the sizes of the chunks.
    """

    path: BundlePath
    manifest: BundleManifest
    key_id: str | None
    key_path: Path | None
    bundle_id: str | None
    scratch: Path
    scratch_bytes: int
    is_encrypted: bool = False
    is_read_back: bool = False
    public_key: Path | None = None
    is_old: bool = False
    moved: tuple[MovedTag, ...] = ()
    failed_list: Path | None = None
    since: tuple[Base, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    verdicts: tuple[PolicyVerdict, ...] = ()
    tool: Tool = NO_TOOL
    media: tuple[Path, ...] = ()
    parity: tuple[ParityGroup, ...] = ()
    no_images: tuple[NoImage, ...] = ()

    @property
    def folders(self) -> tuple[BundlePath, ...]:
        """All folders of the bundle."""
        return self.media or (self.path,)

    @property
    def exit_code(self) -> int:
        """3 if the bundle lacks images that were asked for."""
        return EXIT_PARTIAL if self.manifest.missing else 0


def _folder_of(output: BundlePath) -> Path:
    """The folder for the list of what the bundle lacks: nobody looks for it in S3."""
    return output if isinstance(output, Path) else Path.cwd()


def result_of(
    session: Session,
    manifest: BundleManifest,
    deviations: Deviations,
    *,
    bundle_id: str | None = None,
    is_read_back: bool = False,
    is_old: bool = False,
) -> ExportResult:
    """The result of a session. Writes the image list of what the bundle lacks, except in a dry run.

    Raises:
        LocalStorage: That list cannot be written.
    """
    request, key = session.request, session.key
    failed_list = None
    if deviations.missing and not request.is_dry_run:
        failed_list = write_list(_folder_of(request.output), manifest.name, deviations.missing.items())
    return ExportResult(
        path=session.folder.final_path,
        manifest=manifest,
        key_id=key.id if key else None,
        key_path=request.key_path,
        bundle_id=bundle_id,
        scratch=request.scratch,
        scratch_bytes=session.scratch.peak_bytes,
        is_encrypted=request.is_encrypted,
        is_read_back=is_read_back,
        public_key=public_half(request.key_path, key) if request.key_path and key else None,
        is_old=is_old,
        moved=deviations.moved,
        failed_list=failed_list,
        since=deviations.since,
        not_carried=deviations.not_carried,
        verdicts=deviations.verdicts,
        tool=session.tool,
        media=media.paths if (media := media_folders(manifest, request, session.folder)) else (),
        parity=parity_plan(request, manifest),
        no_images=session.no_images,
    )
