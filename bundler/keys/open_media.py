"""Opens the media of a bundle that are changed during a command: the trust was decided when the bundle was opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bundler.bundle.changed_media import ChangedMedia
from bundler.bundle.documents import Documents
from bundler.bundle.drive import Drive, Inserted
from bundler.bundle.findings import other_files
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.outer_manifest import OuterManifest
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.run import Run


def changed_media(bundle: Bundle, drive: Drive, unlocking: Unlocking, run: Run) -> ChangedMedia[Bundle]:
    """The media of an open bundle that are changed in a drive. The bundle remembers its documents from now on.

    Args:
        bundle: The bundle; of several the newest. The media of the others stay.
        drive: The folders in which the media appear.
        unlocking: Opened the bundle, and returns its passphrase again.
        run: The run.
    """
    return ChangedMedia(bundle, drive, _turning(bundle, unlocking, run))


def checked_media(
    bundle: Bundle | LockedBundle, drive: Drive, unlocking: Unlocking | None, run: Run
) -> ChangedMedia[Bundle] | ChangedMedia[LockedBundle]:
    """The media of a bundle, of which all files are wanted, also those that are neither chunks nor on each medium.

    Args:
        bundle: The bundle.
        drive: As for `changed_media`, and so are the other arguments.
        unlocking: None for an encrypted bundle that stays locked.
        run: The run.
    """
    others = other_files(bundle.sealed.sums)
    if isinstance(bundle, Bundle):
        return ChangedMedia(bundle, drive, _turning(bundle, unlocking or LOCKED, run), others)
    return ChangedMedia(bundle, drive, lambda locked, to: replace(locked, sealed=to.sealed, chunks=to.chunks), others)


def _turning(bundle: Bundle, unlocking: Unlocking, run: Run) -> Callable[[Bundle, Inserted], Bundle]:
    bundle.documents = Documents(unlocking.space)

    def turned(bundle: Bundle, inserted: Inserted) -> Bundle:
        decrypted = None
        if bundle.is_encrypted:
            locked = LockedBundle(inserted.sealed, OuterManifest.of(bundle.manifest), inserted.chunks)
            decrypted = locked.decrypting(
                bundle.manifest,
                unlocking.passphrase(),
                scratch=unlocking.space(),
                jobs=run.jobs,
                cancellation=run.cancellation,
            )
        bundle.turn_to(inserted.sealed, inserted.chunks, decrypted)
        return bundle

    return turned
