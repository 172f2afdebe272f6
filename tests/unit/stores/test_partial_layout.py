"""A daemon that has some platforms of an image gives those, with their own digests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.errors import Damaged
from bundler.stores.oci_layout import FolderFiles, read_index
from bundler.stores.partial_layout import source_of_present
from tests.support import images

NAME = "example.org/team/app:1"
EACH = {name: images.simple(name, architecture=name) for name in ("amd64", "arm64", "s390x")}


def layout(folder: Path, *present: str) -> tuple[FolderFiles, images.Image]:
    """A layout of an index for three platforms, of which only some are there."""
    index = images.index([(image, images.platform(name)) for name, image in EACH.items()])
    index.write_layout(folder, NAME)
    for name, image in EACH.items():
        if name not in present:
            (folder / "blobs/sha256" / image.digest.partition(":")[2]).unlink()
    return FolderFiles(folder), index


def reduced(folder: Path, *present: str) -> tuple[Descriptor, list[str], bytes]:
    files, _ = layout(folder, *present)
    warnings: list[str] = []
    source = source_of_present(files, read_index(files), warnings.append)
    root = source.resolve(NAME)
    return root, warnings, source.read_manifest(root)


def test_a_whole_image_stays_as_it_is(tmp_path):
    root, warnings, content = reduced(tmp_path, *EACH)
    assert content == layout(tmp_path / "again", *EACH)[1].content
    assert warnings == []
    assert root.is_index


def test_one_platform_is_its_own_manifest_byte_for_byte(tmp_path):
    root, warnings, content = reduced(tmp_path, "arm64")
    assert (str(root.digest), content) == (EACH["arm64"].digest, EACH["arm64"].content)
    assert "only linux/arm64" in warnings[0]


def test_several_platforms_get_an_index_of_what_is_there(tmp_path):
    root, warnings, content = reduced(tmp_path, "amd64", "s390x")
    assert root.digest == Digest.of(content)
    assert [child["digest"] for child in json.loads(content)["manifests"]] == [
        EACH["amd64"].digest,
        EACH["s390x"].digest,
    ]
    assert "linux/amd64, linux/s390x" in warnings[0]


def test_an_image_of_which_nothing_is_there_is_refused(tmp_path):
    with pytest.raises(Damaged):
        reduced(tmp_path)
