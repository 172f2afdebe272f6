"""The checks of ``doctor`` for a place in S3: does it answer, and do uploads of bundles lie there that cost space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bundler.bundle.s3.botocore_errors import NoUpload
from bundler.bundle.s3.client import S3Client, s3_client
from bundler.commands.checks import Check, State, asked, ok, size_words, skipped, warned
from bundler.core import roles
from bundler.core.s3_path import S3Path
from bundler.core.s3_uploads import Upload, is_of_bundle
from bundler.errors import Denied, Incomplete
from bundler.texts import some, text

_OLD_DAYS = 7
"""The age that the advice names: no export takes that long."""


def s3_checks(place: S3Path, *, now_seconds: float, clear_after_days: int | None) -> Iterator[Check]:
    """Checks a place in S3.

    Args:
        place: The place of a bundle, or of several.
        now_seconds: The time in seconds since 1970.
        clear_after_days: The age in days from which uploads of bundles are aborted; None to abort none.
    """
    answered = asked("s3", lambda: _listed(s3_client(), place))
    yield answered
    if answered.state is State.FAIL:
        yield skipped("uploads", text("S3 does not answer"))
        return
    yield asked("uploads", lambda: _uploads(s3_client(), place, now_seconds, clear_after_days))


def _listed(client: S3Client, place: S3Path) -> Check:
    found = client.objects_in(place)
    has_sums = any(name == roles.SUMS.file for name, _ in found.files)
    if has_sums:
        return ok("s3", text("{place}: there is a bundle", place=place))
    count = len(found.files) + len(found.folders)
    return ok("s3", text("{place}: {count:,} entries", place=place, count=count))


def _uploads(client: S3Client, place: S3Path, now_seconds: float, clear_after_days: int | None) -> Check:
    try:
        found = [upload for upload in client.uploads_below(place) if is_of_bundle(upload, place)]
    except Denied:
        if clear_after_days is not None:
            raise
        return skipped("uploads", text("S3 does not list them; that needs s3:ListBucketMultipartUploads"))
    if clear_after_days is None:
        return _reported(client, place, found, now_seconds)
    old = [upload for upload in found if upload.days_at(now_seconds) >= clear_after_days]
    size_bytes = _size(client, old)
    for upload in old:
        client.abort(upload.path, upload.id)
    return ok(
        "uploads",
        text(
            "{place}: {cleared:,} uploads cleared, {size}; {kept:,} younger ones kept",
            place=place,
            cleared=len(old),
            size=size_words(size_bytes),
            kept=len(found) - len(old),
        ),
    )


def _reported(client: S3Client, place: S3Path, found: Sequence[Upload], now_seconds: float) -> Check:
    if not found:
        return ok("uploads", text("{place}: no unfinished uploads of bundles", place=place))
    words = text(
        "{place}: {count:,} unfinished uploads of bundles, {size}: {uploads}",
        place=place,
        count=len(found),
        size=size_words(_size(client, found)),
        uploads=some(
            [
                text(
                    "{key} ({days:,} days)",
                    key=upload.path.key.removeprefix(place.prefix),
                    days=upload.days_at(now_seconds),
                )
                for upload in found
            ]
        ),
    )
    error = Incomplete(
        "exports to this place run, or were given up",
        subject=str(place),
        hint=text(
            "finish them with the same bundler export; to clear those older than a week: "
            "bundler doctor {place} --clear-uploads {days}",
            place=place,
            days=_OLD_DAYS,
        ),
    )
    return warned("uploads", words, error)


def _size(client: S3Client, uploads: Sequence[Upload]) -> int:
    """The size of all parts that S3 keeps of some uploads, in bytes."""
    total = 0
    for upload in uploads:
        try:
            total += sum(part.size_bytes for part in client.parts(upload.path, upload.id).values())
        except NoUpload:
            continue  # completed or aborted since it was listed
    return total
