"""The parity of an export, planned from the sizes of its chunks before anything is written."""

from __future__ import annotations

from bundler.core.manifest import BundleManifest
from bundler.core.parity import ParityChoice, ParityGroup, plan_parity
from bundler.exporting.request import ExportRequest


def parity_plan(request: ExportRequest, manifest: BundleManifest) -> tuple[ParityGroup, ...]:
    """The groups of parity; none if none was asked for.

    Raises:
        Misuse: One medium of several may be lost, and all chunks are on one.
    """
    choice = request.parity
    if choice is None:
        return ()
    if choice.needs_media:
        choice = ParityChoice(medium_bytes=request.medium_size_bytes or _largest_share(manifest))
    return plan_parity(manifest.chunks, choice, largest_file_bytes=request.chunk_size_bytes)


def _largest_share(manifest: BundleManifest) -> int:
    """The largest size of the chunks on one of the planned media."""
    chunks = manifest.chunks
    return max((sum(chunks[n - 1].size_bytes for n in medium.chunks) for medium in manifest.media), default=0)
