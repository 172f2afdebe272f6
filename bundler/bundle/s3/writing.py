"""Writes small objects of bundles, and reads them back."""

from __future__ import annotations

import hashlib

from bundler.bundle.s3.client import s3_client
from bundler.bundle.s3.reading import read_object
from bundler.core.s3_path import S3Path
from bundler.errors import Damaged


def write_object(path: S3Path, content: bytes) -> None:
    """Writes a new object.

    Raises:
        Damaged: S3 returns other bytes.
        Refused, Unavailable: S3 does not take it, or there is one of this key.
    """
    s3_client().put(path, content, hashlib.sha256(content).digest())
    check_content(path, content)


def check_content(path: S3Path, content: bytes) -> None:
    """Reads an object back.

    Raises:
        Damaged: S3 returns other bytes.
        Refused, Unavailable: It cannot be read.
    """
    if not has_content(path, content):
        raise Damaged(
            "S3 returns other bytes than were sent",
            subject=str(path),
            hint="use another bucket: do not trust this one",
        )


def has_content(path: S3Path, content: bytes) -> bool:
    """True if an object has just these bytes.

    Raises:
        Incomplete, Refused, Unavailable: It cannot be read.
    """
    try:
        return read_object(path, len(content)) == content
    except Damaged:
        return False
