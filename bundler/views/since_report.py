"""Reports about an export with ``--since``: the bytes that are carried and left out, and by which statements."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bundler.core.manifest import BUNDLE, MANIFEST
from bundler.texts import some, text
from bundler.views.languages import said, translated
from bundler.views.words import STATEMENTS, count, escaped, fact, fact_below, limited, size, table

if TYPE_CHECKING:
    from bundler.core.manifest import Base, Blob, BundleManifest
    from bundler.exporting.result import ExportResult

LARGE_BLOB_BYTES = 1 << 20
"""Blobs of this size and more are listed with the reason why they are carried."""


def since_lines(result: ExportResult, *, is_verbose: bool) -> list[str]:
    """The lines about ``--since``; empty without it."""
    if not result.since:
        return []
    manifest = result.manifest
    carried, left_out = _carried(manifest), manifest.left_out
    lines = [
        fact(said("left out"), _amount(left_out)),
        *map(fact_below, _statement_rows(result)),
        fact(said("carried"), _amount(carried)),
    ]
    rows = [
        (size(blob.descriptor.size_bytes), blob.descriptor.digest.short, _needed_by(images))
        for blob, images in _large(manifest)
    ]
    if rows:
        lines.append(fact_below(said("new, because no statement lists them (1 MiB and more):")))
        lines += limited(table(rows, indent="             ", right=[0]), is_verbose=is_verbose)
    return lines


def since_document(result: ExportResult) -> dict[str, Any] | None:
    """The field ``since`` of ``export --json``; None without the option."""
    if not result.since:
        return None
    manifest = result.manifest
    blobs, sizes = by_base(manifest)
    return {
        "statements": [
            {
                "kind": base.kind,
                "id": base.id,
                "name": base.name,
                "created": base.created or None,
                "given": base in result.since,
                "proof": base.kind != BUNDLE,
                "blobs": blobs[base.id],
                "bytes": sizes[base.id],
            }
            for base in _statements(result)
        ],
        "leftOutBytes": _total(manifest.left_out),
        "carriedBytes": _total(_carried(manifest)),
        "carried": [
            {
                "digest": str(blob.descriptor.digest),
                "bytes": blob.descriptor.size_bytes,
                "images": list(images),
                "reason": "new",
            }
            for blob, images in _large(manifest)
        ],
    }


def _statements(result: ExportResult) -> list[Base]:
    """The statements that were given, then those that these rely on."""
    return list(dict.fromkeys((*result.since, *result.manifest.bases)))


def _statement_rows(result: ExportResult) -> list[str]:
    blobs, sizes = by_base(result.manifest)
    rows = []
    for base in _statements(result):
        amount = said("{blobs}, {size}", blobs=count(blobs[base.id], "blob"), size=size(sizes[base.id]))
        trust = (
            said("assumed: a bundle does not prove that it arrived")
            if base.kind == BUNDLE
            else said("proof of {time}", time=escaped(base.created))
        )
        rows.append(f"{translated(STATEMENTS[base.kind])} {escaped(base.name)}  {base.id[:12]}: {amount}  ({trust})")
    return rows


def by_base(manifest: BundleManifest) -> tuple[Counter[str], Counter[str]]:
    """The number and the bytes of the blobs that each base has, by its id. A blob may be in several."""
    blobs: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for blob in manifest.left_out:
        for place in blob.bases:
            blobs[manifest.bases[place.base].id] += 1
            sizes[manifest.bases[place.base].id] += blob.descriptor.size_bytes
    return blobs, sizes


def _carried(manifest: BundleManifest) -> tuple[Blob, ...]:
    return tuple(blob for blob in manifest.blobs if not blob.is_left_out)


def _large(manifest: BundleManifest) -> list[tuple[Blob, list[str]]]:
    """The large blobs that are carried, the largest first, each with the images that need it."""
    found = [
        blob for blob in _carried(manifest) if blob.kind != MANIFEST and blob.descriptor.size_bytes >= LARGE_BLOB_BYTES
    ]
    users = manifest.users() if found else {}
    found.sort(key=lambda blob: (-blob.descriptor.size_bytes, str(blob.descriptor.digest)))
    return [(blob, users.get(blob.descriptor.digest, [])) for blob in found]


def _needed_by(images: list[str]) -> str:
    return escaped(translated(some(images, most=2)))


def _amount(blobs: tuple[Blob, ...]) -> str:
    return translated(text("{blobs}, {size}", blobs=count(len(blobs), "blob"), size=size(_total(blobs))))


def _total(blobs: tuple[Blob, ...]) -> int:
    return sum(blob.descriptor.size_bytes for blob in blobs)
