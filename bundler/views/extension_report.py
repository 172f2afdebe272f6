"""Lines about the optional parts of a bundle: series, bases, attachments, and other files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bundler.core import roles
from bundler.core.outer_manifest import OuterManifest
from bundler.core.policy.verdict import ACCEPTED
from bundler.texts import some, text
from bundler.views.attachment_report import kind_words
from bundler.views.languages import said, translated
from bundler.views.words import STATEMENTS, count, escaped, fact, fact_below, more_lines, size

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import Attachment, Blob, BundleManifest

_SHOWN = 6
FILE_WORDS = {
    roles.RESTORE: text("restore script"),
    roles.PARITY: text("parity"),
    roles.TOOL: text("tool"),
    roles.RECORD: text("record"),
    roles.UNKNOWN: text("unknown to this version of bundler"),
}
"""The purposes of files that not every bundle has."""


def extension_lines(manifest: BundleManifest | OuterManifest) -> list[str]:
    """The lines about series, bases and attachments; empty if the bundle has none."""
    lines = [] if isinstance(manifest, OuterManifest) else [*series_lines(manifest), *base_lines(manifest)]
    if isinstance(manifest, OuterManifest):
        lines += (
            [] if manifest.is_whole else [fact(said("bases"), said("it leaves blobs out; their names are encrypted"))]
        )
    else:
        lines += [*attached_lines(manifest), *_verdict_lines(manifest)]
    return lines


def _verdict_lines(manifest: BundleManifest) -> list[str]:
    """The verdicts of the builder's policies. They are a remark: a receiver judges by a policy of its own."""
    verdicts = [(image, verdict) for image in manifest.images for verdict in image.verdicts]
    if not verdicts:
        return []
    refused = [image for image, verdict in verdicts if verdict.result != ACCEPTED]
    words = said(
        "the builder's policy accepted {accepted:,} and refused {refused:,}; bundler verify --policy judges by yours",
        accepted=len(verdicts) - len(refused),
        refused=len(refused),
    )
    names = some([str(image.reference) for image in refused], most=_SHOWN)
    below = [fact_below(said("refused: {images}", images=escaped(names)))] if refused else []
    return [fact(said("policy"), words), *below]


def base_lines(manifest: BundleManifest) -> list[str]:
    """The size of the blobs that the bundle leaves out, and the bundles, receipts and inventories that it relies on."""
    if not manifest.bases:
        return []
    words = said("NOT COMPLETE: {amount} left out, not checked here", amount=_amount(manifest.left_out))
    lines = [fact(said("bases"), words)]
    lines += [
        fact_below(
            f"{translated(STATEMENTS[base.kind])} {escaped(base.name)}  {base.id[:12]}: {_in_base(manifest, number)}"
        )
        for number, base in enumerate(manifest.bases[:_SHOWN])
    ]
    return [*lines, *map(fact_below, more_lines(len(manifest.bases) - _SHOWN))]


def _in_base(manifest: BundleManifest, number: int) -> str:
    """The blobs that a base has, and the chunks that they are in if it is a bundle."""
    base = manifest.bases[number]
    places = {blob: place for blob in manifest.left_out for place in blob.bases if place.base == number}
    chunks = sorted({chunk for place in places.values() for chunk in place.chunks})
    if not chunks:
        return _amount(tuple(places))
    files = translated(some(map(base.chunk_file, chunks), most=_SHOWN))
    return said("{amount} in {files}", amount=_amount(tuple(places)), files=files)


def _amount(blobs: tuple[Blob, ...]) -> str:
    total = size(sum(blob.descriptor.size_bytes for blob in blobs))
    return said("{blobs}, {size}", blobs=count(len(blobs), "blob"), size=total)


def other_file_lines(bundle: Bundle | LockedBundle) -> list[str]:
    """The listed files that not every bundle has, by their roles."""
    lines = []
    for role, words in FILE_WORDS.items():
        names = [name for name in bundle.sealed.sums if roles.role_of(name) is role]
        if names:
            shown = escaped(some(names)) if len(names) <= _SHOWN else translated(count(len(names), "file"))
            lines.append(fact(said("also"), f"{translated(words)}: {shown}"))
    return lines


def series_lines(manifest: BundleManifest) -> list[str]:
    """The lines about the place of a bundle in its channel; empty if it has none."""
    if manifest.completes:
        return [fact(said("supplement"), said("to the bundle {id}", id=manifest.completes))]
    series = manifest.series
    if series is None:
        return []
    lines = [
        fact(said("series"), said("{channel}, number {sequence}", channel=series.channel, sequence=series.sequence))
    ]
    return [*lines, fact_below(said("follows {id}", id=series.previous))] if series.previous else lines


def attached_lines(manifest: BundleManifest) -> list[str]:
    """The number of attachments of each kind; empty if there are none."""
    return [fact(said("attached"), attachment_words(manifest.attachments))] if manifest.attachments else []


def attachment_words(attachments: Iterable[Attachment]) -> str:
    """The number of attachments of each kind."""
    return translated(kind_words(each.kind for each in attachments))
