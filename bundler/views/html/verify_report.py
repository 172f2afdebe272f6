"""The report of a verification: what was found wrong, with the images that it hurts, then the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.core.outer_manifest import OuterManifest
from bundler.texts import text
from bundler.views.html.bundle_report import (
    annex_notes,
    annex_sections,
    bundle_facts,
    content_sections,
    encrypted_note,
    manifest_figures,
)
from bundler.views.html.elements import Node
from bundler.views.html.parts import BAD, GOOD, PLAIN, WARN, Note, code, mark
from bundler.views.html.report_page import Annexes, Report, present
from bundler.views.html.sections import (
    checking,
    files,
    findings,
    image_details,
    media,
    not_carried,
    parity,
    scans,
    sign_off,
    signatures,
    verdicts,
)
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.commands.verify import VerifyResult


def verify_report(result: VerifyResult, annexes: Annexes) -> Report:
    """The report of a verification."""
    bundle = result.bundle
    judged, gated = verdicts.own_verdicts(result.verdicts), scans.gated_by(result.scans)
    return Report(
        kind=text("Verification"),
        name=bundle.manifest.name,
        id=bundle.id,
        verdict=(signatures.verdict(bundle), " ", _verdict(result)),
        notes=(*_notes(result), *scans.gate_notes(gated), *annex_notes(bundle, annexes)),
        figures=manifest_figures(bundle.manifest),
        facts=(*bundle_facts(bundle), *_need(result)),
        sections=present(
            [
                findings.findings_section(result.findings),
                verdicts.verdicts_section(judged),
                scans.gate_section(gated),
                parity.found_parity(result.parity),
                *content_sections(bundle.manifest),
                *annex_sections(bundle, annexes),
                files.files_section(bundle, files.checked(bundle.chunks, result.wanted)),
                media.media_section(bundle.manifest, media.sizes_here(bundle)),
                checking.checking_section(bundle, bundle.sealed.signers),
                image_details.details_section(bundle.manifest),
                sign_off.sign_off_section([sign_off.OFFICER, sign_off.COURIER, sign_off.IMPORTER]),
            ]
        ),
    )


def _verdict(result: VerifyResult) -> Node:
    absent = sum(state.is_absent for state in result.bundle.chunks)
    if not result.findings:
        return mark(text("every byte is right"), GOOD)
    if len(result.findings) == absent and all(finding.file for finding in result.findings) and not _damaged(result):
        return mark(text("incomplete: what is here is right"), WARN)
    return mark(text("NOT GOOD: {findings}", findings=count(len(result.findings), "finding")), BAD)


def _damaged(result: VerifyResult) -> int:
    """The number of findings that are not about chunks on other media."""
    absent = {state.chunk.file for state in result.bundle.chunks if state.is_absent}
    return sum(finding.file not in absent for finding in result.findings)


def _notes(result: VerifyResult) -> Iterator[Note]:
    bundle = result.bundle
    yield from signatures.signature_notes(bundle)
    damaged, absent = _damaged(result), sum(state.is_absent for state in bundle.chunks)
    if damaged:
        users = {image for finding in result.findings for image in finding.images}
        affects = text("{images} affected. See: Problems", images=count(len(users), "image"))
        yield Note(BAD, text("{findings} in this bundle", findings=count(damaged, "finding")), affects)
    if absent:
        yield Note(WARN, text("{chunks} not here", chunks=count(absent, "chunk")), text("Check the other media too."))
    yield from verdicts.verdict_notes(verdicts.own_verdicts(result.verdicts))
    yield from parity.parity_notes(result.parity)
    if isinstance(bundle.manifest, OuterManifest):
        yield encrypted_note()
    else:
        yield from not_carried.carried_notes(bundle.manifest)
    if result.litter.files:
        files_ = count(result.litter.files, "file")
        words = text("{files} of operating systems in the folder, not of the bundle", files=files_)
        yield Note(PLAIN, words, size(result.litter.size_bytes))
    if not result.findings:
        checked = text(
            "{chunks}, {size}", chunks=count(len(bundle.chunks), "chunk"), size=size(bundle.manifest.size_bytes)
        )
        yield Note(GOOD, text("Every byte was read, and is as SHA256SUMS lists it"), checked)


def _need(result: VerifyResult) -> tuple[tuple[str, Node], ...]:
    if result.need is None or result.need.path is None:
        return ()
    return ((text("need-list"), code(result.need.path)),)
