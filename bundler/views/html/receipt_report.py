"""The report of a receipt: who imported what, by which trust, and what became of each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.fingerprint import grouped
from bundler.texts import text
from bundler.views.html.elements import Node, element
from bundler.views.html.landings import Landed, landed_in
from bundler.views.html.parts import BAD, GOOD, WARN, Note, code, lines, mark
from bundler.views.html.report_page import Report, present
from bundler.views.html.sections import scans, sign_off, signatures, targets, verdicts
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.commands.receipts import ReceiptFile
    from bundler.core.receipt import Receipt


def receipt_report(file: ReceiptFile) -> Report:
    """The report of a receipt."""
    receipt, landed = file.receipt, landed_in(file.receipt)
    judged, gated = verdicts.receipt_verdicts(receipt), scans.gated_in(receipt)
    return Report(
        kind=text("Import receipt"),
        name=receipt.bundle_name or "-",
        id=receipt.bundle_id,
        verdict=(_signature(file), " ", _verdict(receipt, landed)),
        notes=(*_notes(file, landed), *verdicts.verdict_notes(judged), *scans.gate_notes(gated)),
        figures=_figures(landed),
        facts=_facts(file),
        sections=present(
            [
                verdicts.verdicts_section(judged),
                scans.gate_section(gated),
                *targets.target_sections(landed),
                sign_off.sign_off_section([sign_off.IMPORTER, sign_off.OPERATOR]),
            ]
        ),
    )


def _signature(file: ReceiptFile) -> Node:
    if file.signers:
        return mark(signatures.SIGNED, GOOD)
    return mark(signatures.UNSIGNED, BAD) if file.is_unsigned else mark(signatures.NOT_CHECKED, WARN)


def _verdict(receipt: Receipt, landed: Sequence[Landed]) -> Node:
    if receipt.is_unfinished:
        return mark(text("UNFINISHED"), BAD)
    is_bad = receipt.error or any(image.is_bad for target in landed for image in target.images)
    return mark(text("NOT complete"), BAD) if is_bad else mark(text("complete"), GOOD)


def _figures(landed: Sequence[Landed]) -> tuple[tuple[str, str], ...]:
    images = [image for target in landed for image in target.images]
    return (
        (text("images"), f"{len(images):,}"),
        (text("there"), f"{sum(not image.is_bad for image in images):,}"),
        (text("sent"), size(sum(target.bytes_sent for target in landed))),
        (text("tags that had another image"), f"{sum(image.is_moved for image in images):,}"),
    )


def _facts(file: ReceiptFile) -> tuple[tuple[str, Node], ...]:
    receipt = file.receipt
    series = receipt.series
    return (
        (text("receipt"), code(file.path)),
        (text("SHA-256 of the receipt"), code(file.id)),
        (text("receipt signed by"), signatures.key_lines(*_receipt_keys(file))),
        (text("bundle"), (receipt.bundle_name, " ", code(receipt.bundle_id)) if receipt.bundle_id else None),
        (text("bundle signed by"), signatures.key_lines(receipt.signers, receipt.signer_fingerprints)),
        (text("trusted keys"), tuple(lines(code(grouped(each)) for each in receipt.trusted_fingerprints))),
        (text("operator"), text("{operator} on {host}", operator=receipt.operator, host=receipt.host)),
        (text("time"), text("{started} to {finished}", started=receipt.started, finished=receipt.finished)),
        (text("tool"), receipt.tool),
        (text("result"), text("exit code {code}", code=receipt.exit_code)),
        (
            text("channel"),
            text("{channel}, number {sequence}", channel=series.channel, sequence=series.sequence) if series else None,
        ),
        (text("with"), tuple(lines((each.name, " ", code(each.id)) for each in receipt.others))),
        (text("shard"), ", ".join(map(str, receipt.shards))),
        (text("merged from"), count(len(receipt.merged), "receipt") if receipt.merged else None),
    )


def _receipt_keys(file: ReceiptFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(key.id for key in file.signers), tuple(key.fingerprint for key in file.signers)


def _notes(file: ReceiptFile, landed: Sequence[Landed]) -> Iterator[Note]:
    receipt = file.receipt
    if file.is_unsigned:
        yield Note(BAD, text("UNSIGNED: no trusted key has signed it"))
    elif not file.signers:
        yield Note(
            WARN,
            text("The signature was not checked: no key is trusted here"),
            text("Make the report with --trust NAME.pub. Until then nothing here is proved."),
        )
    if receipt.is_unfinished:
        yield Note(BAD, text("The import is running, or was interrupted"), text("Run the same import again."))
    if receipt.error:
        yield Note(BAD, text("The import ended early"), receipt.error)
    if receipt.bundle_id and not receipt.signers:
        yield Note(BAD, text("The signature of the bundle was NOT CHECKED"), text("--insecure-no-signature was given."))
    weakened = [each for each in receipt.weakened if each != "--insecure-no-signature"]
    if weakened:
        yield Note(WARN, text("Options weakened a check"), element("code", ", ".join(weakened)))
    if receipt.series and receipt.series.overridden:
        yield Note(WARN, text("An older bundle was allowed with --allow-rollback"), receipt.series.allowed)
    yield from targets.target_notes(landed, is_plan=False)
    if not receipt.error and not any(image.is_bad for target in landed for image in target.images):
        yield Note(GOOD, text("Every image is at its target, or was skipped as asked"))
