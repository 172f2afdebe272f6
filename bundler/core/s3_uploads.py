"""Multipart uploads to S3 that were neither completed nor aborted: which are of bundles, and which are old.

S3 lists the key, the id and the start of an upload, and nothing about its writer. So the key decides: an export uploads
in parts only the chunks of a bundle.
"""

from __future__ import annotations

from bundler.core.bundle_name import check_bundle_name
from bundler.core.frozen import frozen
from bundler.core.roles import CHUNK
from bundler.core.s3_path import S3Path
from bundler.errors import Misuse

_DAY_SECONDS = 86_400


@frozen
class Upload:
    """An upload.

    Attributes:
        path: The object that it would become.
        id: Its id.
        started_seconds: The time of its start by the clock of S3, in seconds since 1970.
    """

    path: S3Path
    id: str
    started_seconds: float

    def days_at(self, now_seconds: float) -> int:
        """Its age in whole days."""
        return max(0, int((now_seconds - self.started_seconds) // _DAY_SECONDS))


def is_of_bundle(upload: Upload, place: S3Path) -> bool:
    """True if an export may have started it: its key is that of a chunk of a bundle.

    Args:
        upload: An upload below the place.
        place: The place of a bundle, or of any number of them.
    """
    if CHUNK.form.fullmatch(upload.path.name) is None:
        return False
    if upload.path.parent == place:
        return True
    try:
        check_bundle_name(upload.path.parent.name)
    except Misuse:
        return False
    return True
