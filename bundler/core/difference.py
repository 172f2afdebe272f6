"""Describes how the content of a bundle differs from the content that an export would make now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bundler.core.manifest import BundleManifest, Image, Series
from bundler.texts import Text, some, text


def differences(there: BundleManifest, wanted: BundleManifest) -> list[str]:
    """The differences between a bundle and a plan; empty if both have the same images in the same chunks.

    It ignores the time, the version of the tool, and the final sizes of 7z archives.
    """
    found: list[str] = []
    if there.chunk_size_bytes != wanted.chunk_size_bytes:
        found.append(
            text(
                "--chunk-size: {there} there, {now} now",
                there=there.chunk_size_bytes,
                now=wanted.chunk_size_bytes,
            )
        )
    if there.series != wanted.series:
        found.append(
            text("--channel: {there} there, {now} now", there=_series(there.series), now=_series(wanted.series))
        )
    if there.archive is not wanted.archive:
        found.append(text("--format: {there} there, {now} now", there=there.archive.name, now=wanted.archive.name))
    if there.media != wanted.media:
        found.append(text("media: planned for {there} there, {now} now", there=len(there.media), now=len(wanted.media)))
    if sorted(base.id for base in there.bases) != sorted(base.id for base in wanted.bases):
        found.append(text("--since: {there} there, {now} now", there=_names(there), now=_names(wanted)))
    old, new = ({image.reference: image for image in manifest.images} for manifest in (there, wanted))
    found += [
        text("no longer in the list: {reference}", reference=reference) for reference in old if reference not in new
    ]
    found += [text("not in it: {reference}", reference=reference) for reference in new if reference not in old]
    found += [
        text("missing at that time: {reference}", reference=image.reference)
        for image in there.missing
        if image.reference in new
    ]
    found += [
        text("missing now: {reference}", reference=image.reference)
        for image in wanted.missing
        if image.reference in old
    ]
    for reference, image in new.items():
        if reference in old:
            found += _of_image(old[reference], image) or _of_attachments(there, old[reference], wanted, image)
    if not found and _without_making(there, wanted) != _without_making(wanted, wanted):
        found.append("the images, or their chunks, have another order")
    return found


def _names(manifest: BundleManifest) -> Text:
    return some([base.name for base in manifest.bases]) if manifest.bases else text("nothing")


def _of_attachments(there: BundleManifest, before: Image, wanted: BundleManifest, now: Image) -> Sequence[str]:
    """The difference between the attachments of two images with the same name and root."""
    if _attached(there, before) == _attached(wanted, now):
        return []
    return [
        text(
            "other attachments: {name}: {there} there, {now} now",
            name=now.reference,
            there=len(before.attachments),
            now=len(now.attachments),
        )
    ]


def _series(series: Series | None) -> str:
    return text("{channel}, number {sequence}", channel=series.channel, sequence=series.sequence) if series else "none"


def _of_image(there: Image, wanted: Image) -> Sequence[str]:
    """The first difference between two images with the same name. The other differences follow from it."""
    if there == wanted:
        return []
    name = wanted.reference
    compared = (
        (
            there.source_digest != wanted.source_digest,
            text(
                "moved: {name}: {there} there, {now} now",
                name=name,
                there=there.source_digest,
                now=wanted.source_digest,
            ),
        ),
        (
            there.root != wanted.root,
            text(
                "other platforms: {name}: {there} there, {now} now",
                name=name,
                there=there.root.digest,
                now=wanted.root.digest,
            ),
        ),
        (
            there.source != wanted.source,
            text(
                "from another source: {name}: {there} there, {now} now",
                name=name,
                there=there.source,
                now=wanted.source,
            ),
        ),
        (
            there.verdicts != wanted.verdicts,
            text("--policy: another verdict on {name}", name=name),
        ),
        (
            there.repacked != wanted.repacked,
            text(
                "--layer-compression: {name}: {there} there, {now} now",
                name=name,
                there=there.repacked,
                now=wanted.repacked,
            ),
        ),
    )
    return [message for differs, message in compared if differs][:1]


def _attached(manifest: BundleManifest, image: Image) -> set[tuple[object, ...]]:
    return {
        (each.subject, each.tag, manifest.blobs[each.manifests[-1]].descriptor.digest) for each in image.attachments
    }


def _without_making(manifest: BundleManifest, like: BundleManifest) -> BundleManifest:
    return replace(manifest, created="", tool="", signed=like.signed, chunks=like.chunks)
