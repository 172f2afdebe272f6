"""Failures of many images or blobs as one error, which says what each image lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bundler.core.image_list import Entry
from bundler.core.manifest import BundleManifest
from bundler.errors import AskedToWait, BundlerError, LocalStorage, Several
from bundler.exporting.missing_images import is_missing
from bundler.texts import counted, some, text
from bundler.transfer import BlobCopy


def not_resolved(failed: Mapping[Entry, BundlerError], found: int, *, is_kept: bool) -> BundlerError:
    """One error for all images that were not resolved.

    Args:
        failed: These images, in the order of the list, each with its error.
        found: How many images were resolved.
        is_kept: True if the documents of the resolved images are kept for the next run.
    """
    pauses = _pauses(failed.values())
    errors = [_of_image(error, entry) for entry, error in failed.items() if not isinstance(error, AskedToWait)]
    count, total = len(failed), len(failed) + found
    if not pauses:
        message = counted(
            total,
            "the image cannot be resolved; nothing was exported",
            "{failed} of {count} images cannot be resolved; nothing was exported",
            failed=count,
        )
    elif is_kept:
        message = counted(
            total,
            "the image is not resolved; nothing was exported",
            "{resolved} of {count} images are resolved and kept for the next run; nothing was exported",
            resolved=found,
        )
    else:
        message = counted(
            total,
            "the image is not resolved; nothing was exported",
            "{resolved} of {count} images are resolved, but there is no cache folder to keep the result; nothing "
            "was exported",
            resolved=found,
        )
    hint = pauses[0].hint if pauses else None
    if not pauses and found and all(map(is_missing, errors)):
        hint = "correct the list, or leave them out with --skip-missing"
    return Several(message, [*errors, *pauses], hint=hint)


def not_copied(failed: Sequence[tuple[BlobCopy, BundlerError]], manifest: BundleManifest) -> BundlerError:
    """One error for all blobs that were not copied. A failure of this machine is reported once.

    Args:
        failed: The copies that failed, each with its error.
        manifest: The manifest of the bundle.
    """
    for _, error in failed:
        if isinstance(error, LocalStorage):
            return error
    users = manifest.users()
    errors = _pauses(error for _, error in failed)
    for copy, error in failed:
        if not isinstance(error, AskedToWait):
            needed = some(users.get(copy.descriptor.digest, []), most=5)
            message = text("{reason}; needed by {images}", reason=error.message, images=needed)
            errors.append(error.but(message=message))
    message = counted(
        len(failed),
        "{count} blob could not be fetched; nothing was sealed",
        "{count} blobs could not be fetched; nothing was sealed",
    )
    return Several(message, errors)


def _of_image(error: BundlerError, entry: Entry) -> BundlerError:
    """The error with the name of its image in its subject."""
    name = str(entry.reference)
    if error.subject is None:
        return error.but(subject=name)
    return error if name in error.subject else error.but(subject=f"{name} ({error.subject})")


def _pauses(errors: Iterable[BundlerError]) -> list[BundlerError]:
    """The long pauses that registries ask for: each is reported once, however many images wait for it."""
    return list({error.subject: error for error in errors if isinstance(error, AskedToWait)}.values())
