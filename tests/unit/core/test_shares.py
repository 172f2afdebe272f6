"""Each carried byte belongs to one image alone, or to one set of images; what is left out belongs to neither."""

from __future__ import annotations

from bundler.core.shares import shares_of
from tests.unit.values import MIB, layer, planned, resolved


def test_bytes_are_divided_between_own_and_shared():
    base, common = layer("base", 50 * MIB), layer("common", 20 * MIB)
    manifest = planned(
        resolved("a:1", base, common, layer("a", 5 * MIB)),
        resolved("b:1", base, common),
        resolved("c:1", base, layer("c", 9 * MIB)),
    ).manifest
    shares = shares_of(manifest)
    small = 1900  # a manifest and a config
    assert [each.own_bytes for each in shares.images] == [5 * MIB + small, small, 9 * MIB + small]
    assert [each.shared_bytes for each in shares.images] == [70 * MIB, 70 * MIB, 50 * MIB]
    assert [(each.images, each.size_bytes, each.saved_bytes) for each in shares.shared] == [
        ((0, 1, 2), 50 * MIB, 100 * MIB),
        ((0, 1), 20 * MIB, 20 * MIB),
    ]
    assert [blob.descriptor.size_bytes for blob in shares.own[0]] == [5 * MIB, 1500, 400]
    assert shares.own_bytes + shares.shared_bytes == sum(blob.descriptor.size_bytes for blob in manifest.blobs)
    assert [each.size_bytes for each in shares.images] == [manifest.size_of(image) for image in manifest.images]
    assert (shares.left_out_bytes, shares.saved_bytes) == (0, 120 * MIB)
