"""The report of a bundle that was looked at: what its signed documents say. The chunks were not verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.bundle.reader import Bundle
from bundler.core.manifest import BundleManifest
from bundler.core.outer_manifest import OuterManifest
from bundler.core.shares import Shares, shares_of
from bundler.texts import text
from bundler.views.html.elements import Node
from bundler.views.html.parts import PLAIN, WARN, Note, Section, both_sizes, code, lines
from bundler.views.html.report_page import Annexes, Report, present
from bundler.views.html.sections import (
    checking,
    files,
    image_details,
    images,
    layers,
    media,
    not_carried,
    parity,
    picture,
    scans,
    sign_off,
    signatures,
    verdicts,
)
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.commands.inspect_ import InspectResult


def bundle_report(result: InspectResult, annexes: Annexes) -> Report:
    """The report of a bundle."""
    bundle = result.bundle
    manifest = bundle.manifest
    remarks = verdicts.builders_verdicts(manifest) if isinstance(manifest, BundleManifest) else []
    return Report(
        kind=text("Bundle"),
        name=manifest.name,
        id=bundle.id,
        verdict=signatures.verdict(bundle, is_refused=result.trust_problem is not None),
        notes=(
            *signatures.inspected_notes(result),
            *_notes(result),
            *verdicts.verdict_notes(remarks),
            *annex_notes(bundle, annexes),
        ),
        figures=manifest_figures(manifest),
        facts=bundle_facts(bundle),
        sections=present(
            [
                *content_sections(manifest),
                verdicts.verdicts_section(remarks, is_remark=True),
                *annex_sections(bundle, annexes),
                files.files_section(bundle, files.here_or_not(bundle.chunks)),
                media.media_section(manifest, media.sizes_here(bundle)),
                parity.listed_parity(bundle),
                checking.checking_section(bundle, result.claimed_signers),
                image_details.details_section(manifest),
                sign_off.sign_off_section([sign_off.BUILDER, sign_off.OFFICER, sign_off.COURIER, sign_off.IMPORTER]),
            ]
        ),
    )


def content_sections(manifest: BundleManifest | OuterManifest) -> Iterator[Section | None]:
    """The sections about the images of a bundle; none if its content is encrypted and was not opened."""
    if isinstance(manifest, OuterManifest):
        return
    shares = shares_of(manifest)
    yield not_carried.missing_section(manifest.missing)
    yield picture.picture_section(manifest, shares)
    yield images.images_section(manifest, shares, detailed=image_details.is_detailed(manifest))
    yield not_carried.bases_section(manifest)


def annex_sections(bundle: Bundle | LockedBundle, annexes: Annexes) -> Iterator[Section | None]:
    """The sections about scans and layers."""
    if isinstance(bundle.manifest, BundleManifest):
        yield from scans.record_sections(annexes.scans, bundle.id, bundle.manifest)
    yield layers.layers_section(annexes.layers)


def annex_notes(bundle: Bundle | LockedBundle, annexes: Annexes) -> Iterator[Note]:
    """Remarks about scans."""
    if isinstance(bundle.manifest, BundleManifest):
        yield from scans.record_notes(annexes.scans, bundle.id, bundle.manifest)


def manifest_figures(manifest: BundleManifest | OuterManifest) -> tuple[tuple[str, str], ...]:
    """The numbers of a bundle."""
    chunks = (text("chunks"), f"{len(manifest.chunks):,}")
    carried = (text("to carry"), size(manifest.size_bytes))
    if isinstance(manifest, OuterManifest):
        return carried, chunks
    shares: Shares = shares_of(manifest)
    return (
        (text("images"), f"{len(manifest.images):,}"),
        carried,
        chunks,
        (text("media"), f"{len(manifest.media):,}" if manifest.media else ""),
        (text("saved by sharing"), size(shares.saved_bytes) if shares.saved_bytes else ""),
        (text("left out"), size(shares.left_out_bytes) if shares.left_out_bytes else ""),
    )


def bundle_facts(bundle: Bundle | LockedBundle) -> tuple[tuple[str, Node], ...]:
    """The facts by which a bundle is known."""
    manifest = bundle.manifest
    return (
        (text("id"), code(bundle.id)),
        (text("signed by"), signatures.signers(bundle)),
        *manifest_facts(manifest),
        (text("encryption"), text("AES-256; only the passphrase opens it") if bundle.is_encrypted else None),
        (text("read from"), tuple(lines(map(code, bundle.sealed.folders)))),
    )


def manifest_facts(manifest: BundleManifest | OuterManifest) -> tuple[tuple[str, Node], ...]:
    """The facts that bundle.json has."""
    whole = (
        (text("made"), text("{time} by {tool}", time=manifest.created, tool=manifest.tool)),
        (text("size"), both_sizes(manifest.size_bytes)),
    )
    if isinstance(manifest, OuterManifest):
        return whole
    series = manifest.series
    return (
        *whole,
        (
            text("channel"),
            text("{channel}, number {sequence}", channel=series.channel, sequence=series.sequence) if series else None,
        ),
        (text("previous bundle"), code(series.previous) if series and series.previous else None),
        (text("supplement to"), code(manifest.completes) if manifest.completes else None),
    )


def _notes(result: InspectResult) -> Iterator[Note]:
    bundle = result.bundle
    yield Note(
        PLAIN,
        text("The chunks were not verified for this report"),
        text("It shows what the signed documents say. bundler report --verify checks every byte first."),
    )
    if isinstance(bundle.manifest, OuterManifest):
        yield encrypted_note()
    else:
        yield from not_carried.carried_notes(bundle.manifest)
    absent = sum(state.problem is not None for state in bundle.chunks)
    if absent:
        yield Note(WARN, text("{chunks} not here", chunks=count(absent, "chunk")), text("See: Files"))


def encrypted_note() -> Note:
    """The remark about a bundle whose content is not known."""
    return Note(
        WARN,
        text("The content is encrypted, and is not shown"),
        text("Give --passphrase-file FILE to see the images."),
    )
