"""The report of an import, or of its plan: what reached each target, what did not, and which tags moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.texts import text
from bundler.views.html.bundle_report import bundle_facts, manifest_figures
from bundler.views.html.elements import Node
from bundler.views.html.landings import Landed, landed_by
from bundler.views.html.parts import BAD, GOOD, PLAIN, WARN, Note, code, mark
from bundler.views.html.report_page import Report, present
from bundler.views.html.sections import files, findings, not_carried, scans, sign_off, signatures, targets, verdicts
from bundler.views.languages import hint_of, worded
from bundler.views.words import count

if TYPE_CHECKING:
    from bundler.importing.results import ImportResult


def import_report(result: ImportResult) -> Report:
    """The report of an import, or of its dry run."""
    bundle, landed = result.bundle, landed_by(result)
    judged, gated = verdicts.own_verdicts(result.verdicts), scans.gated_by(result.scans)
    return Report(
        kind=text("Import plan") if result.is_dry_run else text("Import"),
        name=bundle.manifest.name,
        id=bundle.id,
        verdict=(signatures.verdict(bundle), " ", _verdict(result, landed)),
        notes=(*_notes(result, landed), *verdicts.verdict_notes(judged), *scans.gate_notes(gated)),
        figures=manifest_figures(bundle.manifest),
        facts=(
            *bundle_facts(bundle),
            (text("shard"), str(result.shard) if result.shard else None),
            (text("receipt"), code(result.receipt) if result.receipt else None),
        ),
        sections=present(
            [
                findings.findings_section(result.findings),
                verdicts.verdicts_section(judged),
                scans.gate_section(gated),
                *targets.target_sections(landed, [target.plan for target in result.targets]),
                files.files_section(bundle, files.here_or_not(bundle.chunks)),
                sign_off.sign_off_section([sign_off.OFFICER, sign_off.IMPORTER]),
            ]
        ),
    )


def _verdict(result: ImportResult, landed: Sequence[Landed]) -> Node:
    bad = sum(image.is_bad for target in landed for image in target.images)
    if result.error or bad:
        return mark(text("NOT complete"), BAD)
    return mark(text("plan: nothing was sent"), "") if result.is_dry_run else mark(text("complete"), GOOD)


def _notes(result: ImportResult, landed: Sequence[Landed]) -> Iterator[Note]:
    yield from signatures.signature_notes(result.bundle)
    if result.error:
        yield Note(BAD, worded(result.error), hint_of(result.error))
    yield from targets.target_notes(landed, is_plan=result.is_dry_run)
    if result.findings:
        yield Note(BAD, text("{findings} in this bundle", findings=count(len(result.findings), "finding")))
    for remark in result.series_remarks:
        yield Note(WARN, remark)
    if result.overridden:
        yield Note(WARN, text("An older bundle was allowed with --allow-rollback"))
    if result.repairable:
        chunks = count(len(result.repairable), "chunk")
        yield Note(PLAIN, text("{chunks}: perhaps, with the parity here", chunks=chunks), text("Run bundler repair"))
    yield from not_carried.carried_notes(result.bundle.manifest)
