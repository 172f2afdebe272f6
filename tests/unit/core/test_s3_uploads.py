"""Uploads of bundles are distinguished from others by their keys, and their age counts in whole days."""

from __future__ import annotations

import pytest

from bundler.core.s3_path import S3Path
from bundler.core.s3_uploads import Upload, is_of_bundle

DAY = 86_400


@pytest.mark.parametrize(
    ("key", "is_ours"),
    [
        ("backups/2026/platform/chunk-0001.tar", True),
        ("backups/2026/chunk-0012.7z", True),
        ("backups/2026/11/platform/chunk-0001.tar", True),
        ("backups/2026/platform/chunk-1.tar", False),
        ("backups/2026/platform/chunk-0001.tar.gz", False),
        ("backups/2026/platform/bundle.json", False),
        ("backups/2026/Platform/chunk-0001.tar", False),
        ("backups/2026/film.mp4", False),
    ],
)
def test_only_uploads_of_chunks_are_of_bundles(key, is_ours):
    assert is_of_bundle(Upload(S3Path("b", key), "id", 0), S3Path("b", "backups/2026")) is is_ours


def test_the_age_is_in_whole_days_and_a_clock_that_differs_does_no_harm():
    upload = Upload(S3Path("b", "k"), "id", 10 * DAY)
    assert [upload.days_at(at) for at in (9 * DAY, 11 * DAY - 1, 11 * DAY, 17.5 * DAY)] == [0, 0, 1, 7]
