"""Opens, reads and lists the files of bundles, wherever they are: on file systems of this machine, or in S3.

Opening a file decides once which of the two it is; reading asks no more. `bundler.bundle.s3` is loaded only for a place
in S3. Verbs that are made for one of the two alone, or that list places, look at the class of a path by themselves.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from bundler.bundle.s3.near_reads import NearReads
from bundler.core.protocols import OpenFile
from bundler.core.s3_path import S3Path
from bundler.errors import Damaged, Incomplete, LocalStorage, Refused, Unavailable
from bundler.system import files
from bundler.system.bundle_paths import BundlePath
from bundler.system.files import LocalFile, open_for_reading

UNREADABLE = (Damaged, Incomplete, LocalStorage, Refused, Unavailable)
"""The errors of a file that cannot be read: of the medium, of this machine, or of S3."""


def open_file(path: BundlePath, *, end: int | None = None, near: NearReads | None = None) -> OpenFile:
    """Opens a regular file, for its user to close. `opened` closes it by itself.

    Args:
        path: The file.
        end: The offset at which reading will end, if it is known: nothing after it is fetched ahead.
        near: The reads that a small one in S3 may share a request with.

    Raises:
        Incomplete: There is no such file.
        Damaged: It is not a regular file, or it is unreadable.
        LocalStorage: There is no permission to read it.
    """
    if isinstance(path, S3Path):
        from bundler.bundle.s3.reading import S3File

        return S3File(path, end=end, near=near)
    return LocalFile(open_for_reading(path))


@contextmanager
def opened(path: BundlePath, *, end: int | None = None) -> Generator[OpenFile, None, None]:
    """Opens a regular file until the context ends.

    Raises:
        Incomplete, Damaged, LocalStorage: As `open_file`.
    """
    file = open_file(path, end=end)
    try:
        yield file
    finally:
        file.close()


def is_there(path: BundlePath) -> bool:
    """True if there is such a file, or an entry of this name.

    Raises:
        Damaged, Refused, Unavailable: The medium, or S3, does not answer.
    """
    if isinstance(path, S3Path):
        from bundler.bundle.s3.client import s3_client

        return s3_client().facts(path) is not None
    return files.is_there(path)


def read_bounded(path: BundlePath, limit_bytes: int) -> bytes:
    """Returns the content of a regular file, up to a limit.

    Raises:
        Incomplete, Damaged, LocalStorage: As `open_file`, or the file is larger, or reading fails.
        Refused, Unavailable: S3 does not give it.
    """
    if isinstance(path, S3Path):
        from bundler.bundle.s3.reading import read_object

        return read_object(path, limit_bytes)
    return files.read_bounded(path, limit_bytes)
