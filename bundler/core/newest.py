"""Finds the newest of several bundles that follow each other: the others only have blobs that it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bundler.core.manifest import BundleManifest


def newest(manifests: Mapping[str, BundleManifest]) -> str | None:
    """The newest of some bundles.

    A bundle that another one relies on is older than that one. If this leaves several, they must be of one series: all
    of them rely on bundles that the others rely on too, or have blobs that the others leave out. Then the newest one is
    the one that was made last, if most repositories of the older ones are in it too. A supplement only gives blobs to
    the bundle that it completes.

    Args:
        manifests: The manifests of at least one bundle, by id.

    Returns:
        The id of the newest; None if they do not follow each other, or if it cannot be known which one is the newest.
    """
    manifests = {bundle_id: each for bundle_id, each in manifests.items() if each.completes not in manifests}
    relied_on = {base.id for manifest in manifests.values() for base in manifest.bases}
    ends = [bundle_id for bundle_id in manifests if bundle_id not in relied_on]
    if len(ends) == 1:
        return ends[0]
    if len({_channel(manifests[end]) for end in ends}) > 1 or not _are_connected(manifests):
        return None
    ordered = sorted(ends, key=lambda end: _age(manifests[end]))
    last, before = manifests[ordered[-1]], [manifests[end] for end in ordered[:-1]]
    is_alone = not last.bases  # it needs no other bundle, so it was not given with the others for that
    if is_alone or _age(before[-1]) == _age(last) or not all(_is_followed_by(each, last) for each in before):
        return None
    return ordered[-1]


def _channel(manifest: BundleManifest) -> str:
    return manifest.series.channel if manifest.series else ""


def _age(manifest: BundleManifest) -> tuple[int, str]:
    return (manifest.series.sequence if manifest.series else 0, manifest.created)


def _is_followed_by(older: BundleManifest, newer: BundleManifest) -> bool:
    """True if a list probably became another list: images come and go, but most of them stay."""
    if _channel(older):
        return True
    before = {image.reference.name for image in older.images}
    return 2 * len(before & {image.reference.name for image in newer.images}) >= len(before)


def _are_connected(manifests: Mapping[str, BundleManifest]) -> bool:
    """True if there is a way from each bundle to each other one, by common bases and by blobs that are left out."""
    marks = [_marks(bundle_id, manifest) for bundle_id, manifest in manifests.items()]
    held = [{blob.descriptor.digest for blob in each.blobs if blob.stored.pieces} for each in manifests.values()]
    left_out = [{blob.descriptor.digest for blob in each.left_out} for each in manifests.values()]
    reached, found = {0}, [0]
    while found:
        one = found.pop()
        for other in set(range(len(marks))) - reached:
            if marks[one] & marks[other] or left_out[one] & held[other] or left_out[other] & held[one]:
                reached.add(other)
                found.append(other)
    return len(reached) == len(marks)


def _marks(bundle_id: str, manifest: BundleManifest) -> frozenset[str]:
    """The ids of a bundle and of its bases, and its channel."""
    channel: Sequence[str] = (f"channel {_channel(manifest)}",) if _channel(manifest) else ()
    return frozenset((bundle_id, *(base.id for base in manifest.bases), *channel))
