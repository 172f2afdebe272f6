"""`scripts/bench --small` compares like with like: all contestants push the same images, with the requests it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks import small_images  # noqa: E402
from benchmarks.registry import ask  # noqa: E402

from bundler.transfer import SMALL_WORKERS  # noqa: E402

COUNT = 6


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> dict[str, dict[str, float]]:
    """The requests of an image, by contestant, method, object and status; each has left all images in its registry."""
    found: dict[str, dict[str, float]] = {}

    class Checked(small_images.Counting):
        """A registry that looks at its content before it is removed."""

        def requests(self):
            counter = super().requests()
            for image in small_images.tiny_images(COUNT):
                status, _, content = ask(self.host, "GET", f"/v2/{image.repository}/manifests/{image.tag}")
                assert (status, content) == (200, image.manifest)
                for blob in image.blobs:
                    path = f"/v2/{image.repository}/blobs/{small_images.digest_of(blob)}"
                    assert ask(self.host, "GET", path)[::2] == (200, blob)
            return counter

    with small_images.inputs(COUNT, tmp_path_factory.mktemp("small")) as (images, work):
        ours = small_images.Bundler("bundler", ROOT, work / "bundle")
        crane, skopeo = small_images.CraneRequests(COUNT), small_images.Skopeo(images, work / "layout")
        for each in (ours, crane, skopeo):
            _, requests = small_images.run_once(each, work, Checked)
            found[each.name] = {name: number / COUNT for name, number in requests.items()}
    return found


def test_the_substitute_for_crane_sends_what_crane_sends(counted):
    requests = counted[small_images.CraneRequests.name]
    assert {name: round(number) for name, number in requests.items()} == {
        "GET ping 200": 1,
        "HEAD tag 404": 1,
        "HEAD blob 404": 3,
        "POST upload 202": 3,
        "PATCH upload 202": 3,
        "PUT upload 201": 3,
        "PUT tag 201": 1,
    }


def test_an_image_costs_no_more_requests_than_it_needs(counted):
    """Two uploads and a mount, each asked for afterwards; the tag asked for twice, pushed with its manifest, read back.

    Until the registry has shown that it mounts what it has, some threads ask before they send.
    """
    requests = counted["bundler"]
    assert requests["PUT tag 201"] == 1
    assert "PUT manifest 201" not in requests
    assert requests["HEAD tag 404"] + requests["HEAD tag 200"] == 3
    assert requests["HEAD blob 200"] == 3
    early = {"GET ping 200", "HEAD blob 404"}
    assert requests.get("HEAD blob 404", 0) * COUNT <= 2 * SMALL_WORKERS
    assert sum(number for name, number in requests.items() if name not in early) < 13
