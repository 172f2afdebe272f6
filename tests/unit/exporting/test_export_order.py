"""The place to write to decides how many chunks an export writes side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle import medium
from bundler.bundle.lanes import Lanes
from bundler.bundle.writer import BundleWriter
from bundler.core.events import nobody
from bundler.exporting import copied
from bundler.exporting.export import export
from bundler.exporting.request import ExportRequest
from bundler.run import Run
from bundler.workers import Cancellation
from tests.support.images import simple


@pytest.mark.parametrize(
    ("removable", "holes", "expected"),
    [(False, True, (3, True)), (True, True, (1, True)), (False, False, (1, False)), (True, False, (1, False))],
)
def test_media_and_file_systems_without_holes_get_one_lane(tmp_path, monkeypatch, removable, holes, expected):
    simple("a").write_layout(tmp_path / "layout", "example.com/a:1")
    asked: list[Lanes] = []
    resuming = BundleWriter.resuming

    def watched(partial, manifest, passed, lanes):
        asked.append(lanes)
        return resuming(partial, manifest, passed, lanes)

    monkeypatch.setattr(BundleWriter, "resuming", watched)
    monkeypatch.setattr(copied, "is_removable", lambda path: removable)
    monkeypatch.setattr(copied, "has_sparse_files", lambda path: holes)
    request = ExportRequest(
        lists=(f"oci:{tmp_path}/layout",),
        output=tmp_path,
        created="2026-01-01T00:00:00Z",
        chunk_size_bytes=1 << 20,
        is_unsigned=True,
        name="test",
    )
    export(request, Run(nobody, Cancellation(), jobs=3))
    assert asked == [Lanes(*expected)]
    assert (tmp_path / "test" / "SHA256SUMS").exists()


@pytest.mark.parametrize(("name", "expected"), [("ext4", True), ("vfat", False), ("fuseblk", False)])
def test_the_file_system_of_a_path_is_asked(tmp_path: Path, name, expected):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"27 1 254:0 / {tmp_path} rw - {name} /dev/sdb1 rw\n")
    assert medium.has_sparse_files(tmp_path / "not" / "there", mountinfo=mounts) is expected


def test_a_file_system_that_nobody_knows_is_taken_for_one_of_a_disk(tmp_path: Path):
    assert medium.has_sparse_files(tmp_path, mountinfo=tmp_path / "absent")
